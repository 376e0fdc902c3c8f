"""Which service a command calls and with which token, and how the command ends if that fails."""

import re
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from bulkimport.cli import terminal
from bulkimport.cli.terminal import visible
from bulkimport.cli.upload_options import in_options
from bulkimport.client import EXIT_FAILED, Client, RefusedError

EXIT_INTERRUPTED = 130
JWT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)  # RFC 7519, section 3
HINT = "`make token ACCOUNT=1` prints one for the service that `make run` has started"

Command = Callable[..., Any]


def calling(command: Command) -> Command:
    """Pass a client to the command as its first argument; exit with EXIT_FAILED if a request is refused."""

    @click.option(
        "--url",
        envvar="BULKIMPORT_URL",
        default="http://127.0.0.1:8000",
        show_default=True,
        show_envvar=True,
        callback=_require_url,
        help="Base URL of the service.",
    )
    @click.option(
        "--token", envvar="BULKIMPORT_TOKEN", show_envvar=True, callback=_require_jwt, help="Access token."
    )
    @wraps(command)
    def called(url: str, token: str, **arguments: Any) -> None:
        try:
            command(Client(url, token), **arguments)
        except RefusedError as refusal:
            lines = in_options(f"bulkimport: {refusal}").splitlines()
            terminal.console(stderr=True).print("\n".join(map(visible, lines)))
            sys.exit(EXIT_FAILED)
        except KeyboardInterrupt:
            sys.exit(EXIT_INTERRUPTED)

    return called


def _require_url(_context: click.Context, _parameter: click.Parameter, url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise click.UsageError(f'"{url}" is not a URL; it must begin with http:// or https://')
    return url


def _require_jwt(_context: click.Context, _parameter: click.Parameter, token: str | None) -> str:
    if token is None:
        raise click.UsageError(f"There is no token. Set BULKIMPORT_TOKEN, or pass --token; {HINT}.")
    if not JWT.fullmatch(token.strip()):
        raise click.UsageError(
            "BULKIMPORT_TOKEN or --token: this is not a JWT, which has three parts with a dot in between; "
            f"{HINT}."
        )
    return token.strip()
