"""Verifies a Bearer token and returns the principal it identifies. Knows neither Flask nor the database."""

import re
import time
import unicodedata
from base64 import urlsafe_b64decode
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import jwt

from bulkimport.auth import strict_json
from bulkimport.auth.keys import HS256, MAX_KEY_ID_CHARS, KeySource

READ_SCOPE, WRITE_SCOPE = "assets:read", "assets:write"
MAX_TOKEN_CHARS = 8 * 1024
MAX_ACCOUNT_ID = 2**31 - 1  # accounts.id is an int
MAX_TIME = 2**53  # seconds; beyond it a JSON number is no longer exact
MAX_SUBJECT_CHARS = 255
LEEWAY_S = 30
BEARER = re.compile(r"bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)", re.IGNORECASE)
TYPES = ("jwt", "at+jwt")
# A key that the token itself brings, or says where to fetch, proves nothing; and no extension that `crit`
# could name is supported (RFC 8725, sections 3.1 and 3.10; RFC 7515, section 4.1).
REFUSED_HEADERS = frozenset({"jku", "jwk", "x5u", "x5c", "crit"})
TIMES = ("exp", "nbf", "iat")


class UnauthorizedError(Exception):
    """There is no valid token; the message says what is wrong. `missing`: there is no token at all."""

    def __init__(self, message: str, *, missing: bool = False) -> None:
        super().__init__(message)
        self.missing = missing


class InsufficientScopeError(Exception):
    """The token is valid, but lacks the required scope."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"The token lacks the scope {scope}.")
        self.scope = scope


@dataclass(frozen=True)
class Principal:
    """The account and the subject of a token, the scopes it grants, and its expiry in seconds since 1970."""

    account_id: int
    subject: str | None
    scopes: frozenset[str] = frozenset()
    expires_at: float = field(default=0, compare=False)

    def require(self, scope: str) -> None:
        """Raise InsufficientScopeError unless the token has the scope."""
        if scope not in self.scopes:
            raise InsufficientScopeError(scope)


@dataclass(frozen=True)
class TokenVerifier:
    """Accepts tokens signed with one of the keys, not expired, and of the right issuer and audience."""

    keys: KeySource
    account_claim: str
    issuer: str | None
    audience: str | None

    def verify(self, authorization: str | None) -> Principal:
        """The principal of an Authorization header (RFC 6750, section 2.1).

        Raises UnauthorizedError if the token is not valid, and KeysUnavailableError if there is no key yet to
        verify it with.
        """
        if not authorization:
            raise UnauthorizedError("A Bearer token is required.", missing=True)
        match = BEARER.fullmatch(authorization) if len(authorization) <= MAX_TOKEN_CHARS else None
        if match is None:
            raise UnauthorizedError("The Authorization header does not have the form: Bearer TOKEN")
        claims = self._claims(match[1])
        return Principal(self._account_id(claims), _subject(claims), _scopes(claims), claims["exp"])

    def _claims(self, token: str) -> dict[str, Any]:
        key = self.keys.find(*_header(token.partition(".")[0]))
        if key is None:
            raise UnauthorizedError("The token is signed with a key or an algorithm that is not accepted.")
        try:
            return STRICT_JWT.decode(
                token,
                key.material,
                algorithms=[key.algorithm],
                issuer=self.issuer,
                audience=self.audience,
                leeway=LEEWAY_S,
                options={"require": ["exp", self.account_claim], "verify_aud": self.audience is not None},
            )
        except (jwt.PyJWTError, ValueError, OverflowError) as error:
            raise UnauthorizedError(f"The token is not valid: {_reason(error)}.") from error

    def _account_id(self, claims: dict[str, Any]) -> int:
        account_id = claims[self.account_claim]
        if not isinstance(account_id, int) or not _is_number(account_id, MAX_ACCOUNT_ID) or account_id < 1:
            raise UnauthorizedError(
                f'The token\'s claim "{self.account_claim}" is not the number of an account.'
            )
        return account_id


def issue_token(
    secret: str,
    account_id: int,
    *,
    account_claim: str,
    lifetime_s: int,
    issuer: str | None = None,
    audience: str | None = None,
    subject: str | None = None,
    scopes: Iterable[str] = (READ_SCOPE, WRITE_SCOPE),
) -> str:
    """A signed token, for tests and development; in production another service issues them."""
    now = int(time.time())
    claims = {
        account_claim: account_id,
        "sub": subject,
        "iat": now,
        "exp": now + lifetime_s,
        "iss": issuer,
        "aud": audience,
        "scope": " ".join(scopes),
    }
    claims_set = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims_set, secret, algorithm=HS256)


class _StrictJWT(jwt.PyJWT):
    """PyJWT, but without UTF-16, duplicate names, NaN, and times that are strings or beyond any clock."""

    def _decode_payload(self, decoded: dict[str, Any]) -> dict[str, Any]:
        claims = strict_json.parse(decoded["payload"])
        for name in TIMES:
            if name in claims and not _is_number(claims[name], MAX_TIME):
                raise UnauthorizedError(f'The token\'s claim "{name}" is not a time.')
        return claims


STRICT_JWT = _StrictJWT()


def _header(segment: str) -> tuple[str, str | None]:
    """The alg and kid of a header; UnauthorizedError for what is not supported (typ: RFC 8725, 3.11)."""
    try:
        header = strict_json.parse(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except ValueError as error:
        raise UnauthorizedError("The token is not valid: its header cannot be read.") from error
    if not REFUSED_HEADERS.isdisjoint(header):
        raise UnauthorizedError(
            f"The token has a header that is not accepted: {', '.join(sorted(REFUSED_HEADERS))}."
        )
    algorithm, key_id, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(algorithm, str):
        raise UnauthorizedError('The token\'s header "alg" is not the name of an algorithm.')
    if "kid" in header and not (isinstance(key_id, str) and 0 < len(key_id) <= MAX_KEY_ID_CHARS):
        raise UnauthorizedError('The token\'s header "kid" is not the name of a key.')
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in TYPES:
        raise UnauthorizedError('The token\'s header "typ" is neither JWT nor at+jwt.')
    return algorithm, key_id


def _reason(error: Exception) -> str:
    """PyJWT's own message where it is meant for people; other errors may quote the token."""
    return str(error) if isinstance(error, jwt.InvalidTokenError) else "it cannot be read"


def _subject(claims: dict[str, Any]) -> str | None:
    """The subject if it can be stored and shown, or None; it names somebody and grants nothing."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or subject.isprintable():
        return subject if subject and len(subject) <= MAX_SUBJECT_CHARS else None
    if not _is_text(subject):
        raise UnauthorizedError('The token\'s claim "sub" is not text.')
    return None


def _scopes(claims: dict[str, Any]) -> frozenset[str]:
    """The scopes in `scope` (RFC 8693, section 4.2), else in `scp`: a list, or a string with spaces."""
    scopes = claims.get("scope", claims.get("scp"))
    if scopes is None:
        return frozenset()
    if isinstance(scopes, str):
        scopes = scopes.split(" ")
    if not isinstance(scopes, list) or not all(isinstance(one, str) and _is_text(one) for one in scopes):
        raise UnauthorizedError("The token's scopes are neither a string nor a list of strings.")
    return frozenset(scopes) - {""}


def _is_text(text: str) -> bool:
    """Whether the text has neither control characters nor lone surrogates."""
    return text.isprintable() or not any(unicodedata.category(one) in ("Cc", "Cs") for one in text)


def _is_number(value: object, limit: int) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= limit
