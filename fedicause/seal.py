"""Seals what only this instance may read, such as private keys, with the secret beside the database."""

import base64
import hmac
import os
from functools import lru_cache
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class WrongSecret(Exception):
    """What was sealed with another secret, or was changed, can't be opened."""


class Seal:
    """Authenticated encryption of small values (Fernet: AES-128-CBC and HMAC-SHA256), and keyed hashes."""

    def __init__(self, secret: bytes) -> None:
        self._fernet = Fernet(base64.urlsafe_b64encode(_derived(secret, "columns")))
        self._key_of = lru_cache(maxsize=32)(lambda purpose: _derived(secret, f"blind {purpose}"))

    def close(self, value: bytes) -> bytes:
        return self._fernet.encrypt(value)

    def open(self, sealed: bytes) -> bytes:
        """The value; raises WrongSecret."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken as error:
            raise WrongSecret("This value was sealed with another secret file") from error

    def blind(self, purpose: str, value: bytes) -> bytes:
        """A keyed hash of the value: 32 bytes, by which it is found again and which tells nothing of it.

        HMAC-SHA256 under a key of its own for each purpose, so that hashes of two purposes can't be compared.
        """
        return hmac.digest(self._key_of(purpose), value, "sha256")


def _derived(secret: bytes, purpose: str) -> bytes:
    """32 bytes for one purpose (HKDF, RFC 5869)."""
    return HKDF(SHA256(), 32, salt=None, info=f"fedicause {purpose}".encode()).derive(secret)


def create_secret(path: Path) -> None:
    """Writes a new secret, readable by its owner alone; an existing one raises FileExistsError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(os.urandom(32)) + b"\n")


def load(path: Path) -> Seal:
    """The seal of the secret at this path; raises FileNotFoundError."""
    return Seal(base64.b64decode(path.read_bytes()))
