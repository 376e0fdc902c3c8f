"""The schemas of uploads: the options in requests and in answers, and the answer to an upload."""

import json
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from bulkimport.csvfile import dates
from bulkimport.csvfile.header import DELIMITERS, is_target
from bulkimport.jobs.options import ON_CONFLICT, ON_ERROR, Options, RequestedOptions
from bulkimport.web.schemas import AnswerSchema, BooleanParameter, Choice, Enumeration, TextField, about

MAX_MAPPED_COLUMNS = 500
DEFAULTS = Options()
DELIMITER_PATTERN = rf"^([{''.join(DELIMITERS.values())}]|{'|'.join(DELIMITERS)})$".replace("\t", r"\t")

DATE_FORMAT = Enumeration(
    "DateFormat",
    "How the dates of a file are written; `auto` takes the one format that all of its dates fit.",
    (*dates.FORMATS, dates.AUTO),
    {
        "YYYY-MM-DD": "iso",
        "DD/MM/YYYY": "day_month_year_slashes",
        "MM/DD/YYYY": "month_day_year_slashes",
        "DD-MM-YYYY": "day_month_year_dashes",
        "DD.MM.YYYY": "day_month_year_dots",
    },
)
ON_CONFLICT_CHOICE = Enumeration(
    "OnConflict",
    "What becomes of a row whose identifier an asset has already: it fails, is skipped, or updates the "
    "asset.",
    ON_CONFLICT,
)
ON_ERROR_CHOICE = Enumeration(
    "OnError",
    "`continue` imports the rows without errors; `abort` imports nothing if any row fails.",
    ON_ERROR,
)


class Delimiter(TextField[str]):
    """A delimiter: the character itself, or its name."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        names = {**DELIMITERS, "\\t": "\t"}
        delimiter = names.get(value, value)
        if delimiter not in DELIMITERS.values():
            raise ValidationError(f"must be one of , ; | and tab, or one of {', '.join(DELIMITERS)}")
        return str(delimiter)


class ColumnMapping(TextField[dict[str, str]]):
    """A JSON object that maps column names of the file to fields."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, str]:
        try:
            mapping = json.loads(value)
        except (ValueError, RecursionError):
            mapping = None
        if not isinstance(mapping, dict) or len(mapping) > MAX_MAPPED_COLUMNS:
            raise ValidationError('must be a JSON object like {"Asset Tag": "identifier"}')
        for name, target in mapping.items():
            if not isinstance(target, str) or not is_target(target):
                raise ValidationError(f"maps {name[:50]!r} to {str(target)[:50]!r}, which is not a field")
            if "\0" in name + target or not (name + target).isprintable():
                raise ValidationError("contains characters that cannot be printed")
        return mapping


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
    columns = ColumnMapping(
        metadata=about(
            f"A JSON object of at most {MAX_MAPPED_COLUMNS} entries that maps column names of the file to "
            "fields, or to `metadata.` and a key. By default the parent's, or else every column is mapped by "
            "its name.",
            examples=['{"Asset Tag": "identifier"}'],
        )
    )
    date_format = Choice(
        DATE_FORMAT,
        metadata=about(f"How dates are written. By default the parent's, or else `{DEFAULTS.date_format}`."),
    )
    dry_run = BooleanParameter(
        metadata=about("Whether to check the file without importing it. By default `false`."),
    )
    on_conflict = Choice(
        ON_CONFLICT_CHOICE,
        metadata=about(
            "What becomes of a row whose identifier an asset has already. By default the parent's, or else "
            f"`{DEFAULTS.on_conflict}`."
        ),
    )
    on_error = Choice(
        ON_ERROR_CHOICE,
        metadata=about(
            f"What a failed row does to the others. By default the parent's, or else `{DEFAULTS.on_error}`."
        ),
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
        metadata=about("The CSV file. Its content type may declare its charset.", format="binary"),
    )


class JobOptionsSchema(AnswerSchema):
    """The options that a job uses."""

    charset = fields.String(metadata=about("The file's encoding."))
    delimiter = fields.String(metadata=about("The character that separates cells."))
    columns = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata=about("Which field each of these columns is mapped to; the others are mapped by name."),
    )
    date_format = Choice(DATE_FORMAT, metadata=about("How dates are written."))
    dry_run = fields.Boolean(metadata=about("Whether the file is only checked."))
    on_conflict = Choice(
        ON_CONFLICT_CHOICE, metadata=about("What becomes of a row whose identifier an asset has already.")
    )
    on_error = Choice(ON_ERROR_CHOICE, metadata=about("What a failed row does to the others."))


class AcceptedSchema(AnswerSchema):
    """The answer to a request that creates a job."""

    status = Choice(
        Enumeration("AcceptedStatus", "What became of the request.", ("accepted",)),
        dump_default="accepted",
        metadata=about("Always accepted."),
    )
    job_id = fields.UUID(metadata=about("The new job's id."))
    status_url = fields.String(metadata=about("The path at which to follow the job.", format="uri-reference"))
    message = fields.String(metadata=about("The same for people."))


class TemplateQuerySchema(Schema):
    """The query parameters of a CSV file for spreadsheets."""

    bom = BooleanParameter(
        load_default=True,
        metadata=about("Whether the file begins with a byte order mark, without which Excel misreads UTF-8."),
    )
