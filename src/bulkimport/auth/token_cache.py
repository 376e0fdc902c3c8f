"""A cache of verified tokens: a caller that follows a job sends the same one again and again."""

import hashlib
import time
from typing import Protocol

from bulkimport.auth.tokens import LEEWAY_S, Principal

REMEMBER_S = 60.0  # a token stays valid for so long after its key was withdrawn
MAX_REMEMBERED = 10_000  # about 3 MB


class Verifier(Protocol):
    """Verifies the tokens that are not in the cache: TokenVerifier."""

    def verify(self, authorization: str | None) -> Principal: ...


class TokenCache:
    """Verifies each token at least once a minute. Thread-safe; stores digests, not tokens."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self._principals: dict[bytes, tuple[Principal, float]] = {}

    def verify(self, authorization: str | None) -> Principal:
        """The principal of an Authorization header; raises what the verifier raises."""
        digest = hashlib.sha256((authorization or "").encode("utf-8", "surrogatepass")).digest()
        principal, until = self._principals.get(digest, (None, 0.0))
        now = time.time()
        if principal and now < until <= now + REMEMBER_S:  # `until` is later only if the clock was set back
            return principal
        principal = self._verifier.verify(authorization)
        if len(self._principals) >= MAX_REMEMBERED:
            self._principals.clear()
        self._principals[digest] = principal, min(now + REMEMBER_S, principal.expires_at + LEEWAY_S)
        return principal
