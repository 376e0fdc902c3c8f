"""gunicorn and an issuer: keys over HTTP, and headers that only a real server parses."""

import http.client

import pytest

from tests.e2e.conftest import Service
from tests.support import issuer
from tests.support.issuer import Issued, ec_key, jwk, rsa_key

GOOD = Issued("RS256", rsa_key(), "rsa")
FORGED = Issued("ES256", ec_key(1), "ec")


def status_of(service: Service, *authorization: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    try:
        connection.putrequest("GET", "/api/v1/assets")
        for value in authorization:
            connection.putheader("Authorization", value)
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_key_set_verifies_tokens_and_two_headers_count_as_no_token(service: Service) -> None:
    with issuer.serving() as server:
        server.body = issuer.key_set(jwk(rsa_key(), "rsa"), jwk(ec_key(), "ec"))
        del service.environment["JWT_SECRET"]
        service.start_web(JWT_JWKS_URL=server.url)
        good, forged = f"Bearer {GOOD.token()}", f"Bearer {FORGED.token()}"
        assert status_of(service, good) == 200
        for headers in ([], [forged], [good, good], [good, forged], [forged, good], ["", good], [good, ""]):
            assert status_of(service, *headers) == 401, headers
        assert server.fetches == 1
    assert status_of(service, good) == 200, "the issuer is gone, its keys are not"


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "JWT_SECRET is not set, nor is JWT_PUBLIC_KEY or JWT_JWKS_URL"),
        ({"JWT_PUBLIC_KEY": "rubbish"}, "JWT_PUBLIC_KEY is no public key in PEM"),
    ],
)
def test_web_does_not_start_without_a_key_and_says_why(
    service: Service, variables: dict[str, str], message: str
) -> None:
    del service.environment["JWT_SECRET"]
    assert message in service.output_of_failed_start(**variables)
