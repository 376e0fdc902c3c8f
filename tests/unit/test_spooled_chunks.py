"""Chunks on their way into the database."""

from bulkimport.csvfile.chunks import Chunk
from bulkimport.csvfile.spooled_chunks import SPOOL_BYTES, spooled


def test_spooled_chunks_can_be_read_unchanged_and_more_than_once() -> None:
    chunks = [
        Chunk(0, 2, 2, 3, b"a" * SPOOL_BYTES),
        Chunk(1, 5, 7, 0, b""),
        Chunk(2, 9, 11, 4, b"b" * SPOOL_BYTES),
    ]
    with spooled(iter(chunks)) as kept:
        assert (len(kept), kept.rows) == (3, 7)
        assert list(kept) == list(kept) == chunks
