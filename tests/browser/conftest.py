"""The page for people in a real Chromium, against gunicorn and a worker as processes."""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from bulkimport.devserver import postgres
from tests.browser.import_page import ImportPage, Token
from tests.conftest import cloned_database
from tests.e2e.conftest import Service, stopped_at_the_end

CHROMIUM = shutil.which("chromium")
# Root may not use the sandbox; the same font and no animation on every machine.
ARGUMENTS = ["--no-sandbox", "--font-render-hinting=none"]

_accounts = itertools.count(1_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests of this folder where there is no Chromium."""
    if CHROMIUM is None:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="Chromium is not installed (Debian: chromium)"))


# Playwright keeps an event loop running in this thread, so it ends with the tests of this folder.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser for all tests; each test has a context of its own, without anything of the others."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def running(
    server: postgres.Server, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A web process and a worker for all tests, each of which has an account of its own."""
    with (
        cloned_database(server, template) as db,
        stopped_at_the_end(db, server, tmp_path_factory.mktemp("service")) as service,
    ):
        service.start_web()
        service.start_worker()
        yield service


@pytest.fixture
def account_id(running: Service) -> int:
    """A new account."""
    account_id = next(_accounts)
    running.db.rows("INSERT INTO trakrf.accounts (id, name) VALUES (%s, 'Browser')", account_id)
    return account_id


@pytest.fixture
def import_page(chromium: Browser, running: Service, account_id: int) -> Iterator[ImportPage]:
    """A page to be opened. At the end its console must have no errors and no violations of its policy."""
    context = chromium.new_context(
        base_url=f"http://127.0.0.1:{running.port}", reduced_motion="reduce", accept_downloads=True
    )
    page = ImportPage(context, Token(account_id))
    yield page
    page.close()
