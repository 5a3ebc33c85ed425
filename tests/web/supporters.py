"""People who sign a campaign for a test, each with a letter of their own that they open."""

from collections.abc import Sequence

from fedicause.here import Here
from fedicause.instance import Instance
from fedicause.signing import pledge
from fedicause.signing.acquaint import Given
from fedicause.signing.pledge import Wish
from tests import forms, letters
from tests.conftest import Client
from tests.forms import Answer


async def sign(client: Client, instance: Instance, campaign: str, mail: str, **fields: str) -> str:
    """Sends the form; returns the path of the letter's link."""
    answer = await forms.sign(client, campaign, mail=mail, **fields)
    assert answer.status == 303, answer.text
    return (await letters.waiting(instance, mail))[-1].links["confirm"]


async def confirm(client: Client, path: str, **fields: str) -> Answer:
    answer = await forms.post(client, path, fields)
    assert answer.status == 303, answer.text
    return answer


async def signs(client: Client, instance: Instance, campaign: str, mail: str, **fields: str) -> str:
    """Sends the form and opens the letter; returns the path of its link."""
    path = await sign(client, instance, campaign, mail, **fields)
    await confirm(client, path)
    return path


async def many(instance: Instance, campaign: str, names: Sequence[str], shown: str = "name") -> None:
    """These people sign and confirm, all at once."""
    here = Here.at(instance)
    wishes = [
        Wish(
            campaign,
            None,
            Given(name, f"{number}@many.example", "DE", "en", shown=shown),
            f"proof {campaign} {number}",
            here.now,
        )
        for number, name in enumerate(names)
    ]
    async with instance.database.writing() as session:
        assert set(await pledge.ask(session, here, wishes)) == {"taken"}
    tokens = [each.token() for each in await letters.waiting(instance) if each.to.endswith("@many.example")]
    async with instance.database.writing() as session:
        assert all(await pledge.confirm(session, here, tokens))
