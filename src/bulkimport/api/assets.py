"""Assets over HTTP."""

from typing import Any

from flask import Blueprint, url_for

from bulkimport.api import access, ids, queries
from bulkimport.api.schemas import AssetPageSchema, AssetQuerySchema, AssetSchema
from bulkimport.problems import Problem
from bulkimport.store import assets

blueprint = Blueprint("assets", __name__, url_prefix="/api/v1/assets")
blueprint.before_request(access.authenticate)


@blueprint.get("")
def page() -> tuple[Any, int, dict[str, str]]:
    """The account's live assets in pages, or the one with an identifier."""
    query: dict[str, Any] = queries.of_request(AssetQuerySchema())
    found = _find(query)
    shown = found[: query["limit"]]
    next_key = (shown[-1].id,) if len(found) > len(shown) else None
    document = AssetPageSchema().dump({"assets": shown, "next_cursor": next_key})
    headers = {}
    if next_key is not None:
        url = url_for(".page", limit=query["limit"], cursor=document["next_cursor"])
        headers["Link"] = f'<{url}>; rel="next"'
    return document, 200, headers


@blueprint.get("/<asset_id>")
def get(asset_id: str) -> Any:
    """One live asset."""
    wanted = ids.asset_id(asset_id)
    with access.reading() as cursor:
        asset = assets.get(cursor, account_id=access.principal().account_id, asset_id=wanted)
    if asset is None:
        raise Problem("not-found", f"There is no asset {wanted}.")
    return AssetSchema().dump(asset)


def _find(query: dict[str, Any]) -> list[assets.Asset]:
    """One asset more than the page shows, so that it is known whether another page follows."""
    account_id = access.principal().account_id
    (after_id,) = query["cursor"]
    with access.reading() as cursor:
        if "identifier" in query:
            asset = assets.find(cursor, account_id=account_id, identifier=query["identifier"])
            return [asset] if asset and asset.id > after_id else []
        return assets.page(cursor, account_id=account_id, after_id=after_id, limit=query["limit"] + 1)
