"""The options of an import: as requested, and as in force."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date
from typing import Any, Literal, Self
from uuid import UUID

from bulkimport.csvfile import dates
from bulkimport.csvfile.header import DATE_FIELDS, REQUIRED_FIELDS
from bulkimport.errors import Refusal

ERROR, SKIP, UPDATE = "error", "skip", "update"
ON_CONFLICT = (ERROR, SKIP, UPDATE)
CONTINUE, ABORT = "continue", "abort"
ON_ERROR = (CONTINUE, ABORT)
FILE, GENERATE = "file", "generate"
IDENTIFIERS = (FILE, GENERATE)
KEEP, CLEAR = "keep", "clear"
EMPTY = (KEEP, CLEAR)
TODAY = "today"
REMEMBERED = "remembered"

# One for all dates, or by their fields.
DateFormat = str | Mapping[str, str]


@dataclass(frozen=True)
class Options:
    """A job's options in force.

    `sheet` is the name of the sheet of a workbook, None for any other file. `header_row` is the header's row
    in the spreadsheet. `columns` maps headers of the file to fields, and `defaults` fields and `metadata.KEY`
    to texts; those of `dated_defaults` were TODAY. `date_format` is that of all dates, or maps their fields
    to formats. Generated identifiers have numbers higher than `numbers_above`, which the
    file contains.
    """

    charset: str = "utf-8"
    delimiter: str = ","
    sheet: str | None = None
    header_row: int = 1
    columns: Mapping[str, str] = field(default_factory=dict)
    date_format: DateFormat = dates.ISO
    accept_numbers: bool = False
    dry_run: bool = False
    on_conflict: str = ERROR
    on_error: str = CONTINUE
    defaults: Mapping[str, str] = field(default_factory=dict)
    dated_defaults: Sequence[str] = ()
    identifiers: str = FILE
    empty: str = KEEP
    clear_value: str | None = None
    numbers_above: int = 0

    @property
    def date_formats(self) -> dict[str, str]:
        """The format of each date."""
        return _each(self.date_format, dict.fromkeys(DATE_FIELDS, dates.ISO))

    @property
    def required_fields(self) -> tuple[str, ...]:
        """The fields that must have a column."""
        required = ("identifier",) if self.on_conflict == UPDATE else REQUIRED_FIELDS
        generated = ("identifier",) if self.identifiers == GENERATE else ()
        return tuple(name for name in required if name not in self.defaults and name not in generated)

    @property
    def clears(self) -> bool:
        """Whether a cell may clear a value."""
        return self.empty == CLEAR or self.clear_value is not None

    def require_consistent(self) -> None:
        """Raise Refusal for an option that `on_conflict` leaves without a meaning."""
        errors = []
        if self.identifiers == GENERATE and self.on_conflict != ERROR:
            errors.append(_conflict("identifiers", f"{GENERATE} needs on_conflict={ERROR}"))
        if self.empty == CLEAR and self.on_conflict != UPDATE:
            errors.append(_conflict("empty", f"{CLEAR} needs on_conflict={UPDATE}"))
        if self.clear_value is not None and self.on_conflict != UPDATE:
            errors.append(_conflict("clear_value", f"needs on_conflict={UPDATE}"))
        if errors:
            raise Refusal("invalid-parameters", "Options contradict each other; see errors.", errors=errors)

    def dated(self, today: date) -> Self:
        """These options with the date in place of `today` in defaults.

        Raises Refusal if an asset with these defaults would end before it begins.
        """
        dates_of_job = {name: today.isoformat() for name in DATE_FIELDS if self.defaults.get(name) == TODAY}
        defaults = {**self.defaults, **dates_of_job}
        valid_from, valid_to = (
            dates.parse(defaults.get(name, "").strip(), dates.ISO) for name in DATE_FIELDS
        )
        if valid_from and valid_to and valid_to < valid_from:
            reason = f'valid_to "{defaults["valid_to"]}" is before valid_from "{defaults["valid_from"]}".'
            errors = [_conflict("defaults", reason)]
            raise Refusal("invalid-parameters", "Defaults contradict each other; see errors.", errors=errors)
        return replace(self, defaults=defaults, dated_defaults=(*self.dated_defaults, *dates_of_job))

    def undated(self) -> Self:
        """These options with `today` again in place of the date of the job."""
        todays = dict.fromkeys(self.dated_defaults, TODAY)
        return replace(self, defaults={**self.defaults, **todays}, dated_defaults=())

    def stored(self) -> dict[str, Any]:
        """The options as the job stores them, in JSON."""
        return asdict(self)

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> Self:
        """The options that a job has stored: defaults for missing ones, without those of a newer release."""
        return cls(**{known.name: stored[known.name] for known in fields(cls) if known.name in stored})


@dataclass(frozen=True)
class RequestedOptions:
    """The options that an upload sets; None for those that it does not set.

    `columns` may be REMEMBERED: then a job with the same header has those that are not set.
    """

    charset: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    header_row: int | None = None
    columns: Mapping[str, str] | Literal["remembered"] | None = None
    date_format: DateFormat | None = None
    accept_numbers: bool | None = None
    dry_run: bool = False
    on_conflict: str | None = None
    on_error: str | None = None
    defaults: Mapping[str, str] | None = None
    identifiers: str | None = None
    empty: str | None = None
    clear_value: str | None = None
    parent_job_id: UUID | None = None

    @property
    def mapping(self) -> Mapping[str, str] | None:
        """The mapping of columns that the upload itself contains."""
        return None if isinstance(self.columns, str) else self.columns

    def in_force(
        self, parent: Options, *, charset: str, delimiter: str, sheet: str | None, header_row: int
    ) -> Options:
        """These options with what the file is read by; others that are not set are the parent's.

        An option of the parent that has no meaning with another `on_conflict` is not inherited. Raises
        Refusal if options contradict each other.
        """
        on_conflict = self.on_conflict or parent.on_conflict
        if on_conflict != parent.on_conflict:
            parent = replace(parent, identifiers=FILE, empty=KEEP, clear_value=None)
        options = Options(
            charset=charset,
            delimiter=delimiter,
            sheet=sheet,
            header_row=header_row,
            columns=parent.columns if self.mapping is None else self.mapping,
            date_format=date_format(_each(self.date_format or {}, parent.date_formats)),
            accept_numbers=parent.accept_numbers if self.accept_numbers is None else self.accept_numbers,
            dry_run=self.dry_run,
            on_conflict=on_conflict,
            on_error=self.on_error or parent.on_error,
            defaults=parent.defaults if self.defaults is None else self.defaults,
            dated_defaults=parent.dated_defaults if self.defaults is None else (),
            identifiers=self.identifiers or parent.identifiers,
            empty=self.empty or parent.empty,
            clear_value=parent.clear_value if self.clear_value is None else self.clear_value,
        )
        options.require_consistent()
        return options


def _conflict(option: str, reason: str) -> dict[str, str]:
    return {"field": option, "message": reason}


def date_format(formats: Mapping[str, str]) -> DateFormat:
    """The formats of the dates as an option: one if they are all the same."""
    first, *others = set(formats.values())
    return dict(formats) if others else first


def _each(date_format: DateFormat, defaults: Mapping[str, str]) -> dict[str, str]:
    """The format of each date; of those that are not set, the default."""
    if isinstance(date_format, str):
        return dict.fromkeys(defaults, date_format)
    return {field: date_format.get(field, default) for field, default in defaults.items()}
