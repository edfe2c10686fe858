"""What a browser says when a passkey was made or shown: read strictly, and checked to the last byte; no database.

Web Authentication Level 3, https://www.w3.org/TR/webauthn-3/ : sections 7.1 (made) and 7.2 (shown).  py_webauthn
checks the structures and the signature; beside it stand the checks that it leaves out, and the reason of each refusal,
which is for the trail alone.  Rule: docs/rules/sign-in.md
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    parse_attestation_object,
    parse_authenticator_data,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AttestationObject,
    AuthenticationCredential,
    AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse,
    AuthenticatorData,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    RegistrationCredential,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import Account, Kind

ANSWER_CHARACTERS_MAX = 16_384
"""An answer with the longest key that we take has some 6 000."""

TIMEOUT_SECONDS = 240
"""How long the browser waits for its owner; a challenge lives a minute longer (steps.LIFE_SECONDS)."""

KEY_ID_BYTES_MIN, KEY_ID_BYTES_MAX = 16, 1_023
"""Of a credential's id (section 4); 16 bytes are the least with enough entropy."""

RSA_BITS_MIN, RSA_BITS_MAX = 2_048, 4_096
"""Shorter keys are weak; longer ones cost a worker more than they are worth."""

ALGORITHMS: Final = (
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
)
"""What we take, the best liked first; the last one is that of Windows Hello on older machines."""

THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
PORTS: Mapping[str, int] = {"https": 443, "http": 80}

_MADE, _SHOWN = "webauthn.create", "webauthn.get"
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*\Z", re.ASCII)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RelyingParty:
    """Who we are to passkeys: the host they are bound to, what devices call us, the origins of our pages."""

    host: str
    name: str
    origins: tuple[str, ...]

    @staticmethod
    def at(address: str, name: str) -> RelyingParty:
        """Whose pages stand at one address: https, or http on this machine; raises Refusal `setting-invalid`.

        Browsers bind passkeys to names only (section 5.1.4.1): at an address that is a number nobody can make one,
        and the page says so there.  Everything else works there as anywhere.
        """
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
        if not host or not (parts.scheme == "https" or (parts.scheme == "http" and host in THIS_MACHINE)):
            raise Refusal("setting-invalid", next_step="correct-the-setting", details={"setting": "TIANFU_ADDRESS"})
        # An origin leaves out the port that its scheme has anyway (RFC 6454, section 6.2).
        shown_port = "" if port in {None, PORTS[parts.scheme]} else f":{port}"
        shown_host = f"[{host}]" if ":" in host else host
        return RelyingParty(host=host, name=name, origins=(f"{parts.scheme}://{shown_host}{shown_port}",))


class AnswerRefusedError(Exception):
    """An answer that proves nothing; `reason` is a word for the trail and for nobody else."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A new passkey: its number, its public key (COSE), and how often it says it has signed."""

    key_id: bytes
    public_key: bytes
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A passkey that somebody shows, before anything of it is believed; `user` is empty if the device names nobody."""

    key_id: bytes
    user: bytes
    client_data: bytes
    authenticator_data: bytes
    signature: bytes


class _MadeResponse(msgspec.Struct, frozen=True):
    client_data: str = msgspec.field(name="clientDataJSON")
    attestation: str = msgspec.field(name="attestationObject")


class _MadeAnswer(msgspec.Struct, frozen=True):
    id: str
    raw_id: str = msgspec.field(name="rawId")
    type: Literal["public-key"]
    response: _MadeResponse


class _ShownResponse(msgspec.Struct, frozen=True):
    client_data: str = msgspec.field(name="clientDataJSON")
    authenticator_data: str = msgspec.field(name="authenticatorData")
    signature: str
    user: str | None = msgspec.field(name="userHandle", default=None)


class _ShownAnswer(msgspec.Struct, frozen=True):
    id: str
    raw_id: str = msgspec.field(name="rawId")
    type: Literal["public-key"]
    response: _ShownResponse


class _ClientData(msgspec.Struct, frozen=True):
    type: str
    challenge: str
    origin: str
    is_framed: bool = msgspec.field(name="crossOrigin", default=False)
    top_origin: str | None = msgspec.field(name="topOrigin", default=None)


def user_of(account: Account) -> bytes:
    """By what a passkey names its owner (section 14.6.1): the account's id, which tells nothing about him."""
    return account.id.encode()


def known_as(account: Account) -> str:
    """What a device shows of whose passkey it is; it may travel to its maker's cloud, so no name and no telephone."""
    number = account.number
    if not number:  # an account begun at a shared telephone, or one that lost its own; WebAuthn wants some name
        return f"····{account.id[-4:]}"
    return number if account.kind is Kind.STAFF else f"{number[:3]}****{number[-4:]}"


def options_to_make(party: RelyingParty, account: Account, challenge: bytes, known: Sequence[bytes]) -> str:
    """What the browser is asked when a passkey is made, as JSON: the device keeps it, and knows its owner."""
    options = generate_registration_options(
        rp_id=party.host,
        rp_name=party.name,
        user_id=user_of(account),
        user_name=known_as(account),
        user_display_name=known_as(account),
        challenge=challenge,
        timeout=TIMEOUT_SECONDS * 1_000,
        attestation=AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=each) for each in known],
        supported_pub_key_algs=list(ALGORITHMS),
    )
    return options_to_json(options)


def options_to_show(party: RelyingParty, challenge: bytes, allowed: Sequence[bytes]) -> str:
    """What the browser is asked when a passkey is shown, as JSON; with none allowed by number, any of ours is."""
    options = generate_authentication_options(
        rp_id=party.host,
        challenge=challenge,
        timeout=TIMEOUT_SECONDS * 1_000,
        allow_credentials=[PublicKeyCredentialDescriptor(id=each) for each in allowed] or None,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def made(answer: str, *, challenge: bytes, party: RelyingParty) -> Made:
    """The passkey that a browser made for this challenge; raises AnswerRefusedError for anything less."""
    told = _read(answer, _MadeAnswer)
    key_id, client_data = _bytes(told.raw_id), _bytes(told.response.client_data)
    attestation = _bytes(told.response.attestation)
    _refuse_unless_ours(client_data, _MADE, challenge, party)
    with _reading("malformed"):
        opened = parse_attestation_object(attestation)
    _refuse_unless_for(opened.auth_data, party)
    _refuse_if_attested(opened)
    with _reading("not-genuine"):
        verified = verify_registration_response(
            credential=RegistrationCredential(
                id=told.id,
                raw_id=key_id,
                response=AuthenticatorAttestationResponse(client_data_json=client_data, attestation_object=attestation),
            ),
            expected_challenge=challenge,
            expected_rp_id=party.host,
            expected_origin=list(party.origins),
            require_user_verification=True,
            supported_pub_key_algs=list(ALGORITHMS),
        )
    if verified.credential_id != key_id or not KEY_ID_BYTES_MIN <= len(key_id) <= KEY_ID_BYTES_MAX:
        raise AnswerRefusedError("malformed")
    _refuse_unless_good_key(verified.credential_public_key)
    return Made(key_id=key_id, public_key=verified.credential_public_key, count=verified.sign_count)


def shown(answer: str) -> Shown:
    """What a browser says of a passkey that is shown: read and not yet believed; raises AnswerRefusedError."""
    told = _read(answer, _ShownAnswer)
    if told.id != told.raw_id:
        raise AnswerRefusedError("malformed")
    return Shown(
        key_id=_bytes(told.raw_id),
        user=_bytes(told.response.user or ""),
        client_data=_bytes(told.response.client_data),
        authenticator_data=_bytes(told.response.authenticator_data),
        signature=_bytes(told.response.signature),
    )


def count_shown(passkey: Shown, *, challenge: bytes, party: RelyingParty, public_key: bytes) -> int:
    """How often the passkey says it has signed, once it proved that it holds the key; raises AnswerRefusedError.

    Whether the count grew is for the database to say, which sees what other workers see.
    """
    _refuse_unless_ours(passkey.client_data, _SHOWN, challenge, party)
    with _reading("malformed"):
        told = parse_authenticator_data(passkey.authenticator_data)
    _refuse_unless_for(told, party)
    with _reading("not-genuine"):
        verified = verify_authentication_response(
            credential=AuthenticationCredential(
                id=_text(passkey.key_id),
                raw_id=passkey.key_id,
                response=AuthenticatorAssertionResponse(
                    client_data_json=passkey.client_data,
                    authenticator_data=passkey.authenticator_data,
                    signature=passkey.signature,
                ),
            ),
            expected_challenge=challenge,
            expected_rp_id=party.host,
            expected_origin=list(party.origins),
            credential_public_key=public_key,
            # The library looks at the count before the signature: anybody could make it say that a key was copied.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    return verified.new_sign_count


def _refuse_unless_ours(client_data: bytes, ceremony: str, challenge: bytes, party: RelyingParty) -> None:
    """Refuse what was signed for another act, another challenge, another site, or inside a frame of another site."""
    told = _read(client_data, _ClientData)
    if told.type != ceremony:
        raise AnswerRefusedError("wrong-ceremony")
    if not hmac.compare_digest(_bytes(told.challenge), challenge):
        raise AnswerRefusedError("wrong-challenge")
    if told.origin not in party.origins:
        raise AnswerRefusedError("wrong-origin")
    if told.is_framed or told.top_origin is not None:
        raise AnswerRefusedError("framed")


def _refuse_unless_for(told: AuthenticatorData, party: RelyingParty) -> None:
    """Refuse what a device made for another site, or without looking whose finger it is."""
    if not hmac.compare_digest(told.rp_id_hash, sha256(party.host.encode()).digest()):
        raise AnswerRefusedError("wrong-party")
    if not told.flags.up or not told.flags.uv:
        raise AnswerRefusedError("not-verified")


def _refuse_if_attested(made: AttestationObject) -> None:
    """We ask for no attestation: a certificate that comes all the same is not even read (section 5.4.7)."""
    is_none = made.fmt == "none"
    is_by_itself = made.fmt == "packed" and made.att_stmt.x5c is None
    if not is_none and not is_by_itself:
        raise AnswerRefusedError("attested")


def _refuse_unless_good_key(public_key: bytes) -> None:
    """Refuse a key that could sign nothing, or that is weak; else its owner would learn it at his next sign-in."""
    with _reading("key-unfit"):
        key = decoded_public_key_to_cryptography(decode_credential_public_key(public_key))
    if isinstance(key, EllipticCurvePublicKey) and not isinstance(key.curve, SECP256R1):
        raise AnswerRefusedError("key-unfit")
    if isinstance(key, RSAPublicKey) and not RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX:
        raise AnswerRefusedError("key-unfit")


def _read(text: str | bytes, shape: type[T]) -> T:
    if len(text) > ANSWER_CHARACTERS_MAX:
        raise AnswerRefusedError("too-long")
    with _reading("malformed"):
        return msgspec.json.decode(text, type=shape)


def _bytes(text: str) -> bytes:
    """The bytes of base64url without padding, and of nothing that only looks like it (RFC 4648, section 5)."""
    if _BASE64URL.match(text) is None or len(text) % 4 == 1:
        raise AnswerRefusedError("malformed")
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


@contextmanager
def _reading(reason: str) -> Iterator[None]:
    """Whatever a hostile answer makes a reader stumble over is a refusal: these bytes are a stranger's."""
    try:
        yield
    except AnswerRefusedError:
        raise
    except Exception as error:
        raise AnswerRefusedError(reason) from error
