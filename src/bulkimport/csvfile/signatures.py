"""Files that are not CSV, recognised by their first bytes, and what to upload instead."""

import re
from typing import BinaryIO

from bulkimport.errors import Refusal

PEEK_BYTES = 8 * 1024
ZIP_START = b"PK\x03\x04"
JSON_START = re.compile(rb'[{\[]\s*["{}\[\]0-9]')
BZIP2_START = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
# What follows the magic number is the header of a page, in Thrift's compact protocol.
PARQUET_START = re.compile(rb"PAR1[\x00-\x1f]")
# With a byte order mark, or two characters of ASCII.
UTF_32_START = re.compile(rb"\xff\xfe\0\0|\0\0\xfe\xff|(?:[\x01-\x7f]\0\0\0){2}|(?:\0\0\0[\x01-\x7f]){2}")
OLE_START = b"\xd0\xcf\x11\xe0"
# Where its directory begins, in the header of a compound file ([MS-CFB], section 2.2).
OLE_SECTOR_SHIFT, OLE_DIRECTORY = slice(30, 32), slice(48, 52)
MAX_OLE_SECTOR_SHIFT = 12
# The stream that an encrypted workbook is in ([MS-OFFCRYPTO], section 2.3).
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


def is_zip(stream: BinaryIO) -> bool:
    """Whether a seekable stream is a zip archive, as workbooks are; rewinds it."""
    start = stream.read(len(ZIP_START))
    stream.seek(0)
    return start == ZIP_START


def refuse(stream: BinaryIO) -> None:
    """Raise Refusal if the first bytes of a seekable stream are those of another format; else rewind it."""
    start = stream.read(PEEK_BYTES)
    if start.startswith(OLE_START):
        advice: str | None = _compound_file(stream, start)
    else:
        advice = _other_format(start)
    if advice:
        raise Refusal("not-csv", f"{advice}.")
    stream.seek(0)


def _other_format(start: bytes) -> str | None:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1024].lower()
    if archive := _compressed(start):
        return f"This is {archive}; upload the file that is in it"
    if UTF_32_START.match(start):
        return "This is text in UTF-32; save it as UTF-8 and upload that"
    if PARQUET_START.match(start):
        return "This is a Parquet file; export the table as CSV and upload that"
    if start.startswith(b"SQLite format 3\0"):
        return "This is an SQLite database; export the table as CSV and upload that"
    if start.startswith(b"%PDF"):
        return "This is a PDF; export the table as CSV and upload that"
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        return "This is a web page or XML, perhaps an error page that was saved in place of the file"
    if JSON_START.match(text):
        return "This is JSON; export the table as CSV and upload that"
    return None


def _compressed(start: bytes) -> str | None:
    if start.startswith(b"\x1f\x8b"):
        return "gzip inside gzip"
    if BZIP2_START.match(start):
        return "bzip2"
    return "xz" if start.startswith(b"\xfd7zXZ\0") else None


def _compound_file(stream: BinaryIO, start: bytes) -> str:
    """What a compound file is: an old workbook, or an encrypted one, as its directory shows."""
    shift = min(int.from_bytes(start[OLE_SECTOR_SHIFT], "little"), MAX_OLE_SECTOR_SHIFT)
    sector = int.from_bytes(start[OLE_DIRECTORY], "little")
    stream.seek((sector + 1) << shift)
    if ENCRYPTED in stream.read(PEEK_BYTES):
        return "This is an encrypted workbook; save it without a password and upload that"
    return "This is an old Excel workbook (.xls); save it as an Excel workbook (.xlsx) and upload that"
