"""A token is verified at least once a minute, and never counts after its expiry."""

import pytest

from bulkimport.auth import token_cache
from bulkimport.auth.token_cache import MAX_REMEMBERED, REMEMBER_S, ProvedTokens
from bulkimport.auth.tokens import LEEWAY_S, Principal, UnauthorizedError

NOW = 1_800_000_000.0


class Verifier:
    """Takes any token but "bad", and counts; tokens are good for 10 minutes, "short" ones for 5 s."""

    def __init__(self) -> None:
        self.asked = 0

    def verify(self, authorization: str | None) -> Principal:
        self.asked += 1
        if authorization in (None, "bad"):
            raise UnauthorizedError("it is bad")
        return Principal(1, authorization, expires_at=NOW + (5 if authorization == "short" else 600))


class Clock:
    now = NOW

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(token_cache, "time", clock)
    return clock


@pytest.fixture
def verifier() -> Verifier:
    return Verifier()


@pytest.fixture
def tokens(verifier: Verifier, clock: Clock) -> ProvedTokens:
    return ProvedTokens(verifier)


def test_a_token_is_verified_once_a_minute(tokens: ProvedTokens, verifier: Verifier, clock: Clock) -> None:
    assert [tokens.verify("a").subject for _ in range(3)] == ["a"] * 3
    assert verifier.asked == 1
    clock.now += REMEMBER_S
    tokens.verify("a")
    assert verifier.asked == 2


def test_a_token_is_verified_anew_where_the_clock_was_set_back(
    tokens: ProvedTokens, verifier: Verifier, clock: Clock
) -> None:
    tokens.verify("a")
    clock.now -= 300
    tokens.verify("a")
    assert verifier.asked == 2


def test_a_token_counts_no_longer_than_it_says(
    tokens: ProvedTokens, verifier: Verifier, clock: Clock
) -> None:
    tokens.verify("short")
    clock.now += 5 + LEEWAY_S
    tokens.verify("short")
    assert verifier.asked == 2


def test_tokens_are_told_apart(tokens: ProvedTokens) -> None:
    assert [tokens.verify(name).subject for name in ("a", "b", "a", "ab")] == ["a", "b", "a", "ab"]


@pytest.mark.parametrize("token", ["bad", None])
def test_what_proves_nobody_is_not_remembered(
    tokens: ProvedTokens, verifier: Verifier, token: str | None
) -> None:
    tokens.verify("a")
    for _ in range(2):
        with pytest.raises(UnauthorizedError):
            tokens.verify(token)
    assert verifier.asked == 3


def test_memory_is_bounded(tokens: ProvedTokens, verifier: Verifier) -> None:
    for number in range(MAX_REMEMBERED + 1):
        tokens.verify(str(number))
    tokens.verify("0")
    assert verifier.asked == MAX_REMEMBERED + 2
