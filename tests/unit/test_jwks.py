"""The keys at a URL: fetched rarely, kept while it is down, and refreshed while no request waits."""

import datetime
import ipaddress
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from bulkimport.auth import jwks
from bulkimport.auth.jwks import KeySet, KeysUnavailableError
from tests.e2e.conftest import wait_until
from tests.support import issuer
from tests.support.issuer import KeyServer, ec_key, jwk, rsa_key


class Clock:
    """Time that passes when the test says so."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with issuer.serving() as server:
        server.body = issuer.key_set(jwk(ec_key(0), "first"))
        yield server


@pytest.fixture
def keys(server: KeyServer, clock: Clock) -> KeySet:
    return KeySet(server.url, clock=clock)


def has(keys: KeySet, kid: str, algorithm: str = "ES256") -> bool:
    return keys.find(algorithm, kid) is not None


def test_a_key_is_found_by_its_kid_and_its_algorithm_after_one_fetch(keys: KeySet, server: KeyServer) -> None:
    server.body = issuer.key_set(jwk(ec_key(), "both"), jwk(rsa_key(), "both"), jwk(rsa_key(), "one"))
    for kid, algorithm in (("both", "ES256"), ("both", "RS256"), ("one", "RS256")):
        key = keys.find(algorithm, kid)
        assert key is not None
        assert key.algorithm == algorithm
    for kid, algorithm in (("one", "ES256"), ("one", "HS256"), ("one", "none"), ("other", "RS256")):
        assert not has(keys, kid, algorithm)
    assert keys.find("RS256", None) is None
    assert server.fetches == 1


def test_unusable_keys_are_ignored(keys: KeySet, server: KeyServer) -> None:
    server.body = issuer.key_set(
        jwk(ec_key()),
        jwk(ec_key(), ""),
        jwk(ec_key(), "x" * 257),
        {"kty": "oct", "kid": "secret", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"},
        jwk(rsa_key(1024), "weak"),
        jwk(rsa_key(), "enc", use="enc"),
        *(5, None, []),  # type: ignore[arg-type]
        jwk(ec_key(), "good"),
    )
    assert has(keys, "good")
    for kid in ("", "x" * 257, "secret", "weak", "enc"):
        assert not any(has(keys, kid, algorithm) for algorithm in ("ES256", "RS256", "HS256"))


def test_keys_rotate_without_a_restart(keys: KeySet, server: KeyServer, clock: Clock) -> None:
    assert has(keys, "first")
    server.body = issuer.key_set(jwk(ec_key(1), "second"))
    assert not has(keys, "second"), "not yet: it was fetched just now"
    clock.now += jwks.FETCH_INTERVAL_S
    assert has(keys, "second")
    assert not has(keys, "first")
    assert server.fetches == 2


@pytest.mark.parametrize("status", [200, 500])
def test_there_is_one_fetch_in_30_s_whatever_keys_are_asked_for(
    keys: KeySet, server: KeyServer, clock: Clock, status: int
) -> None:
    assert has(keys, "first")
    server.status = status
    with ThreadPoolExecutor(16) as threads:
        for fetches in (1, 2, 3):
            known = threads.map(lambda number: has(keys, f"unknown {number}"), range(3_000))
            assert not any(known)
            assert server.fetches == fetches
            assert has(keys, "first")
            clock.now += jwks.FETCH_INTERVAL_S


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (500, None, {}),
        (302, None, {"Location": "/keys"}),
        (301, None, {"Location": "ftp://127.0.0.1/keys"}),
        (200, b"<html>down for maintenance</html>", {}),
        (200, b"[]", {}),
        (200, b'{"keys": {}}', {}),
        (200, b'{"keys": []}', {}),
        (200, b'{"keys": [{"kty": "oct", "kid": "first"}]}', {}),
        (200, b'{"keys": ' + b"[" * 100_000, {}),
        (200, b'{"keys": [], "more": "' + b"x" * jwks.MAX_SET_BYTES + b'"}', {}),
        (200, None, {"Transfer-Encoding": "chunked"}),
        (200, None, {"Content-Length": "10"}),
    ],
)
def test_the_last_good_keys_are_kept_while_the_endpoint_is_down(
    keys: KeySet,
    server: KeyServer,
    clock: Clock,
    status: int,
    body: bytes | None,
    headers: dict[str, str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert has(keys, "first")
    monkeypatch.setattr(jwks, "FETCH_TIMEOUT_S", 0.3)
    good = issuer.key_set(jwk(ec_key(1), "second"))
    server.status, server.headers, server.body = status, headers, good if body is None else body
    clock.now += 100_000
    assert has(keys, "first")
    wait_until(lambda: "JWT_JWKS_URL gave no keys" in caplog.text, "the fetch has failed")
    assert (server.fetches, has(keys, "first"), has(keys, "second")) == (2, True, False)
    server.status, server.headers, server.body = 200, {}, good
    clock.now += jwks.FETCH_INTERVAL_S
    assert has(keys, "second")


def test_without_any_key_the_problem_says_when_to_retry(
    keys: KeySet, server: KeyServer, clock: Clock
) -> None:
    server.status = 503
    with ThreadPoolExecutor(16) as threads:
        refusals = list(threads.map(lambda _: retry_after(keys), range(1_000)))
    assert set(refusals) == {30}
    assert server.fetches == 1
    clock.now += 12.5
    assert retry_after(keys) == 18
    server.status = 200
    clock.now += 17.5
    assert has(keys, "first")


def test_an_unreachable_endpoint_is_treated_like_one_that_is_down(clock: Clock) -> None:
    assert retry_after(KeySet("http://127.0.0.1:1/", clock=clock)) == 30


def test_all_requests_wait_for_the_first_keys(keys: KeySet, server: KeyServer) -> None:
    server.answering.clear()
    with ThreadPoolExecutor(8) as threads:
        lookups = [threads.submit(has, keys, "first") for _ in range(8)]
        wait_until(lambda: server.fetches, "the fetch is under way")
        server.answering.set()
        assert all(each.result() for each in lookups)
    assert server.fetches == 1


def test_old_keys_are_refreshed_while_no_request_waits(keys: KeySet, server: KeyServer, clock: Clock) -> None:
    assert has(keys, "first")
    server.answering.clear()
    server.body = issuer.key_set(jwk(ec_key(0), "first"), jwk(ec_key(1), "second"))
    clock.now += jwks.REFRESH_AFTER_S
    started = time.monotonic()
    assert all(has(keys, "first") for _ in range(1_000))
    assert time.monotonic() - started < 1
    server.answering.set()
    wait_until(lambda: has(keys, "second"), "the new keys are there")
    assert server.fetches == 2


def test_looking_for_an_unknown_key_blocks_few_threads(keys: KeySet, server: KeyServer, clock: Clock) -> None:
    assert has(keys, "first")
    server.answering.clear()
    clock.now += jwks.FETCH_INTERVAL_S
    with ThreadPoolExecutor(50) as threads:
        waiting = [threads.submit(has, keys, f"unknown {number}") for number in range(50)]
        wait_until(lambda: sum(each.done() for each in waiting) == 48, "all but two have their answer")
        assert has(keys, "first")
        server.answering.set()
        assert not any(each.result() for each in waiting)


def test_a_fetch_ends_in_time_whatever_the_endpoint_does(
    keys: KeySet,
    server: KeyServer,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It sends a byte now and then, for minutes."""
    monkeypatch.setattr(jwks, "FETCH_TIMEOUT_S", 0.3)
    server.drip_s = 0.1
    started = time.monotonic()
    assert retry_after(keys) == 30
    assert time.monotonic() - started < 2
    wait_until(lambda: "JWT_JWKS_URL gave no keys" in caplog.text, "the fetch has ended", 5)
    server.drip_s = 0
    clock.now += jwks.FETCH_INTERVAL_S
    assert has(keys, "first")


def test_a_certificate_must_be_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own_certificate(tmp_path))
    with issuer.serving(context) as server:
        server.body = issuer.key_set(jwk(ec_key(), "first"))
        url = server.url.replace("http:", "https:")
        assert retry_after(KeySet(url, clock=clock)) == 30
        assert server.fetches == 0
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        assert has(KeySet(url, clock=clock), "first")


def retry_after(keys: KeySet) -> int:
    with pytest.raises(KeysUnavailableError) as refusal:
        keys.find("ES256", "first")
    return refusal.value.retry_after_s


def own_certificate(folder: Path) -> Path:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, ec_key().public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(ec_key(), hashes.SHA256())
    )
    path = folder / "certificate.pem"
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(
        ec_key().private_bytes(serialization.Encoding.PEM, form, plain)
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
