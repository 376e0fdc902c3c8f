"""The OpenAPI description, and pages for people: a start page, Swagger UI, the manual and problem types."""

from pathlib import Path

from flask import Blueprint, Response, current_app, json, render_template, request, send_from_directory

from bulkimport.pages import manual
from bulkimport.web import access, openapi
from bulkimport.web.operations import HTML, JSON, Success, operation
from bulkimport.web.problem_types import PROBLEM_TYPES
from bulkimport.web.problems import Problem

STATIC = Path(__file__).with_name("static")
SWAGGER_UI = Path(__file__).with_name("swagger_ui")
MAX_AGE_S = 86_400
LINKS = {"docs": "/docs", "openapi": "/openapi.json", "problems": "/problems"}
# Everything is served from here. Swagger UI needs scripts and inline styles of its own.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SWAGGER_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:"
)

blueprint = Blueprint("documentation", __name__, template_folder="templates")
blueprint.add_app_template_filter(manual.inline, "markdown")


@blueprint.get("/")
@operation("getStart", {200: Success("The links, or the page", or_as=(HTML,))}, public=True)
def start() -> Response:
    """Get links to the documentation: a page for browsers, JSON for programs."""
    if request.accept_mimetypes.best_match([JSON, HTML], default=JSON) == HTML:
        has_import = access.settings().import_page
        response = _page("start.html", title="Bulk import of assets", has_import=has_import)
    else:
        response = Response(json.dumps(LINKS), 200, content_type=JSON)
    response.vary.add("Accept")
    return response


@blueprint.get("/favicon.svg")
@operation("getFavicon", {200: Success("The icon", media_type="image/svg+xml")}, public=True)
def favicon() -> Response:
    """Get the icon of the pages."""
    return send_from_directory(STATIC, "favicon.svg", max_age=MAX_AGE_S)


@blueprint.get("/openapi.json")
@operation("getOpenApi", {200: Success("The description")}, public=True)
def openapi_json() -> Response:
    """Get this description."""
    if "openapi" not in current_app.extensions:
        current_app.extensions["openapi"] = openapi.description(current_app)
    return Response(json.dumps(current_app.extensions["openapi"]), 200, content_type=JSON)


@blueprint.get("/docs")
@operation("getDocs", {200: Success("The page", media_type=HTML)}, public=True)
def docs() -> Response:
    """Show this description as a page on which it can be tried out."""
    return _page("swagger.html", SWAGGER_POLICY)


@blueprint.get("/docs/start.js")
@operation("getDocsScript", {200: Success("The script", media_type="text/javascript")}, public=True)
def start_script() -> Response:
    """Get the script that starts Swagger UI."""
    return send_from_directory(STATIC, "start.js", max_age=MAX_AGE_S)


@blueprint.get("/docs/swagger-ui-bundle.js")
@operation("getSwaggerUiScript", {200: Success("The script", media_type="text/javascript")}, public=True)
def bundle_script() -> Response:
    """Get Swagger UI."""
    return send_from_directory(SWAGGER_UI, "swagger-ui-bundle.js", max_age=MAX_AGE_S)


@blueprint.get("/docs/swagger-ui.css")
@operation("getSwaggerUiStyles", {200: Success("The style sheet", media_type="text/css")}, public=True)
def style_sheet() -> Response:
    """Get the style sheet of Swagger UI."""
    return send_from_directory(SWAGGER_UI, "swagger-ui.css", max_age=MAX_AGE_S)


@blueprint.get("/docs/pages.css")
@operation("getPageStyles", {200: Success("The style sheet", media_type="text/css")}, public=True)
def page_style_sheet() -> Response:
    """Get the style sheet of the other pages."""
    return send_from_directory(STATIC, "pages.css", max_age=MAX_AGE_S)


@blueprint.get("/docs/<name>.md")
@operation("getManual", {200: Success("The page", media_type=HTML)}, problems=("not-found",), public=True)
def manual_page(name: str) -> Response:
    """Show a page of the manual."""
    if name not in manual.NAMES:
        raise Problem("not-found", f'The manual has no page "{name[:80]}".')
    page = manual.page(name)
    return _page("manual.html", title=page.title, text=page.html)


@blueprint.get("/problems")
@operation("listProblemTypes", {200: Success("The page", media_type=HTML)}, public=True)
def problems() -> Response:
    """List the types of problems."""
    return _page("problems.html", title="Problems", problem_types=PROBLEM_TYPES)


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
        "problem.html",
        title=problem_type.title,
        name=name,
        problem_type=problem_type,
        heading=manual.heading(problem_type.rule),
        example=json.dumps(openapi.example_problem(name), indent=2),
    )


def _page(template: str, policy: str = POLICY, **values: object) -> Response:
    headers = {"Content-Security-Policy": policy}
    return Response(render_template(template, **values), 200, headers, content_type=f"{HTML}; charset=utf-8")
