"""Exceptions in a form that may be logged: without anything that a tenant sent.

A message that this service did not write may quote a cell: PostgreSQL's DETAIL names the failing row, the
excerpt below LINE is the statement with its parameters, and even a ValueError shows what it could not parse.
"""

import traceback
from collections.abc import Iterator

import psycopg2

from bulkimport.errors import OperatorError

# Classes of SQLSTATE whose primary message is about the server, names or numbers, and never about data
# (PostgreSQL manual, appendix A).
WITHOUT_DATA = ("08", "25", "28", "3D", "40", "42", "53", "54", "55", "57", "58")
# Exceptions whose message is about the code or one of the service's own files.
OF_THE_CODE = (TypeError, AttributeError, NameError, ImportError, MemoryError, OSError)


def message(error: BaseException) -> str:
    """The error's message, or the part of it that cannot contain data.

    For a database error: SQLSTATE, the table or constraint, and the primary message if its class is safe.
    """
    if isinstance(error, psycopg2.Error) and error.pgcode:
        return _of_the_server(error, error.pgcode)
    if isinstance(error, (psycopg2.Error, OperatorError, *OF_THE_CODE)):
        return str(error).strip()
    return "(message withheld: it may contain data)"


def report(error: BaseException) -> str:
    """The error and its causes, the first cause first, each with its traceback and redacted message."""
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
