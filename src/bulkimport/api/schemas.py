"""The shapes of JSON and of query parameters at the HTTP edge."""

from datetime import UTC, datetime
from typing import Any

from marshmallow import Schema, fields, validate

from bulkimport.api.cursors import CursorField
from bulkimport.store import jobs

MAX_PAGE = 100


class Instant(fields.Field[datetime]):
    """A time as RFC 3339, section 5.6, has it: in UTC, with Z."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        if value is None:
            return None
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class RowErrorSchema(Schema):
    """One fault of a row, as the job keeps it."""

    row = fields.Integer()
    field = fields.String()
    code = fields.String()
    error = fields.String()
    value = fields.String()


class JobSchema(Schema):
    """A job's status."""

    job_id = fields.UUID(attribute="id")
    status = fields.String()
    total_rows = fields.Integer()
    processed_rows = fields.Integer()
    failed_rows = fields.Integer()
    successful_rows = fields.Method("_successful_rows")
    created_at = Instant()
    completed_at = Instant()
    failure = fields.String()
    errors = fields.List(fields.Nested(RowErrorSchema))

    def _successful_rows(self, job: jobs.Job) -> int | None:
        return job.processed_rows - job.failed_rows if job.status == jobs.COMPLETED else None


class AcceptedSchema(Schema):
    """The answer to an upload."""

    status = fields.Constant("accepted")
    job_id = fields.UUID()
    status_url = fields.String()
    message = fields.String()


class AssetSchema(Schema):
    """A stored asset."""

    id = fields.Integer()
    identifier = fields.String()
    name = fields.String()
    type = fields.String()
    description = fields.String()
    valid_from = Instant()
    valid_to = Instant()
    is_active = fields.Boolean()
    metadata = fields.Dict()
    created_at = Instant()
    updated_at = Instant()
    import_job_id = fields.UUID()
    import_row = fields.Integer()


class AssetPageSchema(Schema):
    """A page of assets; `next_cursor` is null on the last one."""

    assets = fields.List(fields.Nested(AssetSchema))
    next_cursor = CursorField()


class AssetQuerySchema(Schema):
    """What a list of assets can be asked for."""

    identifier = fields.String(
        validate=[validate.Length(min=1, max=255), validate.ContainsNoneOf("\0", error="Holds NUL.")]
    )
    limit = fields.Integer(load_default=50, validate=validate.Range(min=1, max=MAX_PAGE))
    cursor = CursorField(load_default=0)
