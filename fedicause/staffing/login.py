"""How the staff comes in: password, throttle, session. The second step is in `second`."""

import asyncio
import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.here import Here
from fedicause.staffing import passwords
from storage import attempts, audit, sessions, users

IDLE: Final = timedelta(hours=12)
LONGEST: Final = timedelta(days=7)
HALF: Final = timedelta(minutes=10)
"""For which the second step is waited for."""
SEEN_EVERY: Final = timedelta(minutes=5)
"""How exactly it is known when a session was last used."""
SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 200
REMEMBERED: Final = timedelta(days=1)
"""After which a failure is forgotten."""

# Failures that cost nothing, the first pause after them, and the longest: people mistype, and share networks.
_FREE: Final = {"address": 5, "network": 30, "device": 5, "own": 5}
_PAUSE: Final = timedelta(seconds=15)
_LONGEST_PAUSE: Final = timedelta(minutes=30)
# Of no password: what an unknown address is checked against, so that it takes as long as a known one.
_NOBODY: Final = (
    "$argon2id$v=19$m=65536,t=3,p=4$bm9ib2R5IGlzIGhlcmUu$Rk9yIHRoaXMgdGhlcmUgaXMgbm8gcGFzc3dvcmQgYXQgYWw"
)

Counted = Sequence[tuple[str, bytes]]
"""What an attempt is counted on: kind and key."""


class Wrong(Exception):
    """No user with this address and password may come in; it isn't said what of it is wrong."""


class Wait(Exception):
    """Too many failed lately: not before so many `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"not before {seconds} s")
        self.seconds = seconds


class WeakPassword(ValueError):
    """A password is too short, or much too long."""


class Staff(Struct, frozen=True):
    """Somebody who is logged in. `session` is the hash of the token in the cookie, `csrf` what forms hold."""

    id: int
    email: str
    role: str
    has_second_step: bool
    is_half: bool
    session: bytes
    csrf: str
    seen_at: datetime


class Entrance(Struct, frozen=True):
    """A session just begun; `token` is for the cookie and kept nowhere."""

    token: str
    is_half: bool


class Checker:
    """Checks passwords in threads, two at once: each takes 64 MiB, and a tenth of a second."""

    def __init__(self, *, at_once: int = 2, waiting: int = 16) -> None:
        self._room = asyncio.Semaphore(at_once)
        self._most = at_once + waiting
        self._here = 0

    async def fits(self, password: str, kept: str | None) -> bool:
        """Whether it is the password of that hash, never so without one; raises Wait in a crowd."""
        if self._here >= self._most:
            raise Wait(5)
        if len(password) > LONGEST_PASSWORD:
            password, kept = "", None
        self._here += 1
        try:
            async with self._room:
                fits = await asyncio.to_thread(passwords.fits, password, kept or _NOBODY)
        finally:
            self._here -= 1
        return fits and kept is not None

    async def hashed(self, password: str) -> str:
        """The hash of a password that somebody chose; raises WeakPassword."""
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise WeakPassword
        async with self._room:
            return await asyncio.to_thread(passwords.hashed, password)


def keys(here: Here, *, email: str, network: str, device: bytes | None) -> Counted:
    """What an attempt is counted on.

    A browser that somebody came in with before counts for itself: who guesses elsewhere can't lock them out.
    """
    address = email.strip().lower().encode(errors="replace")
    own = ("address", address) if device is None else ("device", device + address)
    return [
        (kind, here.seal.blind(f"attempt {kind}", value))
        for kind, value in (own, ("network", network.encode()))
    ]


def own_key(here: Here, user_id: int) -> Counted:
    """What is counted of somebody whose password was right already: codes, and the password once more."""
    return [("own", here.seal.blind("attempt own", str(user_id).encode()))]


async def attempt(session: AsyncSession, here: Here, counted: Counted) -> None:
    """Counts an attempt as failed, before it is looked at: so a thousand at once are not one. Raises Wait."""
    rows = await attempts.locked(session, [key for _, key in counted], here.now)
    for kind, key in counted:
        row = rows[key]
        if row.last_at <= here.now - REMEMBERED:
            row.failures = 0
        over = row.failures - _FREE[kind]
        if over >= 0:
            pause = min(_PAUSE * 2 ** min(over, 20), _LONGEST_PAUSE)
            left = row.last_at + pause - here.now
            if left > timedelta(0):
                raise Wait(max(1, int(left.total_seconds())))
    for row in rows.values():
        row.failures += 1
        row.last_at = here.now
    await attempts.sweep(session, here.now - REMEMBERED)


async def succeed(session: AsyncSession, here: Here, counted: Counted) -> None:
    """An attempt was none of the failures that it was counted as.

    Of a network only this one: whoever knows one password may be guessing others there.
    """
    # In the order of `attempt`, so that nobody waits for each other.
    await attempts.locked(session, [key for _, key in counted], here.now)
    await attempts.forget(session, [key for kind, key in counted if kind != "network"])
    await attempts.forgive(session, [key for kind, key in counted if kind == "network"])


async def admit(
    session: AsyncSession,
    here: Here,
    user_id: int,
    *,
    counted: Counted,
    password_hash: str,
    replaces: str | None,
) -> Entrance:
    """A new session, whatever cookie there was before; raises Wrong where the user changed meanwhile.

    It is half a session for who has a second step: it opens nothing else.
    """
    user = await users.locked(session, user_id)
    if user is None or user.disabled_at is not None or user.password_hash != password_hash:
        raise Wrong
    is_half = user.totp_sealed is not None
    await succeed(session, here, counted)
    await sessions.sweep(session, now=here.now, seen_before=here.now - IDLE)
    if replaces is not None:
        await sessions.end(session, _hashed(replaces))
    if not is_half:
        await audit.add(session, user_id=user_id, deed="login", now=here.now)
    return await _begun(session, here, user_id, is_half=is_half)


async def complete(session: AsyncSession, here: Here, user_id: int, *, replaces: bytes) -> Entrance:
    """The whole session for half of one whose second step was right; raises Wrong if it is gone."""
    if not await sessions.end(session, replaces):
        raise Wrong
    await succeed(session, here, own_key(here, user_id))
    await audit.add(session, user_id=user_id, deed="login", now=here.now)
    return await _begun(session, here, user_id, is_half=False)


async def _begun(session: AsyncSession, here: Here, user_id: int, *, is_half: bool) -> Entrance:
    token = secrets.token_urlsafe(32)
    await sessions.add(
        session,
        token=_hashed(token),
        user_id=user_id,
        is_half=is_half,
        now=here.now,
        expires_at=here.now + (HALF if is_half else LONGEST),
    )
    return Entrance(token, is_half)


async def who(session: AsyncSession, token: str, now: datetime) -> Staff | None:
    """Whose session this is, if it still is one."""
    key = _hashed(token)
    found = await sessions.by_token(session, key, now=now, seen_after=now - IDLE)
    if found is None:
        return None
    row, user = found
    return Staff(
        id=user.id,
        email=user.email,
        role=user.role,
        has_second_step=user.totp_sealed is not None,
        is_half=row.is_half,
        session=key,
        csrf=csrf(token),
        seen_at=row.seen_at,
    )


def csrf(token: str) -> str:
    """What forms of this session hold: who knows it doesn't know the token."""
    mark = hmac.digest(token.encode(errors="replace"), b"fedicause form", "sha256")
    return urlsafe_b64encode(mark[:18]).decode()


async def change_password(
    session: AsyncSession, here: Here, user_id: int, *, before: str, password_hash: str
) -> Entrance:
    """A new password, and the only session left; raises Wrong where it has changed meanwhile."""
    user = await users.locked(session, user_id)
    if user is None or user.password_hash != before:
        raise Wrong
    user.password_hash = password_hash
    return await alone(session, here, user_id)


async def alone(session: AsyncSession, here: Here, user_id: int) -> Entrance:
    """Ends all sessions of a user and begins one: whoever stole the token of this one is out too."""
    await sessions.end_of_user(session, user_id)
    return await _begun(session, here, user_id, is_half=False)


def _hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
