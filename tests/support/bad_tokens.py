"""Tokens that must be refused, each with a note on what is wrong with it."""

import base64
import hashlib
import hmac
import itertools
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from tests.conftest import OWN
from tests.support.bad_values import ALGORITHMS, KIDS, NO_ACCOUNTS, NO_ALGORITHMS, NO_KIDS, NO_TIMES, NO_TYPES
from tests.support.issuer import Issued, b64, ec_key, good_claims, jwk, rsa_key, to_json

Headers = list[tuple[str, str]]
Bad = tuple[str, str]
HMACS = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
SIBLINGS = {"HS256": ("HS384", "HS512"), "RS256": ("RS384", "RS512", "PS256", "PS384", "PS512"), "ES256": ()}
EVIL_URL = "http://127.0.0.1:1/keys"


def generate(issuers: Sequence[Issued], at_least: int = 10_000) -> Iterator[tuple[str, Headers]]:
    """(what is wrong, headers of a request) of all kinds; damaged tokens make up the number."""
    count = 0
    for issued in issuers:
        kinds = (
            *(_unsigned(issued), _confused(issued), _claims(issued), _headers_of_tokens(issued)),
            *(_key_ids(issued), _no_json(issued), _other_issuers(issued)),
        )
        for what, token in itertools.chain(*kinds):
            count += 1
            yield what, [("Authorization", f"Bearer {token}")]
        for what, headers in _requests(issued):
            count += 1
            yield what, headers
    for what, token in itertools.islice(_damaged(issuers), max(0, at_least - count)):
        yield what, [("Authorization", f"Bearer {token}")]


def _unsigned(issued: Issued) -> Iterator[Bad]:
    """alg none in every spelling, with and without a signature."""
    signature = issued.token().rpartition(".")[2]
    spellings = {"".join(letters) for letters in itertools.product(*(c + c.upper() for c in "none"))}
    for spelling in sorted(
        spellings | {"none ", " none", "none\u0000", "nonE\n", "n0ne", "ｎｏｎｅ", "noné"}
    ):
        for more in ({}, {"typ": ...}, {"kid": ...}, {"typ": "at+jwt"}, {"kid": "none"}):
            text = f"{b64(to_json(issued.header({'alg': spelling, **more})))}.{b64(to_json(good_claims()))}"
            for end in ("", "AA", signature, b64(b"none"), "_", "="):
                yield f"alg {spelling!r}", f"{text}.{end}"
            yield f"alg {spelling!r}, no third part", text


def _confused(issued: Issued) -> Iterator[Bad]:
    """An algorithm that is not the key's; an HMAC whose secret is the public key."""
    for name, digest in HMACS.items():
        for number, secret in enumerate(issued.secrets):
            for more in ({}, {"kid": ...}, {"kid": "secret"}, {"typ": ...}):
                yield (
                    f"{name} with the bytes of a public key, {number}",
                    _hmac(secret, digest, to_json(issued.header({"alg": name, **more}))),
                )
    for sibling in SIBLINGS[issued.algorithm]:
        yield f"{sibling} with the right key", replace(issued, algorithm=sibling).token()
    good = issued.token()
    for algorithm in (*ALGORITHMS, *NO_ALGORITHMS):
        if algorithm == issued.algorithm:
            continue
        header = to_json(issued.header({"alg": algorithm}))
        for secret in (b"secret", b""):
            yield f"alg {algorithm!r}", _hmac(secret, hashlib.sha256, header)
        yield f"alg {algorithm!r} in a header of its own", ".".join([b64(header), *good.split(".")[1:]])
        yield f"alg {algorithm!r}, well signed", issued.sign(header, to_json(good_claims()))
    yield "no alg", issued.token({"alg": ...})


def _claims(issued: Issued) -> Iterator[Bad]:
    """Correctly signed, with invalid claims."""
    now = int(time.time())
    for name, value in itertools.product(("exp", "nbf", "iat"), NO_TIMES):
        yield f"{name} {value!r:.40}", issued.token(claims={name: value})
    for value in (..., 0, -1, -1.5, now - 31, now - 3_600, 1e-300):
        yield f"exp {value}", issued.token(claims={"exp": value})
    for name, value in itertools.product(("nbf", "iat"), (now + 3_600, now + 60.5, 2**53, 1e15)):
        yield f"{name} {value}", issued.token(claims={name: value})
    for value in (..., *NO_ACCOUNTS):
        yield f"account {value!r}", issued.token(claims={"account_id": value})
    for value in (1, True, [], ["ann"], {}, 1.5, "a\u0000b", "a\ud800", "\udfff", "a\nb", "\x7f", "a\x85"):
        yield f"sub {value!r}", issued.token(claims={"sub": value})
    for name, value in itertools.product(
        ("scope", "scp"), (1, True, {}, [1], [None], [["a"]], "a\u0000", ["\ud800"])
    ):
        yield f"{name} {value!r}", issued.token(claims={name: value})
    for value in (1, [], {}, True):
        yield f"jti {value!r}", issued.token(claims={"jti": value})


def _headers_of_tokens(issued: Issued) -> Iterator[Bad]:
    own = jwk(ec_key(7), "own")
    for typ in NO_TYPES:
        yield f"typ {typ!r:.40}", issued.token({"typ": typ})
    values: dict[str, Sequence[Any]] = {
        "jku": (EVIL_URL, "https://issuer.example/keys", "", None, [], 1),
        "x5u": (EVIL_URL, "file:///etc/passwd", "", None, [], 1),
        "jwk": (own, jwk(rsa_key()), {}, None, "x", []),
        "x5c": (["MIIB"], [], "MIIB", None, {}, 1),
        "crit": (["exp"], ["b64"], [], None, "exp", {}, ["x", 1], [["exp"]], 1),
    }
    forger = Issued("ES256", ec_key(7), "own")
    for name, bad_values in values.items():
        for value in bad_values:
            for more in ({}, {"exp": 9_999_999_999}, {"b64": True}):
                yield f"{name} {value!r:.40}", issued.token({name: value, **more})
                yield f"{name} {value!r:.40}, forged", forger.token({name: value, **more})
    yield "b64 false", issued.token({"b64": False})
    for size in (6_200, 8_000, 9_000, 100_000):
        yield f"a header of {size}", issued.token({"more": "x" * size})
        yield f"claims of {size}", issued.token(claims={"more": "x" * size})


def _key_ids(issued: Issued) -> Iterator[Bad]:
    for kid in NO_KIDS:
        yield f"kid {kid!r:.40}", issued.token({"kid": kid})
    for kid, secret in itertools.product(
        (*KIDS, *NO_KIDS, ...), (b"", b"\x00", b"secret", b"root:x:0:0:root:/root:/bin/bash\n")
    ):
        for name, digest in HMACS.items():
            yield f"kid {kid!r:.40}", _hmac(secret, digest, to_json(issued.header({"alg": name, "kid": kid})))
    for kid, forger in itertools.product(
        KIDS, (Issued("ES256", ec_key(7)), Issued("ES256", ec_key(1)), Issued("RS256", rsa_key(1024)))
    ):
        yield f"kid {kid!r:.40}, forged", forger.token({"kid": kid})


def _no_json(issued: Issued) -> Iterator[Bad]:
    """Correctly signed bytes that two parsers could read differently, or that could crash one."""
    header, claims = issued.header(), good_claims()
    exp = claims["exp"]
    for codec in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-7", "utf-8-sig", "cp037"):
        if codec != "utf-7":
            yield f"claims in {codec}", issued.sign(to_json(header), json.dumps(claims).encode(codec))
            yield f"header in {codec}", issued.sign(json.dumps(header).encode(codec), to_json(claims))
    for depth in (100, 401, 700, 1_000, 1_400):
        for opening, closing in (("[", "]"), ('{"a":', "}")):
            deep = opening * depth + "1" + closing * depth
            for cut in (deep, opening * depth):
                if depth > 400 or cut != deep:
                    yield f"{depth} deep claims", issued.sign(to_json(header), b'{"a":%b}' % cut.encode())
                    yield (
                        f"{depth} deep header",
                        issued.sign(b'{"alg":"none","a":%b}' % cut.encode(), to_json(claims)),
                    )
                    yield f"{depth} deep", issued.sign(cut.encode(), cut.encode())
    for text in (
        *(
            b"",
            b" ",
            b"null",
            b"true",
            b"1",
            b'"x"',
            b"[]",
            b"[{}]",
            b"{",
            b"}",
            b"{}x",
            b"{'a':1}",
            b"\x00",
            b"\xff\xfe",
        ),
        *(
            b'{"a":"\xed\xa0\x80"}',
            b'{"a":"\xc0\xaf"}',
            b'{"a":\x00}',
            b"{}{}",
            b'{"a":1,}',
            b"\x80",
            b"{\x00}",
        ),
        *(b'{"exp":NaN}', b'{"exp":Infinity}', b'{"exp":' + b"9" * 4_500 + b"}"),
    ):
        yield f"claims {text[:20]!r}", issued.sign(to_json(header), text)
        yield f"header {text[:20]!r}", issued.sign(text, to_json(claims))
    for more in ("NaN", "Infinity", "-Infinity", "1e999", "0x1", "01", "+1", "1_000", "1.", ".5"):
        yield f"exp {more}", issued.sign(to_json(header), b'{"account_id":1,"exp":%b}' % more.encode())
    for member in (
        *('"account_id":2', '"account_id":1', '"\\u0061ccount_id":2', f'"exp":{exp}', '"more":{"a":1,"a":1}'),
    ):
        twice = f'{{"account_id":{OWN},"exp":{exp},{member},"account_id":{OWN}}}'
        yield f"claims twice: {member}", issued.sign(to_json(header), twice.encode())
    for member in (f'"alg":"{issued.algorithm}"', '"alg":"none"', '"\\u0061lg":"HS256"', '"typ":"JWT"'):
        start = to_json(header).decode().removesuffix("}")
        yield f"header twice: {member}", issued.sign(f"{start},{member}}}".encode(), to_json(claims))


def _other_issuers(issued: Issued) -> Iterator[Bad]:
    """Well formed, but issued by another issuer."""
    strangers: list[Issued] = [
        *(Issued("ES256", ec_key(number), kid) for number in (1, 2, 3) for kid in (None, "ec", "rsa", "enc")),
        *(Issued("RS256", rsa_key(1024), kid) for kid in (None, "rsa", "weak")),
        *(Issued("RS256", rsa_key(2048, 9), kid) for kid in (None, "rsa")),
        *(
            Issued("HS256", secret, kid)
            for secret in ("another secret, of 32 bytes at least", "x" * 64)
            for kid in (None, "rsa")
        ),
    ]
    for stranger in strangers:
        for claims in ({}, {"account_id": 2}, {"sub": "admin"}, {"iss": "platform"}):
            yield "a stranger's", stranger.token(claims=claims)
    first, second = (issued.token(claims={"account_id": number}).split(".") for number in (1, 2))
    yield "a signature of another token", ".".join([*first[:2], second[2]])
    yield "claims of another token", ".".join([first[0], second[1], first[2]])


def _requests(issued: Issued) -> Iterator[tuple[str, Headers]]:
    """A good token that is not sent as it must be."""
    good = issued.token()
    bearer = f"Bearer {good}"
    for other in (
        bearer,
        "Basic dXNlcjpwYXNz",
        "Bearer x",
        "",
        "Bearer",
        issued.token(claims={"account_id": 2}),
    ):
        yield "two headers", [("Authorization", bearer), ("Authorization", other)]
        yield "two headers", [("Authorization", other), ("Authorization", bearer)]
    for scheme in (
        *(
            "",
            "Basic",
            "Digest",
            "Token",
            "JWT",
            "MAC",
            "Negotiate",
            "DPoP",
            "Bearer:",
            "Bearer=",
            "Bearer Bearer",
        ),
        *(
            "xBearer",
            "Bearerx",
            "Bear er",
            "Ｂearer",
            "Bearer,",
            '"Bearer"',
            "AWS4-HMAC-SHA256",
            "Bearer token=",
        ),
    ):
        yield f"scheme {scheme!r}", [("Authorization", f"{scheme} {good}")]
    for character in (*(chr(number) for number in range(256)), "\u0660"):
        if character.isascii() and (character.isalnum() or character in "_-"):
            continue
        if character in "\r\n" or (not character.isascii() and ord(character) > 255):
            continue
        for text in (
            f"{bearer}{character}",
            f"Bearer {good[:9]}{character}{good[9:]}",
            f"Bearer{character}{good}",
        ):
            if text.strip(" \t") != bearer and not (character == " " and text.count(" ") == 1):
                yield f"character {ord(character)}", [("Authorization", text)]
    parts = good.split(".")
    for text in (
        *(
            ".".join(parts[:2]),
            parts[0],
            "",
            ".",
            "..",
            "...",
            f"{good}.",
            f".{good}",
            f"{good}.{parts[2]}",
            f"{good}==",
        ),
        *(
            f"{parts[0]}..{parts[2]}",
            f".{parts[1]}.{parts[2]}",
            f"{parts[0]}.{parts[1]}.",
            f"{good},{good}",
            f'"{good}"',
        ),
        *(
            f"{good};x=1",
            f"token={good}",
            "a.b.c.d.e",
            ".".join([*parts, *parts[:2]]),
            "a" * 8_300,
            "." * 8_000,
        ),
    ):
        yield "other parts", [("Authorization", f"Bearer {text}")]
    yield "the token elsewhere", [("Cookie", f"token={good}"), ("X-Authorization", bearer)]
    yield "the token elsewhere", [("Proxy-Authorization", bearer)]


def _damaged(issuers: Sequence[Issued]) -> Iterator[Bad]:
    """Good tokens with a character changed or inserted, cut short, or with a wrong signature; endless."""
    chance = random.Random(0)
    goods = [issued.token(claims={"sub": "ann"}) for issued in issuers]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    while True:
        good = chance.choice(goods)
        place = chance.randrange(len(good))
        kind = chance.choice(("flipped", "cut", "inserted", "signature"))
        if kind == "flipped" and good[place] != ".":
            yield kind, good[:place] + chance.choice(alphabet.replace(good[place], "")) + good[place + 1 :]
        elif kind == "cut":
            yield kind, good[:place]
        elif kind == "inserted":
            yield kind, good[:place] + chance.choice(alphabet) + good[place:]
        elif kind == "signature":
            start, _, signature = good.rpartition(".")
            raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
            raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
            yield kind, f"{start}.{b64(bytes(raw))}"


def _hmac(secret: bytes, digest: Any, header: bytes) -> str:
    signed = f"{b64(header)}.{b64(to_json(good_claims()))}"
    return f"{signed}.{b64(hmac.new(secret, signed.encode(), digest).digest())}"
