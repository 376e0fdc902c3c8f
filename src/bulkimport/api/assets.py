"""Assets over HTTP."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, json, request, url_for
from psycopg2.extensions import cursor as Cursor

from bulkimport.api import ids
from bulkimport.api.asset_schemas import (
    AssetPageSchema,
    AssetPatchSchema,
    AssetQuerySchema,
    AssetSchema,
    NewAssetSchema,
)
from bulkimport.assets import documents
from bulkimport.store import assets
from bulkimport.store.asset_columns import NewAsset
from bulkimport.store.assets import Asset, PageKey
from bulkimport.web import access, json_bodies, parameters
from bulkimport.web.idempotency import Answer
from bulkimport.web.once import OF_A_KEY, answer_once
from bulkimport.web.operations import Success, operation
from bulkimport.web.problems import Problem

ASSET_SCHEMA = AssetSchema()
ASSET_PAGE_SCHEMA = AssetPageSchema()
ASSET_QUERY_SCHEMA = AssetQuerySchema()
OF_AN_ASSET = ("invalid-id", "not-found")
OF_A_BODY = ("malformed-request", "unsupported-media-type", "too-large", "invalid-asset", "identifier-taken")
EXAMPLE = {
    "identifier": "TV-023",
    "name": "Screen of the lobby",
    "type": "device",
    "description": None,
    "valid_from": "2024-01-15",
    "valid_to": None,
    "is_active": True,
    "metadata": {"colour": "grey"},
}
CACHING = {"Cache-Control": "private, no-cache"}

blueprint = Blueprint("assets", __name__, url_prefix="/api/v1/assets")
blueprint.before_request(access.authenticate)


@blueprint.get("")
@operation(
    {200: Success("A page of assets", AssetPageSchema, headers=("Link",))},
    query=AssetQuerySchema,
    problems=("invalid-parameters",),
)
def page() -> Response:
    """The account's live assets in pages.

    A page may hold fewer assets than `limit`, or none, while `next_cursor` is not null: go on with it. A page
    looks at 10,000 assets at most, deleted ones included; only those that `identifier` or `import_job_id`
    names are found wherever they are.
    """
    query: dict[str, Any] = parameters.of_request(ASSET_QUERY_SCHEMA)
    after = query.pop("cursor")
    with access.reading() as cursor:
        found = assets.page(
            cursor,
            account_id=access.principal().account_id,
            after=PageKey(*after) if after else None,
            **query,
        )
    return parameters.page_answer(
        ASSET_PAGE_SCHEMA.dump({"assets": found.assets, "next_cursor": found.next_key})
    )


@blueprint.post("")
@operation(
    {201: Success("The asset", AssetSchema, headers=("ETag", "Location", "Idempotency-Replayed"))},
    headers=("Idempotency-Key",),
    body={json_bodies.JSON: {"schema": NewAssetSchema, "example": EXAMPLE}},
    problems=(*OF_A_BODY, *OF_A_KEY),
)
def create() -> Response:
    """Create one asset."""
    new = documents.asset_of(json_bodies.json_object(json_bodies.JSON))

    def act(cursor: Cursor) -> Answer:
        asset = assets.insert(cursor, account_id=access.principal().account_id, asset=new)
        return _answer(asset, 201, {"Location": url_for(".get", asset_id=asset.id)})

    return answer_once(act, subject=f'the identifier "{new.identifier}"', body=json_bodies.raw())


@blueprint.get("/<asset:asset_id>")
@operation(
    {
        200: Success("The asset", AssetSchema, headers=("ETag",)),
        304: Success("The caller has it as it is", headers=("ETag",)),
    },
    headers=("If-None-Match",),
    problems=OF_AN_ASSET,
)
def get(asset_id: str) -> Response:
    """One live asset; 304 where the caller has it as it is."""
    wanted = ids.asset_id(asset_id)
    with access.reading() as cursor:
        asset = assets.get(cursor, account_id=access.principal().account_id, asset_id=wanted)
    if asset is None:
        raise _absent(wanted)
    headers = {**CACHING, "ETag": _etag(asset)}
    if request.if_none_match.contains_weak(str(asset.version)):
        return Response(status=304, headers=headers)
    answer = _answer(asset, 200, headers)
    return Response(answer.body, answer.status, answer.headers, content_type="application/json")


@blueprint.put("/<asset:asset_id>")
@operation(
    {200: Success("The asset", AssetSchema, headers=("ETag",))},
    headers=("If-Match",),
    body={json_bodies.JSON: {"schema": NewAssetSchema, "example": EXAMPLE}},
    problems=(*OF_AN_ASSET, *OF_A_BODY, "precondition-failed"),
)
def replace(asset_id: str) -> Response:
    """Put another asset in its place; what is not said is empty."""
    wanted = ids.asset_id(asset_id)
    new = documents.asset_of(json_bodies.json_object(json_bodies.JSON))
    return _change(wanted, lambda _: new)


@blueprint.patch("/<asset:asset_id>")
@operation(
    {200: Success("The asset", AssetSchema, headers=("ETag",))},
    headers=("If-Match",),
    body={
        kind: {"schema": AssetPatchSchema, "example": {"name": "Screen", "description": None}}
        for kind in (json_bodies.MERGE_PATCH, json_bodies.JSON)
    },
    problems=(*OF_AN_ASSET, *OF_A_BODY, "precondition-failed"),
)
def patch(asset_id: str) -> Response:
    """Change what is said, and leave the rest (RFC 7396)."""
    wanted = ids.asset_id(asset_id)
    changes = json_bodies.json_object(json_bodies.MERGE_PATCH, json_bodies.JSON)
    return _change(wanted, lambda asset: documents.patched(asset, changes))


@blueprint.delete("/<asset:asset_id>")
@operation(
    {204: Success("The asset is gone")},
    headers=("If-Match",),
    problems=(*OF_AN_ASSET, "precondition-failed"),
)
def delete(asset_id: str) -> Response:
    """Delete an asset; its identifier is free again."""
    wanted = ids.asset_id(asset_id)

    def act(cursor: Cursor) -> Answer:
        account_id = access.principal().account_id
        _lock(cursor, account_id, wanted)
        assets.delete(cursor, account_id=account_id, asset_id=wanted)
        return Answer(204, {}, "")

    return answer_once(act, subject=f"asset {wanted}")


def _change(asset_id: int, changed: Callable[[Asset], NewAsset]) -> Response:
    def act(cursor: Cursor) -> Answer:
        account_id = access.principal().account_id
        new = changed(_lock(cursor, account_id, asset_id))
        asset = assets.update(cursor, account_id=account_id, asset_id=asset_id, asset=new)
        return _answer(asset, 200, CACHING)

    return answer_once(act, subject=f"asset {asset_id}")


def _lock(cursor: Cursor, account_id: int, asset_id: int) -> Asset:
    """The asset, which nobody else can change now; a problem where it is not what the caller has seen."""
    asset = assets.lock(cursor, account_id=account_id, asset_id=asset_id)
    if asset is None:
        raise _absent(asset_id)
    if "If-Match" in request.headers and not request.if_match.contains(str(asset.version)):
        raise Problem(
            "precondition-failed",
            f"The asset has changed, its ETag is {_etag(asset)}; read it again.",
            headers={"ETag": _etag(asset)},
        )
    return asset


def _answer(asset: Asset, status: int, headers: dict[str, str]) -> Answer:
    return Answer(status, {**headers, "ETag": _etag(asset)}, json.dumps(ASSET_SCHEMA.dump(asset)))


def _etag(asset: Asset) -> str:
    return f'"{asset.version}"'


def _absent(asset_id: int) -> Problem:
    return Problem("not-found", f"There is no asset {asset_id}.")
