"""The log: plain lines or JSON, each with the number of its request, and nothing personal in any."""

import json
import logging
import random
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, Literal

REQUEST: ContextVar[str] = ContextVar("request", default="")
"""The number of the request that is being answered."""

Form = Literal["plain", "json"]

_NUMBER: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{7,63}")
# Whatever somebody else's words brought along: of mail addresses, and of what PostgreSQL says of a row.
_ADDRESS: Final = re.compile(r"[^\s\"'<>()\[\]{}=,;:/\\]+@[^\s\"'<>()\[\]{}=,;:/\\]+")
_DETAIL: Final = re.compile(r"^(\s*DETAIL:).*$", re.MULTILINE)
_FROM: Final = "Error handling request from"


def new_number() -> str:
    """A number for a request: 64 bits, in hexadecimal. It tells nothing, and is no secret."""
    return f"{random.getrandbits(64):016x}"


def well_formed(given: str) -> bool:
    """Whether a number that a proxy gave can be put into a line."""
    return _NUMBER.fullmatch(given) is not None


def begin(form: Form, level: int = logging.INFO) -> None:
    """Writes the log of this process to standard error from now on."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(form))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level)
    hush()


def formatter(form: Form) -> logging.Formatter:
    return _Json() if form == "json" else _Plain()


def hush() -> None:
    """Keeps the web server from naming the address of whoever sends what is not HTTP."""
    server = logging.getLogger("aiohttp.server")
    if not any(isinstance(each, _Nameless) for each in server.filters):
        server.addFilter(_Nameless())


def discreet(text: str) -> str:
    """The text without what looks like a mail address, and without the rows in errors of PostgreSQL."""
    if "@" in text:
        text = _ADDRESS.sub("…", text)
    return _DETAIL.sub(r"\1 …", text) if "DETAIL:" in text else text


class _Nameless(logging.Filter):
    """What is no HTTP is quoted in the error with all that is in it, so neither is told."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.msg, str) and record.msg.startswith(_FROM):
            error = record.exc_info[1] if record.exc_info else None
            is_theirs = error is not None and type(error).__module__.startswith("aiohttp.http")
            record.msg, record.args = "a request could not be handled", ()
            if is_theirs:
                record.msg, record.args = "what came is no request: %s", (type(error).__name__,)
                record.exc_info, record.exc_text = None, None
                record.levelno, record.levelname = logging.INFO, "INFO"
        return True


class _Plain(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - its name in the library
        number = REQUEST.get()
        line = super().formatMessage(record)
        return f"{line} [{number}]" if number else line

    def format(self, record: logging.LogRecord) -> str:
        return discreet(super().format(record))


class _Json(logging.Formatter):
    """One object a line: time, level, logger, message, request, error, and the fields of `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": discreet(record.getMessage()),
        }
        number = REQUEST.get()
        if number:
            line["request"] = number
        fields: dict[str, Any] = getattr(record, "fields", {})
        line |= {name: discreet(value) if isinstance(value, str) else value for name, value in fields.items()}
        if record.exc_info:
            line["error"] = discreet(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)
