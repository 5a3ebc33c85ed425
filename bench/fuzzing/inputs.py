"""Requests as bytes: truly signed activities that say strange things, garbage, forms, uploads, addresses."""

import base64
import functools
import hashlib
import itertools
import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final
from urllib.parse import quote, quote_plus

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.fuzzing import mutate, seeds

HOST: Final = seeds.HOST
PEOPLE: Final = 64
# Where a wrong turn would end the staff's session, or what is looked at.
_SPARED: Final = re.compile(r"/admin/(logout|login|me/|staff)|/(delete|close|unschedule|leave)\b")
_INBOXES: Final = (
    "/inbox",
    "/actor/inbox",
    "/actors/call0/inbox",
    "/actors/org/inbox",
    "/actors/nobody/inbox",
)
_TYPES: Final = (
    "application/activity+json", "application/json", "application/activity+json; charset=utf-8",
    'application/ld+json; profile="https://www.w3.org/ns/activitystreams"', "application/activity+json; charset=x",
)  # fmt: skip
_FORMS: Final = ("application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-8")
_ODD_TYPES: Final = (
    "application/x-www-form-urlencoded; charset=nonsense", "application/x-www-form-urlencoded; charset=utf-16",
    "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=x", "text/plain", "",
    'multipart/form-data; boundary="' + "b" * 80 + '"', "multipart/mixed; boundary=x", "application/json",
)  # fmt: skip
# What a form holds with a meaning, so that more of it is understood.
_MEANT: Final[dict[str, Sequence[str]]] = {
    "name": ("Bob Miller", "Ağaç", "😀 b", "Q"),
    "mail": ("bob{}@mail.example", "b.{}@trash.example", "b{}@bücher.example"),
    "country": ("DE", "FR", "IT", "XX", "de"),
    "shown": ("name", "initials", "nothing"),
    "slug": ("forest", "call0", "new-{}"),
    "kind": ("petition", "open-letter", "message", "pledge", "consultation"),
    "language": ("en", "de", "it"),
    "choice": ("1", "2", "3"),
    "signature": ("1", "2", "3"),
    "id": ("1", "2"),
    "since": ("2026-11-01", "2026-11-22"),
    "until": ("2026-12-01", "2026-11-22"),
    "goal": ("1000", "10"),
    "sure": ("yes",),
    "email": ("alice@ours.test", "bob@ours.test"),
}


@dataclass(frozen=True, slots=True)
class Signer:
    uri: str
    key: Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Input:
    """`is_framed`: whether what follows it on the same connection is read as another request."""

    data: bytes
    kind: str
    is_framed: bool = True


@dataclass
class Inputs:
    """Makes one request after the other. `routes` are method and path of what the application answers."""

    signers: Sequence[Signer]
    routes: Sequence[tuple[str, str]]
    cookie: str
    csrf: str
    proofs: Sequence[str]
    tokens: Sequence[str]
    chance: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._texts = [json.dumps(each) for each in seeds.recorded()]
        self._names = seeds.field_names()
        self._gets = [path for method, path in self.routes if method == "GET"]
        self._forms = [
            path for method, path in self.routes if method == "POST" and not path.startswith("/admin")
        ]
        self._forms = [path for path in self._forms if not path.endswith("/inbox")]
        self._desk = [path for method, path in self.routes if method == "POST" and path.startswith("/admin")]
        self._desk = [path for path in self._desk if not _SPARED.search(path)]
        self._number = itertools.count()
        self._proof = itertools.cycle(self.proofs or [""])
        self._date = ("", 0)

    def next(self) -> Input:
        kinds: list[tuple[float, Callable[[], Input]]] = [
            (0.58, self.signed),
            (0.13, self.with_odd_headers),
            (0.18, self.bare),
            (0.06, self.form),
            (0.005, self.upload),
            (0.003, self.desk),
            (0.02, self.address),
            (0.022, self.broken),
        ]
        [made] = self.chance.choices([make for _, make in kinds], [weight for weight, _ in kinds])
        return made()

    def signed(self) -> Input:
        """Passes the gate: a signature of somebody known over a strange activity of theirs."""
        return Input(self._signed(self._activity()), "signed")

    def with_odd_headers(self) -> Input:
        """The same with something wrong in one of its lines."""
        head, _, body = self._signed(self._activity()).partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        place = self.chance.randrange(1, len(lines))
        name, _, value = lines[place].partition(b": ")
        if name in (b"Content-Length", b"Host"):
            return Input(b"\r\n".join(lines) + b"\r\n\r\n" + body, "odd headers")
        odd = mutate.raw(self.chance, value).translate(None, b"\r\n\0")
        match self.chance.randrange(4):
            case 0:
                lines.append(name + b": " + odd)
            case 1:
                del lines[place]
            case 2:
                rfc = b'sig1=("@method" "@target-uri" "content-digest");created=1;keyid="x"'
                lines.append(b"Signature-Input: " + mutate.raw(self.chance, rfc).translate(None, b"\r\n\0"))
            case _:
                lines[place] = name + b": " + odd
        return Input(b"\r\n".join(lines) + b"\r\n\r\n" + body, "odd headers", is_framed=False)

    def bare(self) -> Input:
        """An unsigned body that is hardly JSON."""
        body = mutate.raw(self.chance, self.chance.choice(self._texts).encode())
        path = self.chance.choice(_INBOXES)
        return Input(self._request("POST", path, body, {"Content-Type": self.chance.choice(_TYPES)}), "bare")

    def form(self) -> Input:
        path = self.chance.choice(self._forms)
        fields = self._fields()
        if "signatures" in path or path == "/me":
            fields += [("altcha", next(self._proof))]
        body = "&".join(f"{quote_plus(name)}={self._encoded(value)}" for name, value in fields).encode()
        if self.chance.random() < 0.1:
            body = mutate.raw(self.chance, body)
        odd = self.chance.random() < 0.08
        kind = self.chance.choice(_ODD_TYPES) if odd else self.chance.choice(_FORMS)
        sent = {"Content-Type": kind, "Sec-Fetch-Site": "same-origin"}
        return Input(self._request("POST", self._query(path), body, sent), f"form {_shape(path)}")

    def upload(self) -> Input:
        """A form with files, of ours or nobody's."""
        boundary = b"x" * self.chance.choice((1, 8, 40))
        parts = []
        for name, value in self._fields():
            content = value.encode(errors="surrogatepass")
            given = f'form-data; name="{quote(name)}"'
            if self.chance.random() < 0.4:
                given += '; filename="a.png"\r\nContent-Type: image/png'
                content = mutate.raw(self.chance, seeds.picture()) if self.chance.random() < 0.7 else content
            parts.append(
                b"--" + boundary + b"\r\nContent-Disposition: " + given.encode() + b"\r\n\r\n" + content
            )
        body = b"\r\n".join(parts) + b"\r\n--" + boundary + b"--\r\n"
        if self.chance.random() < 0.4:
            body = mutate.raw(self.chance, body)
        is_desk = self.chance.random() < 0.4
        path = self.chance.choice(self._desk if is_desk else ["/receipts", *self._forms])
        sent = {"Content-Type": "multipart/form-data; boundary=" + boundary.decode(), **self._staff()}
        return Input(self._request("POST", path, body, sent), f"upload {_shape(path)}")

    def desk(self) -> Input:
        """A form, or an address, of the staff, by one of them."""
        if self.chance.random() < 0.4:
            pages = [path for path in self._gets if path.startswith("/admin")]
            path = self._query(self.chance.choice(pages))
            return Input(self._request("GET", path, b"", self._staff()), "desk")
        path = self.chance.choice(self._desk)
        fields = [("csrf", self.csrf), *self._fields()]
        body = "&".join(f"{quote_plus(name)}={self._encoded(value)}" for name, value in fields).encode()
        sent = {"Content-Type": _FORMS[0], **self._staff()}
        return Input(self._request("POST", path, body, sent), f"desk {_shape(path)}")

    def address(self) -> Input:
        """Something to read, asked for strangely."""
        path = self.chance.choice([each for each in self._gets if not each.startswith("/admin")])
        if self.chance.random() < 0.3:
            parts = path.split("/")
            place = self.chance.randrange(1, len(parts))
            parts[place] = quote(mutate.text(self.chance, parts[place]).encode(errors="surrogatepass"))
            path = "/".join(parts)
        accept = self.chance.choice(
            (
                "*/*",
                "text/html",
                "application/activity+json",
                "application/ld+json",
                "text/html;q=0.1, */*",
                "",
            )
        )
        odd = self.chance.random() < 0.3
        sent = {
            "Accept": self._line(accept) if odd else accept,
            "Accept-Language": self._line("de-CH, fr;q=0.9, *;q=0.1"),
            "Accept-Encoding": self._line("gzip, br") if odd else "gzip",
            "If-None-Match": self._line('W/"abc", "def"'),
            "Cookie": self._line(f"__Host-session={self.cookie}"),
            "X-Forwarded-For": self._line("203.0.113.7, 198.51.100.1"),
            "Range": "bytes=0-1,5-",
        }
        kept = {name: value for name, value in sent.items() if self.chance.random() < 0.5}
        method = self.chance.choice(("GET",) * 8 + ("HEAD", "OPTIONS"))
        return Input(
            self._request(method, self._query(path), b"", kept), f"address {_shape(path)}", method != "HEAD"
        )

    def broken(self) -> Input:
        """What is no HTTP any more, or just still."""
        made = self.chance.choice((self.signed, self.form, self.address))()
        return Input(mutate.raw(self.chance, made.data), "broken", is_framed=False)

    def _activity(self) -> tuple[Signer, bytes]:
        signer = self.chance.choice(self.signers)
        said = json.loads(_ours(self.chance.choice(self._texts), signer.uri))
        said["actor"], said["id"] = signer.uri, f"{signer.uri}#{next(self._number)}"
        if self.chance.random() < 0.9:
            said = mutate.document(self.chance, said, self._texts)
        if self.chance.random() < 0.93:
            said["actor"] = signer.uri
        if self.chance.random() < 0.8 and not _at_home(said.get("id"), signer):
            said.pop("id", None)
        body = json.dumps(said).encode()
        return signer, mutate.raw(self.chance, body) if self.chance.random() < 0.05 else body

    def _signed(self, said: tuple[Signer, bytes]) -> bytes:
        signer, body = said
        path, kind = self.chance.choice(_INBOXES), self.chance.choice(_TYPES)
        digest = "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode()
        date = self._now()
        text = f"(request-target): post {path}\nhost: {HOST}\ndate: {date}\ndigest: {digest}"
        signature = base64.b64encode(signer.key.sign(text.encode())).decode()
        sent = {
            "Date": date,
            "Digest": digest,
            "Content-Type": kind,
            "Signature": f'keyId="{signer.uri}#main-key",algorithm="hs2019",'
            f'headers="(request-target) host date digest",signature="{signature}"',
        }
        return self._request("POST", path, body, sent)

    def _now(self) -> str:
        made, number = self._date
        if number % 1000 == 0:
            made = format_datetime(datetime.now(UTC), usegmt=True)
        self._date = (made, number + 1)
        return made

    def _fields(self) -> list[tuple[str, str]]:
        fields = []
        for name in self.chance.sample(self._names, self.chance.randrange(1, 14)):
            meant = self.chance.choice(_MEANT.get(name, ("yes", "1", "Some words")))
            value = meant.replace("{}", str(next(self._number)))
            fields.append((name, mutate.text(self.chance, value) if self.chance.random() < 0.35 else value))
        if self.chance.random() < 0.7:
            for name in ("name", "mail", "country"):
                value = self.chance.choice(_MEANT[name]).replace("{}", str(next(self._number)))
                fields.append((name, value))
        if self.chance.random() < 0.01:
            fields *= 500
        return fields

    def _encoded(self, value: str) -> str:
        encoded = quote_plus(value.encode(errors="surrogatepass"))
        return encoded.replace("%ED%A0%80", "%ed%a0%80%ff") if self.chance.random() < 0.3 else encoded

    def _line(self, value: str) -> str:
        found = mutate.text(self.chance, value) if self.chance.random() < 0.6 else value
        return re.sub(r"[\r\n\0\ud800-\udfff]", "", found)[:4000]

    def _query(self, path: str) -> str:
        if self.chance.random() < 0.6:
            return path
        names = self.chance.sample(
            ("lang", "page", "before", "after", "q", "via", "handle", "resource", "url"), 2
        )
        values = [
            mutate.text(self.chance, f"acct:call0@{HOST}").encode(errors="surrogatepass") for _ in names
        ]
        return (
            path + "?" + "&".join(f"{name}={quote(value)}" for name, value in zip(names, values, strict=True))
        )

    def _staff(self) -> dict[str, str]:
        return {"Cookie": f"__Host-session={self.cookie}", "Origin": f"https://{HOST}"}

    def _request(self, method: str, path: str, body: bytes, sent: dict[str, str]) -> bytes:
        if "{token}" in path:
            token = self.chance.choice(self.tokens) if self.chance.random() < 0.7 else "x" * 32
            path = path.replace("{token}", token)
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {HOST}",
            *(f"{name}: {value}" for name, value in sent.items()),
        ]
        if method == "POST" or body:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode(errors="replace") + b"\r\n\r\n" + body


@functools.lru_cache(maxsize=16_384)
def _ours(text: str, uri: str) -> str:
    """What was recorded elsewhere, about what there is here."""
    text = re.sub(r"https://ours\.test/campaigns/[a-z-]+", f"https://{HOST}/campaigns/call0", text)
    text = re.sub(r"https://ours\.test/actors/(?!org)[a-z-]+", f"https://{HOST}/actors/call0", text)
    return re.sub(
        r"https://(?:snac|takahe|fedify|wordpress)[a-z0-9-]*\.test(?::\d+)?/[^\"#?\\\\<> ]*", uri, text
    )


def _at_home(value: object, signer: Signer) -> bool:
    return isinstance(value, str) and value.startswith(signer.uri.rsplit("/", 2)[0] + "/")


def _shape(path: str) -> str:
    return re.sub(r"\d+", "1", path.partition("?")[0])[:60]
