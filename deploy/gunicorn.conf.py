"""Settings of gunicorn: it uses threads, because requests wait for PostgreSQL more than they compute."""

import gc
import logging
import os
import re
import shutil
import sys
import tempfile

from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http.errors import InvalidHeader
from gunicorn.http.message import Request
from gunicorn.workers.base import Worker

from bulkimport import settings
from bulkimport.errors import OperatorError
from bulkimport.telemetry import logs


def require_usable_key(pem: str) -> None:
    """Raise SystemExit unless the key can be used: for an error in a worker, gunicorn logs a traceback.

    A child reads the key, because workers would inherit the modules that this imports.
    """
    child = os.fork()
    if child == 0:
        from bulkimport.auth import keys

        try:
            keys.from_pem(pem)
        except OperatorError as error:
            sys.stderr.write(f"bulkimport: {error}\n")
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        raise SystemExit(1)


try:
    configured = settings.load()
    configured.require_database_url()
    configured.require_jwt_key()
except OperatorError as error:
    raise SystemExit(f"bulkimport: {error}") from error
if configured.jwt_public_key:
    require_usable_key(configured.jwt_public_key)

bind = f"{configured.host}:{configured.port}"
worker_class = "gthread"
workers = configured.web_concurrency
threads = settings.WEB_THREADS
control_socket_disable = True  # all instances of a user share its path: a second would replace the first's
keepalive = 75  # seconds; above any proxy's, so that the proxy closes idle connections first
graceful_timeout = 45  # above the longest `Prefer: wait`, 30 s
timeout = 60  # a check that the worker's main thread is alive, not a time limit for requests
limit_request_line = 8190  # the maximum that gunicorn supports; nginx refuses longer lines first
limit_request_field_size = 9_000  # a token of 8 KB, and the name of its header
# Nothing here depends on the client's address or scheme, so no proxy needs to be trusted about them. A
# trusted one, as loopback is by default, could also move the application to another path with a SCRIPT_NAME
# header.
forwarded_allow_ips = ""
accesslog = None  # the application logs each request, with its id
loglevel = configured.log_level.lower()

# Workers import the release that is on disk when they start. They would inherit the modules that this process
# has imported, and after HUP they would run a mixture of the old release and the new.
for name in [name for name in sys.modules if name.partition(".")[0] == "bulkimport"]:
    del sys.modules[name]


class OneFormat(Logger):  # type: ignore[misc]  # gunicorn has no types
    """Logs gunicorn's own lines as the application logs."""

    def setup(self, cfg: Config) -> None:
        """Let the application's handler have the lines."""
        super().setup(cfg)
        logs.configure(configured.log_level, configured.log_format)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        self.error_log.addFilter(without_content)


logger_class = OneFormat


def post_worker_init(worker: Worker) -> None:
    """Log in the format of the worker's own release, and watch the login's sessions."""
    from bulkimport.database import session_watch
    from bulkimport.telemetry import logs

    logs.configure(configured.log_level, configured.log_format)
    session_watch.start(configured.require_database_url(), worker.wsgi.extensions["database"])
    gc.collect()
    gc.freeze()  # collections need not look at the application itself, which would delay requests by 50 ms


def on_starting(_server: object) -> None:
    """Make a folder for the metrics of this server's processes; it survives HUP, and so do the counters."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="bulkimport-web-")


def child_exit(_server: object, worker: Worker) -> None:
    """Drop the gauges of a process that has exited; its counters stay."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(_server: object) -> None:
    """Delete the folder of the metrics."""
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


def without_content(record: logging.LogRecord) -> bool:
    """Cut off what gunicorn quotes from a request, since that may contain a query or a misplaced token."""
    if record.getMessage().startswith("Invalid request"):
        record.msg, record.args = re.split("['\"]", record.getMessage())[0], ()
    elif isinstance(record.args, tuple):
        record.args = tuple(
            value.partition("?")[0] if isinstance(value, str) else value for value in record.args
        )
    return True


def pre_request(_worker: object, request: Request) -> None:
    """Refuse requests that gunicorn would accept, and read nothing after a body without a Content-Length."""
    names = {name for name, _ in request.headers}
    if request.version == (1, 1) and "HOST" not in names:
        raise InvalidHeader("HOST", req=request)  # RFC 9112, section 3.2
    if "TRANSFER-ENCODING" in names:
        request.force_close()  # the application refuses it unread, so the next request's start is unknown
