"""Keys for tests: a master key that is no secret."""

from __future__ import annotations

from tianfu.vault.ciphers import CipherName
from tianfu.vault.files import FileKeys
from tianfu.vault.provider import Keys


def made_up_keys(secret: bytes, cipher: CipherName = "sm4") -> Keys:
    """Keys of a store whose master key is this."""
    return Keys(provider=FileKeys(secret), cipher=cipher)
