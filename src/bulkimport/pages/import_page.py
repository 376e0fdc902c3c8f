"""The page on which people import a file: static files that call the API like any other client."""

import hashlib
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, render_template, send_from_directory

from bulkimport.web import access
from bulkimport.web.operations import HTML, Success, operation
from bulkimport.web.problems import Problem

FILES = Path(__file__).with_name("static") / "import"
YEAR_S = 31_536_000

blueprint = Blueprint("import_page", __name__, template_folder="templates", url_prefix="/import")


@blueprint.get("")
@operation("getImportPage", {200: Success("The page", media_type=HTML)}, public=True)
def page() -> Response:
    """Show the page on which people import a file."""
    origins = access.settings().import_page_origins or ""
    text = render_template(
        "import.html", origins=origins, files=f"/import/{content_hash()}", modules=_names(".js")
    )
    headers = {"Content-Security-Policy": _policy(origins), "Referrer-Policy": "no-referrer"}
    return Response(text, 200, headers, content_type=f"{HTML}; charset=utf-8")


@blueprint.get("/<version>/<name>")
@operation(
    "getImportPageFile",
    {200: Success("The file", media_type="text/javascript", or_as=("text/css",))},
    problems=("not-found",),
    public=True,
)
def file(version: str, name: str) -> Response:
    """Get a script or a style sheet of that page, which never changes under the same path."""
    if version != content_hash() or name not in _names(""):
        raise Problem("not-found", "The page has no such file. Load the page again: it may have changed.")
    response = send_from_directory(FILES, name)
    response.headers["Cache-Control"] = f"public, max-age={YEAR_S}, immutable"
    return response


@cache
def content_hash() -> str:
    """A hash of the names and contents of the page's files: the version in their paths."""
    digest = hashlib.sha256()
    for name in _names(""):
        digest.update(b"%b\0%b\0" % (name.encode(), (FILES / name).read_bytes()))
    return digest.hexdigest()[:16]


@cache
def _names(suffix: str) -> tuple[str, ...]:
    return tuple(sorted(path.name for path in FILES.iterdir() if path.name.endswith(suffix)))


def _policy(origins: str) -> str:
    ancestors = origins or "'none'"
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        f"base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
    )
