"""Chunks on their way into the database."""

from bulkimport.csvfile.chunks import Chunk
from bulkimport.csvfile.spooled_chunks import SPOOL_BYTES, spooled


def test_chunks_come_back_as_they_were_and_again() -> None:
    chunks = [
        Chunk(0, 2, 2, 3, b"a" * SPOOL_BYTES),
        Chunk(1, 5, 7, 0, b""),
        Chunk(2, 9, 11, 4, b"b" * SPOOL_BYTES),
    ]
    with spooled(iter(chunks)) as kept:
        assert (len(kept), kept.rows) == (3, 7)
        assert list(kept) == list(kept) == chunks
