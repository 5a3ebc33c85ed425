"""By what the doctor is known when it asks the running server how its request arrived."""

import hmac
import secrets
from datetime import datetime, timedelta
from typing import Final

from fedicause.seal import Seal

HEADER: Final = "Fedicause-Doctor"
PATH: Final = "/healthz/arrival"
VALID: Final = timedelta(minutes=10)


def ticket(seal: Seal, now: datetime) -> str:
    """Shows that whoever asks has the secret; good for a few minutes."""
    said = f"{int(now.timestamp())}.{secrets.token_hex(8)}"
    return f"{said}.{_mac(seal, said)}"


def is_ours(seal: Seal, given: str, now: datetime) -> bool:
    """Whether this ticket was made with our secret, lately."""
    said, _, mac = given.rpartition(".")
    moment = said.partition(".")[0]
    if not moment.isascii() or not moment.isdigit() or len(given) > 200:
        return False
    in_time = abs(now.timestamp() - int(moment)) <= VALID.total_seconds()
    return in_time and hmac.compare_digest(mac.encode(), _mac(seal, said).encode())


def _mac(seal: Seal, said: str) -> str:
    return seal.blind("doctor", said.encode()).hex()
