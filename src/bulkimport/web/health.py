"""Whether this process is alive, whether it can serve requests, and its metrics."""

from flask import Blueprint, Response, current_app
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from bulkimport.database.readiness import NotReadyError, Readiness
from bulkimport.telemetry import metrics
from bulkimport.telemetry.build import BuildInfo
from bulkimport.web import access
from bulkimport.web.operations import Success, operation
from bulkimport.web.problems import Problem
from bulkimport.web.schemas import StatusSchema

blueprint = Blueprint("health", __name__)


@blueprint.get("/livez")
@operation("getLiveness", {200: Success("The process is alive", StatusSchema)}, public=True)
def live() -> dict[str, str]:
    """Check that the process is alive; the database is not queried."""
    return {"status": "ok"}


@blueprint.get("/readyz")
@operation("getReadiness", {200: Success("The process can serve requests", StatusSchema)}, public=True)
def ready() -> dict[str, str]:
    """Check that the database answers within 1 s, its schema is new enough, and tenants are kept apart."""
    readiness: Readiness = current_app.extensions["readiness"]
    try:
        readiness.require()
    except NotReadyError as error:
        raise Problem("unavailable", str(error)) from error
    return {"status": "ok"}


@blueprint.get("/metrics")
@operation("getMetrics", {200: Success("The metrics", media_type="text/plain")}, public=True)
def exposition() -> Response:
    """Get the metrics of all web processes of this server, for Prometheus."""
    access.database().report()
    registry = CollectorRegistry()
    registry.register(BuildInfo())
    registry.register(metrics.Summed(metrics.OF_WEB, access.settings().metrics_folder))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
