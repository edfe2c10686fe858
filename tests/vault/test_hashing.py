"""SM3: the standard's examples, by both libraries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianfu.vault import hashing
from tianfu.vault.blind import blind
from tianfu.vault.hashing import Sm3, hmac_sm3, sm3


@pytest.mark.parametrize("in_hashlib", [True, False])
def test_sm3_gives_the_answers_of_the_standard(monkeypatch: pytest.MonkeyPatch, in_hashlib: bool) -> None:
    """GB/T 32905-2016, appendix A."""
    monkeypatch.setattr(hashing, "IS_IN_HASHLIB", in_hashlib)
    assert sm3(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert sm3(b"abcd" * 16).hex() == "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_both_libraries_agree(key: bytes, data: bytes) -> None:
    ours = hmac_sm3(key, data), sm3(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashing, "IS_IN_HASHLIB", False)
        assert (hmac_sm3(key, data), sm3(data)) == ours


@given(st.lists(st.binary(max_size=100)))
def test_pieces_make_the_digest_of_the_whole(pieces: list[bytes]) -> None:
    digest = Sm3()
    for piece in pieces:
        digest.update(piece)
    assert digest.digest() == sm3(b"".join(pieces))


@given(st.binary(min_size=1, max_size=64), st.text(max_size=20), st.text(max_size=20))
def test_equal_values_of_two_fields_have_nothing_in_common(value: bytes, one: str, other: str) -> None:
    key = b"k" * 32
    assert (blind(key, one, value, size_bytes=16) == blind(key, other, value, size_bytes=16)) == (one == other)
