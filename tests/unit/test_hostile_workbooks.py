"""Workbooks made to cost much cost little: at most 64 MiB, and 2 s of processor time."""

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.workbooks import MAIN, archive, workbook

MIB = 1024**2
MAX_MIB, MAX_SECONDS = 64, 2
# Prints the code of the refusal or how many rows there are, and the growth of memory in MiB and the seconds.
READ = """
import resource, sys, time
from bulkimport.errors import Refusal
from bulkimport.workbook.as_csv import csv_text
from bulkimport.workbook.workbook import Workbook

def peak():
    unit = 1024 if sys.platform == "linux" else 1024**2
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit

before, started = peak(), time.process_time()
with open(sys.argv[1], "rb") as file:
    try:
        with csv_text(Workbook(file), None) as text:
            result = str(sum(bool(line.strip()) for line in text))
    except Refusal as refusal:
        result = refusal.code
print(result, peak() - before, time.process_time() - started)
"""


def cell(reference: str, value: str = "1") -> str:
    return f'<row><c r="{reference}"><v>{value}</v></c></row>'


def sheet(inside: str, before: str = "", *, dimension: str = "A1") -> io.BytesIO:
    start = f'{before}<worksheet xmlns="{MAIN}"><dimension ref="{dimension}"/>'
    xml = f"{start}<sheetData>{inside}</sheetData></worksheet>"
    return workbook(parts={"xl/worksheets/sheet1.xml": xml})


def billion_laughs() -> str:
    entities = "".join(f'<!ENTITY l{number} "{f"&l{number - 1};" * 10}">' for number in range(1, 10))
    return f'<!DOCTYPE x [<!ENTITY l0 "lol">{entities}]>'


def strings(count: int) -> str:
    return "".join(f"<si><t>text {number}</t></si>" for number in range(count))


def with_size(file: io.BytesIO, name: bytes, size: int) -> io.BytesIO:
    """The archive with another uncompressed size of a part in its directory."""
    data = bytearray(file.getvalue())
    place = data.rindex(b"PK\x01\x02", 0, data.rindex(name))
    data[place + 24 : place + 28] = size.to_bytes(4, "little")
    return io.BytesIO(data)


def zeros(name: bytes) -> io.BytesIO:
    return workbook(cell("A1"), parts={name.decode(): bytes(64 * MIB)})


SHEET, STYLES = b"xl/worksheets/sheet1.xml", b"xl/styles.xml"
HOSTILE: dict[str, tuple[str, Callable[[], io.BytesIO]]] = {
    "a gigabyte of zeros": ("too-large", lambda: with_size(zeros(SHEET), SHEET, 1024 * MIB - 1)),
    "a gigabyte of zeros that claims to be small": ("not-csv", lambda: with_size(zeros(SHEET), SHEET, 1000)),
    "a gigabyte of zeros in another part": ("too-large", lambda: zeros(STYLES)),
    "an attribute of 3 MiB in another part": (
        "not-csv",
        lambda: workbook(
            cell("A1"), parts={STYLES.decode(): f'<styleSheet xmlns="{MAIN}" a="{noise(3 * MIB)}"/>'}
        ),
    ),
    "a cell in the far corner": ("too-many-columns", lambda: sheet(cell("XFD1048576"))),
    "a cell in the last row": ("1", lambda: sheet(cell("A1048576"))),
    "a wrong dimension": ("2", lambda: sheet(cell("A1") + cell("B7"), dimension="A1:XFD1048576")),
    "a billion laughs": ("not-csv", lambda: sheet(cell("A1", "&l9;"), billion_laughs())),
    "an external entity": (
        "not-csv",
        lambda: sheet(cell("A1", "&x;"), '<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
    ),
    "a million distinct strings": (
        "1",
        lambda: workbook('<row r="1"><c r="A1" t="s"><v>999999</v></c></row>', strings=strings(1_000_000)),
    ),
    "an attribute of 3 MiB": ("too-large", lambda: sheet(f'<row a="{noise(3 * MIB)}"/>')),
    "a comment of 3 MiB": ("too-large", lambda: sheet(f"<!--{noise(3 * MIB)}-->")),
    "a text of 3 MiB": ("too-large", lambda: sheet(cell("A1", noise(3 * MIB)))),
    "a shared string of 3 MiB": (
        "too-large",
        lambda: workbook('<row><c t="s"><v>0</v></c></row>', strings=f"<si><t>{noise(3 * MIB)}</t></si>"),
    ),
    "elements nested a million times": ("not-csv", lambda: sheet("<row>" * 1_000_000)),
    "shared strings nested a million times": (
        "not-csv",
        lambda: workbook('<row><c t="s"><v>0</v></c></row>', strings="<si>" * 1_000_000),
    ),
    "a row of a million cells": ("too-large", lambda: sheet("<row>" + "<c><v>1</v></c>" * 1_000_000)),
    "thirty thousand parts": (
        "too-large",
        lambda: archive({f"part{number}": "" for number in range(30_000)}),
    ),
    "a million styles": (
        "too-large",
        lambda: workbook(
            cell("A1"),
            parts={"xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><cellXfs>{"<xf/>" * 1_000_000}</cellXfs>'},
        ),
    ),
    "a format of a million quotes": (
        "1",
        lambda: workbook(cell("A1"), formats=['"' * 1_000_000, "[" * 255, '"' * 255, "\\" * 255]),
    ),
}


def noise(size: int) -> str:
    """A text that no limit of compression applies to."""
    block = "".join(chr(97 + number * number % 25) + str(number) for number in range(20_000))
    return (block * (size // len(block) + 1))[:size]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_workbook_costs_little(name: str, tmp_path: Path) -> None:
    expected, make = HOSTILE[name]
    path = tmp_path / "hostile.xlsx"
    path.write_bytes(make().getvalue())
    command = [sys.executable, "-c", READ, str(path)]
    result, mib, seconds = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert result == expected
    assert int(mib) <= MAX_MIB
    assert float(seconds) <= MAX_SECONDS
