"""Keeps forms from being filled in by machines, from elsewhere, or too often.

A script proves work (altcha's protocol, version 2); without one, somebody presses a button twice, with a few
seconds between. Each process counts for itself.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import secrets
from datetime import datetime, timedelta
from typing import Any, Final

from aiohttp import web
from msgspec import Struct

from fedicause import meter
from fedicause.instance import Instance
from fedicause.meter import Full, Limit, TooMany
from fedicause.people import providers
from fedicause.seal import Seal
from fedicause.web.kept import KEPT
from fedicause.web.keys import INSTANCE
from storage.columns import from_milliseconds, to_milliseconds

PROOF_FOR: Final = timedelta(minutes=20)
STAMP_FOR: Final = timedelta(hours=1)
STAMP_FROM: Final = timedelta(seconds=3)
"""Nobody has read a page before that."""
# About 256 keys of so many rounds: less than a second of a phone, and as much of whoever sends many forms.
ALGORITHM: Final = "PBKDF2/SHA-256"
COST: Final = 1000
_PREFIX: Final = "00"
_LONGEST: Final = 4096
# Without a script an hour allows the tenth part.
_BY_HAND: Final = 10
# Of a domain where everybody has their mail the limit is so many times as high.
_LARGE: Final = 100


class Unproven(Exception):
    """The proof is missing, wrong, too old, or of something else."""


class TooSoon(Exception):
    """The button was pressed faster than anybody reads."""


class Proof(Struct, frozen=True):
    """Good for one form until then; `fingerprint` is remembered as used (64 hexadecimal digits)."""

    fingerprint: str
    until: datetime
    by_hand: bool


class Guard:
    """Stands before the form."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._full = Full()

    def challenge(self, about: str) -> dict[str, Any]:
        """Work for a script, for a form at `about` (a path)."""
        from altcha import create_challenge  # noqa: PLC0415 - a server that takes no forms does without

        until = to_milliseconds(self._instance.now() + PROOF_FOR)
        made = create_challenge(
            ALGORITHM,
            COST,
            key_prefix=_PREFIX,
            data={"for": about, "until": until},
            hmac_secret=challenge_key(self._instance.seal),
        )
        return made.to_dict()

    async def proven(self, text: str, about: str) -> Proof:
        """What `challenge` was answered with; raises Unproven."""
        if len(text) > _LONGEST:
            raise Unproven
        try:
            document = json.loads(base64.b64decode(text, validate=True))
            parameters = document["challenge"]["parameters"]
            data, nonce = parameters["data"], parameters["nonce"]
            until = from_milliseconds(data["until"])
            if not isinstance(nonce, str) or data["for"] != about or self._instance.now() > until:
                raise Unproven
        except (binascii.Error, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise Unproven from error
        # Above, nothing was believed yet.
        if not await asyncio.to_thread(_is_right, text, challenge_key(self._instance.seal)):
            raise Unproven
        return Proof(hashlib.sha256(nonce.encode()).hexdigest(), until, by_hand=False)

    def stamp(self, about: str) -> str:
        """What a page holds that asks once more, for a form at `about`."""
        head = f"{to_milliseconds(self._instance.now())}.{secrets.token_urlsafe(12)}"
        return f"{head}.{self._mac(head, about)}"

    def stamped(self, text: str, about: str) -> Proof:
        """A stamp that came back; raises Unproven, TooSoon."""
        head, _, mac = text.rpartition(".")
        if len(text) > _LONGEST or not text.isascii() or not hmac.compare_digest(mac, self._mac(head, about)):
            raise Unproven
        made = from_milliseconds(int(head.partition(".")[0]))
        age = self._instance.now() - made
        if age > STAMP_FOR:
            raise Unproven
        if age < STAMP_FROM:
            raise TooSoon
        return Proof(hashlib.sha256(text.encode()).hexdigest(), made + STAMP_FOR, by_hand=True)

    def limits(self, network: str, domain: str, *, by_hand: bool) -> tuple[Limit, ...]:
        """What a form from this network with an address of this mail domain counts on.

        Raises TooMany for what is known to be used up: see `refused`.
        """
        seal, limits = self._instance.seal, self._instance.settings
        found = []
        if limits.network_limit is not None:
            found.append(meter.limit(seal, f"network {network}", limits.network_limit))
            if by_hand:
                most = max(4, limits.network_limit // _BY_HAND)
                found.append(meter.limit(seal, f"by hand {network}", most))
        if limits.domain_limit is not None:
            more = _LARGE if domain in providers.LARGE else 1
            found.append(meter.limit(seal, f"domain {domain}", limits.domain_limit * more))
        self._full.check(found, self._instance.now())
        return tuple(found)

    def refused(self, full: TooMany) -> None:
        """Remembers what there was no room for, so that a flood of the same costs nothing."""
        self._full.remember(full, self._instance.now())

    def _mac(self, head: str, about: str) -> str:
        return self._instance.seal.blind("stamp", f"{head} {about}".encode()).hex()


def at(app: web.Application) -> Guard:
    """The one of this application."""
    return app[KEPT].one(Guard, lambda: Guard(app[INSTANCE]))


def challenge_key(seal: Seal) -> bytes:
    """Signs challenges, so that nobody makes their own."""
    return seal.blind("challenge", b"")


def is_from_here(request: web.Request) -> bool:
    """Whether a form was sent from a page of ours, as far as the browser says; no browser says nothing."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    return origin is None or origin == request.app[INSTANCE].settings.url


def _is_right(text: str, key: bytes) -> bool:
    from altcha import verify_solution  # noqa: PLC0415 - see above

    return verify_solution(text, key).verified
