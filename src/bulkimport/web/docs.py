"""The description of the API, and pages for people: Swagger UI, and one for each kind of problem."""

from html import escape
from pathlib import Path

from flask import Blueprint, Response, current_app, json, send_from_directory

from bulkimport.web import openapi
from bulkimport.web.operations import HTML, Success, operation
from bulkimport.web.problem_types import PROBLEM_TYPES
from bulkimport.web.problems import Problem

SWAGGER_UI = Path(__file__).with_name("swagger_ui")
# Everything comes from here; styles within the page are Swagger UI's own.
POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:"
)
PAGE_HEADERS = {"Content-Security-Policy": POLICY}
DOCS_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>bulkimport: the API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<div id="ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""
START_SCRIPT = """SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#ui", deepLinking: true, validatorUrl: null, persistAuthorization: true
});
"""

blueprint = Blueprint("documentation", __name__)


@blueprint.get("/openapi.json")
@operation({200: Success("The description")}, public=True)
def openapi_json() -> Response:
    """This description."""
    if "openapi" not in current_app.extensions:
        current_app.extensions["openapi"] = openapi.description(current_app)
    return Response(json.dumps(current_app.extensions["openapi"]), 200, content_type="application/json")


@blueprint.get("/docs")
@operation({200: Success("The page", media_type=HTML)}, public=True)
def docs() -> Response:
    """This description as a page, to be tried out."""
    return Response(DOCS_PAGE, 200, PAGE_HEADERS, content_type="text/html; charset=utf-8")


@blueprint.get("/docs/start.js")
@operation({200: Success("The script", media_type="text/javascript")}, public=True)
def start_script() -> Response:
    """What starts the page."""
    return Response(START_SCRIPT, 200, PAGE_HEADERS, content_type="text/javascript; charset=utf-8")


@blueprint.get("/docs/swagger-ui-bundle.js")
@operation({200: Success("The script", media_type="text/javascript")}, public=True)
def bundle_script() -> Response:
    """Swagger UI."""
    return send_from_directory(SWAGGER_UI, "swagger-ui-bundle.js", max_age=86_400)


@blueprint.get("/docs/swagger-ui.css")
@operation({200: Success("The style sheet", media_type="text/css")}, public=True)
def style_sheet() -> Response:
    """The style sheet of Swagger UI."""
    return send_from_directory(SWAGGER_UI, "swagger-ui.css", max_age=86_400)


@blueprint.get("/problems")
@operation({200: Success("The page", media_type=HTML)}, public=True)
def problems() -> Response:
    """Every kind of problem."""
    items = "".join(
        f'<li><a href="/problems/{name}">{name}</a> ({kind.status}): {escape(kind.title)}</li>\n'
        for name, kind in PROBLEM_TYPES.items()
    )
    return _page("Problems", f"<ul>\n{items}</ul>")


@blueprint.get("/problems/<name>")
@operation({200: Success("The page", media_type=HTML)}, problems=("not-found",), public=True)
def problem(name: str) -> Response:
    """What a kind of problem means, and what to do."""
    kind = PROBLEM_TYPES.get(name)
    if kind is None:
        raise Problem("not-found", f'There is no kind of problem "{name[:80]}".')
    return _page(
        kind.title,
        f"<p>Type <code>/problems/{name}</code>, status {kind.status}.</p>\n<p>{escape(kind.meaning)}</p>\n"
        '<p><a href="/problems">All problems</a></p>',
    )


def _page(title: str, body: str) -> Response:
    document = (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<h1>{escape(title)}</h1>\n{body}\n</html>\n"
    )
    return Response(document, 200, PAGE_HEADERS, content_type="text/html; charset=utf-8")
