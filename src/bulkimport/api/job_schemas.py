"""The shapes of uploads, of jobs and of row errors at the HTTP edge."""

import json
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from bulkimport.csvfile import dates
from bulkimport.csvfile.header import DELIMITERS, is_target
from bulkimport.jobs import estimates
from bulkimport.jobs.options import ON_CONFLICT, ON_ERROR, Asked
from bulkimport.store import jobs
from bulkimport.web.pagination import INSTANT, NUMBER, UNIQUE_ID, CursorField
from bulkimport.web.schemas import MAX_PAGE, PRINTABLE, Answered, GivenInstant, Instant, TextField, shown

MAX_MAPPED_COLUMNS = 500


class Delimiter(TextField[str]):
    """A delimiter as itself, or by its name."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        names = {**DELIMITERS, "\\t": "\t"}
        delimiter = names.get(value, value)
        if delimiter not in DELIMITERS.values():
            raise ValidationError(f"must be one of , ; | or a tab, or {', '.join(DELIMITERS)}")
        return str(delimiter)


class ColumnMapping(TextField[dict[str, str]]):
    """A JSON object: header of the file → field."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, str]:
        try:
            mapping = json.loads(value)
        except (ValueError, RecursionError):
            mapping = None
        if not isinstance(mapping, dict) or len(mapping) > MAX_MAPPED_COLUMNS:
            raise ValidationError('must be a JSON object like {"Asset Tag": "identifier"}')
        for name, target in mapping.items():
            if not isinstance(target, str) or not is_target(target):
                raise ValidationError(f"maps {name[:50]!r} to {str(target)[:50]!r}, which is no field")
            if "\0" in name + target or not (name + target).isprintable():
                raise ValidationError("holds characters that cannot be printed")
        return mapping


class UploadOptionsSchema(Schema):
    """What an upload may say of itself."""

    charset = fields.String(validate=validate.Length(min=1, max=40))
    delimiter = Delimiter()
    columns = ColumnMapping()
    date_format = fields.String(validate=validate.OneOf([*dates.FORMATS, dates.AUTO]))
    dry_run = fields.Boolean(truthy={"true"}, falsy={"false"})
    on_conflict = fields.String(validate=validate.OneOf(ON_CONFLICT))
    on_error = fields.String(validate=validate.OneOf(ON_ERROR))
    parent_job_id = fields.UUID()

    @post_load
    def _asked(self, data: dict[str, Any], **kwargs: Any) -> Asked:
        return Asked(**data)


class OptionsSchema(Answered):
    """A job's options in force."""

    charset = fields.String()
    delimiter = fields.String()
    columns = fields.Dict(keys=fields.String(), values=fields.String())
    date_format = fields.String()
    dry_run = fields.Boolean()
    on_conflict = fields.String()
    on_error = fields.String()


class RowErrorSchema(Schema):
    """One fault of a row, as the job keeps it."""

    row = fields.Integer(required=True)
    line = fields.Integer()
    field = fields.String(required=True, allow_none=True)
    code = fields.String()
    error = fields.String(required=True)
    value = fields.String(allow_none=True)


class IgnoredColumnSchema(Answered):
    """A column that is for nothing."""

    column = fields.String()
    position = fields.Integer()
    did_you_mean = fields.String(allow_none=True)


class SummaryEntrySchema(Answered):
    """How often an error occurred in a field, and where first."""

    code = fields.String()
    field = fields.String(allow_none=True)
    count = fields.Integer()
    first_rows = fields.List(fields.Integer())


class FileSchema(Answered):
    """The file that was handed in."""

    name = fields.String(attribute="file_name", allow_none=True)
    bytes = fields.Integer(attribute="file_bytes")
    sha256 = fields.Method("_sha256", metadata={"type": "string", "pattern": "^[0-9a-f]{64}$"})

    def _sha256(self, job: jobs.Job) -> str | None:
        return None if job.file_sha256 is None else bytes(job.file_sha256).hex()


class JobSchema(Answered):
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
        return shown(estimates.estimated_completion(job))


class ListedJobSchema(JobSchema):
    """A job's status in a list: without its row errors."""

    class Meta:
        exclude = ("errors", "queue_position")


class JobPageSchema(Answered):
    """A page of jobs, without their row errors; `next_cursor` is null on the last one."""

    jobs = fields.List(fields.Nested(ListedJobSchema))
    next_cursor = CursorField(INSTANT, UNIQUE_ID, allow_none=True)


class JobQuerySchema(Schema):
    """What a list of jobs can be asked for."""

    status = fields.String(validate=validate.OneOf(jobs.STATUSES))
    created_after = GivenInstant()
    created_before = GivenInstant()
    created_by = fields.String(validate=[validate.Length(min=1, max=255), PRINTABLE])
    limit = fields.Integer(load_default=50, validate=validate.Range(min=1, max=MAX_PAGE))
    cursor = CursorField(INSTANT, UNIQUE_ID, load_default=None)


class StoredErrorSchema(Answered):
    """One fault of a row, in the list of all of them."""

    row = fields.Integer()
    line = fields.Integer()
    field = fields.String(allow_none=True)
    code = fields.String()
    message = fields.String()
    value = fields.String(allow_none=True)


class ErrorPageSchema(Answered):
    """A page of row errors; `next_cursor` is null on the last one."""

    errors = fields.List(fields.Nested(StoredErrorSchema))
    next_cursor = CursorField(NUMBER, NUMBER, allow_none=True)


class ErrorQuerySchema(Schema):
    """What a list of row errors can be asked for."""

    format = fields.String(validate=validate.OneOf(("json", "csv")))
    limit = fields.Integer(load_default=MAX_PAGE, validate=validate.Range(min=1, max=1000))
    cursor = CursorField(NUMBER, NUMBER, load_default=(0, 0))
    formula_safe = fields.Boolean(load_default=False, truthy={"true"}, falsy={"false"})


class FailedRowsQuerySchema(Schema):
    """How failed rows can be asked for."""

    formula_safe = fields.Boolean(load_default=False, truthy={"true"}, falsy={"false"})


class AcceptedSchema(Answered):
    """The answer to an upload."""

    status = fields.Constant("accepted")
    job_id = fields.UUID()
    status_url = fields.String()
    message = fields.String()
