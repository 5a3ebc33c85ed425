"""Which addresses a domain lets send its mail: SPF (RFC 7208), as far as a look needs it."""

import ipaddress
from typing import Final, Literal

from msgspec import Struct

from fedicause.doctor.lookup import Address, Lookup, Unanswered

Verdict = Literal["pass", "fail", "softfail", "neutral", "none", "unclear"]
_VERDICTS: Final[dict[str, Verdict]] = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
LOOKUPS: Final = 10
"""Beyond which receivers give up (section 4.6.4)."""


class _Left(Struct):
    """Names that may still be asked for."""

    lookups: int = LOOKUPS

    def take(self) -> None:
        self.lookups -= 1
        if self.lookups < 0:
            raise _Unclear


class _Unclear(Exception):
    """The record can't be followed to its end: too many names, or one that is not answered."""


async def check(lookup: Lookup, domain: str, sender: Address) -> Verdict:
    """What the record of a domain says of a server that sends from this address.

    `unclear` where receivers would say permerror or temperror, or for macros. Raises Unanswered if nobody
    knows the domain's own record.
    """
    record = await _record(lookup, domain)
    if record is None:
        return "none"
    try:
        return await _evaluate(lookup, domain, record, sender, _Left())
    except (_Unclear, Unanswered):
        return "unclear"


async def _record(lookup: Lookup, domain: str) -> str | None:
    found = [each for each in await lookup.texts(domain) if f"{each} ".lower().startswith("v=spf1 ")]
    return found[0] if found else None


async def _evaluate(lookup: Lookup, domain: str, record: str, sender: Address, left: _Left) -> Verdict:
    redirect = ""
    for term in record.split()[1:]:
        name, separator, value = term.partition("=")
        if separator and ":" not in name and "/" not in name:
            redirect = value if name.lower() == "redirect" else redirect
            continue
        verdict = _VERDICTS.get(term[0], "pass")
        if await _matches(lookup, domain, term.lstrip("+-~?"), sender, left):
            return verdict
    if redirect:
        left.take()
        record_there = await _record(lookup, redirect)
        if record_there is None:
            raise _Unclear
        return await _evaluate(lookup, redirect, record_there, sender, left)
    return "neutral"


async def _matches(lookup: Lookup, domain: str, term: str, sender: Address, left: _Left) -> bool:
    if "%" in term:
        raise _Unclear
    body, _, prefix = term.partition("/")
    name, _, value = body.partition(":")
    name = name.lower()
    if name in {"ip4", "ip6"}:
        # An IPv6 address has colons of its own.
        return _within(sender, term.partition(":")[2])
    if name == "all":
        return True
    if name not in {"a", "mx", "include", "exists"}:
        return False
    left.take()
    target = value or domain
    if name == "include":
        record = await _record(lookup, target)
        if record is None:
            raise _Unclear
        return await _evaluate(lookup, target, record, sender, left) == "pass"
    if name == "exists":
        return bool(await lookup.addresses(target, "A"))
    hosts = await lookup.mail_hosts(target) if name == "mx" else [target]
    kind = "A" if sender.version == 4 else "AAAA"
    lengths = prefix.split("//")
    length = lengths[0] if sender.version == 4 else lengths[-1] if len(lengths) > 1 else ""
    for host in hosts[:LOOKUPS]:
        for each in await lookup.addresses(host, kind):
            if _within(sender, f"{each}/{length}" if length.isdigit() else str(each)):
                return True
    return False


def _within(sender: Address, network: str) -> bool:
    try:
        return sender in ipaddress.ip_network(network, strict=False)
    except ValueError as error:
        raise _Unclear from error
