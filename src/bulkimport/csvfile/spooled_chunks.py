"""Chunks between being cut and being stored: on disk if they are large, so that memory stays flat."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import IO

from bulkimport.csvfile.chunks import Chunk, CsvFile, OnRow

SPOOL_BYTES = 512 * 1024  # more than that is written to disk


class SpooledChunks:
    """All chunks of a file, which can be iterated more than once.

    `rows` and `blank_rows` count the file's records below the header that are not blank, and those that are.
    """

    def __init__(self, bodiless: Sequence[tuple[Chunk, int]], bodies: IO[bytes], *, blank_rows: int) -> None:
        """`bodiless`: the chunks without their bodies, each with the length of its body in `bodies`."""
        self._bodiless = bodiless
        self._bodies = bodies
        self.rows = sum(chunk.rows for chunk, _ in bodiless)
        self.blank_rows = blank_rows

    def __len__(self) -> int:
        return len(self._bodiless)

    def __iter__(self) -> Iterator[Chunk]:
        self._bodies.seek(0)
        for chunk, size in self._bodiless:
            yield replace(chunk, body=self._bodies.read(size))


@contextmanager
def spooled(
    csv_file: CsvFile, *, chunk_rows: int, max_rows: int, on_row: Sequence[OnRow] = ()
) -> Iterator[SpooledChunks]:
    """Cut the whole file, as CsvFile.chunks does; the chunks are kept until the context ends."""
    with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as bodies:
        bodiless = []
        for chunk in csv_file.chunks(chunk_rows=chunk_rows, max_rows=max_rows, on_row=on_row):
            bodies.write(chunk.body)
            bodiless.append((replace(chunk, body=b""), len(chunk.body)))
        yield SpooledChunks(bodiless, bodies, blank_rows=csv_file.blank_rows)
