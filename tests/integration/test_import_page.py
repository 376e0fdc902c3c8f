"""The page on which people import a file: its headers, its files, and the settings."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from bulkimport import settings
from bulkimport.app import create_app
from bulkimport.pages import import_page
from bulkimport.settings import SettingsError
from tests.conftest import SECRET

MAX_BYTES = 60 * 1024
TEMPLATE = Path(import_page.__file__).with_name("templates") / "import.html"
SCRIPTS = sorted(import_page.FILES.glob("*.js"))
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors "
)
DANGEROUS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser|srcdoc|"
    r"\beval\b|\bFunction\(|javascript:|localStorage|sessionStorage|indexedDB|document\.cookie"
)


def client_with(**variables: str) -> FlaskClient:
    """A client of the service with these settings, and without a database."""
    environment = {"DATABASE_URL": "postgresql://web@127.0.0.1:1/nowhere", "JWT_SECRET": SECRET}
    return create_app(settings.load({**environment, **variables})).test_client()


@pytest.fixture(scope="module")
def browser() -> FlaskClient:
    return client_with()


class Page(HTMLParser):
    """The attributes of each element of a page, and the texts of its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inline = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] in ("script", "style"):
            self.inline += data.strip()


def test_the_page_needs_no_token_and_no_database(browser: FlaskClient) -> None:
    response = browser.get("/import")
    assert (response.status_code, response.content_type) == (200, "text/html; charset=utf-8")
    assert response.headers["Content-Security-Policy"] == POLICY + "'none'"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in response.headers


def test_listed_origins_may_embed_the_page_and_give_it_a_token() -> None:
    listed = "https://a.example, http://localhost:3000"
    response = client_with(IMPORT_PAGE_ORIGINS=listed).get("/import")
    origins = "https://a.example http://localhost:3000"
    assert response.headers["Content-Security-Policy"] == POLICY + origins
    assert ("meta", {"name": "import-origins", "content": origins}) in Page(response.text).elements


@pytest.mark.parametrize(
    "origin",
    [
        *("*", "https://*.example", "a.example", "ftp://a.example", "https://", "null", "https://a.example/"),
        *(
            "https://A.example",
            "https://a.example:0",
            "https://user@a.example",
            "https://a.example;",
            "'self'",
        ),
        *("https://a.example:443", "http://a.example:80", "https://a.example:65536"),
    ],
)
def test_anything_but_an_origin_is_refused(origin: str) -> None:
    with pytest.raises(SettingsError, match="IMPORT_PAGE_ORIGINS has "):
        settings.load({"IMPORT_PAGE_ORIGINS": f"https://b.example {origin}"})


def test_it_can_be_switched_off() -> None:
    client = client_with(IMPORT_PAGE="off")
    for path in ("/import", f"/import/{import_page.content_hash()}/main.js"):
        assert (client.get(path).status_code, client.get(path).get_json()["code"]) == (404, "not-found")
    assert "/import" not in client.get("/", headers={"Accept": "text/html"}).text
    with pytest.raises(SettingsError, match='IMPORT_PAGE is "no"; it must be one of on, off'):
        settings.load({"IMPORT_PAGE": "no"})


def test_the_start_page_links_to_it(browser: FlaskClient) -> None:
    assert '<a href="/import">' in browser.get("/", headers={"Accept": "text/html"}).text


def test_the_page_loads_each_of_its_files_from_a_versioned_path(browser: FlaskClient) -> None:
    """All of them at once, so that none waits until another one has been read."""
    elements = Page(browser.get("/import").text).elements
    sources = {attributes.get("src") or attributes.get("href") or "" for _, attributes in elements}
    folder = f"/import/{import_page.content_hash()}/"
    assert {source.removeprefix(folder) for source in sources if source.startswith(folder)} == {
        file.name for file in import_page.FILES.iterdir()
    }
    for source in sources - {"", "/import"}:
        with browser.get(source) as response:
            assert response.status_code == 200, source
            if source.startswith(folder):
                assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
                assert response.mimetype == ("text/css" if source.endswith(".css") else "text/javascript")


@pytest.mark.parametrize(
    "path", ["0123456789abcdef/main.js", "{hash}/x.js", "{hash}/..%2Fpages.css", "{hash}/"]
)
def test_other_paths_are_not_found_and_not_cached(browser: FlaskClient, path: str) -> None:
    response = browser.get("/import/" + path.replace("{hash}", import_page.content_hash()))
    assert (response.status_code, response.headers["Cache-Control"]) == (404, "no-store")


def test_each_module_is_imported_by_another_one() -> None:
    imported = {name for file in SCRIPTS for name in re.findall(r'from "\./(\w+\.js)"', file.read_text())}
    assert imported | {"main.js"} == {file.name for file in SCRIPTS}


def test_the_page_has_no_inline_scripts_styles_or_handlers(browser: FlaskClient) -> None:
    page = Page(browser.get("/import").text)
    assert page.inline == ""
    names = {name for _, attributes in page.elements for name in attributes}
    assert [name for name in names if name.startswith("on") or name == "style"] == []


@pytest.mark.parametrize("file", SCRIPTS, ids=[file.name for file in SCRIPTS])
def test_no_script_makes_html_or_code_from_text_or_stores_anything(file: Path) -> None:
    assert DANGEROUS.findall(file.read_text()) == []


def test_the_code_is_small() -> None:
    sizes = {file.name: file.stat().st_size for file in (TEMPLATE, *import_page.FILES.iterdir())}
    assert sum(sizes.values()) <= MAX_BYTES, sizes
