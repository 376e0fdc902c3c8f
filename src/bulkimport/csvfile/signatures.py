"""Files that are not CSV, recognised by their first bytes, and what to upload instead."""

import re

from bulkimport.errors import Refusal

PEEK_BYTES = 8 * 1024
JSON_START = re.compile(rb'[{\[]\s*["{}\[\]0-9]')


def refuse(start: bytes) -> None:
    """Raise Refusal if the first bytes of a file are those of another format."""
    advice = _other_format(start)
    if advice:
        raise Refusal("not-csv", f"{advice}.")


def _other_format(start: bytes) -> str | None:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1024].lower()
    if start.startswith(b"PK\x03\x04"):
        return _zip(start)
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        return "This is an old Excel workbook; save it as CSV UTF-8 and upload that"
    if start.startswith(b"\x1f\x8b"):
        return "This is gzip inside gzip; upload the file that is in it"
    if start.startswith(b"%PDF"):
        return "This is a PDF; export the table as CSV and upload that"
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        return "This is a web page or XML, perhaps an error page that was saved in place of the file"
    if JSON_START.match(text):
        return "This is JSON; export the table as CSV and upload that"
    return None


def _zip(start: bytes) -> str:
    if b"xl/" in start or b"[Content_Types].xml" in start:
        return "This is an Excel workbook; save it as CSV UTF-8 and upload that"
    if b"opendocument" in start:
        return "This is an OpenDocument spreadsheet; save it as CSV and upload that"
    return "This is a zip archive; upload the CSV file that is in it"
