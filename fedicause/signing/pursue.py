"""What follows from a confirmed signature besides that it counts, by the kind of its campaign."""

from typing import Final

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.here import Here
from fedicause.signing import collecting, cosign, lobby
from fedicause.signing.cosign import Logo
from storage import options
from storage.pledges import Found


class Said(Struct, frozen=True):
    """What somebody chose beside the button of a mailed link: a logo, or the number of another answer.

    Of a message the targets who get it, and whether they may answer to the signer.
    """

    logo: Logo | None = None
    choice: int | None = None
    targets: frozenset[int] = frozenset()
    answers: bool = False


NOTHING: Final = Said()


async def pursue(session: AsyncSession, here: Here, found: Found, kind: str, said: Said) -> None:
    """Does it; `kind` is empty for a campaign that takes no signatures any more."""
    is_new = found.state == "pending"
    if kind == "open-letter" and is_new:
        await cosign.cosign(session, here, found, said.logo)
    elif kind == "open-letter" and said.logo is not None:
        await cosign.dress(session, here, found.signature_id, said.logo)
    elif kind == "message" and is_new and said.targets:
        places = await collecting.of_coalitions(session, here, [found.coalition_id])
        for place in places.values():
            await lobby.write(session, here, found, place, said.targets, answers=said.answers)
    elif kind == "consultation" and said.choice is not None and not is_new:
        places = await collecting.of_coalitions(session, here, [found.coalition_id])
        for place in places.values():
            if said.choice in range(len(place.choices(place.language))):
                await options.tick(session, found.coalition_id, found.signature_id, 1 << said.choice)
