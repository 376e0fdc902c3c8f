"""Whether this process lives, and whether it can serve."""

from flask import Blueprint

from bulkimport.api import access

blueprint = Blueprint("health", __name__)


@blueprint.get("/livez")
def live() -> dict[str, str]:
    """The process answers; the database is not asked."""
    return {"status": "ok"}


@blueprint.get("/readyz")
def ready() -> dict[str, str]:
    """The database answers, too."""
    with access.database().transaction():
        return {"status": "ok"}
