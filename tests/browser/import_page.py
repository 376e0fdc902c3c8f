"""The page as somebody uses it: by what is visible and by what its controls are called."""

import json
from dataclasses import dataclass
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, FilePayload, Route, expect

from bulkimport.auth.tokens import issue_token
from tests.conftest import SECRET, bearer

AXE = Axe()
API = "**/api/**"
TIMEOUT_MS = 15_000
# Runs before any script of the page.
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  reportFault(`${event.violatedDirective} forbids ${event.blockedURI} ${event.sample}`));
"""

expect.set_options(timeout=TIMEOUT_MS)


@dataclass(frozen=True)
class Token:
    """What a person of an account pastes into the page."""

    account_id: int

    @property
    def text(self) -> str:
        return bearer(self.account_id)["Authorization"].removeprefix("Bearer ")


class ImportPage:
    """The page in a browser; `faults` has the errors on its console, and what its policy has blocked."""

    def __init__(self, context: BrowserContext, token: Token) -> None:
        self.faults: list[str] = []
        self._token = token
        self._context = context
        context.set_default_timeout(TIMEOUT_MS)
        context.expose_function("reportFault", lambda fault: self.faults.append(fault))
        context.add_init_script(REPORT_VIOLATIONS)
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._note)

    def open(self, fragment: str = "") -> None:
        """Load the page."""
        self.page.goto(f"/import{fragment}")

    def open_empty(self) -> None:
        """Load the page with its styles and its policy, but without its steps, to try out single modules."""
        self.page.route("**/main.js", lambda route: route.fulfill(content_type="text/javascript", body=""))
        self.open()

    def sign_in(self) -> None:
        """Paste a token."""
        dialog = self.page.get_by_role("dialog")
        self.page.unroute(API)  # of let_token_expire
        dialog.get_by_label("Access token").fill(self._token.text)
        dialog.get_by_role("button", name="Continue").click()

    def let_token_expire(self) -> None:
        """From now on, requests have a token that has expired, until somebody pastes another one."""
        expired = issue_token(SECRET, self._token.account_id, account_claim="account_id", lifetime_s=-600)

        def replace(route: Route) -> None:
            route.continue_(headers={**route.request.headers, "authorization": f"Bearer {expired}"})

        self.page.route(API, replace)

    def choose(self, name: str, content: bytes) -> None:
        """Choose a file in the first step."""
        file = FilePayload(name=name, mimeType="", buffer=content)
        self.page.get_by_label("choose a file").set_input_files(file)

    def require_step(self, heading: str) -> None:
        """Wait for a step, which must have the focus."""
        expect(self.page.get_by_role("heading", level=1, name=heading, exact=True)).to_be_focused()

    def require_text(self, text: str) -> None:
        """Wait for a text on the page."""
        expect(self.page.get_by_role("main").get_by_text(text)).to_be_visible()

    def require_accessible(self) -> None:
        """No rule of axe-core may be violated by the page as it is now, neither in light nor in dark."""
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            violations = AXE.run(self.page).response["violations"]
            assert not violations, json.dumps(violations, indent=2)

    def require_no_page_scroll(self) -> None:
        """The page must not scroll sideways in a window as narrow as WCAG 1.4.10 demands: 320 pixels."""
        usual = self.page.viewport_size
        assert usual
        self.page.set_viewport_size({"width": 320, "height": usual["height"]})
        assert self.page.evaluate("document.documentElement.scrollWidth") <= 320
        self.page.set_viewport_size(usual)

    def require_usable(self) -> None:
        """The page as it is now must be accessible and fit into a narrow window."""
        self.require_accessible()
        self.require_no_page_scroll()

    def click(self, name: str) -> None:
        """Click the button of this name."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def fix_next_error(self, text: str) -> None:
        """Type another text over the next cell that has an error."""
        self.click("Next error")
        self.type(text)
        self.press("Enter")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def run(self, script: str, argument: object = None) -> Any:
        """What a function of JavaScript returns; it is called with the folder of the page's modules."""
        folder = self.page.locator("script[type=module]").get_attribute("src")
        assert folder
        return self.page.evaluate(script, [folder.removesuffix("main.js"), argument])

    def close(self) -> None:
        """Close it, and check that nothing went wrong that nobody has foreseen."""
        unforeseen = self.page.get_by_role("alert").filter(has_text="Something went wrong")
        self.faults.extend(unforeseen.all_inner_texts())
        self._context.close()
        assert not self.faults, self.faults

    def _note(self, message: ConsoleMessage) -> None:
        """Responses that are errors are no fault of the page; Chromium reports them as if they were."""
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.faults.append(message.text)
