"""Whether this process lives, and whether it can serve."""

from flask import Blueprint

from bulkimport.api import access
from bulkimport.api.operations import Success, operation
from bulkimport.api.schemas import StatusSchema

blueprint = Blueprint("health", __name__)


@blueprint.get("/livez")
@operation({200: Success("It does", StatusSchema)}, public=True)
def live() -> dict[str, str]:
    """The process answers; the database is not asked."""
    return {"status": "ok"}


@blueprint.get("/readyz")
@operation({200: Success("It can", StatusSchema)}, public=True)
def ready() -> dict[str, str]:
    """The database answers, too."""
    with access.database().transaction():
        return {"status": "ok"}
