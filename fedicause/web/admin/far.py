"""Why something on another server could not be had, in a word that the pages know how to say."""

from typing import Final

from federation.answers import ForbiddenAddress, Gone, Missing, Refused, RemoteError, Unreachable
from federation.vocabulary import Malformed
from fedicause.publish import Impossible

FAULTS: Final = (RemoteError, Malformed, Impossible)
"""What a look at another server raises, and what is then done about it here."""
_WORDS: Final = (
    (Missing, "missing"),
    (Gone, "missing"),
    (Refused, "withheld"),
    (Unreachable, "silent"),
    (ForbiddenAddress, "private"),
    (RemoteError, "unreadable"),
    (Impossible, "impossible"),
)


def why(error: Exception) -> str:
    return next((word for kind, word in _WORDS if isinstance(error, kind)), "nothing")
