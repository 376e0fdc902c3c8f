"""The version of the schema, as the migrations record it."""

from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor


@dataclass(frozen=True)
class SchemaVersion:
    """The number of the last migration, 0 if there is none; `dirty` if it was left half-way."""

    number: int
    dirty: bool


READ = """
/* schema_version.read */
SELECT version, dirty
FROM public.schema_migrations
"""


def read(cursor: Cursor) -> SchemaVersion:
    """The recorded version."""
    cursor.execute(READ)
    return SchemaVersion(*(cursor.fetchone() or (0, False)))
