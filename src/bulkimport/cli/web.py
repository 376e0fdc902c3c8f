"""The command that serves the API."""

import os
import sys
from importlib.resources import files

import click

from bulkimport import settings
from bulkimport.database import startup
from bulkimport.telemetry import logs

CONFIGURATION = files("bulkimport") / "deploy" / "gunicorn.conf.py"


@click.command()
def web() -> None:
    """Serve the API on PORT in WEB_CONCURRENCY processes of gunicorn."""
    from bulkimport.app import create_app

    config = settings.load()
    create_app(config)  # a setting or a key that cannot be used is reported here, once and in one line
    logs.configure(config.log_level, config.log_format)
    startup.begin(config.require_database_url(), "web", processes=config.web_concurrency)
    # gunicorn replaces this process, whose modules its workers would inherit: after HUP they would run a
    # mixture of two releases.
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--config",
        str(CONFIGURATION),
        "bulkimport.app:create_app()",
    ]
    os.execv(sys.executable, command)  # noqa: S606 - there is no shell
