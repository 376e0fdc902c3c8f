"""A terminal of a certain width, and what a command leaves on its screen."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from typing import NamedTuple

LINES = 50
CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
BLOCK_BYTES = 4096


class Screen(NamedTuple):
    """What a command wrote, with control sequences, what it left on the screen, and its exit code."""

    written: str
    shown: str
    code: int


def run_in_terminal(
    arguments: Sequence[str], environment: Mapping[str, str], *, columns: int, typed: bytes = b""
) -> Screen:
    """Run the bulkimport command in a terminal that has so many columns, and type something."""
    terminal, end_of_command = pty.openpty()
    try:
        fcntl.ioctl(end_of_command, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, columns, 0, 0))
        command = subprocess.Popen(
            [sys.executable, "-m", "bulkimport", *arguments],
            env={**environment, "TERM": "xterm-256color", "PYTHONUTF8": "1"},
            stdin=end_of_command,
            stdout=end_of_command,
            stderr=end_of_command,
        )
    finally:
        os.close(end_of_command)
    try:
        os.write(terminal, typed)
        written = _until_closed(terminal).decode()
    finally:
        os.close(terminal)
        code = command.wait(60)
    return Screen(written, _screen(written, columns), code)


def _until_closed(terminal: int) -> bytes:
    written = b""
    while True:
        try:
            written += os.read(terminal, BLOCK_BYTES)
        except OSError:  # Linux reports so that the other end is closed
            return written


def _screen(written: str, columns: int) -> str:
    """The lines without control sequences, as overwritten after a carriage return, and broken at the edge."""
    lines = CONTROL_SEQUENCE.sub("", written).replace("\r\n", "\n").split("\n")
    whole = [line.rpartition("\r")[2].rstrip() for line in lines]
    broken = [line[start : start + columns] for line in whole for start in range(0, len(line) or 1, columns)]
    return "\n".join(broken).strip("\n")
