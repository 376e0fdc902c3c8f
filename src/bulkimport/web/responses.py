"""Files as responses."""

import tempfile
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain
from typing import BinaryIO, cast

from flask import Response, request
from werkzeug.wsgi import FileWrapper

from bulkimport.web.operations import CSV, JSON, XLSX

BLOCK_BYTES = 64 * 1024


def csv_attachment(body: bytes | Iterator[bytes], name: str, *, bom: bool = False) -> Response:
    """A CSV file in UTF-8, which browsers save instead of showing it.

    With `bom` it begins with a byte order mark, without which Excel reads UTF-8 as ANSI text.
    """
    if bom:
        body = BOM_UTF8 + body if isinstance(body, bytes) else chain([BOM_UTF8], body)
    headers = {"Content-Disposition": _attachment(name)}
    return Response(body, 200, headers, content_type="text/csv; charset=utf-8")


def preferred_format() -> str:
    """Return `csv` if the request's Accept prefers that to JSON, otherwise `json`."""
    best = request.accept_mimetypes.best_match([JSON, CSV], default=JSON)
    return "csv" if best == CSV else "json"


def workbook_attachment(write: Callable[[BinaryIO], None], name: str) -> Response:
    """A workbook, which `write` writes to the file that it is called with, and which browsers save.

    It is complete before the response begins, so that an error in `write` is a response of its own.
    """
    with ExitStack() as stack:
        file = cast(BinaryIO, stack.enter_context(tempfile.TemporaryFile()))
        write(file)
        headers = {"Content-Disposition": _attachment(name), "Content-Length": str(file.tell())}
        file.seek(0)
        response = Response(FileWrapper(file, BLOCK_BYTES), 200, headers, content_type=XLSX)
        stack.pop_all()  # the response closes the file
        return response


def _attachment(name: str) -> str:
    return f'attachment; filename="{name}"'
