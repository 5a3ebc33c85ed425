"""The headers that keep a page to itself: nothing inline, nothing from elsewhere, nobody's frame."""

from typing import Final

from aiohttp import web


def content_security_policy(*, dev: bool) -> str:
    """What a page may load and where its forms may lead.

    Browsers hold `form-action` against redirects too, and the handle form leads to the reader's own server.
    """
    targets = "https: http:" if dev else "https:"
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        f"connect-src 'self'; form-action 'self' {targets}; base-uri 'none'; frame-ancestors 'none'"
    )


def page(*, dev: bool) -> dict[str, str]:
    """For everything that is shown as a page."""
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": content_security_policy(dev=dev),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


FILE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""For pictures and fonts: opened by themselves they may run nothing; other servers show our pictures."""

TEXT: Final = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}

JSON: Final = {
    "Content-Type": "application/json; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag",
}
"""For the public API: anybody may build on the counts."""


async def kept_by_nobody(request: web.Request, response: web.StreamResponse) -> None:
    """What does not say who may keep it is kept by no cache; a move for good says so by its status."""
    if request.method in {"GET", "HEAD"} and response.status not in {301, 308}:
        response.headers.setdefault("Cache-Control", "no-store")
