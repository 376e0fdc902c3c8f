"""Files that are not CSV at all, recognized by their first bytes."""

import bz2
import codecs
import io
import lzma
import sqlite3
import struct
from contextlib import closing

import pytest

from bulkimport.csvfile import signatures
from bulkimport.errors import Refusal


def compound_file(stream: str, first_sector: int = 1) -> bytes:
    """The parts of a compound file that are read: its header, and its directory in this sector."""
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 22 + struct.pack("<H16xI", 9, first_sector)
    entries = [name.encode("utf-16-le").ljust(128, b"\0") for name in ("Root Entry", "DataSpaces", stream)]
    return header.ljust((first_sector + 1) * 512, b"\0") + b"".join(entries)


def sqlite_database() -> bytes:
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE assets (identifier text)")
        return database.serialize()


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel workbook"),
        (compound_file("Workbook"), "old Excel workbook"),
        (compound_file("EncryptedPackage"), "encrypted workbook; save it without a password"),
        (compound_file("EncryptedPackage", first_sector=40_000), "encrypted workbook"),
        (bz2.compress(b"identifier,name"), "bzip2"),
        (bz2.compress(b""), "bzip2"),
        (lzma.compress(b"identifier,name"), "xz"),
        (b"PAR1\x15\x04\x15\x10", "Parquet"),
        (sqlite_database(), "SQLite"),
        ("identifier,name".encode("utf-32"), "UTF-32; save it as UTF-8"),
        ("identifier,name".encode("utf-32-le"), "UTF-32"),
        ("identifier,name".encode("utf-32-be"), "UTF-32"),
        (codecs.BOM_UTF32_BE + "äö".encode("utf-32-be"), "UTF-32"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"%PDF-1.7\n", "PDF"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\xef\xbb\xbf\n <HTML>", "web page"),
        (b'<?xml version="1.0"?>', "XML"),
        (b'{"error": "not found"}', "JSON"),
        (b'[\n  {"identifier": 1}]', "JSON"),
        (b"[1, 2]", "JSON"),
    ],
)
def test_other_formats_are_named(start: bytes, words: str) -> None:
    with pytest.raises(Refusal, match=words) as refusal:
        signatures.refuse(io.BytesIO(start))
    assert refusal.value.code == "not-csv"


@pytest.mark.parametrize(
    "start",
    [
        *(b"", b"identifier,name", b"[Asset Tag],name", b"<5 kg,name", b"{tag},x", b"\xff\xfei\x00"),
        *(b"BZh9,name", b"PAR1,name", b"i\0d\0", b"SQLite format 3,name"),
    ],
)
def test_anything_else_may_be_csv_and_is_read_from_its_beginning(start: bytes) -> None:
    stream = io.BytesIO(start)
    signatures.refuse(stream)
    assert stream.read() == start
