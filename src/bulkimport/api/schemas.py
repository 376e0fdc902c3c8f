"""The shapes of JSON and of query parameters at the HTTP edge."""

import json
from datetime import UTC, datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from bulkimport import pace
from bulkimport.api.cursors import INSTANT, NUMBER, TEXT, UNIQUE_ID, CursorField
from bulkimport.csvfile import dates
from bulkimport.csvfile.fields import (
    MAX_DESCRIPTION_CHARS,
    MAX_IDENTIFIER_CHARS,
    MAX_METADATA_CHARS,
    MAX_NAME_CHARS,
    TYPES,
)
from bulkimport.csvfile.header import DELIMITERS, is_target
from bulkimport.options import ON_CONFLICT, ON_ERROR, Asked
from bulkimport.problem_types import PROBLEM_TYPES
from bulkimport.store import assets, jobs

MAX_PAGE = 100
MAX_MAPPED_COLUMNS = 500
NO_NUL = validate.ContainsNoneOf("\0", error="holds the character NUL")
PRINTABLE = validate.Predicate("isprintable", error="holds characters that cannot be printed")


DATE = {
    "anyOf": [{"format": "date"}, {"format": "date-time"}],
    "description": "An ISO 8601 date, or a time with Z or an offset",
}


def _text(max_chars: int) -> list[validate.Validator]:
    return [
        validate.Length(min=1, max=max_chars),
        validate.Regexp(r"^[^\u0000]*\S[^\u0000]*$"),
    ]


class Instant(fields.Field[datetime]):
    """A time as RFC 3339, section 5.6, has it: in UTC, with Z."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return shown(value)


class GivenInstant(fields.Field[datetime]):
    """A time as RFC 3339, section 5.6, has it: with Z or an offset."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            found = datetime.fromisoformat(value)
            if found.tzinfo:
                return found.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise ValidationError("must be a time like 2024-01-15T08:30:00Z")


def shown(moment: datetime | None) -> str | None:
    """A time as RFC 3339, section 5.6, has it: in UTC, with Z."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


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


class Answered(Schema):
    """The shape of an answer: each of its fields is there each time, though it may be null."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Marshmallow's hook."""
        field_obj.required = True


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
    progress = fields.Function(pace.progress, metadata={"type": "number", "minimum": 0, "maximum": 1})
    rows_per_second = fields.Function(pace.rows_per_second, metadata={"type": ["number", "null"]})
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
        return shown(pace.estimated_completion(job))


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


class AssetSchema(Answered):
    """A stored asset."""

    id = fields.Integer()
    identifier = fields.String()
    name = fields.String()
    type = fields.String(validate=validate.OneOf(TYPES))
    description = fields.String(allow_none=True)
    valid_from = Instant()
    valid_to = Instant(allow_none=True)
    is_active = fields.Boolean()
    metadata = fields.Dict()
    created_at = Instant()
    updated_at = Instant()
    import_job_id = fields.UUID(allow_none=True)
    import_row = fields.Integer(allow_none=True)


class AssetPageSchema(Answered):
    """A page of assets; `next_cursor` is null on the last one."""

    assets = fields.List(fields.Nested(AssetSchema))
    next_cursor = CursorField(TEXT, NUMBER, allow_none=True)


class AssetQuerySchema(Schema):
    """What a list of assets can be asked for."""

    identifier = fields.String(validate=[validate.Length(min=1, max=255), NO_NUL])
    type = fields.String(validate=validate.OneOf(TYPES))
    is_active = fields.Boolean(truthy={"true"}, falsy={"false"})
    q = fields.String(validate=[validate.Length(min=1, max=255), NO_NUL])
    import_job_id = fields.UUID()
    sort = fields.String(load_default="id", validate=validate.OneOf(assets.SORTS))
    limit = fields.Integer(load_default=50, validate=validate.Range(min=1, max=MAX_PAGE))
    cursor = CursorField(TEXT, NUMBER, load_default=None)


class StatusSchema(Answered):
    """The state of a process."""

    status = fields.Constant("ok")


class FaultSchema(Schema):
    """A field that is to blame for a problem."""

    field = fields.String(required=True)
    error = fields.String(required=True)
    code = fields.String()
    value = fields.String()


class ProblemSchema(Schema):
    """A problem (RFC 9457)."""

    type = fields.String(
        required=True, validate=validate.OneOf([f"/problems/{name}" for name in PROBLEM_TYPES])
    )
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    instance = fields.String(required=True)
    request_id = fields.String(required=True)
    errors = fields.List(fields.Nested(FaultSchema))


class NewAssetSchema(Schema):
    """What callers may set of an asset; asset_body checks it, by the rules that rows keep."""

    identifier = fields.String(required=True, validate=_text(MAX_IDENTIFIER_CHARS))
    name = fields.String(required=True, validate=_text(MAX_NAME_CHARS))
    type = fields.String(required=True, validate=validate.OneOf(TYPES))
    description = fields.String(allow_none=True, validate=validate.Length(max=MAX_DESCRIPTION_CHARS))
    valid_from = fields.String(required=True, metadata=DATE)
    valid_to = fields.String(allow_none=True, metadata=DATE)
    is_active = fields.Boolean(required=True)
    metadata = fields.Dict(
        keys=fields.String(),
        values=fields.String(validate=validate.Length(max=MAX_METADATA_CHARS)),
        allow_none=True,
    )


class AssetPatchSchema(Schema):
    """Changes of an asset: what is null goes, what is not said stays."""

    identifier = fields.String(validate=_text(MAX_IDENTIFIER_CHARS))
    name = fields.String(validate=_text(MAX_NAME_CHARS))
    type = fields.String(validate=validate.OneOf(TYPES))
    description = fields.String(allow_none=True, validate=validate.Length(max=MAX_DESCRIPTION_CHARS))
    valid_from = fields.String(metadata=DATE)
    valid_to = fields.String(allow_none=True, metadata=DATE)
    is_active = fields.Boolean()
    metadata = fields.Dict(
        keys=fields.String(),
        values=fields.String(allow_none=True, validate=validate.Length(max=MAX_METADATA_CHARS)),
        allow_none=True,
    )
