"""The web application: what it is made of, in the order in which a request meets it."""

from flask import Flask

from bulkimport import migrate, problems, signing_keys
from bulkimport import settings as environment
from bulkimport.api import (
    assets,
    documentation,
    hand_in,
    health,
    ids,
    jobs,
    received_body,
    request_log,
    response_headers,
    row_errors,
    waiting,
)
from bulkimport.auth import TokenVerifier
from bulkimport.database import Database
from bulkimport.key_set import KeySet
from bulkimport.proved_tokens import ProvedTokens
from bulkimport.readiness import Readiness
from bulkimport.settings import WEB_THREADS, Settings
from bulkimport.signing_keys import FixedKey, KeySource

MULTIPART_ALLOWANCE_BYTES = 64 * 1024  # around the file: boundaries, part headers, small fields
MAX_FORM_MEMORY_BYTES = 512 * 1024  # Werkzeug counts its read buffer of 64 KiB in, of files too
MAX_FORM_PARTS = 20


def create_app(settings: Settings | None = None) -> Flask:
    """The application for these settings, by default the environment's.

    Raises SettingsError where one is missing, and UnusableKeyError where the key of tokens is none.
    """
    settings = settings or environment.load()
    app = Flask("bulkimport", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_upload_bytes + MULTIPART_ALLOWANCE_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_FORM_MEMORY_BYTES
    app.config["MAX_FORM_PARTS"] = MAX_FORM_PARTS
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]

    app.extensions["settings"] = settings
    app.extensions["proved_tokens"] = ProvedTokens(
        TokenVerifier(
            keys=_keys(settings),
            account_claim=settings.jwt_account_claim,
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
        )
    )
    app.extensions["database"] = Database(
        settings.require_database_url(), size=WEB_THREADS, application_name="bulkimport-web"
    )
    app.extensions["readiness"] = Readiness(
        app.extensions["database"], needed_version=migrate.latest_version()
    )
    app.extensions["waiting_places"] = waiting.new_places()

    request_log.register(app)
    response_headers.register(app)
    received_body.register(app)
    problems.register(app)
    app.register_blueprint(health.blueprint)
    app.url_map.converters |= {"job": ids.JobText, "asset": ids.AssetText}
    app.register_blueprint(documentation.blueprint)
    app.register_blueprint(hand_in.blueprint)
    app.register_blueprint(jobs.blueprint)
    app.register_blueprint(row_errors.blueprint)
    app.register_blueprint(assets.blueprint)
    return app


def _keys(settings: Settings) -> KeySource:
    """What verifies tokens, of the one family that is set."""
    settings.require_jwt_key()
    if settings.jwt_jwks_url:
        return KeySet(settings.jwt_jwks_url)
    if settings.jwt_public_key:
        return FixedKey(signing_keys.from_pem(settings.jwt_public_key))
    return FixedKey(signing_keys.from_secret(settings.require_jwt_secret()))
