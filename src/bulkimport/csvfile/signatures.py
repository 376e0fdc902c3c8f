"""Files that are not CSV, recognised by their first bytes, and what to upload instead."""

import re
from typing import BinaryIO

from bulkimport.errors import Refusal

PEEK_BYTES = 8 * 1024
ZIP_START = b"PK\x03\x04"
JSON_START = re.compile(rb'[{\[]\s*["{}\[\]0-9]')


def is_zip(stream: BinaryIO) -> bool:
    """Whether a seekable stream is a zip archive, as workbooks are; rewinds it."""
    start = stream.read(len(ZIP_START))
    stream.seek(0)
    return start == ZIP_START


def refuse(start: bytes) -> None:
    """Raise Refusal if the first bytes of a file are those of another format."""
    advice = _other_format(start)
    if advice:
        raise Refusal("not-csv", f"{advice}.")


def _other_format(start: bytes) -> str | None:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1024].lower()
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        return "This is an old Excel workbook (.xls); save it as an Excel workbook (.xlsx) and upload that"
    if start.startswith(b"\x1f\x8b"):
        return "This is gzip inside gzip; upload the file that is in it"
    if start.startswith(b"%PDF"):
        return "This is a PDF; export the table as CSV and upload that"
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        return "This is a web page or XML, perhaps an error page that was saved in place of the file"
    if JSON_START.match(text):
        return "This is JSON; export the table as CSV and upload that"
    return None
