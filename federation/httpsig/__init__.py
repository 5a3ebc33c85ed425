"""The one gate: who truly signed a request, by draft-cavage or RFC 9421; and signing our own."""

import re
from datetime import datetime, timedelta
from typing import Literal

from federation import keys, lazily, vocabulary
from federation.httpsig import cavage, messages
from federation.httpsig.messages import Claim, Forged, KeyFor, KeyPending, Request, Signer

__all__ = ["Forged", "KeyFor", "KeyPending", "Request", "Scheme", "Signer", "sign", "verify"]

Scheme = Literal["cavage", "rfc9421"]

_WINDOW = timedelta(hours=1)
_AUTHORITY = re.compile(r"[^/?#]*")


async def verify(
    request: Request, *, base_url: str, key_for: KeyFor, now: datetime, window: timedelta = _WINDOW
) -> Signer:
    """Who signed this request, or Forged; KeyPending if that depends on a key which can't be had now.

    The key is asked for last, when all that needs no key is in order, and asked for afresh once if it doesn't
    fit: its owner may have changed it. `base_url` is what the request must have been signed for. Of several
    RFC 9421 labels the first that verifies and covers enough is the signer.
    """
    if not request.target.startswith("/") or not messages.is_text(request.target):
        raise Forged("not a path")
    headers = messages.fields(request.headers)
    if "signature-input" in headers:
        # Whoever sends this header speaks RFC 9421; there is no falling back to the other reading.
        await lazily.load("federation.httpsig.rfc9421")
        from federation.httpsig import rfc9421  # noqa: PLC0415 - 1.5 MB of libraries: once they are needed

        claims = rfc9421.claims(request, headers, base_url=base_url, now=now, window=window)
    else:
        claims = [cavage.claim(request, headers, base_url=base_url, now=now, window=window)]
    failure: Forged | KeyPending = Forged("no signature")
    for claim in claims:
        try:
            return await _signer(claim, key_for)
        except Forged as error:
            failure = failure if isinstance(failure, KeyPending) else error
        except KeyPending as error:
            failure = error
    raise failure


def sign(
    scheme: Scheme,
    *,
    method: str,
    url: str,
    key: keys.SigningKey,
    now: datetime,
    body: bytes | None = None,
    content_type: str | None = None,
) -> dict[str, str]:
    """The headers to send with a request, `Host` excluded: `Date`, digest, signature, and `Content-Type`.

    `url` must be the very one that is sent, percent-encoded. Raises Malformed if it is no http(s) URL.
    """
    authority = vocabulary.host_of(url)
    scheme_name, _, rest = url.partition("://")
    target = _AUTHORITY.sub("", rest, count=1).partition("#")[0]
    if not target.startswith("/"):
        target = "/" + target
    if not target.isascii():
        raise vocabulary.Malformed("URL not percent-encoded")
    if scheme == "cavage":
        return cavage.sign(
            method=method,
            authority=authority,
            target=target,
            key=key,
            now=now,
            body=body,
            content_type=content_type,
        )
    from federation.httpsig import rfc9421  # noqa: PLC0415 - as above

    return rfc9421.sign(
        method=method,
        url=f"{scheme_name.lower()}://{authority}{target}",
        key=key,
        now=now,
        body=body,
        content_type=content_type,
    )


async def _signer(claim: Claim, key_for: KeyFor) -> Signer:
    key = await key_for(claim.key_id, fresh=False)
    if not _signed_by(claim, key):
        fresh = await key_for(claim.key_id, fresh=True)
        if fresh == key or not _signed_by(claim, fresh):
            raise Forged("not signed with that key")
        key = fresh
    return Signer(key.owner, claim.key_id, claim.signed_at, claim.fingerprint)


def _signed_by(claim: Claim, key: keys.Key) -> bool:
    if key.id != claim.key_id or keys.is_weak(key.public):
        return False
    return claim.fits(key.public)
