"""The web application, and what it is made of."""

import threading
from collections.abc import Callable
from typing import Any

from flask import Flask

from bulkimport import settings
from bulkimport.api import (
    asset_exports,
    assets,
    jobs,
    long_polling,
    plans,
    previews,
    quick_status,
    row_errors,
    uploads,
)
from bulkimport.auth import keys
from bulkimport.auth.jwks import KeySet
from bulkimport.auth.keys import FixedKey, KeySource
from bulkimport.auth.token_cache import TokenCache
from bulkimport.auth.tokens import TokenVerifier
from bulkimport.database import migrations
from bulkimport.database.connections import Database
from bulkimport.database.readiness import Readiness
from bulkimport.pages import docs, import_page
from bulkimport.web import body, health, ids, problems, request_log

MULTIPART_ALLOWANCE_BYTES = 64 * 1024  # around the file: boundaries, part headers, small fields
MAX_FORM_MEMORY_BYTES = 512 * 1024  # Werkzeug includes its 64 KiB read buffer, for files too
MAX_FORM_PARTS = 20


def create_app(config: settings.Settings | None = None) -> Flask:
    """The application for these settings, by default those of the environment.

    Raises SettingsError if a required setting is missing, and UnusableKeyError if the key that verifies
    tokens cannot be used.
    """
    config = config or settings.load()
    app = _Application("bulkimport", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = config.max_upload_bytes + MULTIPART_ALLOWANCE_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_FORM_MEMORY_BYTES
    app.config["MAX_FORM_PARTS"] = MAX_FORM_PARTS
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]

    app.extensions["settings"] = config
    app.extensions["token_cache"] = TokenCache(
        TokenVerifier(
            keys=_keys(config),
            account_claim=config.jwt_account_claim,
            issuer=config.jwt_issuer,
            audience=config.jwt_audience,
        )
    )
    app.extensions["database"] = Database(
        config.require_database_url(), size=settings.WEB_CONNECTIONS, application_name="bulkimport-web"
    )
    app.extensions["readiness"] = Readiness(
        app.extensions["database"], needed_version=migrations.latest_version()
    )
    app.extensions["upload_places"] = threading.BoundedSemaphore(settings.WEB_CONNECTIONS)

    long_polling.register(app)
    body.register(app)
    problems.register(app)
    app.register_blueprint(health.blueprint)
    app.url_map.converters |= {"job": ids.JobText, "asset": ids.AssetText}
    app.register_blueprint(docs.blueprint)
    if config.import_page:
        app.register_blueprint(import_page.blueprint)
    app.register_blueprint(uploads.blueprint)
    app.register_blueprint(previews.blueprint)
    app.register_blueprint(jobs.blueprint)
    app.register_blueprint(row_errors.blueprint)
    app.register_blueprint(plans.blueprint)
    app.register_blueprint(assets.blueprint)
    app.register_blueprint(asset_exports.blueprint)
    quick_status.register(app)
    request_log.register(app)
    return app


class _Application(Flask):
    """Flask, but with synchronous views only."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself, which Flask would inspect for each request."""
        return func


def _keys(config: settings.Settings) -> KeySource:
    """Where the keys that verify tokens come from; only one of the three variables is set."""
    config.require_jwt_key()
    if config.jwt_jwks_url:
        return KeySet(config.jwt_jwks_url)
    if config.jwt_public_key:
        return FixedKey(keys.from_pem(config.jwt_public_key))
    return FixedKey(keys.from_secret(config.require_jwt_secret()))
