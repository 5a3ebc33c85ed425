"""Whether letters get away, and whether those who receive them have reason to believe them."""

import asyncio
import secrets
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from fedicause.doctor import spf
from fedicause.doctor.lookup import Lookup, Unanswered
from fedicause.doctor.surroundings import Surroundings
from fedicause.finding import Finding
from fedicause.letters import carry, envelop
from fedicause.letters.envelop import Sender
from fedicause.mail import Composed, Draft, address
from fedicause.settings import Settings

PATIENCE: Final = 10.0
"""Seconds for the whole talk with the mail server."""
WHERE: Final = "where your domain is managed"


async def look(settings: Settings, through: Surroundings) -> list[Finding]:
    """What the mail server and the DNS say."""
    if settings.smtp is None:
        return []
    # Letters come from there, and return to there.
    domain = Sender.of(settings, "").domain.lower()
    looks = (
        _server(settings),
        _spf(settings, domain, through.lookup),
        _dmarc(domain, through.lookup),
        _return(domain, through.lookup),
    )
    return [*await asyncio.gather(*looks), _dkim(domain)]


async def _server(settings: Settings) -> Finding:
    server = carry.Line(settings)
    try:
        async with asyncio.timeout(PATIENCE):
            is_encrypted = await server.greet()
    except TimeoutError:
        where = urlsplit(settings.smtp or "").hostname
        text = f"the mail server {where} does not answer in {PATIENCE:.0f} seconds"
        advice = "look at host and port of FEDICAUSE_SMTP; many providers close port 25: use 587 or 465"
        return Finding("mail server", "problem", text, advice)
    except carry.Down as error:
        advice = "look at FEDICAUSE_SMTP: host, port, user and password (encoded as in a URL)"
        return Finding("mail server", "problem", f"it takes no letters from us: {error}", advice)
    finally:
        await server.close()
    if not is_encrypted and not carry.is_here(urlsplit(settings.smtp or "").hostname or ""):
        text = "it takes letters, but unencrypted: whoever is on the way reads them"
        return Finding("mail server", "warning", text, "use smtps://, or a server that offers STARTTLS")
    return Finding("mail server", "ok", "it answers and takes letters from us")


async def _spf(settings: Settings, domain: str, lookup: Lookup) -> Finding:
    host = urlsplit(settings.smtp or "").hostname or ""
    record = f'an SPF record of {domain}: TXT "v=spf1 a:{host} -all" (or what your mail provider names)'
    try:
        own = carry.is_here(host)
        senders = await lookup.both(settings.mail_domain if own else host)
        verdicts = [await spf.check(lookup, domain, each) for each in senders]
        if not verdicts:
            has_record = any(each.lower().startswith("v=spf1") for each in await lookup.texts(domain))
            verdicts = ["unclear" if has_record else "none"]
    except Unanswered as error:
        return Finding("spf", "warning", str(error), "look at the name servers in /etc/resolv.conf")
    if "none" in verdicts:
        return Finding(
            "spf", "warning", f"{domain} does not say who sends its mail", f"have made {WHERE} {record}"
        )
    if verdicts == ["pass"] * len(verdicts):
        return Finding("spf", "ok", f"{domain} lets {host} send its mail")
    if "unclear" in verdicts:
        return Finding(
            "spf", "warning", f"the record of {domain} can't be followed to its end", f"have {record}"
        )
    text = f"{domain} does not let {host} send its mail"
    advice = f"unless that server gives letters on to another one, have the record name it: {record}"
    return Finding("spf", "warning", text, advice)


async def _dmarc(domain: str, lookup: Lookup) -> Finding:
    try:
        # The organisational domain stands in for its subdomains (RFC 7489, 6.6.3).
        for name in _with_parents(domain):
            if any(each.lower().startswith("v=dmarc1") for each in await lookup.texts(f"_dmarc.{name}")):
                return Finding("dmarc", "ok", f"_dmarc.{name} says what to do with forged letters")
    except Unanswered as error:
        return Finding("dmarc", "warning", str(error), "look at the name servers in /etc/resolv.conf")
    text = f"{domain} does not say what to do with letters that others forge"
    return Finding("dmarc", "warning", text, f'have made {WHERE}: TXT _dmarc.{domain} "v=DMARC1; p=none"')


def _with_parents(domain: str) -> list[str]:
    labels = domain.split(".")
    return [".".join(labels[start:]) for start in range(len(labels) - 1)]


async def _return(host: str, lookup: Lookup) -> Finding:
    """Many servers take no letters from where nothing can be returned to."""
    try:
        named = await lookup.mail_hosts(host)
        reachable = [each for each in named if each and await lookup.both(each)]
        is_there = bool(reachable or (not named and await lookup.both(host)))
    except Unanswered as error:
        return Finding("returns", "warning", str(error), "look at the name servers in /etc/resolv.conf")
    if not is_there:
        text = f"no mail server takes what returns to bounce@{host}"
        advice = f"have an MX record made for {host} that names your mail server"
        return Finding("returns", "warning", text, advice)
    shown = f"MX {', '.join(reachable)}" if reachable else f"no MX, so {host} itself"
    return Finding("returns", "ok", f"what can't be delivered returns to {host}: {shown}")


def _dkim(domain: str) -> Finding:
    # Selectors can't be listed: only a letter names the one that it was signed under.
    text = f"whether letters of {domain} are signed shows in a letter alone"
    advice = (
        "`fedicause doctor --letter YOUR-ADDRESS`, and look for `dkim=pass` in its Authentication-Results"
    )
    return Finding("dkim", "ok", text, advice)


async def send(settings: Settings, organisation: str, to: str, now: datetime) -> Finding:
    """Sends one letter now, past the queue; raises NoAddress."""
    text = f"This is the letter that `fedicause doctor` was asked to send from {settings.url}.\n"
    composed = Composed("A letter of the doctor", text, f"<p>{text}</p>", "en")
    sender, token = Sender.of(settings, organisation), secrets.token_hex(16)
    draft = Draft("doctor", address(to), composed)
    message = envelop.message(draft, sender, kind="doctor", token=token, written_at=now)
    server = carry.carrier(settings)
    try:
        async with asyncio.timeout(PATIENCE):
            await server.carry(int(now.timestamp()), sender.return_path(token), draft.to, message)
    except (carry.Refused, carry.Later, carry.Down, TimeoutError) as error:
        reason = str(error) or "no answer in time"
        return Finding(
            "letter", "problem", f"it was not taken: {reason}", "see what is said of the mail server"
        )
    finally:
        await server.close()
    if settings.smtp is None:
        return Finding("letter", "ok", f"written to {settings.data / 'mail'}")
    advice = "look for spf=pass, dkim=pass and dmarc=pass in its Authentication-Results"
    return Finding("letter", "ok", "the mail server took it", advice)
