"""Which keys verify tokens, and why the others do not."""

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from bulkimport.auth import keys
from bulkimport.auth.keys import FixedKey, UnusableKeyError
from tests.support.issuer import ec_key, jwk, pem, rsa_key

PRIVATE_PEM = (
    ec_key()
    .private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    .decode()
)
ED25519_PEM = (
    ed25519.Ed25519PrivateKey.generate()
    .public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


@pytest.mark.parametrize(("key", "algorithm"), [(rsa_key(), "RS256"), (ec_key(), "ES256")])
def test_the_type_of_a_public_key_determines_its_algorithm(key: Any, algorithm: str) -> None:
    text = pem(key)
    for pem_text in (text, text.replace("\n", "\\n"), f"\n {text}"):
        public_key = keys.from_pem(pem_text)
        assert public_key.algorithm == algorithm
        assert FixedKey(public_key).find(algorithm, "any") == public_key
        assert FixedKey(public_key).find("HS256", None) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("rubbish", "no public key in PEM"),
        (pem(ec_key())[:80], "no public key in PEM"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "openssl x509"),
        (PRIVATE_PEM, "a private key.*-pubout"),
        (pem(ec_key()) + pem(rsa_key()), "several keys"),
        (pem(rsa_key(1024)), "has 1024 bits; RS256 needs an RSA key of at least 2048"),
        (pem(ec.generate_private_key(ec.SECP384R1())), "curve secp384r1; ES256 needs P-256"),
        (pem(ec.generate_private_key(ec.SECP256K1())), "curve secp256k1; ES256 needs P-256"),
        (ED25519_PEM, "neither an RSA key"),
    ],
    ids=["rubbish", "cut off", "certificate", "private", "two", "1024 bits", "P-384", "secp256k1", "Ed25519"],
)
def test_an_unusable_key_is_refused_with_the_remedy(text: str, reason: str) -> None:
    with pytest.raises(UnusableKeyError, match=f"^JWT_PUBLIC_KEY .*{reason}"):
        keys.from_pem(text)


def test_a_public_key_is_not_accepted_as_a_secret() -> None:
    with pytest.raises(UnusableKeyError, match="JWT_SECRET is a public key"):
        keys.from_secret(pem(rsa_key()))


def test_a_secret_is_not_in_the_repr() -> None:
    assert "s3cret" not in repr(FixedKey(keys.from_secret("s3cret" * 10)))


@pytest.mark.parametrize("more", [{}, {"use": "sig"}, {"key_ops": ["verify"]}, {"alg": "RS256"}])
def test_a_signing_key_of_a_set_is_used(more: dict[str, Any]) -> None:
    assert keys.from_jwk(jwk(rsa_key(), **more)).algorithm == "RS256"
    assert keys.from_jwk(jwk(ec_key())).algorithm == "ES256"


@pytest.mark.parametrize(
    "document",
    [
        {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"},
        {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "alg": "RS256"},
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        {"kty": ["RSA"]},
        {},
        jwk(rsa_key(), kty=...),
        jwk(rsa_key(), use="enc"),
        jwk(rsa_key(), use=["sig"]),
        jwk(rsa_key(), key_ops=["sign"]),
        jwk(rsa_key(), key_ops="verify"),
        jwk(rsa_key(), alg="RSA-OAEP"),
        jwk(rsa_key(), alg="PS256"),
        jwk(rsa_key(), alg="HS256"),
        jwk(rsa_key(), alg="none"),
        jwk(rsa_key(), alg=["RS256"]),
        jwk(rsa_key(), kty="EC"),
        jwk(rsa_key(), n=...),
        jwk(rsa_key(), n="!"),
        jwk(rsa_key(), n=5),
        jwk(rsa_key(), e="AQ"),
        jwk(rsa_key(), e="Ag"),
        jwk(rsa_key(1024)),
        jwk(rsa_key(), d="AQAB"),
        jwk(ec_key(), crv="P-384"),
        jwk(ec_key(), crv="P-521"),
        jwk(ec_key(), alg="ES384"),
        jwk(ec_key(), y=jwk(ec_key())["x"]),
    ],
)
def test_a_key_of_a_set_that_is_weak_or_for_another_use_is_not_used(document: dict[str, Any]) -> None:
    with pytest.raises(UnusableKeyError):
        keys.from_jwk(document)
