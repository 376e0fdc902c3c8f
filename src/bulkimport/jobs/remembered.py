"""The mapping and options of earlier imports, remembered by the header of their files."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from bulkimport.csvfile import header as headers
from bulkimport.database.connections import Database
from bulkimport.errors import Refusal
from bulkimport.jobs.options import Options
from bulkimport.store import jobs


class Remembered(NamedTuple):
    """An import, and the options that it had."""

    job_id: UUID
    options: Options


def get(database: Database, *, account_id: int, header: Sequence[str]) -> Remembered | None:
    """The account's import with exactly this header that was completed last; None if there is none."""
    with database.tenant_read(account_id) as cursor:
        job = jobs.latest_with_header(cursor, account_id=account_id, header=header)
    return Remembered(job.job_id, Options.from_stored(job.options).undated()) if job else None


def require(database: Database, *, account_id: int, header: Sequence[str]) -> Remembered:
    """As get; Refusal if there is none."""
    remembered = get(database, account_id=account_id, header=header)
    if remembered is None:
        raise Refusal(
            "nothing-remembered",
            f"No completed import of the account has the header {headers.listed(header)}; map the columns "
            "with columns=.",
        )
    return remembered
