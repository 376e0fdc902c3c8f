"""An issuer of tokens: its keys, and the server that publishes them."""

import base64
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.conftest import OWN

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(bits: int = 2048, number: int = 0) -> rsa.RSAPrivateKey:
    """Always the same key for a number: generating one takes long."""
    return rsa.generate_private_key(65_537, bits)


@cache
def ec_key(number: int = 0) -> ec.EllipticCurvePrivateKey:
    """Always the same key for a number."""
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: PrivateKey) -> str:
    """The public key."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def jwk(key: PrivateKey, kid: str | None = None, **more: Any) -> dict[str, Any]:
    """The public key as a member of a key set; a member that is `...` is left out."""
    name = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    document = jwt.get_algorithm_by_name(name).to_jwk(key.public_key(), as_dict=True)
    document.pop("key_ops", None)
    document |= {"kid": kid, **more}
    return {member: value for member, value in document.items() if value is not ... and value is not None}


def key_set(*keys: dict[str, Any]) -> bytes:
    """The document with these keys."""
    return json.dumps({"keys": keys}).encode()


class KeyServer:
    """Answers with `status` and `body`, counts requests, and can be made slow or taken down."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self._server = server
        self.fetches = 0
        self.status = 200
        self.body = b""
        self.headers: dict[str, str] = {}
        self.answering = threading.Event()  # cleared: requests wait
        self.answering.set()
        self.drip_s = 0.0  # between two bytes

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/keys"

    def respond(self, handler: BaseHTTPRequestHandler) -> None:
        self.fetches += 1
        self.answering.wait(20)
        handler.send_response(self.status)
        for name, value in {"Content-Length": str(len(self.body)), **self.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        if not self.drip_s:
            handler.wfile.write(self.body)
            return
        for byte in self.body:
            handler.wfile.write(bytes([byte]))
            time.sleep(self.drip_s)


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[KeyServer]:
    """A real server on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys.respond(self)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    keys = KeyServer(server)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield keys
    finally:
        keys.answering.set()
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Issued:
    """A real issuer's key, and the tokens that it signs."""

    algorithm: str
    key: str | PrivateKey
    kid: str | None = None

    def token(self, header: dict[str, Any] | None = None, claims: dict[str, Any] | None = None) -> str:
        """A good token except for what is changed; a value of `...` leaves its member out."""
        return self.sign(to_json(self.header(header)), to_json(good_claims(claims)))

    def header(self, changed: dict[str, Any] | None = None) -> dict[str, Any]:
        kid = {"kid": self.kid} if self.kid else {}
        return _changed({"alg": self.algorithm, "typ": "JWT", **kid}, changed)

    def sign(self, header: bytes, claims: bytes) -> str:
        signed = f"{b64(header)}.{b64(claims)}"
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        return f"{signed}.{b64(algorithm.sign(signed.encode(), algorithm.prepare_key(self.key)))}"

    @cached_property
    def secrets(self) -> list[bytes]:
        """What a careless verifier may use as an HMAC secret: the public key in all of its forms."""
        public = self.key if isinstance(self.key, str) else pem(self.key)
        keys = [b"", b"\x00", b"secret", b"null", *(key.encode() for key in (pem(rsa_key()), pem(ec_key())))]
        if not isinstance(self.key, str):
            text = public.encode()
            der = [
                self.key.public_key().public_bytes(serialization.Encoding.DER, form)
                for form in (
                    serialization.PublicFormat.SubjectPublicKeyInfo,
                    *([serialization.PublicFormat.PKCS1] if self.algorithm == "RS256" else []),
                )
            ]
            document = jwk(self.key, self.kid)
            keys += [
                text,
                text.strip(),
                text.replace(b"\n", b"\r\n"),
                text.replace(b"\n", b""),
                b"\n" + text,
            ]
            keys += [*der, *(base64.b64encode(one) for one in der), *(one.hex().encode() for one in der)]
            keys += [to_json(document), *(str(value).encode() for value in document.values())]
            keys += [base64.urlsafe_b64decode(document["x" if "x" in document else "n"] + "==")]
        return list(dict.fromkeys(keys))


def good_claims(changed: dict[str, Any] | None = None) -> dict[str, Any]:
    """Claims that are valid for an hour."""
    return _changed({"account_id": OWN, "exp": int(time.time()) + 3_600}, changed)


def b64(data: bytes) -> str:
    """Base64 as tokens use it."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def to_json(value: object) -> bytes:
    """JSON as tokens contain it."""
    return json.dumps(value).encode()


def _changed(members: dict[str, Any], changed: dict[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in {**members, **(changed or {})}.items() if value is not ...}
