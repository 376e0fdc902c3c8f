"""The file in a request: complete and decompressed, or refused."""

import hashlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO, cast

from flask import Request
from werkzeug.datastructures import EnvironHeaders, Headers
from werkzeug.http import parse_options_header

from bulkimport.web import body, content
from bulkimport.web.body import ReceivedBody
from bulkimport.web.content import BLOCK_BYTES, SPOOL_BYTES
from bulkimport.web.operations import XLSX
from bulkimport.web.problems import Problem

FILE_TYPES = ("text/csv", "application/csv", "application/vnd.ms-excel", XLSX, "application/octet-stream")
MAX_FILE_NAME_CHARS = 255


@dataclass(frozen=True)
class Upload:
    """A file, positioned at its first byte; what its sender declared about it; and the fields sent with it.

    `size` is in bytes. A file that arrived as gzip is the one that was in it.
    """

    file: BinaryIO
    name: str | None
    charset: str | None
    coding: str
    fields: Mapping[str, Sequence[str]]
    size: int = 0
    sha256: bytes = b""


@contextmanager
def uploaded(request: Request, *, max_bytes: int) -> Iterator[Upload]:
    """The upload: the multipart field "file", or the raw body.

    Raises a Problem if the request has no file, the file is larger than `max_bytes`, or the body ended before
    its Content-Length, is damaged or does not have its Content-Digest.
    """
    if "Transfer-Encoding" in request.headers:
        # A chunked body that ends early looks like a complete one.
        raise Problem(
            "length-required",
            "The body is in chunks; send Content-Length, or go through a proxy that buffers requests.",
        )
    received = body.of_request(digests=content.ContentDigests(request.headers.get("Content-Digest")))
    request.environ["wsgi.input"] = received
    if request.mimetype == "multipart/form-data":
        opened = _part(request, received)
    elif request.mimetype in FILE_TYPES:
        opened = _raw_body(request, received)
    else:
        raise Problem(
            "unsupported-media-type",
            f'The body is "{request.mimetype[:80]}"; '
            f'send multipart/form-data with a field "file", or text/csv, or {XLSX}.',
        )
    with opened as sent, _decompressed(sent, max_bytes) as upload:
        count = upload.file.seek(0, 2)
        if count > max_bytes:
            raise Problem("too-large", f"The file has more than {max_bytes} bytes; split it.")
        upload.file.seek(0)
        digest = _sha256(upload.file)
        upload.file.seek(0)
        yield replace(upload, size=count, sha256=digest)


@contextmanager
def _part(request: Request, received: ReceivedBody) -> Iterator[Upload]:
    _coding(request.headers, "identity")
    parts = request.files.getlist("file")
    _require_whole(request, received)
    if len(parts) != 1:
        count = str(len(parts)) if parts else "none"
        raise Problem("missing-file", f'The form needs exactly one field "file" with a file; it has {count}.')
    part = parts[0]
    coding = _coding(part.headers, "identity", "gzip")
    with part.stream as file:
        charset = part.mimetype_params.get("charset")
        yield Upload(cast(BinaryIO, file), _name(part.filename), charset, coding, _fields(request))


@contextmanager
def _raw_body(request: Request, received: ReceivedBody) -> Iterator[Upload]:
    coding = _coding(request.headers, "identity", "gzip")
    with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as file:
        while block := request.stream.read(BLOCK_BYTES):
            file.write(block)
        _require_whole(request, received)
        _, disposition = parse_options_header(request.headers.get("Content-Disposition"))
        charset = request.mimetype_params.get("charset")
        yield Upload(
            cast(BinaryIO, file), _name(disposition.get("filename")), charset, coding, _fields(request)
        )


def _coding(headers: Headers | EnvironHeaders, *codings: str) -> str:
    """The Content-Encoding, which must be one of these."""
    coding = headers.get("Content-Encoding", "").strip().lower() or "identity"
    if coding not in codings:
        raise Problem(
            "unsupported-media-type",
            f'Content-Encoding "{coding[:40]}" is not supported here; send the file as it is, or the file '
            "itself, not the form, as gzip.",
            headers={"Accept-Encoding": "gzip"},  # RFC 9110, section 12.5.3
        )
    return coding


@contextmanager
def _decompressed(upload: Upload, max_bytes: int) -> Iterator[Upload]:
    """The upload, or if it is gzip what is in it; its first bytes count, as for every format."""
    if upload.coding != "gzip" and not content.is_gzip(upload.file):
        yield upload
        return
    with content.inflated(upload.file, max_bytes=max_bytes) as file:
        yield replace(upload, file=file, name=upload.name and upload.name.removesuffix(".gz"))


def _sha256(file: BinaryIO) -> bytes:
    digest = hashlib.sha256()
    while block := file.read(BLOCK_BYTES):
        digest.update(block)
    return digest.digest()


def _name(text: str | None) -> str | None:
    """The file name without folders, with unprintable characters replaced; None if nothing is left."""
    name = re.split(r"[/\\]", text or "")[-1][:MAX_FILE_NAME_CHARS]
    return (
        "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in name)
        or None
    )


def _fields(request: Request) -> dict[str, list[str]]:
    """The form fields and the query parameters, together."""
    names = {*request.form, *request.args}
    return {name: [*request.args.getlist(name), *request.form.getlist(name)] for name in names}


def _require_whole(request: Request, received: ReceivedBody) -> None:
    """A client that hangs up looks like one that has finished; only the number of bytes shows which it is."""
    expected = request.content_length or 0
    if received.count != expected:
        raise Problem(
            "incomplete-body",
            f"The body ended after {received.count} of {expected} bytes; nothing was imported.",
        )
    received.digests.require_match()
