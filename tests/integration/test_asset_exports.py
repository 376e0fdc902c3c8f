"""Assets exported as a file, and the file uploaded again, as it is or changed."""

import csv
import io
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extras import Json

from bulkimport.spreadsheet import limits
from bulkimport.store import asset_columns
from bulkimport.web.operations import XLSX
from bulkimport.workbook.workbook import Workbook
from tests.conftest import FOREIGN, INACTIVE, bearer, csv_of
from tests.integration.conftest import Importer, accepted, counts, post, problem
from tests.integration.test_applying_plans import change, live
from tests.integration.test_plans import changes

URL = "/api/v1/assets"
ASSET = {"name": "Laptop", "type": "device", "valid_from": "2024-01-15", "is_active": True}
FIELDS = ["identifier", "name", "type", "description", "valid_from", "valid_to", "is_active"]


def create(importer: Importer, identifier: str, **fields: Any) -> int:
    """Create an asset; return the status of the response."""
    document = {**ASSET, "identifier": identifier, **fields}
    return importer.client.post(URL, json=document, headers=bearer()).status_code


def exported(importer: Importer, query: str = "", form: str = "csv") -> bytes:
    with importer.client.get(f"{URL}.{form}?{query}", headers=bearer()) as response:
        assert response.status_code == 200, response.get_data(as_text=True)
        file: bytes = response.data
        assert response.content_length == len(file)
        return file


def rows(file: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(file.decode("utf-8-sig"), newline="")))


def file_of(table: list[list[str]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(table)
    return file.getvalue().encode()


def update(importer: Importer, file: bytes, **options: str) -> dict[str, Any]:
    """The finished job of an upload with on_conflict=update."""
    return importer.run(file, on_conflict="update", **options)


@pytest.fixture
def existing(importer: Importer) -> None:
    """The account has A to E; another account has A to C."""
    importer.run(csv_of(*"ABCDE"))
    importer.run(csv_of(*"ABC"), FOREIGN)


def test_a_file_has_the_columns_of_an_upload_the_keys_in_use_and_the_versions(importer: Importer) -> None:
    create(
        importer, "A", metadata={"site": "Köln", "colour": 'gr"ey'}, valid_to="2024-02-01T08:00:00.5+01:00"
    )
    create(importer, "B", description="=1+1\nx", is_active=False, metadata={"room": "1"})
    change(importer, "B", name="Screen")
    assert rows(exported(importer)) == [
        [*FIELDS, "metadata.colour", "metadata.room", "metadata.site", "_version"],
        [
            *("A", "Laptop", "device", "", "2024-01-15", "2024-02-01T07:00:00.500000Z", "true"),
            *('gr"ey', "", "Köln", "1"),
        ],
        ["B", "Screen", "device", "=1+1\nx", "2024-01-15", "", "false", "", "1", "", "2"],
    ]


@pytest.mark.usefixtures("existing")
def test_a_workbook_has_the_same_cells(importer: Importer) -> None:
    create(importer, "=F", metadata={"site": "007"})
    file = exported(importer, form="xlsx")
    assert [row.cells for row in Workbook(io.BytesIO(file)).rows(None)] == rows(exported(importer))


def test_files_are_named_and_typed(importer: Importer) -> None:
    for form, content_type in (("csv", "text/csv; charset=utf-8"), ("xlsx", XLSX)):
        with importer.client.get(f"{URL}.{form}", headers=bearer()) as response:
            assert response.content_type == content_type
            assert response.headers["Content-Disposition"] == f'attachment; filename="assets.{form}"'


def test_a_byte_order_mark_can_be_left_out_and_formulas_made_safe(importer: Importer) -> None:
    create(importer, "-1", name="=1+1", description="@x", metadata={"k": "+1", "l": "x=1"})
    assert exported(importer).startswith(b"\xef\xbb\xbfidentifier,")
    table = rows(exported(importer, "bom=false&formula_safe=true"))
    assert table[1] == ["'-1", "'=1+1", "device", "'@x", "2024-01-15", "", "true", "'+1", "x=1", "1"]


@pytest.mark.usefixtures("existing")
def test_the_filters_are_those_of_the_list(importer: Importer) -> None:
    create(importer, "F", type="person", is_active=False, description="50% off", metadata={"k": "1"})
    change(importer, "B")
    job_id = importer.db.value("SELECT import_job_id FROM trakrf.assets WHERE identifier = 'D'")
    for query, expected in (
        ("", "ACDEF"),
        ("identifier=C", "C"),
        ("type=person", "F"),
        ("is_active=true", "ACDE"),
        ("q=0%25", "F"),
        (f"import_job_id={job_id}", "ACDE"),
    ):
        header, *table = rows(exported(importer, query))
        assert [row[0] for row in table] == [*expected]
        assert ("metadata.k" in header) == ("F" in expected)
        page = importer.client.get(f"{URL}?{query}", headers=bearer()).get_json()
        assert [asset["identifier"] for asset in page["assets"]] == [*expected]
    for form in ("csv", "xlsx"):
        refused = importer.client.get(f"{URL}.{form}?limit=1", headers=bearer())
        assert problem(refused) == (400, "invalid-parameters")
        refused = importer.client.get(f"{URL}.{form}", headers=bearer(INACTIVE))
        assert problem(refused) == (403, "inactive-account")


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.usefixtures("existing")
def test_an_export_that_is_uploaded_as_it_is_changes_nothing(importer: Importer, form: str) -> None:
    create(importer, "F", metadata={"k": "1"}, valid_from="2024-01-15T08:00:00Z", valid_to="2030-01-01")
    before = live(importer)
    assert counts(update(importer, exported(importer, form=form))) == {"unchanged": 6}
    assert live(importer) == before


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.usefixtures("existing")
def test_a_changed_export_updates_only_what_nobody_else_has_changed(importer: Importer, form: str) -> None:
    table = (
        rows(exported(importer))
        if form == "csv"
        else [row.cells for row in Workbook(io.BytesIO(exported(importer, form="xlsx"))).rows(None)]
    )
    change(importer, "C", name="Theirs")
    change(importer, "D")
    table[1][1] = table[3][1] = table[4][1] = "Mine"
    table.append(["N", "New", "device", "", "2024-01-15", "", "yes", ""])
    job = update(importer, file_of(table))
    assert counts(job) == {"created": 1, "updated": 1, "unchanged": 2, "failed": 2}
    assert importer.errors(job) == [(row, "identifier", "changed_since") for row in (4, 5)]
    names = {identifier: values[2] for identifier, values in live(importer).items()}
    assert names == {"A": "Mine", "B": "Laptop", "C": "Theirs", "E": "Laptop", "N": "New"}


@pytest.mark.usefixtures("existing")
def test_a_row_that_changes_nothing_fails_too_if_its_asset_has_changed(importer: Importer) -> None:
    table = rows(exported(importer))
    change(importer, "A", name="Same")
    table[1][1] = "Same"
    assert counts(update(importer, file_of(table))) == {"unchanged": 4, "failed": 1}


@pytest.mark.usefixtures("existing")
def test_a_row_without_a_version_is_like_any_other(importer: Importer) -> None:
    table = rows(exported(importer))
    change(importer, "A", name="Theirs")
    for row in table[1:]:
        row[1:2], row[-1] = ["Mine"], ""
    assert counts(update(importer, file_of(table))) == {"updated": 5}


@pytest.mark.usefixtures("existing")
def test_a_version_that_is_not_a_number_is_an_error_of_its_row(importer: Importer) -> None:
    table = rows(exported(importer))
    for row, version in zip(table[1:], ("1.0", "-1", "x", "2147483648", " 1 "), strict=True):
        row[-1] = version
    job = update(importer, file_of(table))
    assert importer.errors(job) == [(row, "_version", "invalid_version") for row in (2, 3, 4, 5)]
    assert job["errors"][2]["error"] == '_version "x" is not the number of a version'
    assert counts(job) == {"unchanged": 1, "failed": 4}


@pytest.mark.usefixtures("existing")
def test_versions_count_only_when_assets_are_updated(importer: Importer) -> None:
    table = rows(exported(importer))
    table[1][-1] = "x"
    change(importer, "B", name="Theirs")
    assert counts(importer.run(file_of(table), on_conflict="skip")) == {"skipped": 5}
    job = importer.run(file_of(table))
    assert {code for _, _, code in importer.errors(job)} == {"already_exists"}


@pytest.mark.usefixtures("existing")
def test_the_second_row_of_an_asset_is_a_duplicate_whatever_its_version(importer: Importer) -> None:
    table = rows(exported(importer))
    table[1][1] = "Mine"
    table.append([*table[1][:-1], "2"])  # in another chunk; the version that the first row leaves behind
    table.append(table[2])
    job = update(importer, file_of(table))
    assert importer.errors(job) == [(row, "identifier", "duplicate_in_file") for row in (7, 8)]


@pytest.mark.usefixtures("existing")
def test_all_or_nothing_imports_nothing_if_an_asset_has_changed(importer: Importer) -> None:
    table = rows(exported(importer))
    change(importer, "E", name="Theirs")
    before = live(importer)
    for row in table[1:]:
        row[1] = "Mine"
    job = update(importer, file_of(table), on_error="abort")
    assert (job["status"], importer.errors(job)) == ("failed", [(6, "identifier", "changed_since")])
    assert live(importer) == before


@pytest.mark.usefixtures("existing")
def test_a_plan_has_the_same_errors_and_its_application_keeps_to_the_versions(importer: Importer) -> None:
    table = rows(exported(importer))
    change(importer, "B", name="Theirs")
    table[1][1] = table[2][1] = table[3][1] = "Mine"
    job = update(importer, file_of(table), dry_run="true")
    assert importer.errors(job) == [(3, "identifier", "changed_since")]
    actions = [(each["row"], each["action"]) for each in changes(importer, job)]
    assert actions == [(2, "update"), (4, "update"), (5, "unchanged"), (6, "unchanged")]
    importer.db.rows(  # as if C had been changed between the check of its version and the plan
        "WITH changed AS (UPDATE trakrf.assets SET name = 'Theirs', version = 2"
        "                 WHERE identifier = 'C' AND account_id = 1)"
        "UPDATE trakrf.bulk_import_plans SET versions[array_position(identifiers, 'C')] = 2 "
        "WHERE 'C' = ANY (identifiers)"
    )
    done_id = accepted(post(importer, job["job_id"], "apply"))
    importer.work()
    assert importer.errors(importer.job(done_id)) == [(row, "identifier", "changed_since") for row in (3, 4)]
    assert {key: values[2] for key, values in live(importer).items() if key in "ABC"} == {
        "A": "Mine",
        "B": "Theirs",
        "C": "Theirs",
    }


@pytest.mark.usefixtures("existing")
def test_failed_rows_and_retries_keep_the_version(importer: Importer) -> None:
    table = rows(exported(importer))
    change(importer, "A", name="Theirs")
    table[1][1] = "Mine"
    job = update(importer, file_of(table))
    retried = importer.job(accepted(post(importer, job["job_id"], "retry")))
    importer.work()
    assert importer.errors(importer.job(retried["job_id"])) == [(2, "identifier", "changed_since")]
    failed = rows(importer.get(f"{job['job_id']}/failed-rows.csv").data)
    assert failed[0] == [*FIELDS, "_version", "_row", "_errors", "_job"]
    failed[1][7] = "2"  # now that both changes are known
    assert counts(importer.run(file_of(failed))) == {"updated": 1}
    assert live(importer)["A"][2] == "Mine"


def test_identifiers_like_shortened_numbers_are_those_of_their_assets(importer: Importer) -> None:
    create(importer, "8.93901E+18")
    table = rows(exported(importer))
    assert counts(update(importer, file_of(table))) == {"unchanged": 1}
    table[1][0], table[1][1] = "8.93902E+18", "Mine"
    assert importer.errors(update(importer, file_of(table))) == [(2, "identifier", "changed_since")]
    table[1][-1] = ""
    assert importer.errors(update(importer, file_of(table))) == [(2, "identifier", "scientific_notation")]


def test_what_a_file_cannot_say_is_left_out_and_left_as_it_is(importer: Importer) -> None:
    """Other programs than the service store more in the metadata than texts."""
    metadata = {"n": 1, "b": True, "o": {"a": [1]}, "null": None, "": "x", "e": "", "s": "1E+5", "t": "text"}
    names = {"Site": "1", "site": "2", " padded": "3", "x" * 250: "4", "two\nlines": "5"}
    create(importer, "A")
    importer.db.rows("UPDATE trakrf.assets SET metadata = %s", Json(metadata | names))
    header, row = rows(exported(importer))
    cells = dict(zip(header, row, strict=True))
    assert {name: cell for name, cell in cells.items() if name.startswith("metadata.")} == {
        **{f"metadata.{key}": "" for key in ("b", "e", "n", "null", "o", "s")},
        "metadata.Site": "1",
        "metadata.t": "text",
    }
    assert counts(update(importer, exported(importer))) == {"unchanged": 1}
    cells["metadata.t"] = "new"
    assert counts(update(importer, file_of([header, [*cells.values()]]))) == {"updated": 1}
    assert importer.db.value("SELECT metadata FROM trakrf.assets") == metadata | names | {"t": "new"}


def test_more_keys_than_a_file_may_have_columns_are_refused(importer: Importer) -> None:
    keys = [f"k{number}" for number in range(493)]
    create(importer, "A", metadata=dict.fromkeys(keys[:-1], "1"))
    assert counts(update(importer, exported(importer))) == {"unchanged": 1}
    create(importer, "B", metadata={keys[-1]: "1"})
    for form in ("csv", "xlsx"):
        refused = importer.client.get(f"{URL}.{form}", headers=bearer())
        assert problem(refused) == (400, "too-many-columns")
    assert len(rows(exported(importer, "identifier=A"))) == 2


@pytest.mark.usefixtures("existing")
def test_a_workbook_with_too_many_cells_is_refused(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_CELLS", 39)
    assert problem(importer.client.get(f"{URL}.xlsx", headers=bearer())) == (409, "csv-only")
    monkeypatch.setattr(limits, "MAX_CELLS", 40)
    exported(importer, form="xlsx")


@pytest.mark.usefixtures("existing")
def test_an_export_is_a_snapshot_of_one_moment(importer: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody changes the first and the last asset in one transaction while the export is between them."""
    export = asset_columns.export

    def and_somebody_else(*args: Any, **kwargs: Any) -> int:
        count = export(*args, **kwargs)
        importer.db.rows("UPDATE trakrf.assets SET name = name || '!' WHERE identifier IN ('A', 'E')")
        return count

    monkeypatch.setattr(asset_columns, "PORTION_ASSETS", 1)
    monkeypatch.setattr(asset_columns, "export", and_somebody_else)
    table = rows(exported(importer))
    assert [row[:2] for row in table[1:]] == [[identifier, "Laptop"] for identifier in "ABCDE"]
    assert live(importer)["E"][2] == "Laptop!!!!!!"


@pytest.mark.usefixtures("existing")
def test_a_client_that_does_not_read_keeps_no_session_busy(importer: Importer) -> None:
    with importer.client.get(f"{URL}.csv", headers=bearer(), buffered=False) as response:
        busy = importer.db.rows(
            "SELECT state, query FROM pg_stat_activity"
            " WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()"
        )
        assert (response.status_code, busy) == (200, [])


TEXTS = st.one_of(
    st.sampled_from(
        [
            *("1E+5", "-2,5e-3", "00123", "TRUE", "2024-01-15", "#N/A", "\\.", "\\N", "%s", "\x01", "sep=;"),
            *('a "quoted", text', "two\nlines", "a\rb", "a\r\n\r\nb", "'apostrophe", "=1+1"),
            *("_x0041_", "<r>x</r>"),
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8),
)
KEYS = st.one_of(
    st.sampled_from(
        ["k", "K", "a-b", "a_b", " k", "k ", 'q"u,o;te', "=1", "_version", "identifier", "%s", "é"]
    ),
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=5),
)
DOCUMENT = st.fixed_dictionaries(
    {
        "identifier": TEXTS,
        "name": TEXTS,
        "type": st.sampled_from(["person", "other"]),
        "description": st.one_of(st.none(), TEXTS),
        "valid_from": st.sampled_from(["0001-01-01", "1900-02-28", "2024-01-15T08:00:00.123456+02:00"]),
        "valid_to": st.sampled_from([None, "2024-02-29", "9999-12-31T23:59:59.999999Z"]),
        "is_active": st.booleans(),
        "metadata": st.dictionaries(KEYS, TEXTS, max_size=4),
    }
)


@pytest.mark.slow
@given(documents=st.lists(DOCUMENT, min_size=1, max_size=6))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
def test_whatever_assets_there_are_an_unchanged_export_leaves_them_as_they_are(
    importer: Importer, documents: list[dict[str, Any]]
) -> None:
    importer.db.rows("DELETE FROM trakrf.assets RETURNING 1")
    created = [create(importer, **document) for document in documents].count(201)
    if not created:
        return
    before = live(importer)
    for form in ("csv", "xlsx"):
        job = update(importer, exported(importer, form=form))
        assert counts(job) == {"unchanged": created}, job["errors"]
    assert live(importer) == before
