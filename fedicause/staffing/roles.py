"""Who of the staff may do what."""

from typing import Final, Literal, get_args

Right = Literal["read", "moderate", "people", "campaigns", "staff"]
"""`read`: look at everything but people's data. `moderate`: replies, reports, blocks, fakes.

`people`: see and hand out what signers wrote. `campaigns`: write and publish them, work with partners.
`staff`: users and the audit log.
"""

RIGHTS: Final[frozenset[Right]] = frozenset(get_args(Right))
_OF: Final[dict[str, frozenset[Right]]] = {
    "owner": RIGHTS,
    "campaigner": frozenset({"read", "moderate", "people", "campaigns"}),
    "moderator": frozenset({"read", "moderate"}),
    "reader": frozenset({"read"}),
}


def may(role: str, right: Right) -> bool:
    """Whether somebody of this role may; nobody of an unknown one may anything."""
    return right in _OF.get(role, frozenset())
