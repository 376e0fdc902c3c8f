"""Whether this process lives, whether it can serve, and what was counted."""

from flask import Blueprint, Response, current_app
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from bulkimport.database.readiness import NotReadyError, Readiness
from bulkimport.telemetry import metrics
from bulkimport.web import access
from bulkimport.web.operations import Success, operation
from bulkimport.web.problems import RETRY_AFTER_S, Problem
from bulkimport.web.schemas import StatusSchema

blueprint = Blueprint("health", __name__)


@blueprint.get("/livez")
@operation({200: Success("It does", StatusSchema)}, public=True)
def live() -> dict[str, str]:
    """The process answers; the database is not asked."""
    return {"status": "ok"}


@blueprint.get("/readyz")
@operation({200: Success("It can", StatusSchema)}, public=True)
def ready() -> dict[str, str]:
    """The database answers in a second, its schema is new enough, and tenants are kept apart."""
    readiness: Readiness = current_app.extensions["readiness"]
    try:
        readiness.require()
    except NotReadyError as error:
        raise Problem("unavailable", str(error), headers={"Retry-After": str(RETRY_AFTER_S)}) from error
    return {"status": "ok"}


@blueprint.get("/metrics")
@operation({200: Success("The metrics", media_type="text/plain")}, public=True)
def exposition() -> Response:
    """What all web processes of this server counted, for Prometheus."""
    registry = CollectorRegistry()
    registry.register(metrics.Summed(metrics.OF_WEB, access.settings().metrics_folder))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
