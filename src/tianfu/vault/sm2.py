"""SM2 signatures over SM3 (GB/T 32918.2-2016), with the signer's name that GM/T 0009 sets for everybody.

Keys and signatures are plain bytes: a private key as PKCS 8 in PEM, a public one as SubjectPublicKeyInfo in PEM,
a signature as a DER sequence of two integers.  Whoever checks needs nothing of ours, only the standard.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tongsuopy.crypto import exceptions, hashes, serialization  # type: ignore[import-untyped]  # it has no py.typed
from tongsuopy.crypto.asymciphers import ec  # type: ignore[import-untyped]  # the package has no types

from tianfu.kernel.refusal import Refusal

SIGNER = b"1234567812345678"
"""The name that goes into every signature where two sides agreed on none; the library puts it in by itself."""


def make_key() -> bytes:
    """A new private key, PEM; whoever keeps it keeps it where its owner alone can read."""
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return bytes(ec.generate_private_key(ec.SM2()).private_bytes(*form))


def public_key(private: bytes) -> bytes:
    """The public key that belongs to a private one, PEM; raises Refusal `key-damaged`."""
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(_private(private).public_key().public_bytes(*form))


def sign(private: bytes, message: bytes) -> bytes:
    """The signature of a message; two of the same message differ.  Raises Refusal `key-damaged`."""
    return bytes(_private(private).sign(message, ec.ECDSA(hashes.SM3())))


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the owner of this key signed this message; raises Refusal `key-damaged` if it is no key."""
    key = _loaded(serialization.load_pem_public_key, public)
    try:
        key.verify(signature, message, ec.ECDSA(hashes.SM3()))
    except (exceptions.InvalidSignature, exceptions.InternalError):
        # Bytes that are no signature at all make the library complain instead of saying no.
        return False
    return True


def _private(private: bytes) -> Any:
    return _loaded(lambda text: serialization.load_pem_private_key(text, None), private)


def _loaded(load: Callable[[bytes], Any], text: bytes) -> Any:
    try:
        key = load(text)
    except (ValueError, TypeError, exceptions.UnsupportedAlgorithm) as error:
        raise Refusal("key-damaged", next_step="restore-key", details={"key": "signature"}) from error
    if getattr(getattr(key, "curve", None), "name", None) != "SM2":
        raise Refusal("key-damaged", next_step="restore-key", details={"key": "signature"})
    return key
