"""Tokens that proved somebody a moment ago: who follows a job sends the same one again and again."""

import hashlib
import time
from typing import Protocol

from bulkimport.auth.tokens import LEEWAY_S, Principal

REMEMBER_S = 60.0  # so long a key that is withdrawn may still count
MAX_REMEMBERED = 10_000  # about 3 MB


class Verifier(Protocol):
    """What is asked about a token that is not remembered; auth.TokenVerifier."""

    def verify(self, authorization: str | None) -> Principal: ...


class ProvedTokens:
    """Verifies tokens, each at least once a minute. Safe between threads; keeps digests and no tokens."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self._proved: dict[bytes, tuple[Principal, float]] = {}

    def verify(self, authorization: str | None) -> Principal:
        """The principal of an Authorization header; raises what the verifier does."""
        digest = hashlib.sha256((authorization or "").encode("utf-8", "surrogatepass")).digest()
        principal, until = self._proved.get(digest, (None, 0.0))
        now = time.time()
        if principal and now < until <= now + REMEMBER_S:  # later: the clock was set back meanwhile
            return principal
        principal = self._verifier.verify(authorization)
        if len(self._proved) >= MAX_REMEMBERED:
            self._proved.clear()
        self._proved[digest] = principal, min(now + REMEMBER_S, principal.expires_at + LEEWAY_S)
        return principal
