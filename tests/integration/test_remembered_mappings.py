"""columns=remembered: a file is mapped as the last one with the same header was."""

import json
import re

import pytest

from bulkimport.store.jobs import LATEST_WITH_HEADER
from tests.conftest import FOREIGN, OWN, TestDatabase, csv_of
from tests.integration.conftest import Importer, problem
from tests.integration.test_preview import preview, respond

GERMAN = "Kennung;Bezeichnung;Art;Beginn;Aktiv\n"
MAPPING = {
    "Kennung": "identifier",
    "Bezeichnung": "name",
    "Art": "type",
    "Beginn": "valid_from",
    "Aktiv": "is_active",
}
OPTIONS = {"columns": json.dumps(MAPPING), "date_format": "DD.MM.YYYY", "on_conflict": "update"}


def german(identifier: str, name: str = "Tür", charset: str = "utf-8") -> bytes:
    return (GERMAN + f"{identifier};{name};device;31.01.2024;yes\n").encode(charset)


def test_mapping_and_options_are_those_of_the_latest_import(importer: Importer) -> None:
    importer.run(german("A"), columns=json.dumps(MAPPING), date_format="auto")
    latest = importer.run(german("A"), **OPTIONS)
    importer.run(csv_of("X"))
    accepted = importer.upload(german("B"), columns="remembered")
    assert accepted.get_json()["mapping_from"] == latest["job_id"]
    importer.work()
    job = importer.job(accepted.get_json()["job_id"])
    assert (job["created_rows"], job["failed_rows"]) == (1, 0)
    assert job["options"] == latest["options"]
    document = preview(importer, german("C"), columns="remembered")
    assert document["mapping_from"] == document["remembered_job_id"] == job["job_id"]
    assert {column["how"] for column in document["columns"]} == {"mapped"}
    assert (document["problems"], document["options"]["columns"]) == ([], MAPPING)


def test_options_of_the_request_win(importer: Importer) -> None:
    importer.run(german("A"), **OPTIONS)
    job = importer.run(german("A"), columns="remembered", on_conflict="skip", dry_run="true")
    assert (job["options"]["on_conflict"], job["options"]["date_format"]) == ("skip", "DD.MM.YYYY")
    again = importer.run(german("B"), columns="remembered")
    assert again["options"]["dry_run"] is False


def test_a_preview_offers_what_is_remembered(importer: Importer) -> None:
    assert preview(importer, german("A"))["remembered_job_id"] is None
    job = importer.run(german("A"), **OPTIONS)
    document = preview(importer, german("A"))
    assert (document["remembered_job_id"], document["mapping_from"]) == (job["job_id"], None)
    assert {column["how"] for column in document["columns"]} == {"none"}
    assert importer.upload(csv_of("A")).get_json()["mapping_from"] is None


@pytest.mark.parametrize(
    "header",
    [
        "Kennung;Bezeichnung;Art;Aktiv;Beginn",
        "Kennung;Bezeichnung;Art;Beginn;aktiv",
        "Kennung;Bezeichnung;Art;Beginn",
    ],
    ids=["another order", "another case", "a column less"],
)
def test_another_header_is_not_remembered(importer: Importer, header: str) -> None:
    importer.run(german("A"), **OPTIONS)
    file = f"{header}\nx\n".encode()
    assert problem(importer.upload(file, columns="remembered")) == (400, "nothing-remembered")
    assert problem(respond(importer, file, columns="remembered")) == (400, "nothing-remembered")


def test_only_completed_imports_of_the_account_are_remembered(importer: Importer) -> None:
    importer.upload(german("A"), **OPTIONS)
    assert problem(importer.upload(german("B"), columns="remembered")) == (400, "nothing-remembered")
    importer.work()
    assert problem(importer.upload(german("B"), FOREIGN, columns="remembered")) == (400, "nothing-remembered")
    assert preview(importer, german("B"), FOREIGN)["remembered_job_id"] is None
    job = importer.upload(german("B"), columns="remembered").get_json()["mapping_from"]
    importer.work()
    importer.db.rows("UPDATE trakrf.bulk_import_jobs SET deleted_at = now() WHERE id <> %s", job)
    assert importer.upload(german("B"), columns="remembered").get_json()["mapping_from"] == job
    importer.work()
    importer.db.rows("UPDATE trakrf.bulk_import_jobs SET deleted_at = now()")
    assert problem(importer.upload(german("B"), columns="remembered")) == (400, "nothing-remembered")


def test_a_remembered_encoding_is_used_where_the_file_does_not_say_another(importer: Importer) -> None:
    importer.run(german("A", charset="latin-1"), **OPTIONS, charset="latin-1")
    document = preview(importer, german("B", charset="latin-1"), columns="remembered")
    assert document["charset"] == {"value": "iso8859-1", "how": "declared"}
    assert document["rows"][0]["values"]["name"] == "Tür"
    importer.run(german("B", charset="latin-1"), columns="remembered")
    importer.run(german("C", charset="utf-8-sig"), columns="remembered")
    importer.run(german("D"), columns="remembered", charset="utf-8")
    assert importer.assets() == [(name, "Tür") for name in "ABCD"]


def test_a_default_of_today_is_the_date_of_the_new_job(importer: Importer) -> None:
    file = b"identifier,name,is_active\nA,x,yes\n"
    defaults = {"type": "asset", "valid_from": "today"}
    job = importer.run(file, defaults=json.dumps(defaults))
    importer.db.rows(
        "UPDATE trakrf.bulk_import_jobs "
        "SET options = jsonb_set(options, '{defaults,valid_from}', to_jsonb('2001-01-01'::text))"
    )
    assert preview(importer, file, columns="remembered")["options"]["defaults"] == defaults
    again = importer.run(file.replace(b"A,", b"B,"), columns="remembered")
    assert again["options"]["defaults"] == job["options"]["defaults"]


def test_the_lookup_reads_one_entry_of_an_index(db: TestDatabase) -> None:
    db.rows(
        """
        INSERT INTO trakrf.bulk_import_jobs (account_id, status, total_rows, header, completed_at)
        SELECT 1 + n % 2, 'completed', 0, CASE WHEN n % 3 = 0 THEN '{a,b}' ELSE ARRAY['a', n::text] END, now()
        FROM generate_series(1, 5000) AS n
        """
    )
    db.rows("ANALYZE trakrf.bulk_import_jobs")
    statement = LATEST_WITH_HEADER.replace("%(account_id)s", str(OWN)).replace("%(header)s", "'{a,b}'")
    plan = "\n".join(str(line) for (line,) in db.rows(f"EXPLAIN (ANALYZE, TIMING OFF) {statement}"))
    assert re.search(r"Index Scan using bulk_import_jobs_header_idx .* rows=1(\.00)? loops=1", plan), plan
    assert "Sort" not in plan
    absent = statement.replace("{a,b}", "{a,7}")
    plan = "\n".join(str(line) for (line,) in db.rows(f"EXPLAIN {absent}"))
    assert "Index Scan using bulk_import_jobs_header_idx" in plan, plan
