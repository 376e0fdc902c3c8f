"""The examples of docs/api.md, run against the service."""

import argparse
import io
import json
import re
import shlex
from collections.abc import Iterator
from http import HTTPStatus
from string import Template
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bulkimport.auth.tokens import issue_token
from bulkimport.web.operations import XLSX
from tests.conftest import OWN, SECRET
from tests.integration.conftest import Importer
from tests.support.api_page import PAGE, SECTIONS
from tests.support.description import require_described

WITH_EXAMPLES = [title for title, text in SECTIONS.items() if "```http" in text]
WITHOUT_WORKERS = "Cancel a job"  # whose example is a job that no worker has claimed

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT(?!00:00:00\.000000Z)\d\d:\d\d:\d\d\.\d{6}Z")  # dates are midnights
NUMBERED_HEADER = re.compile(r"^((?:ETag|Link|Location): )(.*)$", re.MULTILINE)
NUMBER_OR_CURSOR = re.compile(r"cursor=[\w%-]+|\d+")
COMPARED_BY_TYPE = ("id", "rows_per_second", "next_cursor")

# A file that changes an asset of the job and creates another one.
PLANNED = (
    b"identifier,name,type,valid_from,is_active\n"
    b"TV-023,Meeting room screen,device,2024-01-15,true\nTV-900,Screen,device,2024-01-15,true\n"
)

CURL = argparse.ArgumentParser(exit_on_error=False, allow_abbrev=False)
HEAD = CURL.add_mutually_exclusive_group(required=True)
HEAD.add_argument("-i", action="store_true")
HEAD.add_argument("-D", choices=["-"])
CURL.add_argument("-o", dest="output")
CURL.add_argument("-X", dest="method")
CURL.add_argument("-H", dest="headers", action="append", default=[])
CURL.add_argument("-F", dest="form", action="append", default=[])
CURL.add_argument("--json")
CURL.add_argument("url")


@pytest.mark.parametrize("title", WITH_EXAMPLES)
def test_the_example_requests_get_the_example_responses(importer: Importer, title: str) -> None:
    variables = _variables(importer, title)
    description = importer.client.get("/openapi.json").get_json()
    for command, example in _examples(SECTIONS[title]):
        response = _run(importer.client, command, variables)
        actual = _shown(response, header_names=_header_names(example))
        assert _comparable(actual) == _comparable(example), f"the service responds:\n{actual}"
        require_described(response, description)
        response.close()


def _variables(importer: Importer, title: str) -> dict[str, str]:
    """What the variables of the page's commands stand for: a finished job with a failed row, and an asset."""
    token = issue_token(SECRET, OWN, account_claim="account_id", lifetime_s=600, subject="ann@example.com")
    variables = {"API": "/api/v1", "AUTH": f"Authorization: Bearer {token}"}
    variables["JOB"] = _created(importer, "Upload a file", variables)["job_id"]
    if title != WITHOUT_WORKERS:
        importer.work()
    if "$PLAN" in SECTIONS[title]:
        variables["PLAN"] = importer.run(PLANNED, dry_run="true", on_conflict="update")["job_id"]
    if "$ASSET" in SECTIONS[title]:
        variables["ASSET"] = str(_created(importer, "Create an asset", variables)["id"])
    return variables


def _created(importer: Importer, title: str, variables: dict[str, str]) -> dict[str, Any]:
    ((command, _),) = _examples(SECTIONS[title])
    document: dict[str, Any] = _run(importer.client, command, variables).get_json()
    return document


def _examples(text: str) -> Iterator[tuple[str, str]]:
    """Each response of a section, with the command that precedes it."""
    command = ""
    for language, block in re.findall(r"^```(sh|http)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        if language == "sh":
            command = block
        else:
            yield command, block


def _run(client: FlaskClient, command: str, variables: dict[str, str]) -> TestResponse:
    program, *arguments = shlex.split(Template(command).substitute(variables))
    assert program == "curl"
    curl = CURL.parse_args(arguments)
    headers = [tuple(header.split(": ", 1)) for header in curl.headers]
    if curl.json:
        headers.append(("Content-Type", "application/json"))
    method = curl.method or ("POST" if curl.json or curl.form else "GET")
    return client.open(curl.url, method=method, headers=headers, data=_form(curl.form) or curl.json)


def _form(fields: list[str]) -> dict[str, Any]:
    form: dict[str, Any] = dict(field.split("=", 1) for field in fields)
    return {
        name: (io.BytesIO(_file()), value[1:]) if value.startswith("@") else value
        for name, value in form.items()
    }


def _file() -> bytes:
    """The file that the examples upload."""
    (file,) = re.findall(r"^```csv\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(file).encode()


def _header_names(example: str) -> list[str]:
    return re.findall(r"^([\w-]+): ", example.partition("\n\n")[0], re.MULTILINE)


def _shown(response: TestResponse, *, header_names: list[str]) -> str:
    """A response as the page shows it."""
    status = HTTPStatus(response.status_code)
    lines = [f"HTTP/1.1 {status.value} {status.phrase}"]
    lines += [f"{name}: {response.headers.get(name)}" for name in header_names]
    if response.mimetype == XLSX:
        return "\n".join(lines)
    body = response.get_data().decode("utf-8-sig")  # a page does not show a byte order mark
    return "\n".join([*lines, "", body.replace("\r\n", "\n")])


def _comparable(shown: str) -> tuple[str, object]:
    """Head and body of a response without what differs from run to run; equal ids stay equal."""
    ids: dict[str, str] = {}
    shown = UUID.sub(lambda match: ids.setdefault(match[0], f"<uuid {len(ids) + 1}>"), shown.strip())
    shown = INSTANT.sub("<time>", shown)
    head, _, body = shown.partition("\n\n")
    head = NUMBERED_HEADER.sub(lambda match: match[1] + NUMBER_OR_CURSOR.sub("<number>", match[2]), head)
    if not body.startswith("{"):
        return head, body
    return head, json.loads(body, object_pairs_hook=_members)


def _members(pairs: list[tuple[str, object]]) -> list[tuple[str, object]]:
    """The members of a JSON object, whose order means nothing (RFC 8259, section 4)."""
    return sorted((name, type(value) if name in COMPARED_BY_TYPE else value) for name, value in pairs)
