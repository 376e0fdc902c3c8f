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
CSV_IN_UTF8 = "text/csv; charset=utf-8"


def csv_attachment(body: bytes | Iterator[bytes], name: str, *, bom: bool = False) -> Response:
    """A CSV file in UTF-8, which browsers save instead of showing it.

    With `bom` it begins with a byte order mark, without which Excel reads UTF-8 as ANSI text.
    """
    if bom:
        body = BOM_UTF8 + body if isinstance(body, bytes) else chain([BOM_UTF8], body)
    headers = {"Content-Disposition": _attachment(name)}
    return Response(body, 200, headers, content_type=CSV_IN_UTF8)


def preferred_format() -> str:
    """Return `csv` if the request's Accept prefers that to JSON, otherwise `json`."""
    best = request.accept_mimetypes.best_match([JSON, CSV], default=JSON)
    return "csv" if best == CSV else "json"


def file_attachment(write: Callable[[BinaryIO], object], name: str, content_type: str = XLSX) -> Response:
    """A file, by default a workbook, which `write` writes to the file that it is called with.

    Browsers save it. It is complete before the response begins, so that an error in `write` is a response of
    its own, and a client that reads slowly keeps nothing but the file.
    """
    with ExitStack() as stack:
        file = cast(BinaryIO, stack.enter_context(tempfile.TemporaryFile()))
        write(file)
        headers = {"Content-Disposition": _attachment(name), "Content-Length": str(file.tell())}
        file.seek(0)
        response = Response(FileWrapper(file, BLOCK_BYTES), 200, headers, content_type=content_type)
        stack.pop_all()  # the response closes the file
        return response


def _attachment(name: str) -> str:
    return f'attachment; filename="{name}"'
