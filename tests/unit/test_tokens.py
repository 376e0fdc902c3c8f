"""A Bearer token → a principal, or a refusal."""

import base64
import json
import time
from typing import Any

import jwt
import pytest

from bulkimport.auth.keys import FixedKey, from_secret
from bulkimport.auth.tokens import Principal, TokenVerifier, UnauthorizedError, issue_token

SECRET = "a secret of tests, long enough for HS256 and for HS512 as well.."
KEYS = FixedKey(from_secret(SECRET))
VERIFIER = TokenVerifier(keys=KEYS, account_claim="account_id", issuer=None, audience=None)


def sign(key: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    payload = {"account_id": 7, "exp": int(time.time()) + 60, **claims}
    return jwt.encode({k: v for k, v in payload.items() if v is not ...}, key, algorithm=algorithm)


def sign_bytes(payload: bytes) -> str:
    """A token with a payload that no library would write."""
    return jwt.PyJWS().encode(payload, SECRET, algorithm="HS256")


def test_a_valid_token_proves_a_principal() -> None:
    assert VERIFIER.verify(f"Bearer {sign(sub='importer')}") == Principal(7, "importer")


def test_an_issued_token_is_valid() -> None:
    token = issue_token(SECRET, 7, account_claim="account_id", lifetime_s=60)
    proved = VERIFIER.verify(f"bearer {token}")
    assert proved == Principal(7, None, frozenset({"assets:read", "assets:write"}))


def test_a_clock_may_be_30_s_off() -> None:
    assert VERIFIER.verify(f"Bearer {sign(exp=int(time.time()) - 25)}").account_id == 7


def test_a_missing_token_is_distinguished_from_a_wrong_one() -> None:
    for header in (None, ""):
        with pytest.raises(UnauthorizedError) as refusal:
            VERIFIER.verify(header)
        assert refusal.value.missing


@pytest.mark.parametrize(
    "header",
    [
        "Basic dXNlcjpwYXNz",
        "Bearer",
        "Bearer ",
        "Bearer garbage",
        "Bearer a.b.c",
        f"Bearer {sign()} {sign()}",
        f"Bearer {sign()}, Bearer {sign()}",
        f"Token {sign()}",
        f"Bearer {sign(exp=int(time.time()) - 3600)}",
        f"Bearer {sign(exp=...)}",
        f"Bearer {sign(exp='9999999999')}",
        f"Bearer {sign(exp=10**40)}",
        f"Bearer {sign(exp=True)}",
        f"Bearer {sign(nbf=int(time.time()) + 3600)}",
        f"Bearer {sign(key='another secret of tests, long enough too')}",
        f"Bearer {sign(algorithm='HS512')}",
        f"Bearer {sign(filler='x' * 9_000)}",
        f"Bearer {sign_bytes(json.dumps({'account_id': 7, 'exp': 9999999999}).encode('utf-16'))}x",
        f"Bearer {sign_bytes(b'[1]')}",
        f"Bearer {sign_bytes(b'no json')}",
        f"Bearer {sign_bytes(b'[' * 3000)}",
    ],
)
def test_a_wrong_token_is_refused(header: str) -> None:
    with pytest.raises(UnauthorizedError) as refusal:
        VERIFIER.verify(header)
    assert not refusal.value.missing


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE"])
def test_an_unsigned_token_is_refused(algorithm: str) -> None:
    parts = [{"alg": algorithm, "typ": "JWT"}, {"account_id": 7, "exp": 9999999999}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    for signature in ("", "AA"):
        with pytest.raises(UnauthorizedError):
            VERIFIER.verify(f"Bearer {'.'.join(encoded)}.{signature}")


@pytest.mark.parametrize("claim", [..., None, True, "7", 7.0, 0, -1, 2**31, 2**40, [7], {"id": 7}])
def test_the_account_must_be_a_whole_number_in_range(claim: Any) -> None:
    with pytest.raises(UnauthorizedError, match="account_id"):
        VERIFIER.verify(f"Bearer {sign(account_id=claim)}")


def test_issuer_and_audience_are_checked_when_they_are_set() -> None:
    strict = TokenVerifier(keys=KEYS, account_claim="account_id", issuer="platform", audience="bulkimport")
    assert strict.verify(f"Bearer {sign(iss='platform', aud='bulkimport')}").account_id == 7
    for claims in (
        {},
        {"iss": "platform"},
        {"iss": "x", "aud": "bulkimport"},
        {"iss": "platform", "aud": "x"},
    ):
        with pytest.raises(UnauthorizedError):
            strict.verify(f"Bearer {sign(**claims)}")


def test_an_audience_is_ignored_unless_one_is_configured() -> None:
    assert VERIFIER.verify(f"Bearer {sign(aud='somebody')}").account_id == 7


def test_the_account_claim_may_have_another_name() -> None:
    verifier = TokenVerifier(keys=KEYS, account_claim="org", issuer=None, audience=None)
    assert verifier.verify(f"Bearer {sign(org=9)}").account_id == 9
