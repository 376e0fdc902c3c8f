"""Every kind of token sent to the application: valid ones pass, others never reach the database."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient
from werkzeug.test import create_environ, run_wsgi_app

from bulkimport import settings
from bulkimport.app import create_app
from bulkimport.auth.jwks import FETCH_INTERVAL_S
from tests.conftest import OWN, SECRET, TestDatabase, bearer
from tests.support import bad_tokens, issuer
from tests.support.bad_tokens import Headers
from tests.support.issuer import Issued, KeyServer, ec_key, jwk, pem, rsa_key

PATH = "/api/v1/assets"
JOB = f"{PATH}/bulk/a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
MAX_P99_S = 0.005
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bulkimport-web' AND datname = "
Open = Callable[..., FlaskClient]
REQUEST = create_environ(PATH)


@pytest.fixture
def key_server() -> Iterator[KeyServer]:
    with issuer.serving() as server:
        server.body = issuer.key_set(
            jwk(rsa_key(), "rsa"),
            jwk(ec_key(), "ec"),
            jwk(rsa_key(1024), "weak"),
            jwk(ec_key(1), "enc", use="enc"),
        )
        yield server


@pytest.fixture
def open_client(db: TestDatabase) -> Iterator[Open]:
    """Opens the application with these variables, on the test's database."""
    opened = []

    def open_client(**environ: str) -> FlaskClient:
        app = create_app(settings.load({"DATABASE_URL": db.web_url, **environ}))
        opened.append(app)
        return app.test_client()

    yield open_client
    for app in opened:
        app.extensions["database"].close()


CONFIGURATIONS = {
    "secret": ("JWT_SECRET", [Issued("HS256", SECRET)]),
    "RSA key": ("JWT_PUBLIC_KEY", [Issued("RS256", rsa_key())]),
    "EC key": ("JWT_PUBLIC_KEY", [Issued("ES256", ec_key())]),
    "key set": ("JWT_JWKS_URL", [Issued("RS256", rsa_key(), "rsa"), Issued("ES256", ec_key(), "ec")]),
}


def value_of(name: str, issued: Issued, key_server: KeyServer) -> str:
    if name == "JWT_JWKS_URL":
        return key_server.url
    return issued.key if isinstance(issued.key, str) else pem(issued.key)


def with_headers(headers: Headers) -> dict[str, Any]:
    """A request as a server passes it on (PEP 3333): the test client takes as long as the application."""
    values: dict[str, list[str]] = defaultdict(list)
    for name, value in headers:
        values[f"HTTP_{name.upper().replace('-', '_')}"].append(value)
    return {**REQUEST, **{name: ", ".join(texts) for name, texts in values.items()}}


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_a_valid_token_is_accepted(configuration: str, open_client: Open, key_server: KeyServer) -> None:
    name, issuers = CONFIGURATIONS[configuration]
    client = open_client(**{name: value_of(name, issuers[0], key_server)})
    for issued in issuers:
        for token in (issued.token(), issued.token({"typ": "at+JWT"}), issued.token({"typ": ...})):
            assert client.get(PATH, headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("configuration", ["secret", "RSA key", "key set"])
def test_ten_thousand_bad_tokens_are_refused_quickly_without_asking_the_database(
    configuration: str, open_client: Open, key_server: KeyServer, db: TestDatabase
) -> None:
    name, issuers = CONFIGURATIONS[configuration]
    value = value_of(name, issuers[0], key_server)
    client = open_client(**{name: value})
    connections = f"{CONNECTIONS}{db.value('SELECT quote_literal(current_database())')}"
    seconds, wrong, count = [], [], 0
    began = time.monotonic()
    for what, headers in bad_tokens.generate(issuers):
        environ = with_headers(headers)
        started = time.thread_time()  # it waits for nothing, and is not charged for what else runs here
        _, status, answered = run_wsgi_app(client.application, environ, buffered=True)
        seconds.append(time.thread_time() - started)
        count += 1
        if not status.startswith("401 ") or "WWW-Authenticate" not in answered:
            wrong.append((what, status, headers))
    assert not wrong, (len(wrong), wrong[:5])
    assert count >= 10_000
    assert db.value(connections) == 0
    p99 = sorted(seconds)[int(count * 0.99)]
    assert p99 < MAX_P99_S, f"p99 of {count}: {p99 * 1000:.2f} ms"
    assert key_server.fetches <= 2 + (time.monotonic() - began) // FETCH_INTERVAL_S
    good = {"Authorization": f"Bearer {issuers[0].token()}"}
    assert client.get(PATH, headers=good).status_code == 200
    assert db.value(connections) == 1, "a good token is what asks the database"


def test_without_any_key_yet_it_is_503(open_client: Open, key_server: KeyServer) -> None:
    key_server.status = 500
    response = open_client(JWT_JWKS_URL=key_server.url).get(
        PATH, headers={"Authorization": f"Bearer {Issued('RS256', rsa_key(), 'rsa').token()}"}
    )
    assert (response.status_code, response.get_json()["type"]) == (503, "/problems/keys-unavailable")
    assert 1 <= int(response.headers["Retry-After"]) <= 30


@pytest.mark.parametrize(
    ("claims", "reads", "writes"),
    [
        ({"scope": "assets:read assets:write"}, True, True),
        ({"scope": "openid assets:read"}, True, False),
        ({"scope": "assets:write"}, False, True),
        ({"scp": "assets:read"}, True, False),
        ({"scp": ["assets:write", "assets:read"]}, True, True),
        ({"scope": "", "scp": "assets:read"}, False, False),
        ({"scope": "ASSETS:READ assets:writer assets"}, False, False),
        ({}, False, False),
    ],
)
def test_scopes_allow_reading_and_writing(
    claims: dict[str, Any], reads: bool, writes: bool, open_client: Open
) -> None:
    client = open_client(JWT_SECRET=SECRET, JWT_REQUIRE_SCOPES="true")
    headers = {"Authorization": f"Bearer {Issued('HS256', SECRET).token(claims=claims)}"}
    for scope, allowed, answers in (
        (
            "assets:read",
            reads,
            [read(path, headers=headers) for read in (client.get, client.head) for path in (PATH, JOB)],
        ),
        (
            "assets:write",
            writes,
            [client.post(PATH, headers=headers), client.delete(f"{PATH}/1", headers=headers)],
        ),
    ):
        for answer in answers:
            assert (answer.status_code != 403) == allowed
            if not allowed:
                assert answer.headers["WWW-Authenticate"] == (
                    f'Bearer realm="bulkimport", error="insufficient_scope", scope="{scope}"'
                )
                assert answer.request.method == "HEAD" or (
                    answer.get_json()["type"] == "/problems/insufficient-scope"
                )


def test_scopes_are_ignored_unless_required(open_client: Open) -> None:
    token = jwt.encode({"account_id": OWN, "exp": int(time.time()) + 60}, SECRET)
    client = open_client(JWT_SECRET=SECRET)
    assert client.delete(f"{PATH}/1", headers={"Authorization": f"Bearer {token}"}).status_code == 404


def test_an_issued_token_has_both_scopes(open_client: Open) -> None:
    client = open_client(JWT_SECRET=SECRET, JWT_REQUIRE_SCOPES="true")
    assert client.get(PATH, headers=bearer()).status_code == 200
    assert client.delete(f"{PATH}/1", headers=bearer()).status_code == 404
