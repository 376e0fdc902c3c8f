"""Chunks on their way into the database."""

import io

from bulkimport.csvfile.chunks import CsvFile
from bulkimport.csvfile.spooled_chunks import SPOOL_BYTES, spooled


def open_file(body: bytes) -> CsvFile:
    return CsvFile(io.BytesIO(body), charset=None, delimiter=None, mapping={})


def test_the_chunks_of_a_file_can_be_read_more_than_once() -> None:
    row = b"x" * (SPOOL_BYTES // 3) + b"\n"
    body = b"identifier,name\n" + row * 3 + b"\n\n" + row * 4 + b"\n"
    chunks = list(open_file(body).chunks(chunk_rows=3, max_rows=7))
    with spooled(open_file(body), chunk_rows=3, max_rows=7) as kept:
        assert (len(kept), kept.rows, kept.blank_rows) == (3, 7, 3)
        assert list(kept) == list(kept) == chunks
