"""XML as a stream: no document types, no entities but XML's own, and no piece of it ever large in memory."""

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import IO
from xml.parsers import expat
from zipfile import BadZipFile

from bulkimport.errors import Refusal
from bulkimport.workbook.limits import damaged

READ_BYTES = 64 * 1024
# expat keeps an unfinished tag, comment or instruction in memory, and scans it anew for each piece: for
# minutes if it has 512 MiB.
MAX_UNFINISHED_BYTES = 1024**2
MAX_DEPTH = 64  # of nested elements; a worksheet has about 10

# The namespaces of SpreadsheetML in transitional and in strict OOXML (ECMA-376 parts 4 and 1). Elements of
# other namespaces may have the same names: x14:workbookPr is not the workbookPr that has the date system.
MAIN = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
)
PACKAGE = (
    "http://schemas.openxmlformats.org/package/2006/content-types",
    "http://schemas.openxmlformats.org/package/2006/relationships",
)
SEPARATOR = "}"
ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")

# Called with the local names of an element's parent and of the element, "" for those of other namespaces, and
# the attributes.
OnElement = Callable[[str, str, Mapping[str, str]], None]


class Xml:
    """An expat parser with namespaces, which refuses a document type, and with it all that entities can do.

    `prefix` is what the tags of SpreadsheetML begin with in the source, such as "x:", or usually "".
    """

    def __init__(self) -> None:
        self.handlers = expat.ParserCreate(namespace_separator=SEPARATOR)
        self.handlers.buffer_text = True
        self.handlers.buffer_size = READ_BYTES
        self.handlers.StartDoctypeDeclHandler = _refuse_document_type
        self.handlers.XmlDeclHandler = self._declare_encoding
        self.handlers.StartNamespaceDeclHandler = self._declare_prefix
        self.handlers.StartCdataSectionHandler = self._start_verbatim
        self.handlers.EndCdataSectionHandler = self._end_verbatim
        self.prefix = ""
        self.fed = 0
        self._declarations = 0  # of a namespace of SpreadsheetML, or of its prefix
        self._is_utf8 = True
        self._is_verbatim = False

    def pieces(self, stream: IO[bytes], name: str = "") -> Iterator[bytes]:
        """The stream in pieces of about READ_BYTES for parse().

        Each ends with the last end tag of an element of this name in it; without one, with a tag if possible.
        Raises Refusal if the stream cannot be inflated.
        """
        rest = b""
        try:
            while data := stream.read(READ_BYTES):
                rest += data
                end = f"</{self.prefix}{name}>".encode()
                place = rest.rfind(end)
                place = place + len(end) if place >= 0 else rest.rfind(b">") + 1 or len(rest)
                yield rest[:place]
                rest = rest[place:]
        except (BadZipFile, zlib.error, EOFError, OSError) as error:
            raise damaged("its zip archive has errors") from error
        yield rest

    def parse(self, piece: bytes, *, is_last: bool = False) -> None:
        """Parse the next piece. Raises Refusal if it is not well-formed, and what the handlers raise."""
        try:
            self.handlers.Parse(piece, is_last)
        except (expat.ExpatError, UnicodeDecodeError, LookupError) as error:
            raise damaged("its XML is not well-formed") from error
        self.fed += len(piece)
        if self.fed - self.handlers.CurrentByteIndex > MAX_UNFINISHED_BYTES:
            raise damaged(f"a tag or a comment in it has more than {MAX_UNFINISHED_BYTES} bytes")

    def parse_without_handlers(self, piece: bytes) -> None:
        """Parse a piece that was read already, which must begin and end at plain markup."""
        handlers = self.handlers
        start, end = handlers.StartElementHandler, handlers.EndElementHandler
        handlers.StartElementHandler = handlers.EndElementHandler = None
        self.parse(piece)
        handlers.StartElementHandler, handlers.EndElementHandler = start, end
        if not self.is_at_plain_markup():
            raise damaged("its namespaces change within the table")

    def is_at_plain_markup(self) -> bool:
        """Whether what follows is markup in UTF-8 in which prefixes mean what they do in the root element,
        and not the inside of a tag, a comment or verbatim text.
        """
        is_between_tags = self.handlers.CurrentByteIndex == self.fed and not self._is_verbatim
        return is_between_tags and self._is_utf8 and self._declarations == 1

    def _declare_encoding(self, _version: str, encoding: str | None, _standalone: int) -> None:
        self._is_utf8 = encoding is None or encoding.lower() == "utf-8"

    def _declare_prefix(self, prefix: str | None, namespace: str) -> None:
        tag_prefix = f"{prefix}:" if prefix else ""
        if namespace in MAIN:
            self.prefix = tag_prefix
        self._declarations += tag_prefix == self.prefix

    def _start_verbatim(self) -> None:
        self._is_verbatim = True

    def _end_verbatim(self) -> None:
        self._is_verbatim = False


def visit(stream: IO[bytes], on_element: OnElement) -> None:
    """Call `on_element` with each element of a small part, in the order of their start tags."""
    xml = Xml()
    path = [""]

    def start(tag: str, attributes: Mapping[str, str]) -> None:
        name = local_name(tag)
        if len(path) > MAX_DEPTH:
            raise too_deep()
        on_element(path[-1], name, attributes)
        path.append(name)

    def end(_: str) -> None:
        path.pop()

    xml.handlers.StartElementHandler = start
    xml.handlers.EndElementHandler = end
    for piece in xml.pieces(stream):
        xml.parse(piece)
    xml.parse(b"", is_last=True)


def local_name(tag: str) -> str:
    """The name of an element of the namespaces above; "" for any other."""
    namespace, _, name = tag.rpartition(SEPARATOR)
    return name if namespace in MAIN or namespace in PACKAGE else ""


def main_namespace(root: str, name: str) -> str:
    """What expat's tags of SpreadsheetML begin with in a part with this root, which must be a `name`."""
    if local_name(root) != name or not root.startswith(MAIN):
        raise damaged(f'a part that should be a "{name}" is something else')
    return root.removesuffix(name)


def is_true(text: str | None) -> bool:
    """The value of an xsd:boolean attribute, False if it is absent."""
    return text is not None and text.strip() in ("1", "true", "on")


def unescaped(text: str) -> str:
    """A text of a workbook with its control characters, which are written _xHHHH_ (ECMA-376 part 1, section
    22.9.2.19); halves of surrogate pairs stay escaped.
    """
    return ESCAPE.sub(_character, text) if "_x" in text else text


def too_deep() -> Refusal:
    """The refusal of a part whose elements are nested too deeply."""
    return damaged("its XML is nested too deeply")


def _character(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return match[0] if "\ud800" <= character <= "\udfff" else character


def _refuse_document_type(*_: object) -> None:
    raise damaged("its XML declares a document type, which no spreadsheet program writes")
