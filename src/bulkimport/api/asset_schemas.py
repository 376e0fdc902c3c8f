"""The JSON shapes of assets."""

from typing import Any

from marshmallow import Schema, fields, validate

from bulkimport.assets.fields import (
    MAX_DESCRIPTION_CHARS,
    MAX_IDENTIFIER_CHARS,
    MAX_METADATA_CHARS,
    MAX_NAME_CHARS,
    TYPES,
)
from bulkimport.store import assets
from bulkimport.web.pagination import NUMBER, TEXT, CursorField
from bulkimport.web.schemas import MAX_PAGE, NO_NUL, AnswerSchema, BooleanParameter, Instant

DATE = {
    "anyOf": [{"format": "date"}, {"format": "date-time"}],
    "description": "An ISO 8601 date, or a time with Z or an offset",
}


def _text(max_chars: int) -> list[validate.Validator]:
    return [
        validate.Length(min=1, max=max_chars),
        validate.Regexp(r"^[^\u0000]*\S[^\u0000]*$"),
    ]


class AssetSchema(AnswerSchema):
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


class AssetPageSchema(AnswerSchema):
    """A page of assets; `next_cursor` is null on the last page."""

    assets = fields.List(fields.Nested(AssetSchema))
    next_cursor = CursorField(TEXT, NUMBER, allow_none=True)


class AssetQuerySchema(Schema):
    """The filters, order and position of a list of assets."""

    identifier = fields.String(validate=[validate.Length(min=1, max=255), NO_NUL])
    type = fields.String(validate=validate.OneOf(TYPES))
    is_active = BooleanParameter()
    q = fields.String(validate=[validate.Length(min=1, max=255), NO_NUL])
    import_job_id = fields.UUID()
    sort = fields.String(load_default="id", validate=validate.OneOf(assets.SORTS))
    limit = fields.Integer(load_default=50, validate=validate.Range(min=1, max=MAX_PAGE))
    cursor = CursorField(TEXT, NUMBER, load_default=None)


class _ReadSchema(Schema):
    """Fields that only the service sets: accepted and ignored, so that an asset can be sent back as read."""

    id = fields.Raw()
    created_at = fields.Raw()
    updated_at = fields.Raw()
    import_job_id = fields.Raw()
    import_row = fields.Raw()


class NewAssetSchema(_ReadSchema):
    """What callers may set of an asset. This describes the body; assets.documents checks it."""

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


class AssetPatchSchema(NewAssetSchema):
    """Changes to an asset: null empties a field, and a field that is absent stays as it is."""

    metadata = fields.Dict(
        keys=fields.String(),
        values=fields.String(allow_none=True, validate=validate.Length(max=MAX_METADATA_CHARS)),
        allow_none=True,
    )

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Marshmallow's hook."""
        field_obj.required = False
