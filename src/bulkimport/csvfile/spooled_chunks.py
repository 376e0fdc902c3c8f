"""Chunks between cutting and storing: on disk where they are large, so that memory stays flat."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import IO

from bulkimport.csvfile.chunks import Chunk

SPOOL_BYTES = 512 * 1024  # more than that lies on disk


class SpooledChunks:
    """The chunks of a file, which may be iterated more than once, and their `rows` in all."""

    def __init__(self, bodiless: Sequence[tuple[Chunk, int]], bodies: IO[bytes]) -> None:
        """The chunks without their bodies, each with its body's size; the bodies one after the other."""
        self._bodiless = bodiless
        self._bodies = bodies
        self.rows = sum(chunk.rows for chunk, _ in bodiless)

    def __len__(self) -> int:
        return len(self._bodiless)

    def __iter__(self) -> Iterator[Chunk]:
        self._bodies.seek(0)
        for chunk, size in self._bodiless:
            yield replace(chunk, body=self._bodies.read(size))


@contextmanager
def spooled(chunks: Iterable[Chunk]) -> Iterator[SpooledChunks]:
    """All of these chunks, until the context ends."""
    with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as bodies:
        bodiless = []
        for chunk in chunks:
            bodies.write(chunk.body)
            bodiless.append((replace(chunk, body=b""), len(chunk.body)))
        yield SpooledChunks(bodiless, bodies)
