"""The people on other servers: what they do is said in their server's dialect, truly signed, sent to us."""

import functools
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests import dialects, signing
from tests.dialects import Document

if TYPE_CHECKING:
    from tests.fediverse import Server

Algorithm = Literal["rsa", "ed25519"]


@functools.cache
def key_of(algorithm: Algorithm, holder: str) -> rsa.RSAPrivateKey | Ed25519PrivateKey:
    """The key of whoever goes by this name; the same throughout a test session, for making one is slow."""
    if algorithm == "ed25519":
        return Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 2048)


@dataclass(frozen=True)
class Answer:
    """What our server answered."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Person:
    """Somebody on another server. Whatever they say is signed, sent, and answered with our status."""

    server: "Server"
    name: str
    uri: str
    scheme: signing.Scheme
    algorithm: Algorithm
    generation: int = 0
    more: dict[str, Any] = field(default_factory=dict)
    said: list[Document] = field(default_factory=list)

    @property
    def account(self) -> str:
        return f"acct:{self.name}@{urlsplit(self.uri).netloc}"

    @property
    def key(self) -> signing.Key:
        holder = f"{self.name}@{self.server.nickname}/{self.generation}"
        suffix = "#ed25519-key" if self.algorithm == "ed25519" else self.server.dialect.key
        return signing.Key(self.uri + suffix, key_of(self.algorithm, holder))

    @property
    def document(self) -> Document:
        return dialects.actor(
            self.uri,
            dialect=self.server.dialect,
            name=self.name,
            base=self.server.base,
            keys=[self.key],
            **self.more,
        )

    def publish(self) -> None:
        """Serves the actor as it is now."""
        self.server.documents[signing.target(self.uri)] = self.document
        if self.algorithm == "rsa" and "#" not in self.key.id:
            self.server.documents[signing.target(self.key.id)] = dialects.key_stub(self.document)

    def rotate(self) -> None:
        """Takes a new key under the same id."""
        self.generation += 1
        self.publish()

    async def like(self, note: str, *, reaction: str | None = None) -> Answer:
        """Favourites a Note, or reacts to it with an emoji."""
        number = 1 if self.server.dialect.reuses_ids else self._number()
        activity = dialects.like(
            self.server.dialect, self.uri, note, number, at=self._now(), reaction=reaction
        )
        shared = self.server.dialect.likes_to == "shared"
        return await self.say(activity, None if shared else dialects.author_of(note))

    async def announce(self, note: str) -> Answer:
        number = 1 if self.server.dialect.reuses_ids else self._number()
        return await self.say(
            dialects.announce(self.server.dialect, self.uri, note, number, at=self._now()), None, note
        )

    async def reply(self, note: str, content: str = "<p>I walk there every Sunday.</p>") -> Answer:
        said = dialects.reply(
            self.server.dialect, self.uri, note, self._number(), content=content, at=self._now()
        )
        self.server.documents[signing.target(said["id"])] = {"@context": dialects.CONTEXT, **said}
        return await self.say(dialects.about("Create", said), None, note)

    async def edit(self, content: str, *, note: Document | None = None) -> Answer:
        """Changes a reply, the last one unless told which."""
        edited = (note or self._last("Create")["object"]) | {"content": content}
        edited["updated"] = dialects.written(self._now())
        self.server.documents[signing.target(edited["id"])] = {"@context": dialects.CONTEXT, **edited}
        return await self.say(dialects.about("Update", edited), None, edited["inReplyTo"])

    async def delete(self, *, note: Document | None = None) -> Answer:
        """Deletes a reply, the last one unless told which."""
        note = note or self._last("Create")["object"]
        self.server.gone.add(signing.target(note["id"]))
        tombstone = {"id": note["id"], "type": "Tombstone"}
        whole = note if self.server.dialect.software in ("takahe", "wordpress") else tombstone
        activity = dialects.about("Delete", note, object=whole)
        return await self.say(activity, None, note["inReplyTo"])

    async def follow(self, actor: str) -> Answer:
        return await self._tell("Follow", actor)

    async def block(self, actor: str) -> Answer:
        return await self._tell("Block", actor)

    async def join(self, target: str) -> Answer:
        return await self._tell("Join", target, to=dialects.author_of(target))

    async def leave(self, target: str) -> Answer:
        return await self._tell("Leave", target, to=dialects.author_of(target))

    async def flag(self, actor: str, *objects: str, content: str = "Not a real petition") -> Answer:
        activity = self._activity("Flag", [actor, *objects])
        return await self.say(activity | {"content": content}, actor)

    async def move(self, target: str, *, near: str) -> Answer:
        """Says that this account is now `target`; `near` is any address of ours."""
        activity = self._activity("Move", self.uri) | {"target": target}
        return await self.say(activity, None, near)

    async def update_profile(self, *, near: str, **changes: Any) -> Answer:
        self.more |= changes
        self.publish()
        activity = self._activity("Update", self.document) | {"to": [dialects.PUBLIC]}
        if self.server.dialect.software == "wordpress":
            activity = {**activity, "object": self.uri}
            del activity["id"]
        return await self.say(activity, None, near)

    async def delete_account(self, *, near: str) -> Answer:
        self.server.gone.add(signing.target(self.uri))
        activity = self._activity("Delete", self.uri) | {"to": [dialects.PUBLIC]}
        return await self.say(activity, None, near)

    async def undo(self, said: Document | None = None) -> Answer:
        """Takes back what was said last, or this."""
        said = said or next(each for each in reversed(self.said) if each["type"] != "Undo")
        activity = dialects.undo(self.server.dialect, said, self._number())
        about = dialects.id_of(said["object"])
        about = dialects.author_of(about) if "/campaigns/" in about else about
        shared = said["type"] in ("Like", "EmojiReact") and self.server.dialect.likes_to == "shared"
        return await self.say(activity, None if shared or said["type"] == "Announce" else about, about)

    async def say(self, activity: Document, actor: str | None, near: str | None = None) -> Answer:
        """Sends an activity to an actor's inbox, or to the shared one of the server that `near` is on."""
        self.said.append(activity)
        return await self.server.world.send(self.signed(activity, inbox_of(activity, actor, near)))

    def signed(self, activity: Document | bytes, inbox: str, **how: Any) -> signing.Request:
        """The signed request, not yet sent; `how` goes to the signer (`at`, `covered`, `key`, …)."""
        body = activity if isinstance(activity, bytes) else json.dumps(activity).encode()
        plain = signing.request("POST", inbox, body)
        key, at = how.pop("key", self.key), how.pop("at", self._now())
        if how.pop("scheme", self.scheme) == "rfc9421":
            return signing.rfc9421(plain, key, at=at, **how)
        dialect = self.server.dialect
        if "content-length" in dialect.covered:
            plain = plain.having("Content-Length", str(len(body)))
        algorithm = "hs2019" if self.algorithm == "ed25519" else dialect.algorithm
        return signing.cavage(
            plain, key, at=at, **({"covered": dialect.covered, "algorithm": algorithm} | how)
        )

    async def get(self, url: str) -> Answer:
        """Fetches a document of ours, signed."""
        plain = signing.request("GET", url)
        sign = signing.rfc9421 if self.scheme == "rfc9421" else signing.cavage
        signed = sign(plain, self.key, at=self._now()).having("Accept", signing.ACTIVITY)
        return await self.server.world.send(signed)

    async def _tell(self, kind: str, target: str, *, to: str | None = None) -> Answer:
        shared = self.server.dialect.software == "snac"
        return await self.say(self._activity(kind, target), None if shared else to or target, target)

    def _activity(self, kind: str, target: Any) -> Document:
        return {
            "@context": dialects.CONTEXT,
            "id": f"{self.uri.rstrip('/')}#{kind.lower()}s/{self._number()}",
            "type": kind,
            "actor": self.uri,
            "object": target,
        }

    def _last(self, kind: str) -> Document:
        return next(each for each in reversed(self.said) if each["type"] == kind)

    def _number(self) -> int:
        return len(self.said) + 1

    def _now(self) -> datetime:
        return self.server.world.clock.now()


def inbox_of(activity: Document, actor: str | None, near: str | None) -> str:
    """The inbox of an actor of ours, or our shared one."""
    if actor is not None:
        return f"{actor}/inbox"
    return dialects.origin(near or dialects.id_of(activity["object"])) + "/inbox"
