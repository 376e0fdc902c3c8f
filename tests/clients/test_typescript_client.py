"""A client in TypeScript, of openapi-typescript and openapi-fetch; and the linters of the description."""

import json

import pytest

from tests.clients.conftest import HERE, SUMMARY, TOOLS, Workshop, open_workshop, require_same_loop


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    workshop = open_workshop("node", "npm", tmp_path_factory)
    workshop.download("npm's registry", "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    return workshop


@pytest.fixture(scope="module")
def compiled(workshop: Workshop) -> None:
    """The client as JavaScript, without an error of the compiler."""
    workshop.process_description("openapi-typescript")
    workshop.run("npx", "tsc", "--project", ".")


@pytest.mark.usefixtures("compiled")
def test_the_client_does_everything(workshop: Workshop, service_variables: dict[str, str]) -> None:
    assert json.loads(workshop.run("node", "built/client.js", **service_variables)) == SUMMARY


def test_redocly_finds_nothing(workshop: Workshop) -> None:
    printed = workshop.process_description("redocly")
    assert "Your API description is valid." in printed
    assert "warning was" not in printed.lower()


def test_spectral_finds_nothing(workshop: Workshop) -> None:
    assert "No results with a severity of 'hint' or higher found!" in workshop.process_description("spectral")


def test_the_documentation_shows_this() -> None:
    require_same_loop("ts", HERE / "node/client.ts")
    pinned = json.loads((HERE / "node/package.json").read_text())["dependencies"]
    packages = {"openapi-typescript": "openapi-typescript", "redocly": "@redocly/cli"}
    for tool, package in (packages | {"spectral": "@stoplight/spectral-cli"}).items():
        assert TOOLS[tool][0] == pinned[package]
