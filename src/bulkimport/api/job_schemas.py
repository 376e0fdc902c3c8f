"""The schemas of uploads, jobs and row errors in requests and answers."""

import json
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from bulkimport.csvfile import dates
from bulkimport.csvfile.header import DELIMITERS, is_target
from bulkimport.jobs import estimates
from bulkimport.jobs.options import ON_CONFLICT, ON_ERROR, Asked
from bulkimport.store import jobs
from bulkimport.web.pagination import INSTANT, NUMBER, UNIQUE_ID, CursorField
from bulkimport.web.schemas import (
    MAX_PAGE,
    PRINTABLE,
    AnswerSchema,
    BooleanParameter,
    Instant,
    InstantParameter,
    TextField,
    rfc3339,
)

MAX_MAPPED_COLUMNS = 500


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

    charset = fields.String(validate=validate.Length(min=1, max=40))
    delimiter = Delimiter()
    columns = ColumnMapping()
    date_format = fields.String(validate=validate.OneOf([*dates.FORMATS, dates.AUTO]))
    dry_run = BooleanParameter()
    on_conflict = fields.String(validate=validate.OneOf(ON_CONFLICT))
    on_error = fields.String(validate=validate.OneOf(ON_ERROR))
    parent_job_id = fields.UUID()

    @post_load
    def _asked(self, data: dict[str, Any], **kwargs: Any) -> Asked:
        return Asked(**data)


class OptionsSchema(AnswerSchema):
    """The options that a job uses."""

    charset = fields.String()
    delimiter = fields.String()
    columns = fields.Dict(keys=fields.String(), values=fields.String())
    date_format = fields.String()
    dry_run = fields.Boolean()
    on_conflict = fields.String()
    on_error = fields.String()


class RowErrorSchema(Schema):
    """An error in a row, as stored with its job."""

    row = fields.Integer(required=True)
    line = fields.Integer()
    field = fields.String(required=True, allow_none=True)
    code = fields.String()
    error = fields.String(required=True)
    value = fields.String(allow_none=True)


class IgnoredColumnSchema(AnswerSchema):
    """A column of the file that is not imported."""

    column = fields.String()
    position = fields.Integer()
    did_you_mean = fields.String(allow_none=True)


class SummaryEntrySchema(AnswerSchema):
    """How often an error occurred in a field, and the first rows in which it did."""

    code = fields.String()
    field = fields.String(allow_none=True)
    count = fields.Integer()
    first_rows = fields.List(fields.Integer())


class FileSchema(AnswerSchema):
    """The uploaded file."""

    name = fields.String(allow_none=True)
    bytes = fields.Integer(attribute="size")
    sha256 = fields.Function(
        lambda file: file.sha256.hex(), metadata={"type": "string", "pattern": "^[0-9a-f]{64}$"}
    )


class JobSchema(AnswerSchema):
    """A job's status."""

    job_id = fields.UUID(attribute="id")
    kind = fields.String(validate=validate.OneOf((jobs.IMPORT, jobs.REVERT)))
    status = fields.String(validate=validate.OneOf(jobs.STATUSES))
    total_rows = fields.Integer()
    processed_rows = fields.Integer()
    created_rows = fields.Integer(allow_none=True)
    updated_rows = fields.Integer(allow_none=True)
    removed_rows = fields.Integer(allow_none=True)
    skipped_rows = fields.Integer(allow_none=True)
    failed_rows = fields.Integer()
    successful_rows = fields.Method("_successful_rows", metadata={"type": ["integer", "null"]})
    blank_rows = fields.Integer(allow_none=True)
    progress = fields.Function(estimates.progress, metadata={"type": "number", "minimum": 0, "maximum": 1})
    rows_per_second = fields.Function(estimates.rows_per_second, metadata={"type": ["number", "null"]})
    estimated_completion = fields.Method(
        "_estimated_completion", metadata={"type": ["string", "null"], "format": "date-time"}
    )
    queue_position = fields.Integer(dump_default=None, allow_none=True)
    cancel_requested = fields.Function(
        lambda job: job.cancel_requested_at is not None, metadata={"type": "boolean"}
    )
    created_at = Instant()
    started_at = Instant(allow_none=True)
    completed_at = Instant(allow_none=True)
    failure = fields.String(allow_none=True)
    options = fields.Nested(OptionsSchema)
    ignored_columns = fields.List(fields.Nested(IgnoredColumnSchema))
    parent_job_id = fields.UUID(allow_none=True)
    created_by = fields.String(allow_none=True)
    file = fields.Nested(FileSchema, allow_none=True)
    request_id = fields.String(allow_none=True)
    traceparent = fields.String(allow_none=True)
    error_summary = fields.List(fields.Nested(SummaryEntrySchema))
    errors = fields.List(fields.Nested(RowErrorSchema))

    def _successful_rows(self, job: jobs.Job) -> int | None:
        return job.processed_rows - job.failed_rows if job.status == jobs.COMPLETED else None

    def _estimated_completion(self, job: jobs.Job) -> str | None:
        return rfc3339(estimates.estimated_completion(job))


class ListedJobSchema(JobSchema):
    """A job's status in a list: without its row errors."""

    class Meta:
        exclude = ("errors", "queue_position")


class JobPageSchema(AnswerSchema):
    """A page of jobs, without their row errors; `next_cursor` is null on the last one."""

    jobs = fields.List(fields.Nested(ListedJobSchema))
    next_cursor = CursorField(INSTANT, UNIQUE_ID, allow_none=True)


class JobQuerySchema(Schema):
    """The query parameters of a list of jobs."""

    status = fields.String(validate=validate.OneOf(jobs.STATUSES))
    created_after = InstantParameter()
    created_before = InstantParameter()
    created_by = fields.String(validate=[validate.Length(min=1, max=255), PRINTABLE])
    limit = fields.Integer(load_default=50, validate=validate.Range(min=1, max=MAX_PAGE))
    cursor = CursorField(INSTANT, UNIQUE_ID, load_default=None)


class StoredErrorSchema(AnswerSchema):
    """An error in a row, in the list of all errors of a job."""

    row = fields.Integer()
    line = fields.Integer()
    field = fields.String(allow_none=True)
    code = fields.String()
    message = fields.String()
    value = fields.String(allow_none=True)


class ErrorPageSchema(AnswerSchema):
    """A page of row errors; `next_cursor` is null on the last one."""

    errors = fields.List(fields.Nested(StoredErrorSchema))
    next_cursor = CursorField(NUMBER, NUMBER, allow_none=True)


class ErrorQuerySchema(Schema):
    """The query parameters of a list of row errors."""

    format = fields.String(validate=validate.OneOf(("json", "csv")))
    limit = fields.Integer(load_default=MAX_PAGE, validate=validate.Range(min=1, max=1000))
    cursor = CursorField(NUMBER, NUMBER, load_default=(0, 0))
    formula_safe = BooleanParameter(load_default=False)


class FailedRowsQuerySchema(Schema):
    """The query parameters of a file of failed rows."""

    formula_safe = BooleanParameter(load_default=False)


class AcceptedSchema(AnswerSchema):
    """The answer to an upload."""

    status = fields.Constant("accepted")
    job_id = fields.UUID()
    status_url = fields.String()
    message = fields.String()
