"""`fedicause campaign handover` and `fedicause handover verify`."""

import json
import os
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

import click
from sqlalchemy.ext.asyncio import AsyncSession

from federation import handovers as documents
from federation import keys
from federation.answers import RemoteError
from federation.handovers import CSV, PDF, Handover
from federation.httpsig import Forged
from federation.vocabulary import Malformed
from fedicause import files, publish, words
from fedicause.campaigning import handover as verbs
from fedicause.campaigning.matter import Order
from fedicause.commands import shown
from fedicause.commands.desk import Change, Desk, Refused, WrongInput
from fedicause.here import Here
from fedicause.instance import Instance
from storage import audit

_LARGEST: Final = 16 << 20
FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("handover")
@click.argument("slug")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--reason", required=True, help="What for: kept in the audit log.")
@click.option("--to", "recipients", default="", help="To whom: stands on the cover.")
@click.option("--addresses", type=click.Choice(["none", "agreed", "all"]), default="none", show_default=True)
@click.option("--names", is_flag=True, help="List the names in the PDF too.")
@click.option("--language", type=click.Choice([*words.LANGUAGES]), help="By default the campaign's.")
@click.pass_obj
def hand_over(  # noqa: PLR0917 - one for each option
    desk: Desk,
    slug: str,
    directory: Path,
    reason: str,
    recipients: str,
    addresses: Any,
    names: bool,
    language: str | None,
) -> None:
    """Write the signatures of SLUG (or SLUG@HOST) into DIRECTORY: as CSV, with a PDF and a signed document.

    Mail addresses are left out unless you ask for those of the people who agreed to be written to, or for
    all of them.
    """

    async def work(instance: Instance, change: Change) -> int:
        name, _, origin = slug.lower().partition("@")
        async with instance.database.reading() as session:
            matter = await verbs.find(session, Here.at(instance), name, origin or None)
        if matter is None:
            raise publish.Unknown(f"There is no campaign `{slug}` that has been published")
        order = Order(
            recipients=recipients,
            addresses=addresses,
            names=names,
            language=language or matter.language,
        )
        with files.whole(directory / verbs.CSV_NAME) as file:
            sheet = await verbs.write(instance.database, instance.seal, matter, order, file)
        printed = await verbs.print_paper(matter, sheet, order, instance.settings.media, instance.now())
        files.write(directory / verbs.PDF_NAME, printed)

        async def vouch(session: AsyncSession) -> str:
            here = Here.at(instance)
            document = await verbs.vouch(session, here, matter, sheet, verbs.file_of(printed))
            about = f"{matter.slug} ({addresses}): {reason}"
            await audit.add(session, user_id=None, deed="handover.pack", about=about, now=here.now)
            return document

        document = await change(vouch)
        files.write(directory / verbs.JSON_NAME, document.encode())
        return sheet.signatures

    try:
        directory.mkdir(parents=True, exist_ok=True)
        files.forget_parts(directory)
        # A document about other files than those beside it would be none.
        (directory / verbs.JSON_NAME).unlink(missing_ok=True)
        number = desk.visit(work)
    except OSError as error:
        raise Refused(f"{directory} can't be written to: {error.strerror}") from error
    click.echo(f"{number:,} signatures are in {directory}, with a paper and a signed document about them.")


@click.group()
def handover() -> None:
    """Check what somebody has handed over."""


@handover.command()
@click.argument("file", type=FILE)
@click.option("--pdf", type=FILE, help="The paper that came with it.")
@click.option("--csv", type=FILE, help="The list that came with it.")
@click.option("--key", help="The organisation's key, as a Multikey (z6Mk…); else its server is asked.")
@shown.as_json
@click.pass_obj
def verify(  # noqa: PLR0917 - one for each option
    desk: Desk, file: Path, pdf: Path | None, csv: Path | None, key: str | None, in_json: bool
) -> None:
    """Check that the signed document FILE is genuine, and that PDF and CSV are the files that it means."""
    if file.stat().st_size > _LARGEST:
        raise WrongInput(f"{file} is no signed document: it is too large")
    try:
        document = json.loads(file.read_bytes())
        told = documents.read(document)
        method = document["proof"]["verificationMethod"]
        given = keys.Key(method, told.author, keys.from_multikey(key)) if key else None
    except (ValueError, KeyError, TypeError) as error:
        raise WrongInput(f"{file} is no signed document, or the key is none: {error}") from error

    async def find(key_id: str, *, fresh: bool) -> keys.Key:
        return given or await _asked(key_id, told.author)

    async def check() -> Handover:
        with ExitStack() as opened:
            files: dict[str, IO[bytes]] = {
                media_type: opened.enter_context(path.open("rb"))
                for media_type, path in ((PDF, pdf), (CSV, csv))
                if path is not None
            }
            return await verbs.verify(document, find, files=files, now=datetime.now(UTC))

    try:
        found = desk.run(check())
    except Forged as error:
        raise Refused(f"Not genuine: {error}") from error
    except RemoteError as error:
        raise Refused(f"The key can't be had from {told.author}: {error}. Give it with --key") from error
    checked = [path.name for path in (pdf, csv) if path is not None]
    if in_json:
        shown.document(
            {"author": found.author, "key": method, "files": checked, "published": found.published}
        )
        return
    click.echo(f"Genuine: signed by {found.author}")
    click.echo(f"  key        {method}{' (given)' if given else ''}")
    click.echo(f"  about      {shown.one_line(found.title, 80)}")
    click.echo(f"  campaign   {found.campaign}")
    click.echo(f"  made       {found.published}, {found.signatures:,} signatures")
    click.echo(f"  unchanged  {', '.join(checked) if checked else 'no file was given to be checked'}")


async def _asked(key_id: str, author: str) -> keys.Key:
    """The key, from whoever's it is said to be; raises Forged and RemoteError."""
    # The HTTP client takes time to load that most commands need not.
    from federation.remote import Remote  # noqa: PLC0415

    async with Remote(
        # Whoever asks is nobody in particular.
        key=keys.SigningKey("https://localhost/actor#main-key", keys.generate_rsa()),
        user_agent="fedicause (handover verify)",
        allow_private=os.environ.get("FEDICAUSE_DEV") == "1",
        now=lambda: datetime.now(UTC),
        schemes={},
    ) as remote:
        document = await remote.fetch(author)
    if document.data.get("id") != author:
        raise Forged("its author's server knows nobody of that name")
    try:
        offered = keys.keys_of(document.data)
    except Malformed as error:
        raise Forged("its author's server shows no key") from error
    for each in offered:
        if each.id == key_id:
            return each
    raise Forged("not signed with a key that its author has now")
