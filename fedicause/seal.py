"""Seals what only this instance may read, such as private keys, with the secret beside the database.

The file of the secret is a line in Base64. Once that was changed, `hashes` in another line may keep the keyed
hashes as they were; while it is being changed, `former` opens what is not sealed again yet.
"""

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
    """Authenticated encryption of small values (Fernet: AES-128-CBC and HMAC-SHA256), and keyed hashes.

    `hashes` is the secret of the keyed hashes, where that is another; `former` opens as well.
    """

    def __init__(self, secret: bytes, *, hashes: bytes | None = None, former: bytes | None = None) -> None:
        self._fernet = _fernet(secret)
        self._former = _fernet(former) if former is not None else None
        root = hashes or secret
        self._key_of = lru_cache(maxsize=32)(lambda purpose: _derived(root, f"blind {purpose}"))

    @property
    def is_changing(self) -> bool:
        """Whether there may still be what the former secret sealed."""
        return self._former is not None

    def close(self, value: bytes) -> bytes:
        return self._fernet.encrypt(value)

    def open(self, sealed: bytes) -> bytes:
        """The value; raises WrongSecret."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken as error:
            if self._former is not None:
                try:
                    return self._former.decrypt(sealed)
                except InvalidToken:
                    pass
            raise WrongSecret("This value was sealed with another secret file") from error

    def renewed(self, sealed: bytes) -> bytes | None:
        """What the former secret sealed, under this one; None where it is already. Raises WrongSecret."""
        if self._former is None:
            return None
        try:
            return self.close(self._former.decrypt(sealed))
        except InvalidToken:
            self.open(sealed)
            return None

    def blind(self, purpose: str, value: bytes) -> bytes:
        """A keyed hash of the value: 32 bytes, by which it is found again and which tells nothing of it.

        HMAC-SHA256 under a key of its own for each purpose, so that hashes of two purposes can't be compared.
        """
        return hmac.digest(self._key_of(purpose), value, "sha256")


def _fernet(secret: bytes) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_derived(secret, "columns")))


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
    """The seal of the secret at this path; raises FileNotFoundError, ValueError."""
    secret, named = _read(path)
    return Seal(secret, hashes=named.get(b"hashes"), former=named.get(b"former"))


def begin_change(path: Path, *, compromised: bool) -> None:
    """Puts a new secret in the place of the one at this path, which still opens until `end_change`.

    Keyed hashes stay as they are unless the secret is `compromised`. A change that was begun stays as it is.
    """
    secret, named = _read(path)
    if b"former" in named:
        return
    lines = [base64.b64encode(os.urandom(32))]
    if not compromised:
        lines.append(b"hashes " + base64.b64encode(named.get(b"hashes", secret)))
    _replace(path, [*lines, b"former " + base64.b64encode(secret)])


def end_change(path: Path) -> None:
    """Forgets the former secret: everything is sealed with the new one."""
    lines = path.read_bytes().splitlines()
    _replace(path, [each for each in lines if not each.startswith(b"former ")])


def keeps_hashes(path: Path) -> bool:
    """Whether the keyed hashes are those of an earlier secret."""
    return b"hashes" in _read(path)[1]


def _read(path: Path) -> tuple[bytes, dict[bytes, bytes]]:
    first, *rest = path.read_bytes().splitlines() or [b""]
    named = {}
    for line in rest:
        name, _, value = line.partition(b" ")
        if name:
            named[name] = base64.b64decode(value)
    return base64.b64decode(first), named


def _replace(path: Path, lines: list[bytes]) -> None:
    """The file as a whole, or as it was: on disk before it has its name, and with its owner's rights."""
    known = path.stat()
    partial = path.with_name(f".{path.name}.new")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        if os.geteuid() == 0:
            os.fchown(file.fileno(), known.st_uid, known.st_gid)
        file.write(b"\n".join(lines) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
