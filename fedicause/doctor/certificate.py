"""Whether the certificate of the public address is one that other servers accept, and for how long."""

import asyncio
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from fedicause.doctor.surroundings import Surroundings
from fedicause.finding import Finding
from fedicause.settings import Settings

CONNECTING: Final = 5.0
SOON: Final = timedelta(days=14)
# OpenSSL's X509_V_ERR_…, which the ssl module has no names for.
_NOT_YET, _EXPIRED, _SELF_SIGNED, _NO_ISSUER, _WRONG_NAME, _WRONG_ADDRESS = (
    9,
    10,
    {18, 19},
    {2, 20, 21},
    62,
    64,
)
RENEW: Final = "renew it: look at the log of Caddy, or run `certbot renew`, and reload the proxy"


async def look(settings: Settings, through: Surroundings) -> list[Finding]:
    """What a server that connects to the public address sees of TLS."""
    parts = urlsplit(settings.url)
    host = parts.hostname or ""
    try:
        async with asyncio.timeout(CONNECTING):
            (end, *_) = await through.resolver().resolve(host, parts.port or 443)
            _, writer = await asyncio.open_connection(
                end["host"], end["port"], ssl=through.context(), server_hostname=host
            )
    except ssl.SSLCertVerificationError as error:
        return [_refused(host, error)]
    except ssl.SSLError as error:
        reason = (error.reason or "no TLS").replace("_", " ").lower()
        advice = "let a proxy with a certificate answer there (deploy/Caddyfile, deploy/nginx.conf)"
        return [
            Finding("certificate", "problem", f"what answers there speaks no usable TLS: {reason}", advice)
        ]
    except (OSError, TimeoutError) as error:
        reason = str(error) or "no answer in time"
        advice = "see what is said of DNS and port; is the proxy running?"
        return [Finding("certificate", "problem", f"no connection to {settings.host}: {reason}", advice)]
    try:
        session: Any = writer.get_extra_info("ssl_object")
        return [_until(session.getpeercert(), through.now()), _version(session.version())]
    finally:
        writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await writer.wait_closed()


def _refused(host: str, error: ssl.SSLCertVerificationError) -> Finding:
    code = error.verify_code
    if code == _EXPIRED:
        return Finding("certificate", "problem", "it has expired: nobody connects any more", RENEW)
    if code == _NOT_YET:
        text = "it is not valid yet"
        return Finding("certificate", "problem", text, "look at the clocks here and where it was made")
    if code in {_WRONG_NAME, _WRONG_ADDRESS}:
        text = f"it is not for {host}"
        return Finding("certificate", "problem", text, f"get one for {host}, and let the proxy use it there")
    if code in _SELF_SIGNED:
        text = "it was made by nobody whom other servers believe"
        advice = "get one from a public authority (Caddy does by itself; else certbot)"
        return Finding("certificate", "problem", text, advice)
    if code in _NO_ISSUER:
        text = "the certificates between it and a known authority are not sent along"
        advice = "give the proxy the whole chain: fullchain.pem, not cert.pem"
        return Finding("certificate", "problem", text, advice)
    return Finding("certificate", "problem", error.verify_message, RENEW)


def _until(certificate: dict[str, Any], now: datetime) -> Finding:
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
    left = ends - now
    shown = f"valid until {ends:%Y-%m-%d}"
    if left < SOON:
        days = max(left.days, 0)
        return Finding("certificate", "warning", f"{shown}: {days} days more, and was not renewed", RENEW)
    return Finding("certificate", "ok", shown)


def _version(version: str | None) -> Finding:
    if version in {"TLSv1.2", "TLSv1.3"}:
        return Finding("tls", "ok", version)
    advice = "let the proxy speak TLS 1.2 and 1.3"
    return Finding("tls", "warning", f"{version} is out of date", advice)
