"""Idempotency-Keys of one account used at the same time, and after they have expired."""

import pytest
from psycopg2.extensions import cursor as Cursor

from bulkimport.database.connections import Database
from bulkimport.jobs import retention
from bulkimport.web import idempotency
from bulkimport.web.idempotency import Answer, IdempotencyKey
from bulkimport.web.problems import Problem
from tests.conftest import FOREIGN, OWN, TestDatabase, bearer, csv_of
from tests.integration.conftest import URL, Importer


def key(text: str, request: bytes = b"r") -> IdempotencyKey:
    return IdempotencyKey(text, request * 32)


def use(database: Database, key: IdempotencyKey, account_id: int = OWN) -> Answer:
    """A request with this key that does nothing."""
    return idempotency.once(database, lambda _: Answer(200, {}, key.text), account_id=account_id, key=key)


def expire(db: TestDatabase, *texts: str) -> None:
    db.rows(
        "UPDATE trakrf.idempotency_keys SET created_at = now() - interval '25 hours' WHERE key = ANY (%s)",
        list(texts),
    )


def kept(db: TestDatabase) -> list[tuple[object, ...]]:
    return db.rows("SELECT account_id, key FROM trakrf.idempotency_keys ORDER BY account_id, key")


def test_a_long_request_with_a_key_does_not_make_others_wait(
    importer: Importer, db: TestDatabase, web_database: Database
) -> None:
    def upload_another(_: Cursor) -> Answer:
        headers = {**bearer(), "Idempotency-Key": "short"}
        uploaded = importer.client.post(URL, data=csv_of("A"), content_type="text/csv", headers=headers)
        return Answer(uploaded.status_code, {}, "")

    use(web_database, key("expired"))
    expire(db, "expired")
    answer = idempotency.once(web_database, upload_another, account_id=OWN, key=key("long"))
    assert answer.status == 202


def test_an_expired_key_can_be_used_again_and_no_other_is_touched(
    db: TestDatabase, web_database: Database
) -> None:
    use(web_database, key("old"))
    use(web_database, key("older"))
    expire(db, "old", "older")
    assert not use(web_database, key("old", b"s")).replayed
    assert use(web_database, key("old", b"s")).replayed
    with pytest.raises(Problem) as problem:
        use(web_database, key("old"))
    assert problem.value.type == "idempotency-key-reused"
    assert kept(db) == [(OWN, "old"), (OWN, "older")]


def test_a_worker_purges_expired_keys_of_all_accounts_and_skips_those_in_use(
    db: TestDatabase,
    web_database: Database,
    worker_database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def purge(_: Cursor) -> Answer:
        while retention.purge_some(worker_database, days=30):
            pass
        return Answer(200, {}, "")

    monkeypatch.setattr(retention, "BATCH_KEYS", 2)
    for number in range(5):
        use(web_database, key(f"old-{number}"), FOREIGN if number % 2 else OWN)
    use(web_database, key("taken"))
    use(web_database, key("young"))
    expire(db, *(f"old-{number}" for number in range(5)), "taken")
    idempotency.once(web_database, purge, account_id=OWN, key=key("taken", b"s"))
    assert kept(db) == [(OWN, "taken"), (OWN, "young")]
    assert use(web_database, key("taken", b"s")).replayed
