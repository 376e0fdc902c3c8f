"""The JSON shapes of assets."""

import re
from typing import Any

from marshmallow import Schema, fields, validate

from bulkimport.assets.documents import MAX_METADATA_KEYS
from bulkimport.assets.fields import (
    MAX_DESCRIPTION_CHARS,
    MAX_IDENTIFIER_CHARS,
    MAX_METADATA_CHARS,
    MAX_NAME_CHARS,
    TYPES,
)
from bulkimport.csvfile import dates
from bulkimport.store import assets
from bulkimport.web.pagination import NUMBER, TEXT, CursorField
from bulkimport.web.schemas import (
    MAX_PAGE,
    NO_NUL,
    AnswerSchema,
    BooleanParameter,
    Choice,
    Enumeration,
    Instant,
    about,
)

ASSET_TYPE = Enumeration("AssetType", "What kind of asset it is.", TYPES)
SORT = Enumeration(
    "AssetSort",
    "The order of a list of assets: oldest first, newest first, or by identifier.",
    assets.SORTS,
    {"id": "oldest_first", "-id": "newest_first", "identifier": "by_identifier"},
)
NOT_BLANK = r"^[^\x00]*\S[^\x00]*$"
# One pattern: generators make nothing useful of a choice between two formats of a string.
DATE_OR_TIME = (
    f"^{re.sub('[?](P<[a-z]+>|:)', '', dates.PATTERNS[dates.ISO].pattern)}$"  # without names of groups
)
WHEN = "An ISO 8601 date, which is its midnight in UTC, or a time with Z or an offset."


def _text(max_chars: int) -> list[validate.Validator]:
    return [validate.Length(min=1, max=max_chars), validate.Regexp(NOT_BLANK)]


def _when(description: str) -> dict[str, Any]:
    return about(f"{description} {WHEN}", pattern=DATE_OR_TIME, examples=["2024-01-15"])


class AssetSchema(AnswerSchema):
    """A stored asset."""

    id = fields.Integer(metadata=about("The asset's id; ids have gaps.", format="int64", minimum=1))
    identifier = fields.String(metadata=about("Its identifier, unique among the account's assets."))
    name = fields.String(metadata=about("Its name."))
    type = Choice(ASSET_TYPE, metadata=about("What kind of asset it is."))
    description = fields.String(allow_none=True, metadata=about("A description; null if there is none."))
    valid_from = Instant(metadata=about("When it becomes valid."))
    valid_to = Instant(allow_none=True, metadata=about("When it ceases to be valid; null if it does not."))
    is_active = fields.Boolean(metadata=about("Whether it is active."))
    metadata = fields.Dict(
        keys=fields.String(), values=fields.String(), metadata=about("Further texts by name.")
    )
    created_at = Instant(metadata=about("When it was created."))
    updated_at = Instant(metadata=about("When it was last changed."))
    import_job_id = fields.UUID(
        allow_none=True,
        metadata=about("The job that created it; null if it was created through this API."),
    )
    import_row = fields.Integer(allow_none=True, metadata=about("The row of that job; null without a job."))


class AssetPageSchema(AnswerSchema):
    """A page of assets."""

    assets = fields.List(fields.Nested(AssetSchema), metadata=about("The assets, in the order of `sort`."))
    next_cursor = CursorField(
        TEXT, NUMBER, allow_none=True, metadata=about("Where the next page begins; null on the last one.")
    )


class AssetFilterSchema(Schema):
    """Which assets are wanted."""

    identifier = fields.String(
        validate=[validate.Length(min=1, max=255), NO_NUL],
        metadata=about("Only the asset of this identifier."),
    )
    type = Choice(ASSET_TYPE, metadata=about("Only assets of this type."))
    is_active = BooleanParameter(metadata=about("Only active assets, or only inactive ones."))
    q = fields.String(
        validate=[validate.Length(min=1, max=255), NO_NUL],
        metadata=about("Only assets with this text in their identifier, name or description."),
    )
    import_job_id = fields.UUID(metadata=about("Only assets that this job created."))


class AssetQuerySchema(AssetFilterSchema):
    """The filters, order and position of a list of assets."""

    sort = Choice(SORT, load_default="id", metadata=about("The order of the assets."))
    limit = fields.Integer(
        load_default=50,
        validate=validate.Range(min=1, max=MAX_PAGE),
        metadata=about("How many assets the page has at most."),
    )
    cursor = CursorField(
        TEXT,
        NUMBER,
        load_default=lambda: None,
        metadata=about(
            "The `next_cursor` of the previous page of the same order. By default the first page."
        ),
    )


class NewAssetSchema(Schema):
    """What callers may set of an asset. Its other fields are accepted and ignored, so that an asset can be
    sent back as it was read."""

    # This describes the body; assets.documents checks it.
    identifier = fields.String(
        required=True,
        validate=_text(MAX_IDENTIFIER_CHARS),
        metadata=about("Its identifier, unique among the account's assets."),
    )
    name = fields.String(required=True, validate=_text(MAX_NAME_CHARS), metadata=about("Its name."))
    type = Choice(ASSET_TYPE, required=True, metadata=about("What kind of asset it is."))
    description = fields.String(
        allow_none=True,
        validate=validate.Length(max=MAX_DESCRIPTION_CHARS),
        metadata=about("A description; null, or left out, for none."),
    )
    valid_from = fields.String(required=True, metadata=_when("When it becomes valid."))
    valid_to = fields.String(
        allow_none=True, metadata=_when("When it ceases to be valid; not before `valid_from`.")
    )
    is_active = fields.Boolean(required=True, metadata=about("Whether it is active."))
    metadata = fields.Dict(
        keys=fields.String(),
        values=fields.String(validate=validate.Length(max=MAX_METADATA_CHARS)),
        allow_none=True,
        metadata=about(
            "Further texts by name; names have 1 to 255 printable characters, and empty texts are left out.",
            maxProperties=MAX_METADATA_KEYS,
        ),
    )


class AssetPatchSchema(NewAssetSchema):
    """Changes to an asset: null empties a field, and a field that is absent stays as it is."""

    metadata = fields.Dict(
        keys=fields.String(),
        values=fields.String(allow_none=True, validate=validate.Length(max=MAX_METADATA_CHARS)),
        allow_none=True,
        metadata=about(
            "Texts to set by name; null removes one, and names that are absent stay as they are.",
            maxProperties=MAX_METADATA_KEYS,
        ),
    )

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Marshmallow's hook."""
        field_obj.required = False
