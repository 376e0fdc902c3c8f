"""The OpenAPI description, the page that shows it, and the pages of problem types."""

import html
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urljoin

import pytest
from flask import Flask
from flask.testing import FlaskClient

from bulkimport.pages import manual
from bulkimport.web import openapi
from bulkimport.web.problem_types import PROBLEM_TYPES
from bulkimport.web.schemas import ProblemSchema
from tests.support.description import resolved

ROOT = Path(__file__).parents[2]
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"}


@pytest.fixture
def described(client: FlaskClient) -> dict[str, Any]:
    return resolved(client.get("/openapi.json").get_json())


def test_every_route_is_described_with_its_methods(app: Flask, described: dict[str, Any]) -> None:
    routes = {
        (openapi._path(rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == {(path, method) for path, methods in described["paths"].items() for method in methods}


def test_each_operation_has_a_name_for_a_method_and_a_readable_tag(described: dict[str, Any]) -> None:
    operations = [operation for methods in described["paths"].values() for operation in methods.values()]
    names = [operation["operationId"] for operation in operations]
    assert sorted(set(names)) == sorted(names)
    assert [name for name in names if not re.fullmatch(r"[a-z]+([A-Z][a-z]+)+", name)] == []
    tags = {tag for operation in operations for tag in operation["tags"]}
    assert tags == {
        *("uploads", "previews", "jobs", "plans", "row errors", "assets", "asset exports"),
        *("health", "documentation", "import page"),
    }


def test_a_view_that_does_not_describe_itself_is_reported(app: Flask) -> None:
    app._got_first_request = False
    app.add_url_rule("/undescribed", view_func=lambda: "x", endpoint="undescribed")
    with pytest.raises(LookupError, match="does not describe itself"):
        openapi.description(app)


def test_every_problem_type_is_described(described: dict[str, Any]) -> None:
    """Except the one that is answered where there is no operation: another method."""
    shown = {
        name
        for operations in described["paths"].values()
        for operation in operations.values()
        for response in operation["responses"].values()
        for name in response.get("content", {}).get("application/problem+json", {}).get("examples", {})
    }
    assert shown == set(PROBLEM_TYPES) - {"method-not-allowed"}


def test_operations_that_need_a_token_say_so(client: FlaskClient, described: dict[str, Any]) -> None:
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            url = path.replace("{job_id}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
            url = url.replace("{asset_id}", "1").replace("{name}", "not-found")
            with client.open(url, method=method.upper()) as response:
                assert (response.status_code == 401) == bool(operation["security"]), (method, path)


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/api.md", "/problems", "/problems/not-csv"])
def test_pages_load_only_files_that_this_service_has(client: FlaskClient, path: str) -> None:
    page = client.get(path, headers=BROWSER)
    assert page.content_type == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert '<meta name="viewport" content="width=device-width' in page.text
    sources = re.findall(r'(?:src="|<link [^>]*href=")([^"]+)"', page.text)
    assert "/favicon.svg" in sources
    assert any(source.endswith(".css") for source in sources)
    for source in sources:
        with client.get(source) as response:
            assert (response.status_code, bool(response.data)) == (200, True)
            assert "max-age=86400" in response.headers["Cache-Control"]


def test_no_page_but_that_of_swagger_ui_runs_scripts_or_inline_styles(client: FlaskClient) -> None:
    for path in ("/", "/docs/files.md", "/problems", "/problems/not-csv"):
        page = client.get(path, headers=BROWSER)
        assert not re.search("<script|<style|style=|javascript:", page.text)
        policy = page.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "script-src" not in policy


@pytest.mark.parametrize("accept", ["*/*", "application/json", None])
def test_the_root_gives_programs_links(client: FlaskClient, accept: str | None) -> None:
    response = client.get("/", headers={"Accept": accept} if accept else {})
    assert response.get_json() == {"docs": "/docs", "openapi": "/openapi.json", "problems": "/problems"}
    assert response.headers["Vary"] == "Accept"


def test_every_link_of_every_page_leads_somewhere(client: FlaskClient) -> None:
    """To a page, and where the link names a section, to a heading of it."""
    pages: dict[str, str] = {}
    links = {("/", "")}
    while unread := {path for path, _ in links} - set(pages):
        for path in unread:
            with client.get(path, headers=BROWSER) as response:
                assert response.status_code == 200, [link for link in links if link[0] == path]
                pages[path] = response.get_data(as_text=True) if response.mimetype == "text/html" else ""
        links |= {
            (urldefrag(urljoin(path, href)).url, urldefrag(href).fragment)
            for path in unread
            for href in re.findall(r'<a href="([^"]+)"', pages[path])
        }
    assert set(pages) >= {f"/docs/{name}.md" for name in manual.NAMES}
    assert set(pages) >= {f"/problems/{name}" for name in PROBLEM_TYPES}
    for path, section in links:
        assert not section or f'id="{section}"' in pages[path], (path, section)


def test_each_problem_type_has_its_page(client: FlaskClient) -> None:
    """With what happened, the way out, how to do it in Excel, the rule and an example."""
    for name, kind in PROBLEM_TYPES.items():
        page = client.get(f"/problems/{name}").text
        assert f"<h1>{html.escape(kind.title)}</h1>" in page
        for text in (kind.cause, kind.way_out, *([kind.in_excel] if kind.in_excel else [])):
            assert text.endswith("."), name
            assert f"<p>{manual.inline(text)}</p>" in page
        assert ("<h2>In Excel</h2>" in page) == bool(kind.in_excel)
        assert f'<a href="/docs/{kind.rule}">{manual.heading(kind.rule)}</a>' in page
        (example,) = re.findall('<pre class="example"><code>(.*)</code></pre>', page, re.DOTALL)
        document = json.loads(html.unescape(example))
        assert (document["type"], document["status"]) == (f"/problems/{name}", kind.status)
        assert bool(document.get("errors")) == ("`errors`" in kind.way_out)
        assert ProblemSchema().validate(document) == {}


def test_the_wheel_has_the_pages_of_the_manual() -> None:
    packaged = re.findall(r"^ +pages/markdown/(\w+)\.md$", (ROOT / "setup.cfg").read_text(), re.MULTILINE)
    assert sorted(packaged) == sorted(manual.NAMES)


def test_all_problem_types_are_listed_and_an_unknown_page_is_404(client: FlaskClient) -> None:
    assert client.get("/problems").text.count("<li>") == len(PROBLEM_TYPES)
    for path in ("/problems/x", "/docs/x.md", "/docs/operations.md", "/docs/..%2Fapi.md"):
        assert client.get(path).get_json()["type"] == "/problems/not-found"


def test_the_text_of_a_problem_type_cannot_become_html() -> None:
    assert manual.inline("a <b> & `<i>`") == "a &lt;b&gt; &amp; <code>&lt;i&gt;</code>"
