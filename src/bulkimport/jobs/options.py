"""The options of an import: as requested, and as in force."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self
from uuid import UUID

from bulkimport.csvfile import dates
from bulkimport.csvfile.header import REQUIRED_FIELDS

ERROR, SKIP, UPDATE = "error", "skip", "update"
ON_CONFLICT = (ERROR, SKIP, UPDATE)
CONTINUE, ABORT = "continue", "abort"
ON_ERROR = (CONTINUE, ABORT)


@dataclass(frozen=True)
class Options:
    """A job's options in force. `columns` maps headers of the file to fields.

    `sheet` is the name of the sheet of a workbook, None for any other file.
    """

    charset: str = "utf-8"
    delimiter: str = ","
    sheet: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    date_format: str = dates.ISO
    dry_run: bool = False
    on_conflict: str = ERROR
    on_error: str = CONTINUE

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
    sheet: str | None = None
    columns: Mapping[str, str] | None = None
    date_format: str | None = None
    dry_run: bool = False
    on_conflict: str | None = None
    on_error: str | None = None
    parent_job_id: UUID | None = None

    def in_force(self, parent: Options, *, charset: str, delimiter: str, sheet: str | None) -> Options:
        """These options with what the file is read by; others that are not set are the parent's."""
        return Options(
            charset=charset,
            delimiter=delimiter,
            sheet=sheet,
            columns=parent.columns if self.columns is None else self.columns,
            date_format=self.date_format or parent.date_format,
            dry_run=self.dry_run,
            on_conflict=self.on_conflict or parent.on_conflict,
            on_error=self.on_error or parent.on_error,
        )
