"""The shapes of JSON and of query parameters at the HTTP edge."""

import json
from datetime import UTC, datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from bulkimport.api.cursors import CursorField
from bulkimport.csvfile import dates
from bulkimport.csvfile.header import DELIMITERS, is_target
from bulkimport.options import ON_CONFLICT, ON_ERROR, Asked
from bulkimport.store import jobs

MAX_PAGE = 100
MAX_MAPPED_COLUMNS = 500


class Instant(fields.Field[datetime]):
    """A time as RFC 3339, section 5.6, has it: in UTC, with Z."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        if value is None:
            return None
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Delimiter(fields.Field[str]):
    """A delimiter as itself, or by its name."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        names = {**DELIMITERS, "\\t": "\t"}
        delimiter = names.get(value, value)
        if delimiter not in DELIMITERS.values():
            raise ValidationError(f"must be one of , ; | or a tab, or {', '.join(DELIMITERS)}")
        return str(delimiter)


class ColumnMapping(fields.Field[dict[str, str]]):
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


class OptionsSchema(Schema):
    """A job's options in force."""

    charset = fields.String()
    delimiter = fields.String()
    columns = fields.Dict()
    date_format = fields.String()
    dry_run = fields.Boolean()
    on_conflict = fields.String()
    on_error = fields.String()


class RowErrorSchema(Schema):
    """One fault of a row, as the job keeps it."""

    row = fields.Integer()
    line = fields.Integer()
    field = fields.String()
    code = fields.String()
    error = fields.String()
    value = fields.String()


class IgnoredColumnSchema(Schema):
    """A column that is for nothing."""

    column = fields.String()
    position = fields.Integer()
    did_you_mean = fields.String()


class SummaryEntrySchema(Schema):
    """How often an error occurred in a field, and where first."""

    code = fields.String()
    field = fields.String()
    count = fields.Integer()
    first_rows = fields.List(fields.Integer())


class JobSchema(Schema):
    """A job's status."""

    job_id = fields.UUID(attribute="id")
    status = fields.String()
    total_rows = fields.Integer()
    processed_rows = fields.Integer()
    created_rows = fields.Integer()
    updated_rows = fields.Integer()
    skipped_rows = fields.Integer()
    failed_rows = fields.Integer()
    successful_rows = fields.Method("_successful_rows")
    blank_rows = fields.Integer()
    created_at = Instant()
    completed_at = Instant()
    failure = fields.String()
    options = fields.Nested(OptionsSchema)
    ignored_columns = fields.List(fields.Nested(IgnoredColumnSchema))
    parent_job_id = fields.UUID()
    error_summary = fields.List(fields.Nested(SummaryEntrySchema))
    errors = fields.List(fields.Nested(RowErrorSchema))

    def _successful_rows(self, job: jobs.Job) -> int | None:
        return job.processed_rows - job.failed_rows if job.status == jobs.COMPLETED else None


class StoredErrorSchema(Schema):
    """One fault of a row, in the list of all of them."""

    row = fields.Integer()
    line = fields.Integer()
    field = fields.String()
    code = fields.String()
    message = fields.String()
    value = fields.String()


class ErrorPageSchema(Schema):
    """A page of row errors; `next_cursor` is null on the last one."""

    errors = fields.List(fields.Nested(StoredErrorSchema))
    next_cursor = CursorField(parts=2)


class ErrorQuerySchema(Schema):
    """What a list of row errors can be asked for."""

    format = fields.String(validate=validate.OneOf(("json", "csv")))
    limit = fields.Integer(load_default=MAX_PAGE, validate=validate.Range(min=1, max=1000))
    cursor = CursorField(parts=2, load_default=(0, 0))
    formula_safe = fields.Boolean(load_default=False, truthy={"true"}, falsy={"false"})


class FailedRowsQuerySchema(Schema):
    """How failed rows can be asked for."""

    formula_safe = fields.Boolean(load_default=False, truthy={"true"}, falsy={"false"})


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
    next_cursor = CursorField(parts=1)


class AssetQuerySchema(Schema):
    """What a list of assets can be asked for."""

    identifier = fields.String(
        validate=[validate.Length(min=1, max=255), validate.ContainsNoneOf("\0", error="Holds NUL.")]
    )
    limit = fields.Integer(load_default=50, validate=validate.Range(min=1, max=MAX_PAGE))
    cursor = CursorField(parts=1, load_default=(0,))
