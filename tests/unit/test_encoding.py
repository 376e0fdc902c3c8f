"""Bytes → text."""

import codecs
import io
import itertools

import pytest

from bulkimport.csvfile import encoding
from bulkimport.csvfile.encoding import CHARSETS, open_text, original_bytes, printable, undecoded
from bulkimport.csvfile.refusal import RefusedFileError


def read(body: bytes, charset: str | None = None) -> str:
    return open_text(io.BytesIO(body), charset).read()


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        ("Müller 王\r\n".encode(), None),
        (codecs.BOM_UTF8 + "Müller 王\r\n".encode(), None),
        ("Müller 王\r\n".encode("utf-16"), None),
        (codecs.BOM_UTF16_BE + "Müller 王\r\n".encode("utf-16-be"), None),
        ("Müller 王\r\n".encode("utf-16-le"), "UTF-16LE"),
        ("Müller 王\r\n".encode("gb18030"), "GB18030"),
    ],
)
def test_encodings_that_are_detected_or_declared(body: bytes, charset: str | None) -> None:
    assert read(body, charset) == "Müller 王\r\n"


@pytest.mark.parametrize(
    ("name", "byte"),
    [("windows-1252", b"\xfc"), ("ISO-8859-1", b"\xfc"), ("latin1", b"\xfc"), ("cp437", b"\x81")],
)
def test_legacy_encodings_are_declared(name: str, byte: bytes) -> None:
    assert read(b"M" + byte + b"ller", name) == "Müller"


def test_a_byte_order_mark_overrides_a_declaration() -> None:
    assert read(codecs.BOM_UTF8 + "ü".encode(), "windows-1252") == "ü"


@pytest.mark.parametrize(
    "name", ["rot13", "base64", "idna", "utf-7", "unicode_escape", "x", "", "zip", "a\0b"]
)
def test_a_name_that_is_not_a_text_encoding_is_refused(name: str) -> None:
    if not name:
        assert read(b"a", name) == "a"
        return
    with pytest.raises(RefusedFileError) as refusal:
        read(b"a", name)
    assert refusal.value.code == "unknown-charset"


@pytest.mark.parametrize("charset", CHARSETS)
def test_every_listed_encoding_decodes_any_bytes(charset: str) -> None:
    text = read(bytes(range(256)) * 3 + b"\xff\xd8\x00\xd8", charset)
    assert printable(text).encode()
    assert text.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("charset", sorted(set(CHARSETS) - encoding.BELOW_0X80))
def test_the_fast_handler_loses_no_byte_that_does_not_decode(charset: str) -> None:
    fast, careful = (
        codecs.getincrementaldecoder(charset)(errors)
        for errors in (encoding.UNDECODABLE, encoding.UNDECODABLE_BELOW_0X80)
    )
    for pair in itertools.product([0x1B, *range(0x80, 0x100)], range(256)):  # an escape, half a character
        for body in (bytes(pair), bytes(pair) + b"A,\n"):
            assert fast.decode(body, True) == careful.decode(body, True)


@pytest.mark.parametrize(
    ("body", "charset", "shown"),
    [
        (b"M\xfcller", None, r"\xfc"),
        (b"\xed\xa0\x80", None, r"\xed\xa0\x80"),
        (b"\x81", "windows-1252", r"\x81"),
        (b"a\x00\x00\xd8b\x00", "utf-16-le", r"\x00\xd8"),
        (b"\xff" * 20, None, r"\xff" * 8 + "…"),
        (b"abc", None, ""),
        ("ü".encode(), None, ""),
    ],
)
def test_undecodable_bytes_are_shown_as_bytes(body: bytes, charset: str | None, shown: str) -> None:
    assert undecoded(read(body, charset)) == shown


def test_undecodable_bytes_are_returned_unchanged() -> None:
    assert original_bytes(read(b"M\xfcller \xc3\xbc\x00")) == b"M\xfcller \xc3\xbc\x00"
    assert original_bytes(read(b"\x00\xd8", "utf-16-le")) == rb"\x00" + b"\xd8"


def test_printable_text_can_be_stored() -> None:
    assert encoding.printable("a\0b\udcfc\n") == "a\\x00b\\xfc\n"
