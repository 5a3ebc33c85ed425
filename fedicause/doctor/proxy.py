"""Whether what stands in front of the instance leaves requests as they are, and says who asks."""

import json
from collections.abc import Sequence
from typing import Any, Final

from federation import vocabulary
from fedicause import __version__, looking_glass
from fedicause.doctor.caller import Caller
from fedicause.doctor.surroundings import Surroundings
from fedicause.finding import Finding
from fedicause.seal import Seal
from fedicause.settings import Settings

# Of a network that is for examples only (RFC 5737): nobody's.
_CLAIMED: Final = "192.0.2.66"
# Characters that a careless proxy decodes, encodes or drops; signatures cover them as they were sent.
_TARGET: Final = f"{looking_glass.PATH}?a=%2Fb%20c&d=%C3%A9+f"
_FORWARD: Final = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for"
_NGINX: Final = "proxy_set_header Host $http_host; no path in proxy_pass"


async def look(settings: Settings, through: Surroundings, caller: Caller, seal: Seal) -> list[Finding]:
    ticket = looking_glass.ticket(seal, through.now())
    headers = {looking_glass.HEADER: ticket, "Accept": vocabulary.ACTIVITY_JSON, "X-Forwarded-For": _CLAIMED}
    answer = await caller.ask(_TARGET, headers)
    try:
        seen = json.loads(answer.body) if answer.status == 200 else None
    except ValueError:
        seen = None
    if not isinstance(seen, dict):
        text = (
            f"the server does not know the doctor ({answer.status}): it runs with another secret or version"
        )
        advice = "restart `fedicause serve` with the settings that this command has"
        return [Finding("proxy", "problem", text, advice)]
    found = [_unchanged(settings, seen), *_forwarded(seen)]
    if seen.get("version") != __version__:
        text = f"the server that runs is {seen.get('version')}, this is {__version__}"
        found.append(Finding("version", "warning", text, "restart the server: systemctl restart fedicause"))
    if seen.get("dev"):
        text = "the server that runs is in development mode: it takes http and private addresses"
        found.append(
            Finding("mode", "problem", text, "unset FEDICAUSE_DEV where it is started, and restart it")
        )
    return found


def _unchanged(settings: Settings, seen: dict[str, Any]) -> Finding:
    """What signatures cover must arrive as it was sent, or every one of them looks forged."""
    changed: list[str] = []
    if str(seen.get("host")).lower() != settings.host:
        changed.append(f"Host arrives as {seen.get('host')}")
    if seen.get("target") != _TARGET:
        changed.append("the path or query is written differently")
    if seen.get("accept") != vocabulary.ACTIVITY_JSON:
        changed.append("Accept is not passed on")
    if not changed:
        return Finding("proxy", "ok", "host, path and Accept arrive as they were sent")
    advice = f"let it pass on Host and path as they are (nginx: {_NGINX})"
    return Finding("proxy", "problem", f"the proxy changes requests: {'; '.join(changed)}", advice)


def _forwarded(seen: dict[str, Any]) -> Sequence[Finding]:
    hops = [each.strip() for each in str(seen.get("forwarded", "")).split(",") if each.strip()]
    peer, is_believed = seen.get("peer"), seen.get("is_believed")
    advice = f"let the proxy set X-Forwarded-For (nginx: {_FORWARD})"
    found = []
    if not is_believed:
        text = f"requests come from {peer}, whose X-Forwarded-For is not believed: all visitors look like one"
        found.append(
            Finding("visitors", "problem", text, f"add {peer} to FEDICAUSE_PROXIES, if that is your proxy")
        )
    elif not hops:
        text = "the proxy does not say for whom it asks: all visitors look like one, and share one limit"
        found.append(Finding("visitors", "problem", text, advice))
    elif hops == [_CLAIMED]:
        text = "the proxy passes on whatever visitors say of their address: limits don't hold anybody"
        found.append(Finding("visitors", "problem", text, advice))
    else:
        found.append(Finding("visitors", "ok", "the proxy says for whom it asks"))
    if seen.get("proto") not in {"https", ""}:
        text = f"the proxy says that visitors come by {seen.get('proto')}"
        found.append(Finding("scheme", "warning", text, "let it send X-Forwarded-Proto: https, or nothing"))
    return found
