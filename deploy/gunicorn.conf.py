"""How gunicorn serves: threads, because a request waits for PostgreSQL more than it computes."""

import logging
import os
import re
import shutil
import sys
import tempfile

from gunicorn.errors import AppImportError
from gunicorn.http.errors import InvalidHeader
from gunicorn.http.message import Request
from gunicorn.workers.base import Worker

from bulkimport import settings as environment

settings = environment.load()

bind = f"{settings.host}:{settings.port}"
worker_class = "gthread"
workers = settings.web_concurrency
threads = environment.WEB_THREADS
control_socket_disable = True  # one path for all instances of a user: a second would replace the first
keepalive = 75  # seconds; above any proxy's, so that the proxy is the one to close
graceful_timeout = 45  # above the longest `Prefer: wait`, 30 s
timeout = 60  # a check that the worker's main thread lives, not a time limit of a request
limit_request_line = 8190  # the most that gunicorn can; nginx refuses longer ones first
limit_request_field_size = 9_000  # a token of 8 KB, and the name of its header
# Nothing here depends on the client's address or scheme, so nobody need be believed about them. Whoever is,
# as loopback by default, could also move the application to another path with a SCRIPT_NAME header.
forwarded_allow_ips = ""
accesslog = None  # the application logs each request, with its id

# Workers import the release that is on disk when they start. What this process has imported it would hand
# on to them, and after HUP they would be half old and half new.
for name in [name for name in sys.modules if name.partition(".")[0] == "bulkimport"]:
    del sys.modules[name]


def post_worker_init(worker: Worker) -> None:
    """Log as the application does, refuse a privileged login, and watch the login's sessions."""
    from bulkimport.database import connections, session_watch

    _log_in_one_format()
    url = settings.require_database_url()
    try:
        connections.refuse_privileged(url, "bulkimport-web")
    except connections.PrivilegedRoleError as error:
        raise AppImportError(f"bulkimport: {error}") from error  # printed with no traceback; gunicorn ends
    session_watch.start(url, worker.wsgi.extensions["database"])


def _log_in_one_format() -> None:
    from bulkimport.telemetry import logs

    logs.configure(settings.log_level, settings.log_format)
    for name in ("gunicorn.error", "gunicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.getLogger("gunicorn.error").addFilter(without_content)


def on_starting(_server: object) -> None:
    """A new folder for the metrics of this server's processes; it outlives HUP, and so do the counters."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="bulkimport-web-")


def child_exit(_server: object, worker: Worker) -> None:
    """What a process that ended has in use is in use no longer; what it counted stays."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)


def on_exit(_server: object) -> None:
    """The metrics go with the server."""
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


def without_content(record: logging.LogRecord) -> bool:
    """Cut off what gunicorn quotes of a request: a token may stand where it does not belong, or a query."""
    if record.getMessage().startswith("Invalid request"):
        record.msg, record.args = re.split("['\"]", record.getMessage())[0], ()
    elif isinstance(record.args, tuple):
        record.args = tuple(
            value.partition("?")[0] if isinstance(value, str) else value for value in record.args
        )
    return True


def pre_request(_worker: object, request: Request) -> None:
    """Refuse what gunicorn would let pass, and read nothing behind a body that has no Content-Length."""
    names = {name for name, _ in request.headers}
    if request.version == (1, 1) and "HOST" not in names:
        raise InvalidHeader("HOST", req=request)  # RFC 9112, section 3.2
    if "TRANSFER-ENCODING" in names:
        request.force_close()  # the application refuses it unread; where the next request begins is not known
