"""How gunicorn serves: threads, because a request waits for PostgreSQL more than it computes."""

import os
import shutil
import sys
import tempfile

from gunicorn.workers.base import Worker

from bulkimport import settings as environment

settings = environment.load()

bind = f"{settings.host}:{settings.port}"
worker_class = "gthread"
workers = settings.web_concurrency
threads = environment.WEB_THREADS
control_socket_disable = True  # one path for all instances of a user: a second would replace the first
keepalive = 75  # seconds; above nginx's 60, so that nginx is the one to close
graceful_timeout = 30
timeout = 60  # a check that the worker's main thread lives, not a time limit of a request
accesslog = None  # the application logs each request, with its id

# Workers import the release that is on disk when they start. What this process has imported it would hand
# on to them, and after HUP they would be half old and half new.
for name in [name for name in sys.modules if name.partition(".")[0] == "bulkimport"]:
    del sys.modules[name]


def post_worker_init(_worker: object) -> None:
    """One format for the application's lines and gunicorn's own in this process."""
    import logging

    from bulkimport import logs

    logs.configure(settings.log_level, settings.log_format)
    for name in ("gunicorn.error", "gunicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True


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
