"""An account's assets as a file, over HTTP."""

import tempfile
from codecs import BOM_UTF8
from collections.abc import Mapping
from typing import Any, BinaryIO, cast

from flask import Blueprint, Response

from bulkimport.api.asset_schemas import AssetFilterSchema
from bulkimport.api.row_error_schemas import FailedRowsQuerySchema
from bulkimport.assets import exports
from bulkimport.spreadsheet.assets import write_workbook
from bulkimport.store import accounts
from bulkimport.web import access, parameters
from bulkimport.web.operations import CSV, XLSX, Success, operation
from bulkimport.web.responses import CSV_IN_UTF8, file_attachment

EXPORT_PROBLEMS = ("invalid-parameters", "too-many-columns")


class AssetExportQuerySchema(AssetFilterSchema, FailedRowsQuerySchema):
    """Which assets are wanted, and the form of their CSV file."""


blueprint = Blueprint("asset_exports", __name__, url_prefix="/api/v1")
blueprint.before_request(access.authenticate)


@blueprint.get("/assets.csv")
@operation(
    "exportAssetsCsv",
    {200: Success("The file", headers=("Content-Disposition",), media_type=CSV)},
    query=AssetExportQuerySchema,
    problems=EXPORT_PROBLEMS,
)
def assets_csv() -> Response:
    """Export the account's assets as they are at one moment, to change them and upload the file again.

    An upload with on_conflict=update reports a row as changed_since if its asset has another version than
    the one in the column _version.
    """
    filters = parameters.of_request(AssetExportQuerySchema())
    bom, formula_safe = filters.pop("bom"), filters.pop("formula_safe")

    def write(file: BinaryIO) -> None:
        file.write(BOM_UTF8 if bom else b"")
        _write(file, filters, formula_safe=formula_safe)

    return file_attachment(write, "assets.csv", CSV_IN_UTF8)


@blueprint.get("/assets.xlsx")
@operation(
    "exportAssetsXlsx",
    {200: Success("The file", headers=("Content-Disposition",), media_type=XLSX)},
    query=AssetFilterSchema,
    problems=(*EXPORT_PROBLEMS, "csv-only"),
)
def assets_xlsx() -> Response:
    """Export the account's assets as an Excel workbook, to change them and upload the file again."""
    filters = parameters.of_request(AssetFilterSchema())

    def write(file: BinaryIO) -> None:
        with tempfile.TemporaryFile() as csv_file:
            rows = _write(cast(BinaryIO, csv_file), filters)
            csv_file.seek(0)
            write_workbook(cast(BinaryIO, csv_file), file, rows=rows)

    return file_attachment(write, "assets.xlsx")


def _write(file: BinaryIO, filters: Mapping[str, Any], *, formula_safe: bool = False) -> int:
    """Write the account's assets to the file as CSV; return how many."""
    account_id = access.principal().account_id
    with access.database().tenant_snapshot(account_id) as cursor:
        accounts.require_active(cursor, account_id=account_id)
        return exports.write_csv(
            cursor, file, account_id=account_id, filters=filters, formula_safe=formula_safe
        )
