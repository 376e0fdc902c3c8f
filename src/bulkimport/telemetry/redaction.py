"""Exceptions as a log may have them: with nothing that a tenant sent.

A message that is not ours may quote a cell: PostgreSQL's DETAIL names the failing row, the excerpt below LINE
is the statement with its parameters in it, and even a ValueError says what it could not read.
"""

import traceback
from collections.abc import Iterator

import psycopg2

from bulkimport.errors import OperatorError

# Classes of SQLSTATE whose primary message speaks of the server, of names and of numbers, and never of data
# (PostgreSQL manual, appendix A).
WITHOUT_DATA = ("08", "25", "28", "3D", "40", "42", "53", "54", "55", "57", "58")
# Whose message speaks of the code, or of a file of ours.
OF_THE_CODE = (TypeError, AttributeError, NameError, ImportError, MemoryError, OSError)


def message(error: BaseException) -> str:
    """What the error says, as far as that cannot be data; its type and where it was raised tell the rest."""
    if isinstance(error, psycopg2.Error) and error.pgcode:
        return _of_the_server(error, error.pgcode)
    if isinstance(error, (psycopg2.Error, OperatorError, *OF_THE_CODE)):
        return str(error).strip()
    return "(the message may hold data)"


def report(error: BaseException) -> str:
    """The error and those that led to it, the first one first, each with the lines that were running."""
    return "\n".join(
        f"{''.join(traceback.format_tb(link.__traceback__))}{type(link).__qualname__}: {message(link)}"
        for link in reversed(list(_chain(error)))
    )


def _of_the_server(error: psycopg2.Error, sqlstate: str) -> str:
    names = (
        error.diag.schema_name,
        error.diag.table_name,
        error.diag.column_name,
        error.diag.constraint_name,
    )
    primary = error.diag.message_primary if sqlstate.startswith(WITHOUT_DATA) else None
    where = ".".join(name for name in names if name)
    return ", ".join(part for part in (f"SQLSTATE {sqlstate}", where, primary) if part)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
