"""The time to read a file grows only with its size, wherever its quotes are."""

import io
import time

import pytest

from bulkimport.csvfile import records
from bulkimport.csvfile.chunks import CsvFile
from bulkimport.csvfile.records import MAX_CELL_CHARS, MAX_RECORD_CHARS

MB = 1_000_000
SIZES = (
    MB // 10,
    MB,
    10 * MB,
)  # 0.1 MB as well: above MAX_RECORD_CHARS, reading lines repeatedly is linear, too
MAX_RATIO = 2  # of the time per byte between two sizes; 1.4 measured
MAX_COST = 12  # times that of a file with no quote, read by csv, or 0.1 s/MB; 8 measured
ROUNDS = 4  # at most, as other processes disturb the clock; the best counts

PADDING = "p" * 200
PLAIN = f"a,{PADDING}\n"
CLOSES_AND_OPENS = f'x",{PADDING},"z\n'  # ends inside quotes, whether it begins inside or outside
LONG_CELL = ("w" * 99 + "\n") * (MAX_CELL_CHARS // 100) + "w" * 100
LONG_RECORD = CLOSES_AND_OPENS * (MAX_RECORD_CHARS // len(CLOSES_AND_OPENS) + 100)

# What is repeated until the file reaches its size, and how the file ends.
FILES = {
    "open to the end of the file": (CLOSES_AND_OPENS, ""),
    "wrong on the last line alone": (CLOSES_AND_OPENS, '"q"z\n'),
    "wrong after a while, again and again": (CLOSES_AND_OPENS * 100 + PLAIN + '"q"z\n', ""),
    "no quote below the open ones": (CLOSES_AND_OPENS * 200 + PLAIN * (MAX_RECORD_CHARS // len(PLAIN)), ""),
    "a cell just above its limit": (CLOSES_AND_OPENS * 100 + f'x","{LONG_CELL}"\n', ""),
    "a record above its limit that ends well": (LONG_RECORD + 'x","y"\n', ""),
    "a record above its limit, and a cell": (LONG_RECORD + f'x","{LONG_CELL}"\n', ""),
    "long lines": (CLOSES_AND_OPENS.replace(PADDING, PADDING * 50), ""),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_the_time_per_byte_is_the_same_for_small_and_large_files(name: str) -> None:
    block, end = FILES[name]
    allowed = [MAX_COST * seconds_per_mb(PLAIN * (MB // len(PLAIN)))[1]] * 2
    for size in SIZES:
        text = block * max(1, size // len(block)) + end
        best = seconds_per_mb(text)
        for _ in range(ROUNDS - 1):
            if best[0] < allowed[0] and best[1] < allowed[1]:
                break
            best = [min(pair) for pair in zip(best, seconds_per_mb(text), strict=True)]
        else:
            pytest.fail(f"{size} bytes: {best} s/MB in intake and in the worker; at most {allowed}")
        allowed = [min(pair[0], MAX_RATIO * pair[1]) for pair in zip(allowed, best, strict=True)]


def seconds_per_mb(text: str) -> list[float]:
    """Processor time in intake and in the worker, with chunks of the maximum size."""
    body = f"a,b\n{text}".encode()
    started = time.process_time()
    csv_file = CsvFile(io.BytesIO(body), charset=None, delimiter=",", mapping={})
    chunks = list(csv_file.chunks(chunk_rows=MB, max_rows=MB))
    cut_at = time.process_time()
    for chunk in chunks:
        records.read(chunk.body, delimiter=",", first_row=chunk.first_row, first_line=chunk.first_line)
    read_at = time.process_time()
    return [(cut_at - started) / len(body) * MB, (read_at - cut_at) / len(body) * MB]
