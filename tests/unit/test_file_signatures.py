"""Files that are not CSV at all, recognized by their first bytes."""

import pytest

from bulkimport.csvfile import signatures
from bulkimport.errors import Refusal


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel workbook"),
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
        signatures.refuse(start)
    assert refusal.value.code == "not-csv"


@pytest.mark.parametrize(
    "start", [b"", b"identifier,name", b"[Asset Tag],name", b"<5 kg,name", b"{tag},x", b"\xff\xfei\x00"]
)
def test_anything_else_may_be_csv(start: bytes) -> None:
    signatures.refuse(start)
