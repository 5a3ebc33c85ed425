"""The second step of coming in: codes of an app (TOTP, RFC 6238), and ten for when the phone is lost."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.here import Here
from fedicause.seal import Seal, WrongSecret
from fedicause.staffing import passwords
from fedicause.staffing.login import Wrong
from storage import users
from storage.staff_models import User

STEP: Final = 30
"""Seconds for which a code is shown."""
DRIFT: Final = (0, -1, 1)
"""Steps by which a phone's clock may differ."""
CODES: Final = 10
OFFERED_FOR: Final = timedelta(minutes=30)


class Offer(Struct, frozen=True):
    """A secret that somebody may take, as their app reads it; `sealed` for the form that brings it back."""

    secret: str
    address: str
    sealed: str


def offer(here: Here, user: User, issuer: str) -> Offer:
    """A new secret for this user; nothing is kept until they show that their app has it."""
    import pyotp  # noqa: PLC0415 - seldom needed

    secret = pyotp.random_base32()
    address = pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=issuer)
    packed = json.dumps([user.id, secret, here.now.timestamp()]).encode()
    return Offer(secret, address, here.seal.close(packed).decode())


def again(here: Here, user: User, issuer: str, sealed: str) -> Offer:
    """The offer that a form brought back; raises Wrong for another user's, or an old one."""
    import pyotp  # noqa: PLC0415 - seldom needed

    secret = _offered(here, user.id, sealed)
    return Offer(secret, pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=issuer), sealed)


async def enable(session: AsyncSession, here: Here, user_id: int, *, sealed: str, code: str) -> list[str]:
    """Takes the offer, and returns the recovery codes; raises Wrong unless the code is the app's."""
    secret = _offered(here, user_id, sealed)
    user = await users.locked(session, user_id)
    step = _step_of(secret, code, here.now.timestamp())
    if user is None or step is None:
        raise Wrong
    codes = _new_codes()
    user.totp_sealed = _sealed(here.seal, secret, _hashes(codes))
    user.totp_last = step
    return codes


async def check(session: AsyncSession, here: Here, user_id: int, code: str) -> bool:
    """Spends a code of the app or a recovery code (then True); raises Wrong for any other."""
    user = await users.locked(session, user_id)
    if user is None or user.totp_sealed is None:
        raise Wrong
    secret, left = _unsealed(here.seal, user.totp_sealed)
    step = _step_of(secret, code, here.now.timestamp())
    if step is not None:
        if not await users.spend_step(session, user_id, step):
            raise Wrong
        return False
    spent = _hashes([code])[0]
    if spent not in left:
        raise Wrong
    user.totp_sealed = _sealed(here.seal, secret, [each for each in left if each != spent])
    return True


async def renew_codes(session: AsyncSession, here: Here, user_id: int) -> list[str]:
    """Ten new recovery codes; those before open nothing any more. Raises Wrong without a second step."""
    user = await users.locked(session, user_id)
    if user is None or user.totp_sealed is None:
        raise Wrong
    secret, _ = _unsealed(here.seal, user.totp_sealed)
    codes = _new_codes()
    user.totp_sealed = _sealed(here.seal, secret, _hashes(codes))
    return codes


def disable(user: User) -> None:
    """The password alone is enough from now on."""
    user.totp_sealed = user.totp_last = None


def codes_left(seal: Seal, user: User) -> int:
    return len(_unsealed(seal, user.totp_sealed)[1]) if user.totp_sealed else 0


def _offered(here: Here, user_id: int, sealed: str) -> str:
    try:
        owner, secret, at = json.loads(here.seal.open(sealed.encode(errors="replace")))
    except (WrongSecret, ValueError) as error:
        raise Wrong from error
    if owner != user_id or here.now.timestamp() - at > OFFERED_FOR.total_seconds():
        raise Wrong
    return str(secret)


def _step_of(secret: str, code: str, moment: float) -> int | None:
    """The time step whose code this is."""
    import pyotp  # noqa: PLC0415 - seldom needed

    written = "".join(code.split())
    if len(written) != 6 or not (written.isascii() and written.isdigit()):
        return None
    now = int(moment) // STEP
    app = pyotp.TOTP(secret)
    matching = [now + drift for drift in DRIFT if hmac.compare_digest(app.generate_otp(now + drift), written)]
    return matching[0] if matching else None


def _new_codes() -> list[str]:
    return ["-".join(passwords.new().split("-")[:2]) for _ in range(CODES)]


def _hashes(codes: Sequence[str]) -> list[str]:
    """However they are written: with other gaps, in capitals."""
    plain = ["".join(letter for letter in code.lower() if letter.isalnum()) for code in codes]
    return [hashlib.sha256(each.encode()).hexdigest() for each in plain]


def _sealed(seal: Seal, secret: str, codes: Sequence[str]) -> bytes:
    return seal.close(json.dumps({"secret": secret, "codes": list(codes)}).encode())


def _unsealed(seal: Seal, sealed: bytes) -> tuple[str, list[str]]:
    value = json.loads(seal.open(sealed))
    return value["secret"], value["codes"]
