"""Clients in Python: openapi-python-client's, and datamodel-code-generator's models with httpx."""

import json
import sys

import pytest

from tests.clients.conftest import HERE, SECTION, SUMMARY, TOOLS, Workshop, open_workshop, require_same_loop

PROGRAMS = ["with_openapi_python_client.py", "with_datamodel_codegen.py"]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    workshop = open_workshop("python", sys.executable, tmp_path_factory)
    uv = (sys.executable, "-m", "uv")
    workshop.run(*uv, "venv", "--quiet", "--python", sys.executable, ".venv")
    workshop.download("PyPI", *uv, "pip", "sync", "--quiet", "--python", ".venv", "requirements.lock")
    return workshop


@pytest.fixture(scope="module")
def printed(workshop: Workshop) -> dict[str, str]:
    """What each generator has printed."""
    tools = ("openapi-python-client", "datamodel-code-generator")
    return {tool: workshop.process_description(tool) for tool in tools}


def test_the_generators_leave_nothing_out(printed: dict[str, str]) -> None:
    assert printed == {
        "openapi-python-client": "Generating bulkimport_client\n",
        "datamodel-code-generator": "",
    }


def test_the_members_of_enumerations_have_names(workshop: Workshop, printed: dict[str, str]) -> None:
    models = workshop.folder / "bulkimport_client/models"
    members = [line for file in models.glob("*.py") for line in file.read_text().splitlines()]
    assert '    MISSING_COLUMNS = "missing-columns"' in members
    assert not [line for line in members if line.startswith("    VALUE_")]


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_types_fit(workshop: Workshop, printed: dict[str, str], program: str) -> None:
    workshop.run("mypy", "--strict", "--follow-imports", "silent", program)


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_client_does_everything(
    workshop: Workshop, printed: dict[str, str], service_variables: dict[str, str], program: str
) -> None:
    assert json.loads(workshop.run("python", program, **service_variables)) == SUMMARY


def test_the_documentation_shows_this() -> None:
    require_same_loop("python", HERE / "python" / PROGRAMS[0])
    overrides = (HERE / "python/openapi-python-client.yaml").read_text().partition("\n")[2]
    assert f"```yaml\n{overrides}```\n" in SECTION
    pinned = (HERE / "python/requirements.in").read_text()
    for tool in ("openapi-python-client", "datamodel-code-generator"):
        assert f"{tool}=={TOOLS[tool][0]}\n" in pinned
