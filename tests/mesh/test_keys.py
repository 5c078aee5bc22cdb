from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mesh import keys
from mesh.clock import FakeClock
from mesh.settings import SettingError
from mesh.tokens import TokenVerifier

if TYPE_CHECKING:
    from pathlib import Path

STARTS, ROUNDS = 4, 30
"""Enough for starts at once to meet in the wrong moment, where there is one."""

CLOCK = FakeClock(1_800_000_000_000)


def test_generated_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    """Nobody else on the machine can read a private key."""
    keys.generate_keys(tmp_path / "keys")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()}
    assert modes == {"access.pem": 0o600, "mesh.pem": 0o600}


def test_keys_that_exist_are_kept(tmp_path: Path) -> None:
    """A second start logs nobody out."""
    keys.generate_keys(tmp_path)
    before = (tmp_path / "access.pem").read_bytes()
    keys.generate_keys(tmp_path)
    assert (tmp_path / "access.pem").read_bytes() == before


def test_starts_at_once_agree_on_the_keys(tmp_path: Path) -> None:
    """Of two processes that find no keys at the same moment both go on, with the same ones."""

    def start(number: int) -> set[str]:
        folder = tmp_path / str(number // STARTS)
        keys.generate_keys(folder)
        return set(keys.verification_keys(folder))

    with ThreadPoolExecutor(STARTS) as starts:
        found = list(starts.map(start, range(ROUNDS * STARTS)))
    for number in range(ROUNDS):
        kept = set(keys.verification_keys(tmp_path / str(number)))
        assert [kept] * STARTS == found[number * STARTS : (number + 1) * STARTS]
        assert {path.name for path in (tmp_path / str(number)).iterdir()} == {"access.pem", "mesh.pem"}


def test_a_start_that_died_leaves_no_half_of_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed or out of room while it writes the keys, it leaves none, and the next start makes them."""
    with monkeypatch.context() as machine:
        machine.setattr(os, "fdopen", _full)
        with pytest.raises(OSError, match="No space"):
            keys.generate_keys(tmp_path)
    keys.generate_keys(tmp_path)
    assert len(keys.verification_keys(tmp_path)) == 2


def _full(descriptor: int, _: str) -> object:
    os.close(descriptor)
    raise OSError(28, "No space left on device")


def test_a_public_part_is_enough_to_verify(tmp_path: Path) -> None:
    """A service that only reads tokens needs no private key, and cannot sign without one."""
    keys.generate_keys(tmp_path)
    token = keys.signer(tmp_path, "access", CLOCK).access("u1", "d1", "s1").token
    _make_public(tmp_path / "access.pem")
    assert TokenVerifier(keys.verification_keys(tmp_path), CLOCK).verify(token).subject == "u1"
    with pytest.raises(SettingError):
        keys.signer(tmp_path, "access", CLOCK)


def test_a_second_key_is_confirmed_too(tmp_path: Path) -> None:
    """While a key is replaced, tokens of both are good."""
    keys.generate_keys(tmp_path)
    old = keys.signer(tmp_path, "access", CLOCK).access("u1", "d1", "s1").token
    (tmp_path / "access.pem").rename(tmp_path / "access-old.pem")
    keys.generate_keys(tmp_path)
    new = keys.signer(tmp_path, "access", CLOCK).access("u1", "d1", "s1").token
    verifier = TokenVerifier(keys.verification_keys(tmp_path), CLOCK)
    assert verifier.verify(old).subject == verifier.verify(new).subject


def test_another_kind_of_key_is_a_wrong_setting(tmp_path: Path) -> None:
    """Only Ed25519 is accepted, and said so at the start."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "access.pem").write_bytes(pem)
    with pytest.raises(SettingError, match=r"access\.pem: not an Ed25519 key"):
        keys.verification_keys(tmp_path)


def test_a_file_that_is_no_key_is_a_wrong_setting(tmp_path: Path) -> None:
    """The line names the file and shows nothing of it."""
    (tmp_path / "mesh.pem").write_text("hush")
    with pytest.raises(SettingError) as raised:
        keys.verification_keys(tmp_path)
    assert str(raised.value) == "mesh.pem: not a readable PEM key without a password"


def _make_public(path: Path) -> None:
    public = load_pem_private_key(path.read_bytes(), None).public_key()
    path.write_bytes(public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
