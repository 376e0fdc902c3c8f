"""A Bearer token → the principal it proves. Knows neither Flask nor the database."""

import re
import time
from dataclasses import dataclass
from typing import Any

import jwt

ALGORITHM = "HS256"
MAX_TOKEN_CHARS = 8 * 1024
MAX_ACCOUNT_ID = 2**31 - 1  # accounts.id is an int
MAX_TIME = 2**53  # seconds; beyond it a JSON number is no longer exact
MAX_SUBJECT_CHARS = 255
LEEWAY_S = 30
BEARER = re.compile(r"bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)", re.IGNORECASE)


class UnauthorizedError(Exception):
    """No principal; the message says what is wrong with the token. `missing`: there was none at all."""

    def __init__(self, message: str, *, missing: bool = False) -> None:
        super().__init__(message)
        self.missing = missing


@dataclass(frozen=True)
class Principal:
    """Whom a token proves."""

    account_id: int
    subject: str | None


@dataclass(frozen=True)
class TokenVerifier:
    """What a token must be: signed with the secret, unexpired, and from and for whom it should be."""

    secret: str
    account_claim: str
    issuer: str | None
    audience: str | None

    def verify(self, authorization: str | None) -> Principal:
        """The principal of an Authorization header (RFC 6750, section 2.1), or UnauthorizedError."""
        if not authorization:
            raise UnauthorizedError("a Bearer token is needed", missing=True)
        match = BEARER.fullmatch(authorization)
        if match is None or len(authorization) > MAX_TOKEN_CHARS:
            raise UnauthorizedError("the Authorization header is not of the form: Bearer TOKEN")
        claims = self._claims(match[1])
        return Principal(self._account_id(claims), _subject(claims.get("sub")))

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self.secret,
                algorithms=[ALGORITHM],
                issuer=self.issuer,
                audience=self.audience,
                leeway=LEEWAY_S,
                options={"require": ["exp", self.account_claim], "verify_aud": self.audience is not None},
            )
        except (jwt.PyJWTError, ValueError, OverflowError, RecursionError) as error:
            raise UnauthorizedError(f"the token is not valid: {_reason(error)}") from error
        # PyJWT takes a time as a string, and one far beyond any clock.
        for name in ("exp", "nbf", "iat"):
            if name in claims and not _is_number(claims[name], MAX_TIME):
                raise UnauthorizedError(f'the token\'s claim "{name}" is not a time')
        return claims

    def _account_id(self, claims: dict[str, Any]) -> int:
        account_id = claims[self.account_claim]
        if not isinstance(account_id, int) or not _is_number(account_id, MAX_ACCOUNT_ID) or account_id < 1:
            raise UnauthorizedError(f"the token's claim \"{self.account_claim}\" is not an account's number")
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
) -> str:
    """A token for tests and development; in production another service issues them."""
    now = int(time.time())
    claims = {
        account_claim: account_id,
        "sub": subject,
        "iat": now,
        "exp": now + lifetime_s,
        "iss": issuer,
        "aud": audience,
    }
    given = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(given, secret, algorithm=ALGORITHM)


def _reason(error: Exception) -> str:
    """PyJWT's own words, where they are for people; other errors may quote the token."""
    return str(error) if isinstance(error, jwt.InvalidTokenError) else "it cannot be read"


def _subject(claim: object) -> str | None:
    """What can be stored and shown; a subject names somebody and grants nothing."""
    if isinstance(claim, str) and claim.isprintable() and 0 < len(claim) <= MAX_SUBJECT_CHARS:
        return claim
    return None


def _is_number(value: object, limit: int) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= limit
