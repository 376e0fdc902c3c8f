"""Assets over HTTP."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, json, request, url_for
from psycopg2.extensions import cursor as Cursor

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
from bulkimport.web import access, body, ids, parameters
from bulkimport.web.idempotency import KEY_PROBLEMS, Answer, answer_once
from bulkimport.web.operations import JSON, MERGE_PATCH, Success, operation
from bulkimport.web.pagination import page_answer
from bulkimport.web.problems import Problem

ASSET_SCHEMA = AssetSchema()
ASSET_PAGE_SCHEMA = AssetPageSchema()
ASSET_QUERY_SCHEMA = AssetQuerySchema()
ASSET_PROBLEMS = ("invalid-id", "not-found")
BODY_PROBLEMS = (
    "malformed-request",
    "unsupported-media-type",
    "too-large",
    "invalid-asset",
    "identifier-taken",
)
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
    "listAssets",
    {200: Success("A page of assets", AssetPageSchema, headers=("Link",))},
    query=AssetQuerySchema,
    problems=("invalid-parameters",),
)
def list_assets() -> Response:
    """List the account's assets, a page at a time.

    A page may hold fewer assets than `limit`, or none, while `next_cursor` is not null: only null marks the
    last page. For each page at most 10,000 assets are searched, deleted ones included; with `identifier` or
    `import_job_id` there is no such limit.
    """
    query: dict[str, Any] = parameters.of_request(ASSET_QUERY_SCHEMA)
    after = query.pop("cursor")
    with access.reading() as cursor:
        page = assets.page(
            cursor,
            account_id=access.principal().account_id,
            after=PageKey(*after) if after else None,
            **query,
        )
    return page_answer(ASSET_PAGE_SCHEMA.dump({"assets": page.assets, "next_cursor": page.next_key}))


@blueprint.post("")
@operation(
    "createAsset",
    {201: Success("The asset", AssetSchema, headers=("ETag", "Location", "Idempotency-Replayed"))},
    headers=("Idempotency-Key",),
    body={JSON: {"schema": NewAssetSchema, "example": EXAMPLE}},
    problems=(*BODY_PROBLEMS, *KEY_PROBLEMS),
)
def create() -> Response:
    """Create one asset."""
    new = documents.asset_of(body.json_object(JSON))

    def act(cursor: Cursor) -> Answer:
        asset = assets.insert(cursor, account_id=access.principal().account_id, asset=new)
        return _answer(asset, 201, {"Location": url_for(".get", asset_id=asset.id)})

    return answer_once(act, subject=f'The identifier "{new.identifier}"', body=body.raw())


@blueprint.get("/<asset:asset_id>")
@operation(
    "getAsset",
    {
        200: Success("The asset", AssetSchema, headers=("ETag",)),
        304: Success("Not modified since the ETag in If-None-Match", headers=("ETag",)),
    },
    headers=("If-None-Match",),
    problems=ASSET_PROBLEMS,
)
def get(asset_id: str) -> Response:
    """Get one asset; 304 if its ETag is in If-None-Match."""
    parsed_id = ids.asset_id(asset_id)
    with access.reading() as cursor:
        asset = assets.get(cursor, account_id=access.principal().account_id, asset_id=parsed_id)
    if asset is None:
        raise _not_found(parsed_id)
    headers = {**CACHING, "ETag": _etag(asset)}
    if request.if_none_match.contains_weak(str(asset.version)):
        return Response(status=304, headers=headers)
    answer = _answer(asset, 200, headers)
    return Response(answer.body, answer.status, answer.headers, content_type="application/json")


@blueprint.put("/<asset:asset_id>")
@operation(
    "replaceAsset",
    {200: Success("The asset", AssetSchema, headers=("ETag",))},
    headers=("If-Match",),
    body={JSON: {"schema": NewAssetSchema, "example": EXAMPLE}},
    problems=(*ASSET_PROBLEMS, *BODY_PROBLEMS, "precondition-failed"),
)
def replace(asset_id: str) -> Response:
    """Replace an asset; fields that are left out become empty."""
    parsed_id = ids.asset_id(asset_id)
    new = documents.asset_of(body.json_object(JSON))
    return _change(parsed_id, lambda _: new)


@blueprint.patch("/<asset:asset_id>")
@operation(
    "updateAsset",
    {200: Success("The asset", AssetSchema, headers=("ETag",))},
    headers=("If-Match",),
    body={
        kind: {"schema": AssetPatchSchema, "example": {"name": "Screen", "description": None}}
        for kind in (MERGE_PATCH, JSON)
    },
    problems=(*ASSET_PROBLEMS, *BODY_PROBLEMS, "precondition-failed"),
)
def patch(asset_id: str) -> Response:
    """Change some fields of an asset and leave the others as they are (RFC 7396)."""
    parsed_id = ids.asset_id(asset_id)
    changes = body.json_object(MERGE_PATCH, JSON)
    return _change(parsed_id, lambda asset: documents.patched(asset, changes))


@blueprint.delete("/<asset:asset_id>")
@operation(
    "deleteAsset",
    {204: Success("The asset was deleted")},
    headers=("If-Match",),
    problems=(*ASSET_PROBLEMS, "precondition-failed"),
)
def delete(asset_id: str) -> Response:
    """Delete an asset; its identifier can be used again."""
    parsed_id = ids.asset_id(asset_id)

    def act(cursor: Cursor) -> Answer:
        account_id = access.principal().account_id
        _lock(cursor, account_id, parsed_id)
        assets.delete(cursor, account_id=account_id, asset_id=parsed_id)
        return Answer(204, {}, "")

    return answer_once(act, subject=f"Asset {parsed_id}")


def _change(asset_id: int, change: Callable[[Asset], NewAsset]) -> Response:
    def act(cursor: Cursor) -> Answer:
        account_id = access.principal().account_id
        new = change(_lock(cursor, account_id, asset_id))
        asset = assets.update(cursor, account_id=account_id, asset_id=asset_id, asset=new)
        return _answer(asset, 200, CACHING)

    return answer_once(act, subject=f"Asset {asset_id}")


def _lock(cursor: Cursor, account_id: int, asset_id: int) -> Asset:
    """Lock the asset and return it; a problem if it does not exist or its ETag is not in If-Match."""
    asset = assets.lock(cursor, account_id=account_id, asset_id=asset_id)
    if asset is None:
        raise _not_found(asset_id)
    if "If-Match" in request.headers and not request.if_match.contains(str(asset.version)):
        raise Problem(
            "precondition-failed",
            f"The asset has changed: its ETag is now {_etag(asset)}. Read it again.",
            headers={"ETag": _etag(asset)},
        )
    return asset


def _answer(asset: Asset, status: int, headers: dict[str, str]) -> Answer:
    return Answer(status, {**headers, "ETag": _etag(asset)}, json.dumps(ASSET_SCHEMA.dump(asset)))


def _etag(asset: Asset) -> str:
    return f'"{asset.version}"'


def _not_found(asset_id: int) -> Problem:
    return Problem("not-found", f"There is no asset {asset_id}.")
