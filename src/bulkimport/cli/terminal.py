"""Where the commands print: a terminal of any width, or a pipe."""

import sys

from rich.console import Console
from rich.table import Table

PIPE_COLUMNS = 100_000  # lines are broken only where somebody looks at them in a window


def console(*, stderr: bool = False) -> Console:
    """Standard output or standard error, in colours if it is a terminal and NO_COLOR is unset."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPE_COLUMNS
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def table(*, spaced: bool = False) -> Table:
    """A table without borders; with a blank line below each row if it is spaced."""
    padding = (0, 2, 1 if spaced else 0, 0)
    return Table(box=None, pad_edge=False, padding=padding, header_style="bold")


def visible(text: str) -> str:
    """The text with escapes for what would move the cursor, end the line or change colours of a terminal."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
