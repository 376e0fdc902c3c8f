"""The options of an import: as requested, and as in force."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self
from uuid import UUID

from bulkimport.csvfile import dates
from bulkimport.csvfile.header import DATE_FIELDS, REQUIRED_FIELDS

ERROR, SKIP, UPDATE = "error", "skip", "update"
ON_CONFLICT = (ERROR, SKIP, UPDATE)
CONTINUE, ABORT = "continue", "abort"
ON_ERROR = (CONTINUE, ABORT)

# One for all dates, or by their fields.
DateFormat = str | Mapping[str, str]


@dataclass(frozen=True)
class Options:
    """A job's options in force. `columns` maps headers of the file to fields.

    `header_row` is the header's row in the spreadsheet. `date_format` is that of all dates, or maps their
    fields to formats.
    """

    charset: str = "utf-8"
    delimiter: str = ","
    header_row: int = 1
    columns: Mapping[str, str] = field(default_factory=dict)
    date_format: DateFormat = dates.ISO
    accept_numbers: bool = False
    dry_run: bool = False
    on_conflict: str = ERROR
    on_error: str = CONTINUE

    @property
    def date_formats(self) -> dict[str, str]:
        """The format of each date."""
        return _each(self.date_format, dict.fromkeys(DATE_FIELDS, dates.ISO))

    @property
    def required_fields(self) -> tuple[str, ...]:
        """The fields that must have a column."""
        return ("identifier",) if self.on_conflict == UPDATE else REQUIRED_FIELDS

    def stored(self) -> dict[str, Any]:
        """The options as the job stores them, in JSON."""
        return asdict(self)

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> Self:
        """The options that a job has stored: defaults for missing ones, without those of a newer release."""
        return cls(**{known.name: stored[known.name] for known in fields(cls) if known.name in stored})


@dataclass(frozen=True)
class RequestedOptions:
    """The options that an upload sets; None for those that it does not set."""

    charset: str | None = None
    delimiter: str | None = None
    header_row: int | None = None
    columns: Mapping[str, str] | None = None
    date_format: DateFormat | None = None
    accept_numbers: bool | None = None
    dry_run: bool = False
    on_conflict: str | None = None
    on_error: str | None = None
    parent_job_id: UUID | None = None

    def in_force(self, parent: Options, *, charset: str, delimiter: str, header_row: int) -> Options:
        """These options with what the file is read by; others that are not set are the parent's."""
        return Options(
            charset=charset,
            delimiter=delimiter,
            header_row=header_row,
            columns=parent.columns if self.columns is None else self.columns,
            date_format=date_format(_each(self.date_format or {}, parent.date_formats)),
            accept_numbers=parent.accept_numbers if self.accept_numbers is None else self.accept_numbers,
            dry_run=self.dry_run,
            on_conflict=self.on_conflict or parent.on_conflict,
            on_error=self.on_error or parent.on_error,
        )


def date_format(formats: Mapping[str, str]) -> DateFormat:
    """The formats of the dates as an option: one if they are all the same."""
    first, *others = set(formats.values())
    return dict(formats) if others else first


def _each(date_format: DateFormat, defaults: Mapping[str, str]) -> dict[str, str]:
    """The format of each date; of those that are not set, the default."""
    if isinstance(date_format, str):
        return dict.fromkeys(defaults, date_format)
    return {field: date_format.get(field, default) for field, default in defaults.items()}
