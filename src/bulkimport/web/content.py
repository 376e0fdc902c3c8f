"""A body as it was sent: verified against its Content-Digest (RFC 9530), and its gzip undone (RFC 1952)."""

import base64
import binascii
import hashlib
import hmac
import re
import tempfile
import zlib
from typing import IO, BinaryIO, cast

from bulkimport.web.problems import Problem

GZIP_START = b"\x1f\x8b"
GZIP = zlib.MAX_WBITS | 16  # zlib's way to ask for the format of RFC 1952
SPOOL_BYTES = 512 * 1024  # a larger file is spooled to disk, so that memory use stays flat
BLOCK_BYTES = 64 * 1024
MAX_MEMBERS = 10_000  # a file may be several gzip files one after the other; each costs time of its own
ALGORITHMS = {"sha-256": "sha256", "sha-512": "sha512"}  # RFC 9530, section 5: the active ones
DIGEST = re.compile(r" *([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}): *", re.ASCII)


class ContentDigests:
    """The digests that a request declares of its body, to be compared with those of what arrives."""

    def __init__(self, header: str | None) -> None:
        """Raises a digest-mismatch problem if the header's form is wrong; unknown algorithms are ignored."""
        declared = [_declared(member) for member in header.split(",")] if header else []
        self._digests = [
            (name, digest, hashlib.new(ALGORITHMS[name])) for name, digest in declared if name in ALGORITHMS
        ]

    def update(self, block: bytes) -> None:
        """Add bytes that arrived."""
        for *_, actual in self._digests:
            actual.update(block)

    def require_match(self) -> None:
        """Raise a digest-mismatch problem unless the bytes that arrived are those that were declared."""
        for name, digest, actual in self._digests:
            if not hmac.compare_digest(digest, actual.digest()):
                sent = base64.b64encode(actual.digest()).decode()
                raise Problem("digest-mismatch", f"The body that arrived has the digest {name}=:{sent}:.")


def is_gzip(file: IO[bytes]) -> bool:
    """Whether the file begins as gzip does."""
    file.seek(0)
    return file.read(len(GZIP_START)) == GZIP_START


def inflated(file: IO[bytes], *, max_bytes: int) -> BinaryIO:
    """The file that is in a gzip file, which is read as a stream; the caller closes it.

    Raises a Problem if it has more than `max_bytes` bytes, ends early or is damaged.
    """
    output = cast(BinaryIO, tempfile.SpooledTemporaryFile(SPOOL_BYTES))  # noqa: SIM115 - the caller's
    try:
        _inflate(file, output, max_bytes)
    except zlib.error as error:
        output.close()
        raise Problem("malformed-request", "The gzip data is damaged.") from error
    except Problem:
        output.close()
        raise
    return output


def _declared(member: str) -> tuple[str, bytes]:
    match = DIGEST.fullmatch(member)
    try:
        if match:
            return match[1], base64.b64decode(match[2], validate=True)
    except binascii.Error:
        pass
    raise Problem(
        "digest-mismatch", f'Content-Digest has "{member.strip()[:100]}"; its form is sha-256=:BASE64:'
    )


def _inflate(file: IO[bytes], output: BinaryIO, max_bytes: int) -> None:
    inflater, members = zlib.decompressobj(GZIP), 1
    file.seek(0)
    block = file.read(BLOCK_BYTES)
    while block:
        output.write(inflater.decompress(block, BLOCK_BYTES))
        if output.tell() > max_bytes:
            raise Problem("too-large", f"The file has more than {max_bytes} bytes; split it.")
        block = inflater.unconsumed_tail or inflater.unused_data.lstrip(b"\0") or file.read(BLOCK_BYTES)
        if inflater.eof and block.strip(b"\0"):  # zeros may fill the end up to a block of a tape
            inflater, members = zlib.decompressobj(GZIP), members + 1
        if members > MAX_MEMBERS:
            raise Problem("too-large", f"The file consists of more than {MAX_MEMBERS} gzip files.")
    if not inflater.eof:
        raise Problem("incomplete-body", "The gzip data ends early; nothing was imported.")
