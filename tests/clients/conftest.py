"""Clients that are generated from the OpenAPI description, as the callers of the service generate theirs."""

import json
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bulkimport import settings
from bulkimport.app import create_app
from tests.conftest import SECRET, bearer
from tests.e2e.conftest import Service, service
from tests.support.api_page import SECTIONS

__all__ = ("service",)  # a fixture

HERE = Path(__file__).parent
TIMEOUT_S = 900  # for Go, which compiles its tools and their libraries the first time
# The table of docs/api.md: tool → its version and the command that generates a client from openapi.json.
GENERATORS = {
    name: (version, command)
    for name, version, command in re.findall(
        r"^\| `(\S+)` (\S+) \| `(.+?)` \|", SECTIONS["Generated clients"], re.MULTILINE
    )
}
# What npm, uv and go print if the network or the registry is to blame.
UNREACHABLE = re.compile(
    "ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH"
    "|error sending request|dns error|Connection refused"
    "|dial tcp|no such host|i/o timeout|TLS handshake timeout"
)
# What each client prints: what it has read from the service, and the codes of its problems.
SUMMARY = {
    "job": {
        "status": "completed",
        "created_rows": 1,
        "failed_rows": 1,
        "progress": 1,
        "date_format": "DD/MM/YYYY",
        "on_conflict": "update",
        "did_you_mean": "description",
    },
    "row_errors": [{"row": 3, "field": "valid_from", "code": "invalid_date", "value": "31/02/2024"}],
    "names": ["Lobby screen", "Lobby screen, left"],
    "problems": ["precondition-failed", "unauthorized", "not-found", "missing-columns"],
}


@dataclass(frozen=True)
class Workshop:
    """A temporary folder with a client's source, its pinned tools and the description as openapi.json."""

    folder: Path
    path: str

    def run(self, *command: str, **environment: str) -> str:
        """What a command prints on standard output; fails if it fails."""
        completed = self.completed(*command, **environment)
        assert completed.returncode == 0, completed.stdout + completed.stderr
        return completed.stdout

    def completed(self, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, "PATH": self.path, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    def install(self, *command: str) -> None:
        """Run a command that downloads; skip the tests if it cannot reach its registry."""
        completed = self.completed(*command)
        if completed.returncode and UNREACHABLE.search(completed.stderr):
            pytest.skip(f"{command[0]} cannot reach its registry: {completed.stderr.strip()[-300:]}")
        assert completed.returncode == 0, completed.stdout + completed.stderr

    def generate(self, tool: str) -> str:
        """Run the command that docs/api.md gives for a tool; what it prints."""
        completed = self.completed(*shlex.split(GENERATORS[tool][1]))
        assert completed.returncode == 0, completed.stdout + completed.stderr
        return completed.stdout + completed.stderr


def workshop(language: str, programs: str, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A copy of a language's folder; skips the tests if one of the programs is not installed."""
    for program in programs.split():
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    folder = tmp_path_factory.mktemp("clients") / language
    shutil.copytree(HERE / language, folder)
    (folder / "openapi.json").write_text(description())
    binaries = [folder / ".venv/bin", folder / "node_modules/.bin"]
    return Workshop(folder, os.pathsep.join([*map(str, binaries), os.environ["PATH"]]))


def description() -> str:
    """What the service answers to GET /openapi.json."""
    app = create_app(settings.load({"DATABASE_URL": "postgresql:///unused", "JWT_SECRET": SECRET}))
    return app.test_client().get("/openapi.json").get_data(as_text=True)


@pytest.fixture(params=["bulkimport.app", "tests.clients.later_service"])
def service_variables(service: Service, request: pytest.FixtureRequest) -> dict[str, str]:
    """What a client needs to call the service: of this release, and of a later one with more fields."""
    service.start_web(app=f"{request.param}:create_app()")
    service.start_worker()
    return {
        "BULKIMPORT_URL": f"http://127.0.0.1:{service.port}",
        "BULKIMPORT_TOKEN": bearer()["Authorization"].removeprefix("Bearer "),
        "BULKIMPORT_FILE": str(HERE / "assets.csv"),
    }


def require_summary(printed: str) -> None:
    """Check that a client has done and read everything."""
    summary: dict[str, Any] = json.loads(printed)
    assert summary == SUMMARY
