"""A spreadsheet becomes assets, through real processes."""

import base64
import gzip
import hashlib
import io
import json
import os
import signal
from datetime import date
from urllib.parse import urlencode

import openpyxl

from tests.conftest import FOREIGN, OWN
from tests.e2e.conftest import Service, csv_file, require_every_row_once, wait_until


def test_a_file_becomes_assets(service: Service) -> None:
    service.start_web()
    service.start_worker()
    csv = csv_file(12_000, bad_every=1_000)

    job = service.wait_for(job_id := service.upload(csv))

    assert (job["status"], job["total_rows"], job["failed_rows"]) == ("completed", 12_000, 12)
    assert job["successful_rows"] == 11_988
    message = 'type "spaceship" is not a type (expected one of person, device, asset, inventory, other)'
    assert job["errors"][0] == {
        "row": 2,
        "line": 2,
        "field": "type",
        "code": "unknown_type",
        "message": message,
        "value": "spaceship",
        "error": message,
    }
    require_every_row_once(service.db, job_id, csv)


def test_failed_rows_are_corrected_and_uploaded_again(service: Service) -> None:
    service.start_web()
    service.start_worker()
    csv = csv_file(12_000, bad_every=2).replace(b",", b";")
    first = service.wait_for(service.upload(csv))
    assert (first["created_rows"], first["failed_rows"]) == (6_000, 6_000)

    status, failed = service.request_bytes("GET", f"/api/v1/assets/bulk/{first['job_id']}/failed-rows.csv")
    assert (status, failed.count(b"\r\n")) == (200, 6_001)
    second = service.wait_for(service.upload(failed.replace(b"spaceship", b"device")))

    assert (second["status"], second["created_rows"]) == ("completed", 6_000)
    assert second["parent_job_id"] == first["job_id"]
    assert service.db.value("SELECT count(DISTINCT identifier) FROM trakrf.assets") == 12_000


def test_another_account_sees_neither_the_job_nor_the_assets(service: Service) -> None:
    service.start_web()
    service.start_worker()
    service.wait_for(job_id := service.upload(csv_file(3)))

    status, _ = service.request("GET", f"/api/v1/assets/bulk/{job_id}", account_id=FOREIGN)
    _, own = service.request("GET", "/api/v1/assets")
    _, foreign = service.request("GET", "/api/v1/assets", account_id=FOREIGN)

    assert status == 404
    assert (len(own["assets"]), foreign["assets"]) == (3, [])


def test_a_small_file_does_not_wait_behind_a_large_one(service: Service) -> None:
    service.start_web(CHUNK_ROWS="500")
    large = service.upload(csv_file(50_000))
    small = service.upload(csv_file(50), FOREIGN)
    service.start_worker()

    service.wait_for(small, account_id=FOREIGN)

    assert service.job(large)["status"] in ("pending", "processing")


def test_the_supervisor_replaces_dead_workers_and_stops_all_when_it_ends(service: Service) -> None:
    service.start_web()
    supervisor = service.start_worker(single=False, WORKER_CONCURRENCY="2")
    first = wait_until(lambda: len(pids := service.worker_pids()) == 2 and pids, "two workers")

    for pid in first:
        os.kill(pid, signal.SIGKILL)
    second = wait_until(
        lambda: len(pids := service.worker_pids()) == 2 and not set(pids) & set(first) and pids,
        "two new workers",
    )
    service.wait_for(service.upload(csv_file(10)))

    supervisor.send_signal(signal.SIGKILL)
    supervisor.wait()
    wait_until(lambda: not service.worker_pids(), "no worker outlives its supervisor", 15)
    assert second


def test_a_file_that_is_not_ours_is_read_with_options(service: Service) -> None:
    service.start_web()
    service.start_worker()
    csv = (
        b"sep=;\nAll assets; of ACME\nAsset Tag;Asset Name;Type;Valid\tFrom;Valid To;Active;metadata.serial\n"
        b"A;Laptop;device;1/15/24 8:00 AM;31-Dec-2024;yes;8.93901E+18\nB;Drill;asset;2/1/24;;no\n"
    )
    options = urlencode(
        {
            "header_row": 3,
            "date_format": '{"valid_from": "auto", "valid_to": "DD-Mon-YYYY"}',
            "accept_numbers": "true",
        }
    )
    job = service.wait_for(service.upload(csv, options=f"?{options}"))
    assert (job["created_rows"], job["errors"]) == (2, [])
    assert {name: job["options"][name] for name in ("delimiter", "header_row", "accept_numbers")} == {
        "delimiter": ";",
        "header_row": 3,
        "accept_numbers": True,
    }
    assert job["options"]["date_formats"] == {"valid_from": "M/D/YY", "valid_to": "DD-Mon-YYYY"}


def test_a_workbook_is_imported_with_options_and_its_failed_rows_are_fixed_in_a_workbook(
    service: Service,
) -> None:
    service.start_web()
    service.start_worker()
    workbook, file = openpyxl.Workbook(), io.BytesIO()
    workbook.active.append(["a sheet that is not meant"])
    sheet = workbook.create_sheet("Site 1")
    for row in (
        ["All assets of ACME", date(2024, 5, 6)],
        ["Asset Tag", "Asset Name", "Valid From", "metadata.serial"],
        [None, "Laptop", date(2024, 1, 15), "00123"],
        ["D-1", "Drill", "31/12/2024", 12345678901234567890],
    ):
        sheet.append(row)
    workbook.save(file)
    options = {
        "sheet": "site 1",
        "header_row": "2",
        "date_format": '{"valid_from": "DD/MM/YYYY"}',
        "identifiers": "generate",
        "defaults": '{"type": "asset", "is_active": "true", "valid_to": "today", "metadata.site": "Berlin"}',
    }

    job = service.wait_for(service.upload(file.getvalue(), options=f"?{urlencode(options)}"))

    today = service.db.value("SELECT (now() AT TIME ZONE 'UTC')::date::text")
    assert (job["created_rows"], job["failed_rows"], job["options"]["sheet"]) == (1, 1, "Site 1")
    assert job["options"]["defaults"] == {**json.loads(options["defaults"]), "valid_to": today}
    assert [(error["row"], error["code"]) for error in job["errors"]] == [(4, "number_rounded")]
    retry = service.wait_for(service.retry(job["job_id"]))
    assert (retry["errors"], retry["options"]) == (job["errors"], job["options"])

    _, failed = service.request_bytes("GET", f"/api/v1/assets/bulk/{job['job_id']}/failed-rows.xlsx")
    unfixed = service.wait_for(service.upload(failed))
    assert [(error["row"], error["code"]) for error in unfixed["errors"]] == [(2, "number_rounded")]
    workbook, file = openpyxl.load_workbook(io.BytesIO(failed)), io.BytesIO()
    workbook.active["D2"] = "12345678901234567890"
    workbook.save(file)
    fixed = service.wait_for(service.upload(file.getvalue()))
    assert (fixed["created_rows"], fixed["parent_job_id"]) == (1, job["job_id"])
    assert service.db.rows(
        "SELECT identifier, valid_from::date::text, valid_to::date::text, metadata"
        " FROM trakrf.assets ORDER BY identifier"
    ) == [
        ("ASSET-0001", "2024-01-15", today, {"serial": "00123", "site": "Berlin"}),
        ("D-1", "2024-12-31", today, {"serial": "12345678901234567890", "site": "Berlin"}),
    ]


def test_a_compressed_body_with_a_digest_clears_values_and_a_revert_restores_them(service: Service) -> None:
    service.start_web()
    service.start_worker()
    csv = b"identifier,name,type,valid_from,is_active,description,metadata.site\n"
    service.wait_for(service.upload(csv + b"A,Drill,asset,2024-01-15,yes,old,Berlin\n"))
    body = gzip.compress(b"identifier,description,valid_to,metadata.site\nA,,,#N/A\n")
    digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
    headers = {"Content-Encoding": "gzip", "Content-Digest": digest}
    options = "?on_conflict=update&empty=clear&clear_value=%23N%2FA"

    def values() -> list[tuple[object, ...]]:
        return service.db.rows("SELECT description, metadata FROM trakrf.assets")

    status, refused = service.request(
        "POST", "/api/v1/assets/bulk", body[:-1], OWN, **{"Content-Type": "text/csv", **headers}
    )
    assert (status, refused["code"]) == (400, "digest-mismatch")
    job = service.wait_for(service.upload(body, OWN, options, **headers))
    assert (job["updated_rows"], job["options"]["empty"], job["options"]["clear_value"]) == (
        1,
        "clear",
        "#N/A",
    )
    assert values() == [(None, {})]
    status, revert = service.request("POST", f"/api/v1/assets/bulk/{job['job_id']}/revert")
    assert (status, service.wait_for(revert["job_id"])["status"]) == (202, "completed")
    assert values() == [("old", {"site": "Berlin"})]
