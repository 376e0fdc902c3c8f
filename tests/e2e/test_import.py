"""A spreadsheet becomes assets, through real processes."""

import os
import signal
from urllib.parse import urlencode

from tests.conftest import FOREIGN
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
