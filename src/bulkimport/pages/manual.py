"""The pages of docs/ that callers need, as HTML."""

import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt

FOLDER = Path(__file__).with_name("markdown")  # a link to docs/; setup.cfg packages these of its pages
NAMES = ("api", "configuration", "files", "states")
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


class Page(NamedTuple):
    """A page: its HTML, and the text of each heading by the anchor that links to it."""

    html: str
    headings: dict[str, str]

    @property
    def title(self) -> str:
        """The page's first heading."""
        return next(iter(self.headings.values()))


@cache
def page(name: str) -> Page:
    """One of NAMES; its headings have the anchors that GitHub gives them, and its links are as written."""
    tokens = MARKDOWN.parse((FOLDER / f"{name}.md").read_text("utf-8"))
    headings = {}
    for opening, content in pairwise(tokens):
        if opening.type == "heading_open":
            anchor = re.sub(r"[^\w -]", "", content.content.lower()).replace(" ", "-")
            opening.attrSet("id", anchor)
            headings[anchor] = content.content
    return Page(MARKDOWN.renderer.render(tokens, MARKDOWN.options, {}), headings)


def heading(rule: str) -> str:
    """The heading of a section, such as files.md#row-errors. Raises KeyError if there is none."""
    name, anchor = rule.split(".md#")
    return page(name).headings[anchor]


def inline(text: str) -> str:
    """A line of Markdown as HTML, such as `code`; anything else in it is escaped."""
    html: str = MARKDOWN.renderInline(text)
    return html
