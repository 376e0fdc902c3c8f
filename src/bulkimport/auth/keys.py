"""What verifies a token: which keys are taken, and how strong each must be (RFC 8725, section 3.5)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from bulkimport.errors import OperatorError

HS256, RS256, ES256 = "HS256", "RS256", "ES256"
MIN_RSA_BITS = 2048  # RFC 7518, section 3.3
MIN_RSA_EXPONENT = 3
MAX_KEY_ID_CHARS = 256
ALGORITHM_OF_TYPE = {"RSA": RS256, "EC": ES256}


class UnusableKeyError(OperatorError):
    """The key verifies nothing here; the message says why, and the way out."""


@dataclass(frozen=True)
class VerifyingKey:
    """A key, and the one algorithm that it is for."""

    algorithm: str
    material: str | RSAPublicKey | EllipticCurvePublicKey = field(repr=False)


class KeySource(Protocol):
    """Where the verifier finds the key of a token."""

    def find(self, algorithm: str, key_id: str | None) -> VerifyingKey | None:
        """The key that the token's header names, or None."""


@dataclass(frozen=True)
class FixedKey:
    """One key for all tokens, whatever key they name."""

    key: VerifyingKey

    def find(self, algorithm: str, key_id: str | None) -> VerifyingKey | None:
        """The key, for tokens of its algorithm."""
        return self.key if algorithm == self.key.algorithm else None


def from_secret(secret: str) -> VerifyingKey:
    """The key of JWT_SECRET, whose length settings.py checks; UnusableKeyError where it is no secret."""
    try:
        jwt.get_algorithm_by_name(HS256).prepare_key(secret)
    except jwt.InvalidKeyError as error:
        raise UnusableKeyError(
            "JWT_SECRET is a public key or a certificate, which is no secret; set JWT_PUBLIC_KEY to the "
            "public key instead"
        ) from error
    return VerifyingKey(HS256, secret)


def from_pem(text: str) -> VerifyingKey:
    r"""The key of JWT_PUBLIC_KEY, in which \n may stand for a line's end; or UnusableKeyError."""
    pem = text.replace("\\n", "\n")
    if "PRIVATE KEY-----" in pem:
        raise UnusableKeyError(
            "JWT_PUBLIC_KEY is a private key, which only the issuer of tokens may have; set it to the output "
            "of: openssl pkey -in KEY.pem -pubout"
        )
    if pem.count("-----BEGIN ") > 1:
        raise UnusableKeyError("JWT_PUBLIC_KEY has several keys; set it to one, or set JWT_JWKS_URL instead")
    try:
        material = serialization.load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnusableKeyError(
            "JWT_PUBLIC_KEY is no public key in PEM, which begins with -----BEGIN PUBLIC KEY-----; that of a "
            "certificate is the output of: openssl x509 -in CERT.pem -pubkey -noout"
        ) from error
    try:
        return _strong(material)
    except UnusableKeyError as error:
        raise UnusableKeyError(f"JWT_PUBLIC_KEY {error}; set it to an RSA key or a P-256 one") from error


def from_jwk(jwk: Mapping[str, Any]) -> VerifyingKey:
    """The public key of a JWK (RFC 7517) that is there to verify; UnusableKeyError where it is not."""
    kty = jwk.get("kty")
    algorithm = ALGORITHM_OF_TYPE.get(kty) if isinstance(kty, str) else None
    if algorithm is None:
        raise UnusableKeyError("is neither of kty RSA nor of EC")
    if jwk.get("alg", algorithm) != algorithm:
        raise UnusableKeyError(f"is for another alg than {algorithm}")
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not (isinstance(operations, list) and "verify" in operations):
        raise UnusableKeyError("is not there to verify signatures")
    if "d" in jwk:
        raise UnusableKeyError("is a private key")
    try:
        return _strong(jwt.PyJWK(dict(jwk), algorithm).key)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise UnusableKeyError("cannot be read") from error


def _strong(material: object) -> VerifyingKey:
    match material:
        case RSAPublicKey():
            exponent = material.public_numbers().e
            if material.key_size < MIN_RSA_BITS:
                raise UnusableKeyError(
                    f"has {material.key_size} bits; RS256 needs an RSA key of at least {MIN_RSA_BITS}"
                )
            if exponent < MIN_RSA_EXPONENT or exponent % 2 == 0:
                raise UnusableKeyError(f"has the exponent {exponent}, with which anybody could sign")
            return VerifyingKey(RS256, material)
        case EllipticCurvePublicKey():
            if not isinstance(material.curve, SECP256R1):
                raise UnusableKeyError(
                    f"is on the curve {material.curve.name}; ES256 needs P-256 (secp256r1)"
                )
            return VerifyingKey(ES256, material)
        case _:
            raise UnusableKeyError("is neither an RSA key nor one of an elliptic curve")
