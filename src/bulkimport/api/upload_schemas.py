"""The schemas of uploads: the options in requests and in answers."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from bulkimport.api.json_parameters import MAX_ENTRIES, ColumnMapping, DateFormatsParameter, DefaultValues
from bulkimport.csvfile import dates
from bulkimport.csvfile.header import DELIMITERS
from bulkimport.csvfile.heading import MAX_HEADER_ROW
from bulkimport.jobs.options import EMPTY, IDENTIFIERS, ON_CONFLICT, ON_ERROR, Options, RequestedOptions
from bulkimport.web.schemas import (
    PRINTABLE,
    AnswerSchema,
    BooleanParameter,
    Choice,
    Enumeration,
    TextField,
    about,
)

MAX_SHEET_CHARS = 255
MAX_CLEAR_VALUE_CHARS = 255
DEFAULTS = Options()
DELIMITER_PATTERN = rf"^([{''.join(DELIMITERS.values())}]|{'|'.join(DELIMITERS)})$".replace("\t", r"\t")

DATE_FORMAT = Enumeration(
    "DateFormat",
    "How dates are written; `auto` takes the one format that all dates of a column fit. A time of day may "
    f"follow. A year of two digits is from 19{dates.PIVOT} to 20{dates.PIVOT - 1}.",
    (*dates.FORMATS, dates.AUTO),
    {
        "YYYY-MM-DD": "iso",
        "YYYY/MM/DD": "year_month_day_slashes",
        "DD/MM/YYYY": "day_month_year_slashes",
        "MM/DD/YYYY": "month_day_year_slashes",
        "DD-MM-YYYY": "day_month_year_dashes",
        "DD.MM.YYYY": "day_month_year_dots",
        "DD-Mon-YYYY": "day_month_name_year",
        "D/M/YY": "day_month_short_year",
        "M/D/YY": "month_day_short_year",
    },
)
ON_CONFLICT_CHOICE = Enumeration(
    "OnConflict",
    "What happens to a row whose identifier an asset already has: it fails, is skipped, or updates the "
    "asset.",
    ON_CONFLICT,
)
ON_ERROR_CHOICE = Enumeration(
    "OnError",
    "`continue` imports the rows without errors; `abort` imports nothing if any row fails.",
    ON_ERROR,
)

IDENTIFIERS_CHOICE = Enumeration(
    "Identifiers",
    "Where identifiers come from: `file` takes them from the file; `generate` gives a row without one the "
    "account's next free identifier: `ASSET-0001`, and so on.",
    IDENTIFIERS,
)
EMPTY_CHOICE = Enumeration(
    "EmptyCells",
    "What an empty cell does to an asset that is updated: `keep` leaves the value as it is; `clear` removes "
    "it.",
    EMPTY,
)


class Delimiter(TextField[str]):
    """A delimiter: the character itself, or its name."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        names = {**DELIMITERS, "\\t": "\t"}
        delimiter = names.get(value, value)
        if delimiter not in DELIMITERS.values():
            raise ValidationError(f"must be one of , ; | and tab, or one of {', '.join(DELIMITERS)}")
        return str(delimiter)


class ClearValue(TextField[str]):
    """A text that is not empty, without the white space around it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = str(value).strip()
        if not text or len(text) > MAX_CLEAR_VALUE_CHARS or not text.isprintable():
            raise ValidationError(f"must have 1 to {MAX_CLEAR_VALUE_CHARS} printable characters")
        return text


class UploadOptionsSchema(Schema):
    """The options of an upload."""

    # Their defaults are in words: generated clients send a `default` as if the caller had set it, which would
    # hide the parent's options, and set an option twice if it stands in the form.
    charset = fields.String(
        validate=validate.Length(min=1, max=40),
        metadata=about(
            "The file's encoding. By default the charset of its content type, or else UTF-8 or UTF-16, "
            "whichever is detected.",
            examples=["windows-1252"],
        ),
    )
    delimiter = Delimiter(
        metadata=about(
            "What separates cells, as a character or by its name. By default it is detected.",
            pattern=DELIMITER_PATTERN,
            examples=["semicolon"],
        )
    )
    sheet = fields.String(
        validate=[validate.Length(min=1, max=MAX_SHEET_CHARS), PRINTABLE],
        metadata=about(
            "The sheet of a workbook, by its name, or by its number among the visible ones, from 1. By "
            "default the only visible sheet with content.",
            examples=["Assets"],
        ),
    )
    header_row = fields.Integer(
        validate=validate.Range(min=1, max=MAX_HEADER_ROW),
        metadata=about(
            "The header's row in the spreadsheet; the rows above it are skipped. By default the first row "
            "that is neither blank nor a line such as `sep=;`."
        ),
    )
    columns = ColumnMapping(
        metadata=about(
            f"A JSON object of at most {MAX_ENTRIES} entries that maps column names of the file to "
            "fields, or to `metadata.` and a key; or `remembered`: the mapping and the options of the latest "
            "completed import of a file with the same header. By default the parent's, or else every column "
            "is mapped by its name.",
            examples=['{"Asset Tag": "identifier"}'],
        )
    )
    date_format = DateFormatsParameter(
        DATE_FORMAT,
        metadata=about(
            "How dates are written: one format, or a JSON object with that of `valid_from`, of `valid_to` or "
            'of both, such as `{"valid_from": "DD/MM/YYYY", "valid_to": "auto"}`. '
            f"By default the parent's, or else `{DEFAULTS.date_format}`.",
        ),
    )
    accept_numbers = BooleanParameter(
        metadata=about(
            "Whether identifiers and metadata may look like numbers that a spreadsheet has damaged, such as "
            "`8.93901E+18`. By default the parent's, or else `false`."
        ),
    )
    dry_run = BooleanParameter(
        metadata=about("Whether to check the file without importing it. By default `false`."),
    )
    on_conflict = Choice(
        ON_CONFLICT_CHOICE,
        metadata=about(
            "What happens to a row whose identifier an asset already has. By default the parent's, or else "
            f"`{DEFAULTS.on_conflict}`."
        ),
    )
    on_error = Choice(
        ON_ERROR_CHOICE,
        metadata=about(
            f"What a failed row does to the others. By default the parent's, or else `{DEFAULTS.on_error}`."
        ),
    )
    defaults = DefaultValues(
        metadata=about(
            f"A JSON object of at most {MAX_ENTRIES} entries with the values of absent columns and empty "
            "cells, by fields, or `metadata.` and a key. Dates are written as YYYY-MM-DD, or as `today`: the "
            "date in UTC on which the job is created. With `on_conflict=update` only new assets get these "
            "values. By default the parent's, or else none.",
            examples=['{"type": "asset", "valid_from": "today"}'],
        )
    )
    identifiers = Choice(
        IDENTIFIERS_CHOICE,
        metadata=about(
            "Where identifiers come from; `generate` needs `on_conflict=error`. By default the parent's, or "
            f"else `{DEFAULTS.identifiers}`."
        ),
    )
    empty = Choice(
        EMPTY_CHOICE,
        metadata=about(
            "What an empty cell does to an asset that is updated; `clear` needs `on_conflict=update`. By "
            f"default the parent's, or else `{DEFAULTS.empty}`."
        ),
    )
    clear_value = ClearValue(
        metadata=about(
            "The text of a cell that removes the value of an asset that is updated; it needs "
            "`on_conflict=update`. By default the parent's, or else none.",
            minLength=1,
            maxLength=MAX_CLEAR_VALUE_CHARS,
            examples=["#N/A"],
        )
    )
    parent_job_id = fields.UUID(
        metadata=about(
            "The parent: the job whose failed rows these are. By default the one that the file's column "
            "`_job` names, if it has that column."
        )
    )

    @post_load
    def _asked(self, data: dict[str, Any], **kwargs: Any) -> RequestedOptions:
        return RequestedOptions(**data)


class UploadFormSchema(UploadOptionsSchema):
    """The form of an upload: the file, and the options that are not query parameters."""

    # This describes the form; web.upload reads the file.
    file = fields.String(
        required=True,
        metadata=about(
            "The CSV file, or the workbook (.xlsx). The content type of a CSV file may declare its charset.",
            format="binary",
        ),
    )


class DateFormatsSchema(AnswerSchema):
    """The date format of each column with dates."""

    valid_from = Choice(DATE_FORMAT, metadata=about("How the dates of `valid_from` are written."))
    valid_to = Choice(DATE_FORMAT, metadata=about("How the dates of `valid_to` are written."))


class JobOptionsSchema(AnswerSchema):
    """The options that a job uses."""

    charset = fields.String(metadata=about("The file's encoding."))
    delimiter = fields.String(metadata=about("The character that separates cells."))
    sheet = fields.String(
        allow_none=True,
        metadata=about("The name of the sheet that is imported; null if the file is not a workbook."),
    )
    header_row = fields.Integer(metadata=about("The header's row in the spreadsheet.", minimum=1))
    columns = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata=about("Which field each of these columns is mapped to; the others are mapped by name."),
    )
    date_format = Choice(
        DATE_FORMAT, metadata=about("How dates are written; if that differs by column, in `valid_from`.")
    )
    date_formats = fields.Nested(
        DateFormatsSchema, metadata=about("How the dates of each column are written.")
    )
    accept_numbers = fields.Boolean(
        metadata=about("Whether identifiers and metadata may look like numbers that a spreadsheet damaged.")
    )
    dry_run = fields.Boolean(metadata=about("Whether the file is only checked."))
    on_conflict = Choice(
        ON_CONFLICT_CHOICE, metadata=about("What happens to a row whose identifier an asset already has.")
    )
    on_error = Choice(ON_ERROR_CHOICE, metadata=about("What a failed row does to the others."))
    defaults = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata=about("The values of absent columns and empty cells, with the date in place of `today`."),
    )
    identifiers = Choice(IDENTIFIERS_CHOICE, metadata=about("Where identifiers come from."))
    empty = Choice(EMPTY_CHOICE, metadata=about("What an empty cell does to an asset that is updated."))
    clear_value = fields.String(
        allow_none=True,
        metadata=about("The text of a cell that removes the value of an asset; null if no text does."),
    )

    def dump(self, stored: Mapping[str, Any], *, many: bool | None = None) -> Any:
        """The options in force: an option that the job has not stored has its default."""
        options = Options.from_stored(stored)
        return super().dump(options, many=many) | {"date_format": options.date_formats["valid_from"]}


class TemplateQuerySchema(Schema):
    """The query parameters of a CSV file for spreadsheets."""

    bom = BooleanParameter(
        load_default=True,
        metadata=about("Whether the file begins with a byte order mark, without which Excel misreads UTF-8."),
    )
