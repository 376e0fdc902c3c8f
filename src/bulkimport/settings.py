"""Reads the environment into a frozen Settings; no other module reads os.environ."""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from bulkimport.errors import OperatorError

MIN_SECRET_BYTES = 32  # RFC 7518, section 3.2: an HS256 key is at least as long as its hash
JWT_KEYS = ("JWT_SECRET", "JWT_PUBLIC_KEY", "JWT_JWKS_URL")  # one family: RFC 8725, section 3.1
WEB_CONNECTIONS = 8  # to the database, per web process; also how many uploads it receives at a time
WAITING_PLACES = 128  # for requests with `Prefer: wait`, per web process; each needs only a thread
WEB_THREADS = WEB_CONNECTIONS + WAITING_PLACES
BOOLEANS = ("true", "false")
SWITCH = ("on", "off")
ORIGIN = re.compile(r"(https?)://(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::([1-9][0-9]{0,4}))?")
DEFAULT_PORTS = {"http": "80", "https": "443"}
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LOG_FORMATS = ("json", "text")


class SettingsError(OperatorError):
    """The environment is invalid; the message names the variable, its value and what to do."""


@dataclass(frozen=True)
class Settings:
    """The checked settings, which docs/configuration.md describes. Sizes are in bytes, limits in rows."""

    database_url: str | None = field(repr=False)
    migration_database_url: str | None = field(repr=False)
    jwt_secret: str | None = field(repr=False)
    jwt_public_key: str | None
    jwt_jwks_url: str | None
    jwt_issuer: str | None
    jwt_audience: str | None
    jwt_account_claim: str
    jwt_require_scopes: bool
    host: str
    port: int
    web_concurrency: int
    worker_concurrency: int
    worker_http_port: int | None
    log_level: str
    log_format: str
    max_upload_bytes: int
    max_rows: int
    chunk_rows: int
    max_active_jobs_per_account: int
    retention_days: int
    import_page: bool
    import_page_origins: str | None
    data_dir: Path
    metrics_folder: Path | None

    def require_database_url(self) -> str:
        """The URL of the service's own database login; SettingsError if it is not set."""
        return _require("DATABASE_URL", self.database_url, "postgresql://login@host/database")

    def require_migration_database_url(self) -> str:
        """The URL of the schema owner's login; SettingsError if it is not set."""
        return _require(
            "MIGRATION_DATABASE_URL",
            self.migration_database_url,
            "postgresql://owner@host/database",
        )

    def require_jwt_key(self) -> None:
        """Raise SettingsError unless there is a key to verify tokens with; there is no default."""
        if not (self.jwt_secret or self.jwt_public_key or self.jwt_jwks_url):
            raise SettingsError(
                "JWT_SECRET is not set, nor is JWT_PUBLIC_KEY or JWT_JWKS_URL; set the one with which the "
                "issuer's tokens can be verified"
            )

    def require_jwt_secret(self) -> str:
        """The HS256 secret, which can also sign tokens; SettingsError if it is not set."""
        if self.jwt_public_key or self.jwt_jwks_url:
            name = "JWT_PUBLIC_KEY" if self.jwt_public_key else "JWT_JWKS_URL"
            raise SettingsError(
                f"{name} is set, with which tokens can be verified but not signed; get tokens from their "
                "issuer, or set JWT_SECRET instead"
            )
        return _require(
            "JWT_SECRET", self.jwt_secret, f"a random secret of at least {MIN_SECRET_BYTES} bytes"
        )


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the environment (os.environ by default); raise SettingsError if a value is invalid.

    An empty variable counts as not set.
    """
    variables = {name: value for name, value in (os.environ if environ is None else environ).items() if value}
    _require_one_family(variables)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Settings(
        database_url=variables.get("DATABASE_URL"),
        migration_database_url=variables.get("MIGRATION_DATABASE_URL"),
        jwt_secret=_secret(variables.get("JWT_SECRET")),
        jwt_public_key=variables.get("JWT_PUBLIC_KEY"),
        jwt_jwks_url=_jwks_url(variables.get("JWT_JWKS_URL")),
        jwt_issuer=variables.get("JWT_ISSUER"),
        jwt_audience=variables.get("JWT_AUDIENCE"),
        jwt_account_claim=variables.get("JWT_ACCOUNT_CLAIM", "account_id"),
        jwt_require_scopes=_choice(variables, "JWT_REQUIRE_SCOPES", "false", BOOLEANS, str.lower) == "true",
        host=variables.get("HOST", "127.0.0.1"),
        port=_integer(variables, "PORT", 8000, 1, 65_535),
        web_concurrency=_integer(variables, "WEB_CONCURRENCY", cores, 1, 1_000),
        worker_concurrency=_integer(variables, "WORKER_CONCURRENCY", cores, 1, 1_000),
        worker_http_port=_integer(variables, "WORKER_HTTP_PORT", 0, 1, 65_535) or None,
        log_level=_choice(variables, "LOG_LEVEL", "INFO", LOG_LEVELS, str.upper),
        log_format=_choice(variables, "LOG_FORMAT", "json", LOG_FORMATS, str.lower),
        max_upload_bytes=_integer(variables, "MAX_UPLOAD_BYTES", 100 * 1024**2, 1, 2**40),
        max_rows=_integer(variables, "MAX_ROWS", 1_048_575, 1, 2**31 - 2),
        chunk_rows=_integer(variables, "CHUNK_ROWS", 5_000, 1, 100_000),
        max_active_jobs_per_account=_integer(variables, "MAX_ACTIVE_JOBS_PER_ACCOUNT", 20, 1, 1_000_000),
        retention_days=_integer(variables, "RETENTION_DAYS", 30, 1, 36_500),
        import_page=_choice(variables, "IMPORT_PAGE", "on", SWITCH, str.lower) == "on",
        import_page_origins=_origins(variables.get("IMPORT_PAGE_ORIGINS")),
        data_dir=Path(variables.get("DATA_DIR", "var")).absolute(),
        # gunicorn.conf.py and the worker supervisor create the folder and set this for their processes.
        metrics_folder=_folder(variables.get("PROMETHEUS_MULTIPROC_DIR")),
    )


def _require(name: str, value: str | None, example: str) -> str:
    if value is None:
        raise SettingsError(f"{name} is not set; set it to {example}")
    return value


def _require_one_family(variables: Mapping[str, str]) -> None:
    """Raise SettingsError if several keys are set, since a public key could then pass for a secret."""
    families = [name for name in JWT_KEYS if name in variables]
    if len(families) > 1:
        raise SettingsError(
            f"{' and '.join(families)} are set, but tokens are verified with only one of them; unset the rest"
        )


def _secret(value: str | None) -> str | None:
    if value is not None and len(value.encode()) < MIN_SECRET_BYTES:
        raise SettingsError(
            f"JWT_SECRET has {len(value.encode())} bytes; HS256 needs at least {MIN_SECRET_BYTES}, "
            "e.g. the output of: openssl rand -hex 32"
        )
    return value


def _jwks_url(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        usable = bool(parts.hostname) and parts.port != 0 and _is_private(parts)
    except ValueError:
        usable = False
    if not usable or not value.isascii() or not value.isprintable() or " " in value or "@" in value:
        raise SettingsError(
            f'JWT_JWKS_URL is "{value}"; it must be an https URL, or an http one of this machine (127.0.0.1, '
            "::1, localhost): over plain http anybody on the network path could supply keys"
        )
    return value


def _is_private(url: SplitResult) -> bool:
    """Whether nobody on the network path can change the response."""
    if url.scheme != "http" or url.hostname == "localhost":
        return url.scheme in ("http", "https")
    return ipaddress.ip_address(url.hostname or "").is_loopback


def _origins(value: str | None) -> str | None:
    """The origins separated by spaces, each as browsers write it (RFC 6454, section 6.2)."""
    origins = (value or "").replace(",", " ").split()
    for origin in origins:
        if not _is_origin(origin):
            raise SettingsError(
                f'IMPORT_PAGE_ORIGINS has "{origin}"; an origin is a scheme, a host in lower case and a port '
                "unless it is the default one, such as https://platform.example.com"
            )
    return " ".join(origins) or None


def _is_origin(text: str) -> bool:
    """Whether a browser would write it like this, so that the two can be compared as texts."""
    match = ORIGIN.fullmatch(text)
    if match is None:
        return False
    scheme, port = match.groups()
    return port != DEFAULT_PORTS[scheme] and int(port or 1) < 2**16


def _folder(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _integer(variables: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = variables.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise SettingsError(f'{name} is "{text}"; it must be a whole number from {low} to {high}')
    return int(text)


def _choice(
    variables: Mapping[str, str],
    name: str,
    default: str,
    choices: tuple[str, ...],
    normalise: Callable[[str], str],
) -> str:
    text = normalise(variables.get(name, default))
    if text not in choices:
        raise SettingsError(f'{name} is "{text}"; it must be one of {", ".join(choices)}')
    return text
