"""Whether the instance answers at its public address as other servers and visitors ask for it."""

import asyncio
import json
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from msgspec import Struct

from federation import vocabulary
from fedicause import __version__
from fedicause.doctor import proxy
from fedicause.doctor.caller import LARGEST_BODY, PATIENCE, Answer, Caller, why
from fedicause.doctor.surroundings import Surroundings
from fedicause.finding import Finding
from fedicause.seal import Seal
from fedicause.settings import Settings

PROXY: Final = "compare its settings with deploy/Caddyfile or deploy/nginx.conf"


class Own(Struct, frozen=True):
    """What the database knows of our organisation: its actor's name, URI and RSA key."""

    name: str
    uri: str
    public_pem: str


async def look(
    settings: Settings, through: Surroundings, seal: Seal | None, own: Own | None
) -> list[Finding]:
    """What comes back from the public address."""
    connector = aiohttp.TCPConnector(resolver=through.resolver(), ssl=through.context())
    agent = f"fedicause/{__version__} (doctor; +{settings.url}/)"
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=PATIENCE,
        headers={"User-Agent": agent},
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=True,
    ) as session:
        caller = Caller(settings, session)
        try:
            answer = await caller.ask("/healthz")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return [
                Finding("answer", "problem", f"{settings.url} does not answer: {why(error)}", _first_advice())
            ]
        found = [_healthy(settings, answer)]
        if found[0].state == "problem":
            return found
        looks = [_redirect(settings, through, caller), _inbox(settings, caller)]
        if seal is not None:
            looks.append(proxy.look(settings, through, caller, seal))
        if own is not None:
            looks += [_webfinger(settings, caller, own), _actor(caller, own)]
        for listed in await asyncio.gather(*map(_kept, looks)):
            found += listed
        return found


async def _kept(look: Any) -> list[Finding]:
    try:
        found: list[Finding] = await look
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        return [Finding("answer", "problem", f"a request had no answer: {why(error)}", PROXY)]
    return found


def _first_advice() -> str:
    return (
        "is `fedicause serve` running, and the proxy in front of it? see what is said of DNS and certificate"
    )


def _healthy(settings: Settings, answer: Answer) -> Finding:
    if answer.status == 200 and answer.body.strip() == b"ok":
        return Finding("answer", "ok", f"{settings.url} answers")
    if answer.status in {502, 503, 504}:
        text = f"a proxy answers at {settings.url}, but not the instance behind it ({answer.status})"
        advice = "start `fedicause serve`, and let the proxy lead to its port"
        return Finding("answer", "problem", text, advice)
    text = f"something else answers at {settings.url} ({answer.status} for /healthz)"
    return Finding("answer", "problem", text, "let the proxy hand every path of this host to the instance")


async def _webfinger(settings: Settings, caller: Caller, own: Own) -> list[Finding]:
    handle = f"{own.name}@{settings.host}"
    answer = await caller.ask(f"/.well-known/webfinger?resource=acct:{handle}")
    try:
        document = json.loads(answer.body) if answer.status == 200 else {}
    except ValueError:
        document = {}
    links = document.get("links") if isinstance(document, dict) else None
    named = [each.get("href") for each in links or () if isinstance(each, dict) and each.get("rel") == "self"]
    if own.uri in named:
        return [Finding("webfinger", "ok", f"@{handle} is found")]
    text = f"nobody finds @{handle}: /.well-known/webfinger gives {answer.status} and no such account"
    return [
        Finding("webfinger", "problem", text, "let the proxy hand /.well-known/webfinger to the instance")
    ]


async def _actor(caller: Caller, own: Own) -> list[Finding]:
    # The page first: whatever keeps answers without a look at Vary would give it to servers as well.
    page = await caller.ask(own.uri, {"Accept": "text/html"})
    answer = await caller.ask(own.uri, {"Accept": vocabulary.ACTIVITY_JSON})
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
    if kind == "text/html" or answer.status in range(300, 400):
        text = "servers that ask for the organisation's actor are given a page for people"
        advice = "let the proxy pass on Accept, and keep answers apart by it (Vary: Accept), or keep none"
        return [Finding("actor", "problem", text, advice)]
    try:
        key = json.loads(answer.body)["publicKey"]["publicKeyPem"]
    except (ValueError, KeyError, TypeError):
        text = f"the organisation's actor can't be read ({answer.status}, {kind or 'no type'})"
        return [Finding("actor", "problem", text, PROXY)]
    if key.strip() != own.public_pem.strip():
        text = "another instance answers: its organisation has another key than this database"
        advice = (
            "let the proxy lead to the server that uses this database; if keys were changed, wait a minute"
        )
        return [Finding("actor", "problem", text, advice)]
    for each in (page, answer):
        if "accept" not in each.headers.get("Vary", "").lower():
            text = "answers arrive without `Vary: Accept`, which keeps pages and documents apart"
            return [Finding("actor", "warning", text, "let the proxy leave the header Vary as it is")]
    return [Finding("actor", "ok", "other servers can read the organisation's actor")]


async def _redirect(settings: Settings, through: Surroundings, caller: Caller) -> list[Finding]:
    parts = urlsplit(settings.url)
    if parts.port not in {None, 443}:
        return []
    port = "" if through.plain_port == 80 else f":{through.plain_port}"
    advice = "let the proxy answer http with a redirect (301) to https"
    try:
        answer = await caller.ask(f"http://{parts.hostname}{port}/healthz")
    except (aiohttp.ClientError, OSError, TimeoutError):
        text = "nothing answers by plain http: who types the address without https may see an error"
        return [Finding("redirect", "warning", text, advice)]
    if answer.status in {301, 302, 307, 308} and answer.headers.get("Location", "").startswith("https://"):
        return [Finding("redirect", "ok", "http leads to https")]
    return [
        Finding("redirect", "warning", f"plain http is answered ({answer.status}), not led to https", advice)
    ]


async def _inbox(settings: Settings, caller: Caller) -> list[Finding]:
    """An unsigned activity as large as any may be: it must reach the instance, which refuses it."""
    like = {"type": "Like", "actor": f"{settings.url}/actor", "object": f"{settings.url}/", "summary": ""}
    small = json.dumps(like).encode()
    large = json.dumps(like | {"summary": "x" * (LARGEST_BODY - len(small))}).encode()
    answers = [
        await caller.ask("/inbox", {"Content-Type": vocabulary.ACTIVITY_JSON}, posted=body)
        for body in (small, large)
    ]
    if not _refused_by_us(answers[0]):
        text = f"what others post to /inbox does not reach the instance: {answers[0].status} instead of 401"
        return [Finding("inbox", "problem", text, "let the proxy pass on POST to /inbox as it comes")]
    if not _refused_by_us(answers[1]):
        text = f"a body of 1 MiB does not reach the instance ({answers[1].status})"
        advice = (
            "let the proxy take bodies of 16 MB (nginx: client_max_body_size; Caddy: request_body max_size)"
        )
        return [Finding("inbox", "problem", text, advice)]
    return [Finding("inbox", "ok", "activities up to 1 MiB arrive")]


def _refused_by_us(answer: Answer) -> bool:
    return answer.status == 401 and answer.body.startswith(b"The signature is not accepted")
