"""Passwords of those who run the instance: made, and kept as argon2id hashes only."""

import secrets
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from argon2 import PasswordHasher

# Without what looks alike on paper: 0 and o, 1, i and l.
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"


def new() -> str:
    """A random password of 99 bits, in four groups that can be read out."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))


def hashed(password: str) -> str:
    """The argon2id hash to keep."""
    return _hasher().hash(password)


def fits(password: str, kept: str) -> bool:
    """Whether this is the password of that hash."""
    from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415

    try:
        return _hasher().verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _hasher() -> "PasswordHasher":
    """RFC 9106, section 4, second recommendation."""
    from argon2 import PasswordHasher  # noqa: PLC0415 - a server holds half a megabyte less until it is needed

    return PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)
