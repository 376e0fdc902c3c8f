"""Clients that are generated from the OpenAPI description, as the callers of the service generate theirs."""

import os
import re
import shlex
import shutil
import subprocess
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from bulkimport import settings
from bulkimport.app import create_app
from tests.conftest import SECRET, bearer
from tests.e2e.conftest import GUNICORN, Service, service
from tests.support.api_page import SECTIONS

__all__ = ("service",)  # a fixture

HERE = Path(__file__).parent
TIMEOUT_S = 900  # for Go, which compiles its tools and their libraries the first time
SECTION = SECTIONS["Generated clients"]
# Tool → its version, and the command that reads openapi.json.
TOOLS = {
    name: (version, command)
    for name, version, command in re.findall(r"^\| `(\S+)` \| (\S+) \| `(.+?)` \|", SECTION, re.MULTILINE)
}
# What npm, uv and go print if the network or the registry is to blame.
UNREACHABLE = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH"  # npm
    r"|error sending request for url \S+"  # uv
    r"|dial tcp\b.*|i/o timeout|TLS handshake timeout"  # go
)
QUIET = {"NO_COLOR": "1", "REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
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
    """A temporary copy of a folder with a client's source, to which its tools are added."""

    folder: Path

    def run(self, *command: str, **environment: str) -> str:
        """What a command prints; fails if it fails."""
        completed = self._completed(command, environment)
        assert completed.returncode == 0, completed.stdout + completed.stderr
        return completed.stdout

    def download(self, registry: str, *command: str) -> None:
        """Run a command that downloads from a registry; skip the tests if it cannot be reached."""
        completed = self._completed(command, {})
        if completed.returncode and (reason := UNREACHABLE.search(completed.stderr)):
            pytest.skip(f"{registry} cannot be reached: {reason[0]}")
        assert completed.returncode == 0, completed.stdout + completed.stderr

    def process_description(self, tool: str) -> str:
        """Run the tool's command of docs/api.md; what it prints, warnings included."""
        (self.folder / "openapi.json").write_text(description())
        completed = self._completed(shlex.split(TOOLS[tool][1]), {})
        assert completed.returncode == 0, completed.stdout + completed.stderr
        return completed.stdout + completed.stderr

    def _completed(
        self, command: Sequence[str], environment: Mapping[str, str]
    ) -> "subprocess.CompletedProcess[str]":
        path = os.pathsep.join([str(self.folder / ".venv/bin"), os.environ["PATH"]])
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **QUIET, "PATH": path, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )


def open_workshop(language: str, program: str, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """The workshop of a language's folder; skips the tests if a program that it needs is not installed."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    folder = tmp_path_factory.mktemp("clients") / language
    shutil.copytree(HERE / language, folder)
    return Workshop(folder)


def description() -> str:
    """What the service answers to GET /openapi.json."""
    app = create_app(settings.load({"DATABASE_URL": "postgresql:///none", "JWT_SECRET": SECRET}))
    return app.test_client().get("/openapi.json").get_data(as_text=True)


@pytest.fixture(params=["bulkimport.app", "tests.clients.later_service"])
def service_variables(service: Service, request: pytest.FixtureRequest) -> dict[str, str]:
    """What a client needs to call the service: of this release, and of a later one with more fields."""
    service.start_web([*GUNICORN[:-1], f"{request.param}:create_app()"])
    service.start_worker()
    return {
        "BULKIMPORT_URL": f"http://127.0.0.1:{service.port}",
        "BULKIMPORT_TOKEN": bearer()["Authorization"].removeprefix("Bearer "),
        "BULKIMPORT_FILE": str(HERE / "assets.csv"),
    }


def require_same_loop(language: str, program: Path) -> None:
    """Check that a client's program waits as docs/api.md shows it for its language."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
    source = program.read_text()
    indentations = re.findall(rf"^([ \t]*){re.escape(block.splitlines()[0])}$", source, re.MULTILINE)
    assert any(textwrap.indent(block, indentation) in source for indentation in indentations)
