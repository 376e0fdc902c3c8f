"""Bytes → text, in the encoding that a byte order mark or the caller names; never guessed."""

import codecs
import io
from typing import BinaryIO, NamedTuple, TextIO

from bulkimport.errors import Refusal

DEFAULT_CHARSET = "utf-8"
# What spreadsheets and old systems write. Not every codec of Python: some do not encode text.
CHARSETS = (
    *("utf-8", "utf-16", "utf-16-le", "utf-16-be", "ascii"),
    *(f"cp125{number}" for number in range(9)),
    *(f"iso8859-{number}" for number in (*range(1, 12), 13, 14, 15, 16)),
    *("cp437", "cp850", "cp852", "cp866", "koi8-r", "koi8-u", "mac-roman"),
    *("shift_jis", "cp932", "euc_jp", "iso2022_jp", "gb2312", "gbk", "gb18030", "big5", "euc_kr", "cp949"),
)
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# With no byte order mark (WHATWG Encoding Standard, section 4.2); Python would fail.
UNMARKED = {"utf-16": "utf-16-le"}
# Bytes that do not decode become lone surrogates, which no text has: only their row fails, not the file.
# Python's own handler is the fastest, but drops bytes below 0x80. In these encodings they can be half of a
# character, so a handler of ours keeps them.
UNDECODABLE = "surrogateescape"
UNDECODABLE_BELOW_0X80 = "bulkimport-undecodable"
BELOW_0X80 = frozenset({"utf-16", "utf-16-le", "utf-16-be", "euc_jp", "iso2022_jp", "gb18030", "euc_kr"})
LOWEST_SURROGATE = 0xDC00
SURROGATES = tuple(chr(LOWEST_SURROGATE + byte) for byte in range(256))


DECLARED, BYTE_ORDER_MARK, DEFAULT = "declared", "byte_order_mark", "default"


class Detected(NamedTuple):
    """An encoding by Python's name, and how it is known: DECLARED, BYTE_ORDER_MARK or DEFAULT."""

    codec: str
    how: str

    @property
    def charset(self) -> str:
        """The encoding's name without a suffix for the byte order mark."""
        return self.codec.removesuffix("-sig")


def open_text(stream: BinaryIO, charset: str | None) -> TextIO:
    """The text of a seekable stream, with its line ends unchanged.

    The encoding is the one that `detected` returns. Raises Refusal for a `charset` that is not in CHARSETS.
    """
    codec = detected(stream, charset).codec
    errors = UNDECODABLE_BELOW_0X80 if codec in BELOW_0X80 else UNDECODABLE
    return io.TextIOWrapper(stream, codec, errors, newline="")


def detected(stream: BinaryIO, charset: str | None) -> Detected:
    """The encoding of a seekable stream: that of the byte order mark, else `charset`, else UTF-8.

    Raises Refusal for a `charset` that is not in CHARSETS.
    """
    codec = _codec(charset) if charset else DEFAULT_CHARSET
    start = stream.read(4)
    stream.seek(0)
    for mark, marked in BYTE_ORDER_MARKS:
        if start.startswith(mark):
            return Detected(marked, BYTE_ORDER_MARK)
    return Detected(UNMARKED.get(codec, codec), DECLARED if charset else DEFAULT)


def printable(text: str) -> str:
    """The text as it can be stored and shown: NUL and bytes that did not decode are written as \\x00."""
    return text if text.isprintable() else "".join(map(_shown, text))


def undecoded(text: str, limit: int = 8) -> str:
    """The first `limit` bytes that did not decode, written as \\x00; "" if all did."""
    if text.isascii():
        return ""
    shown = [_shown(character) for character in text if _is_surrogate(character)]
    return "".join(shown[:limit]) + ("…" if len(shown) > limit else "")


def original_bytes(text: str) -> bytes:
    """The text in UTF-8; bytes that did not decode are unchanged, or written as \\x00 if below 0x80."""
    return "".join(
        _shown(character) if "\udc00" <= character < "\udc80" else character for character in text
    ).encode("utf-8", "surrogateescape")


def _codec(name: str) -> str:
    """Python's name of an encoding in CHARSETS; Refusal for any other."""
    try:
        codec = codecs.lookup(name).name
    except (LookupError, ValueError):
        codec = ""
    if codec not in CHARSETS:
        raise Refusal(
            "unknown-charset",
            f'"{name[:40]}" is not an encoding that can be read; say utf-8, utf-16, windows-1252, '
            "iso-8859-1, shift_jis or the like.",
        )
    return codec


def _shown(character: str) -> str:
    if character == "\0":
        return r"\x00"
    if _is_surrogate(character):
        return f"\\x{ord(character) - LOWEST_SURROGATE:02x}"
    return character


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def _undecodable(error: UnicodeError) -> tuple[str, int]:
    """Each byte that did not decode as a lone surrogate."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    start, end = error.start, error.end
    if end - start == 1:  # nearly always, and a file may have millions
        return SURROGATES[error.object[start]], end
    return "".join(map(SURROGATES.__getitem__, error.object[start:end])), end


codecs.register_error(UNDECODABLE_BELOW_0X80, _undecodable)
