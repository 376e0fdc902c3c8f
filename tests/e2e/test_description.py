"""The running service does what its OpenAPI description says, and nothing else."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import OWN, bearer, csv_of
from tests.e2e.conftest import Service

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
EXAMPLES, MANY_EXAMPLES = 10, 2_000  # of each operation
TIMEOUT_S = 300
SEED = 20_240_115


def test_schemathesis_finds_nothing(service: Service, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """All of its checks: no 5xx, no answer that is not described, no endpoint that ignores the token."""
    many = bool(request.config.getoption("--full"))
    service.start_web()
    service.start_worker()
    service.upload(csv_of("A", "A", "B"))
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION), "run"),
        *(f"http://127.0.0.1:{service.port}/openapi.json", "--no-color", "--checks", "all"),
        *("--mode", "all", "--phases", "examples,coverage,fuzzing,stateful", "--continue-on-failure"),
        *("--max-examples", str(MANY_EXAMPLES if many else EXAMPLES), "--generation-database", "none"),
        *("--header", f"Authorization: {bearer(OWN)['Authorization']}"),
        *(() if many else ("--seed", str(SEED))),  # what other requests do is for `make fuzz-api` to find out
    ]
    run = subprocess.run(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=None if many else TIMEOUT_S,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert re.search(r"Selected: (\d+)/\1\n", run.stdout), run.stdout
    assert b'"level": "error"' not in service.log.read_bytes()
