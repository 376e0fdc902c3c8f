"""A database in which two accounts have the same of everything, under the same ids.

So whatever does not name its account, or is not kept to it, meets the other's row as well as its own.
"""

from typing import Any
from uuid import UUID

import psycopg2
from psycopg2.extras import register_uuid

from bulkimport.store.asset_columns import COLUMNS
from tests.conftest import FOREIGN, OWN, TestDatabase

JOB = UUID("00000000-0000-4000-8000-000000000001")  # pending, claimed by no worker; reverts PARENT
PARENT = UUID("00000000-0000-4000-8000-000000000002")  # completed, long ago
PROCESSING = UUID("00000000-0000-4000-8000-000000000003")  # has no row in the queue
FAILED = UUID("00000000-0000-4000-8000-000000000004")
OLDER = UUID("00000000-0000-4000-8000-000000000006")  # is before JOB in the queue; applies PARENT's plan
CANCELLED = UUID("00000000-0000-4000-8000-000000000005")
NEW = UUID("00000000-0000-4000-8000-000000000009")  # does not exist yet
ASSET, CHANGED_ASSET = 1_000_001, 1_000_002  # higher than the table's own numbers reach

IDS = {
    "job": JOB,
    "parent": PARENT,
    "processing": PROCESSING,
    "failed": FAILED,
    "cancelled": CANCELLED,
    "older": OLDER,
    "asset": ASSET,
    "changed_asset": CHANGED_ASSET,
}

FILL = """
INSERT INTO trakrf.bulk_import_jobs (account_id, id, status, total_rows, created_by)
VALUES (%(account)s, %(processing)s, 'processing', 3, 'me'),
       (%(account)s, %(failed)s,     'failed',     3, 'me'),
       (%(account)s, %(cancelled)s,  'cancelled',  3, 'me'),
       (%(account)s, %(older)s,      'pending',    3, 'me');

INSERT INTO trakrf.bulk_import_jobs (account_id, id, status, total_rows, processed_rows, failed_rows,
                                     created_rows, updated_rows, skipped_rows, header)
VALUES (%(account)s, %(parent)s, 'completed', 3, 3, 1, 1, 1, 0, '{a}');

INSERT INTO trakrf.bulk_import_jobs (account_id, id, kind, parent_job_id, total_rows, created_rows,
                                     updated_rows, skipped_rows, removed_rows)
VALUES (%(account)s, %(job)s, 'revert', %(parent)s, 9, 0, 0, 0, 0);

INSERT INTO trakrf.assets (account_id, id, identifier, name, type, valid_from, import_job_id, import_row,
                           version, metadata)
OVERRIDING SYSTEM VALUE
VALUES (%(account)s, %(asset)s,         'A', 'Laptop', 'device', '2024-01-15', %(parent)s, 2,    1,
        '{"k": ""}'),
       (%(account)s, %(changed_asset)s, 'B', 'Laptop', 'device', '2024-01-15', NULL,       NULL, 2,
        '{}');

INSERT INTO trakrf.bulk_import_chunks (account_id, job_id, number, first_row, rows, body)
VALUES (%(account)s, %(parent)s, 0, 2, 3, 'body'), (%(account)s, %(job)s, 0, 2, 9, '');

INSERT INTO trakrf.bulk_import_queue (account_id, job_id, chunks, enqueued_at)
VALUES (%(account)s, %(older)s, 2, '2024-01-01'), (%(account)s, %(job)s, 2, now());

INSERT INTO trakrf.bulk_import_errors (account_id, job_id, row_number, position, code, message)
VALUES (%(account)s, %(parent)s, 4, 0, 'required', ''), (%(account)s, %(job)s, 4, 0, 'changed_since', '');

INSERT INTO trakrf.bulk_import_identifiers (account_id, job_id, identifier, row_number)
VALUES (%(account)s, %(job)s, 'A', 7);

INSERT INTO trakrf.bulk_import_changes (account_id, job_id, row_number, asset_id, version_after, name, type,
                                        valid_from, is_active, metadata)
VALUES (%(account)s, %(parent)s, 3, %(changed_asset)s, 2, 'Notebook', 'device', '2024-01-15', true, '{}'),
       (%(account)s, %(job)s,    3, %(changed_asset)s, 2, 'Notebook', 'device', '2024-01-15', true, '{}');

INSERT INTO trakrf.bulk_import_plans (account_id, job_id, number, first_row, last_row, created_rows,
                                      updated_rows, unchanged_rows, skipped_rows, rows, identifiers,
                                      asset_ids, versions, changes)
VALUES (%(account)s, %(job)s, 1, 2, 2, 1, 0, 0, 0, '{2}', '{A}', '{NULL}', '{NULL}', '{NULL}');

UPDATE trakrf.bulk_import_jobs
SET parent_job_id = %(parent)s,
    applies_plan  = true
WHERE account_id = %(account)s
  AND id         = %(older)s;

INSERT INTO trakrf.bulk_import_finished (account_id, job_id, finished_at)
VALUES (%(account)s, %(parent)s, '2020-01-01'), (%(account)s, %(failed)s, now()),
       (%(account)s, %(cancelled)s, 'infinity');

INSERT INTO trakrf.asset_numbers (account_id, last_number)
VALUES (%(account)s, 7);

INSERT INTO trakrf.idempotency_keys (account_id, key, fingerprint, status, headers, body, created_at)
VALUES (%(account)s, 'k', sha256('request'), 202, '{}', '', '2020-01-01');
"""

# The parameters of the statements of store/, by name: OWN's real rows.
PARAMETERS: dict[str, Any] = {
    "account_id": OWN,
    "job_id": JOB,
    "job_ids": [JOB],
    "parent_id": PARENT,
    **dict.fromkeys(("after_id", "after_identifier", "before_id", "before_time"), None),
    "after_position": 0,
    "action": None,
    "after_row": 0,
    "above": 9,
    "count": 1,
    "clears": True,
    "unnumbered": [4],
    "until_row": 10,
    "on_conflict": "update",
    "first_row": 2,
    "last_row": 99,
    "row": 4,
    "limit": 10,
    "scan_rows": 10,
    "sort": "id",
    "last_id": 2**63 - 1,
    "keys": ["k"],
    "unreadable": "x",
    "formula": "^=",
    "versions": "{1}",
    "number": 0,
    "first_line": 2,
    "rows": 1,
    "body": b"body",
    "text": "body",
    "bytes": b"body",
    "chunk_rows": 5,
    "asset_id": ASSET,
    "identifier": "A",
    **dict.fromkeys(COLUMNS),
    "name": "Laptop",
    "type": "device",
    "valid_from": "2024-01-15",
    "is_active": True,
    "metadata": "{}",
    "import_job_id": PARENT,
    "import_row": 2,
    "identifiers": "{A}",
    "pattern": "%",
    "ahead": 0,
    "attempt": 0,
    "chunks": 2,
    "copies": 0,
    "failed_rows": 1,
    "place": 0,
    "next_chunk": 0,
    "only_check": False,
    "row_errors": "",
    "separator": "; ",
    "days": 30,
    "delay_s": 0,
    "grace_s": 2,
    "max_wait_s": 4,
    "hours": 24,
    "channel": "bulkimport_queue",
    "key": "k",
    "fingerprint": b"f" * 32,
    "headers": "{}",
    "kind": "import",
    "total_rows": 1,
    "blank_rows": 0,
    "options": "{}",
    "header": ["a"],
    "columns": ["name"],
    "ignored_columns": "[]",
    "parent_job_id": PARENT,
    "applies_plan": False,
    "created_by": "me",
    "request_id": "r",
    "traceparent": None,
    "file_name": "f.csv",
    "file_bytes": 1,
    "file_sha256": b"h" * 32,
    "created_after": "2000-01-01",
    "created_before": "2100-01-01",
    "status": "failed",
    "failure": "it did",
    "created": 1,
    "updated": 0,
    "unchanged": 0,
    "skipped": 0,
    "failed": 0,
    "removed": 0,
    "errors": "[]",
    "error_summary": "[]",
    "lines": "{9}",
    "positions": "{0}",
    "fields": "{name}",
    "codes": "{required}",
    "messages": "{m}",
    "values": "{v}",
    "alike": "{1}",
}

# For statements that insert a row, which must not exist yet, and where a name means different things.
ARRAYS = {
    **dict.fromkeys(COLUMNS, "{NULL}"),
    "import_row": "{9}",
    "identifier": "{NEW}",
    "name": "{N}",
    "type": "{device}",
    "valid_from": "{2024-01-15}",
    "is_active": "{t}",
    "metadata": "{NULL}",
}
PARAMETERS_OF: dict[str, dict[str, Any]] = {
    "asset_columns.last_id": {"after_id": 0, "scan_rows": 1},
    "asset_columns.keys": {"after_id": 0},
    "asset_columns.export": {"after_id": 0},
    "assets.insert": {"identifier": "NEW"},
    "chunks.insert": {"number": 1},
    "chunks.copy_undone": {"job_id": NEW},
    "chunks.copy_handled": {"job_id": NEW},
    "finished.expire": {"job_id": PARENT},
    "finished.add": {"job_id": JOB},
    "finished.renew": {"job_id": PARENT},
    "idempotency_keys.get": {"hours": 1_000_000},
    "idempotency_keys.reserve": {"key": "new"},
    "idempotency_keys.record": {"status": 200, "body": ""},
    "jobs.create": {"job_id": NEW},
    "queue.enqueue": {"job_id": PROCESSING},
    "plans.get_actions": {"number": 1},
    "plans.lock_planned": {"number": 1},
    "reverting.plan": {"job_id": NEW},
    "row_errors.insert": {"rows": "{9}"},
    "staged_assets.insert_all": ARRAYS,
    "staging.other_versions": {"rows": "{2}"},
    "staging.taken": {"rows": "{9}"},
}

# What is staged for those that read asset_staging: an identifier that the account has, or else the row that
# the statement looks for.
STAGE = """
INSERT INTO pg_temp.asset_staging (import_row, identifier, name, type, valid_from, valid_to, is_active)
VALUES (2, %(identifier)s, %(name)s, 'device', %(valid_from)s, %(valid_to)s, true)
"""
STAGED = {"identifier": "A", "name": "Laptop", "valid_from": "2024-01-15", "valid_to": None}
STAGED_OF: dict[str, dict[str, Any]] = {
    "staging.note_identifiers": {"identifier": "NEW"},
    "staged_assets.insert_staged": {"identifier": "NEW"},
    "staged_assets.incomplete": {"name": None},
    "staged_assets.misordered": {"valid_from": None, "valid_to": "2000-01-01"},
}

TENANT_TABLES = """
SELECT relname::text
FROM pg_class
WHERE relnamespace = 'trakrf'::regnamespace
  AND relkind IN ('r', 'p')
ORDER BY 1
"""


def fill(db: TestDatabase) -> None:
    """Insert rows of both accounts into each table."""
    connection = psycopg2.connect(db.admin_url)
    register_uuid(conn_or_curs=connection)  # type: ignore[no-untyped-call]
    try:
        with connection, connection.cursor() as cursor:
            for account in (OWN, FOREIGN):
                cursor.execute(FILL, IDS | {"account": account})
    finally:
        connection.close()


def tables(db: TestDatabase) -> list[str]:
    """All tables of the schema, from the catalogue."""
    return [str(name) for (name,) in db.rows(TENANT_TABLES)]


def snapshot(db: TestDatabase) -> dict[str, list[str]]:
    """Every row of every table, with the transaction that wrote it, as the administrator sees it."""
    return {
        table: [
            str(row)
            for (row,) in db.rows(f"SELECT xmin || ' ' || t::text FROM trakrf.{table} AS t ORDER BY 1")
        ]
        for table in tables(db)
    }
