"""The OpenAPI description, and pages for people: Swagger UI, and one for each type of problem."""

from html import escape
from pathlib import Path

from flask import Blueprint, Response, current_app, json, send_from_directory

from bulkimport.web import openapi
from bulkimport.web.operations import HTML, Success, operation
from bulkimport.web.problem_types import PROBLEM_TYPES
from bulkimport.web.problems import Problem

SWAGGER_UI = Path(__file__).with_name("swagger_ui")
# Everything is served from here; the inline styles are Swagger UI's own.
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
@operation("getOpenApi", {200: Success("The description")}, public=True)
def openapi_json() -> Response:
    """Get this description."""
    if "openapi" not in current_app.extensions:
        current_app.extensions["openapi"] = openapi.description(current_app)
    return Response(json.dumps(current_app.extensions["openapi"]), 200, content_type="application/json")


@blueprint.get("/docs")
@operation("getDocs", {200: Success("The page", media_type=HTML)}, public=True)
def docs() -> Response:
    """Show this description as a page on which it can be tried out."""
    return Response(DOCS_PAGE, 200, PAGE_HEADERS, content_type="text/html; charset=utf-8")


@blueprint.get("/docs/start.js")
@operation("getDocsScript", {200: Success("The script", media_type="text/javascript")}, public=True)
def start_script() -> Response:
    """Get the script that starts Swagger UI."""
    return Response(START_SCRIPT, 200, PAGE_HEADERS, content_type="text/javascript; charset=utf-8")


@blueprint.get("/docs/swagger-ui-bundle.js")
@operation("getSwaggerUiScript", {200: Success("The script", media_type="text/javascript")}, public=True)
def bundle_script() -> Response:
    """Get Swagger UI."""
    return send_from_directory(SWAGGER_UI, "swagger-ui-bundle.js", max_age=86_400)


@blueprint.get("/docs/swagger-ui.css")
@operation("getSwaggerUiStyles", {200: Success("The style sheet", media_type="text/css")}, public=True)
def style_sheet() -> Response:
    """Get the style sheet of Swagger UI."""
    return send_from_directory(SWAGGER_UI, "swagger-ui.css", max_age=86_400)


@blueprint.get("/problems")
@operation("listProblemTypes", {200: Success("The page", media_type=HTML)}, public=True)
def problems() -> Response:
    """List the types of problems."""
    items = "".join(
        f'<li><a href="/problems/{name}">{name}</a> '
        f"({problem_type.status}): {escape(problem_type.title)}</li>\n"
        for name, problem_type in PROBLEM_TYPES.items()
    )
    return _page("Problems", f"<ul>\n{items}</ul>")


@blueprint.get("/problems/<name>")
@operation(
    "getProblemType", {200: Success("The page", media_type=HTML)}, problems=("not-found",), public=True
)
def problem(name: str) -> Response:
    """Show what a type of problem means, and what to do about it."""
    problem_type = PROBLEM_TYPES.get(name)
    if problem_type is None:
        raise Problem("not-found", f'There is no problem type "{name[:80]}".')
    return _page(
        problem_type.title,
        f"<p>Type <code>/problems/{name}</code>, status {problem_type.status}.</p>\n"
        f"<p>{escape(problem_type.meaning)}</p>\n"
        '<p><a href="/problems">All problems</a></p>',
    )


def _page(title: str, body: str) -> Response:
    document = (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<h1>{escape(title)}</h1>\n{body}\n</html>\n"
    )
    return Response(document, 200, PAGE_HEADERS, content_type="text/html; charset=utf-8")
