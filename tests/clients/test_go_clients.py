"""Clients in Go: oapi-codegen's and ogen's."""

import json
from dataclasses import replace

import pytest

from tests.clients.conftest import HERE, SUMMARY, TOOLS, Workshop, open_workshop, require_same_loop

FOLDERS = {"oapi-codegen": "oapi", "ogen": "ogen"}


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Both clients' module, with what it needs downloaded."""
    module = open_workshop("go", "go", tmp_path_factory)
    module.download("Go's module proxy", "go", "mod", "download")
    return module


@pytest.fixture(scope="module", params=FOLDERS)
def client(module: Workshop, request: pytest.FixtureRequest) -> Workshop:
    """A folder with the program `client`."""
    workshop = replace(module, folder=module.folder / FOLDERS[request.param])
    workshop.process_description(request.param)
    workshop.run("go", "vet", "./...")
    workshop.run("go", "build", "-o", "client", ".")
    return workshop


def test_the_client_does_everything(client: Workshop, service_variables: dict[str, str]) -> None:
    assert json.loads(client.run("./client", **service_variables)) == SUMMARY


def test_the_documentation_shows_this() -> None:
    require_same_loop("go", HERE / "go/oapi/main.go")
    pinned = (HERE / "go/go.mod").read_text()
    for tool, package in {"oapi-codegen": "oapi-codegen/v2", "ogen": "ogen"}.items():
        assert f"/{package} v{TOOLS[tool][0]}\n" in pinned or f"/{package} v{TOOLS[tool][0]} //" in pinned
