"""Whether a body is the one that was signed, by `Digest` (RFC 3230)."""

import base64
import binascii
import hashlib
import hmac

from federation.httpsig.messages import Forged


def digest(body: bytes) -> str:
    """The value of a `Digest` header."""
    return "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode("ascii")


def check_digest(value: str, body: bytes) -> None:
    """Raises Forged unless a `Digest` header names exactly one SHA-256, and the body has it.

    Other algorithms beside it are not looked at; the name's case is not either (some write `sha-256`).
    """
    named = [value[8:]] if value.startswith("SHA-256=") and "," not in value else _sha256(value)
    if len(named) != 1:
        raise Forged("not one SHA-256 digest")
    try:
        expected = binascii.a2b_base64(named[0].strip(), strict_mode=True)
    except ValueError as error:
        raise Forged("digest is not base64") from error
    if not hmac.compare_digest(expected, hashlib.sha256(body).digest()):
        raise Forged("the body is not the signed one")


def _sha256(value: str) -> list[str]:
    return [
        encoded
        for algorithm, _, encoded in (part.partition("=") for part in value.split(","))
        if algorithm.strip().lower() == "sha-256"
    ]
