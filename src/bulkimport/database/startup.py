"""What web and a worker supervisor do once before they start their processes."""

import logging

from bulkimport.database.connections import DatabaseUnavailableError, connect
from bulkimport.telemetry import build

log = logging.getLogger(__name__)


def begin(url: str, role: str, *, processes: int) -> None:
    """Log one line about what starts: `role` is "web" or "worker", with so many processes.

    Raises PrivilegedRoleError if row-level security would not bind the login. A database that cannot be
    reached yet is only logged.
    """
    server, login = _server(url, f"bulkimport-{role}")
    log.info(
        "starting",
        extra={
            "role": role,
            "version": build.VERSION,
            "python": build.PYTHON,
            "postgresql": server,
            "login": login,
            "processes": processes,
        },
    )


def _server(url: str, application_name: str) -> tuple[str | None, str | None]:
    """The version of PostgreSQL and the login; None for both if the database cannot be reached."""
    try:
        connection = connect(url, application_name)
    except DatabaseUnavailableError as error:
        log.warning("the database cannot be reached", extra={"reason": str(error)})
        return None, None
    try:
        return connection.info.parameter_status("server_version"), connection.info.user
    finally:
        connection.close()
