"""The recorded exchanges in fixtures/: what real servers sent to https://ours.test (see README.md there)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.signing import Request

FIXTURES = Path(__file__).parent / "fixtures"
OURS = "https://ours.test"
SERVERS = ("snac", "takahe", "wordpress", "fedify", "fedify-rfc9421")


@dataclass(frozen=True)
class Recording:
    """One request as it arrived, and the documents that its server served at that moment."""

    action: str
    at: datetime
    request: Request
    actor: dict[str, Any] | None
    key: dict[str, Any] | None
    actor_is_gone: bool

    @property
    def tampered(self) -> Request:
        """The same request with one byte of its body changed; still JSON, still by the same actor."""
        body = self.request.body or b""
        before = json.loads(body)
        for place in range(len(body) - 1, -1, -1):
            if chr(body[place]).isalnum() and body[place] < 128:
                changed = body[:place] + (b"x" if body[place] != ord("x") else b"y") + body[place + 1 :]
                after = _json(changed)
                if after and all(after.get(name) == before.get(name) for name in ("actor", "type", "id")):
                    return self.request.carrying(changed)
        raise AssertionError("nothing to change")


def sent(server: str) -> list[Recording]:
    """What a server sent to our inboxes, in order."""
    found = [_recording(document) for document in _documents(server) if "request" in document]
    return sorted(found, key=lambda each: each.at)


def asked(server: str) -> Iterator[tuple[Request, datetime, int]]:
    """What a server asked us for, unsigned or signed: the request, when, and the status that it got."""
    for each in json.loads((FIXTURES / server / "requests.json").read_text())["requests"]:
        if each["method"] != "POST":
            headers = tuple((name, value) for name, value in each["headers"])
            request = Request(each["method"], OURS + each["target"], headers)
            yield request, datetime.fromisoformat(each["time"]), each["status"]


def _documents(server: str) -> Iterator[dict[str, Any]]:
    for path in sorted((FIXTURES / server).glob("*.json")):
        yield json.loads(path.read_text())


def _recording(document: dict[str, Any]) -> Recording:
    request = document["request"]
    return Recording(
        action=document["action"],
        at=datetime.fromisoformat(document["recorded_at"]),
        request=Request(
            request["method"],
            OURS + request["target"],
            tuple((name, value) for name, value in request["headers"]),
            request["body"].encode(),
        ),
        actor=document["actor"],
        key=document["key"],
        actor_is_gone=document.get("actor_status_after") == 410,
    )


def _json(body: bytes) -> dict[str, Any] | None:
    try:
        read = json.loads(body)
    except ValueError:
        return None
    return read if isinstance(read, dict) else None
