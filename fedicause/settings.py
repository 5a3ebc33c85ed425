"""The settings of an instance: environment variables, also read from `.env`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from federation.vocabulary import Malformed, host_of


class Misconfigured(ValueError):
    """A setting is missing or makes no sense; the text says which, and what to write."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an admin decides. `url` has no trailing slash; `host` is its authority, its port if unusual."""

    url: str
    host: str
    data: Path
    database: str
    secret_file: Path
    smtp: str | None
    dev: bool
    wave: int | None
    """First endorsements taken from one host in an hour before the rest is held; None: no limit."""
    jump: int
    """By how much a partner's tally must grow within an hour for the admin to be told."""

    @property
    def media(self) -> Path:
        return self.data / "media"

    @property
    def sweep(self) -> timedelta:
        """How often rows are looked for whose wake-up was lost."""
        return timedelta(seconds=1 if self.dev else 5)

    @property
    def first_retry(self) -> timedelta:
        """The pause before a delivery's second attempt, give or take a half."""
        return timedelta(seconds=2 if self.dev else 30)

    @property
    def tally_every(self) -> timedelta:
        """How often at most a partner hears of one campaign's tally."""
        return timedelta(seconds=1 if self.dev else 10)

    @property
    def compare_every(self) -> timedelta:
        """How often partners compare what they know of each other's tallies."""
        return timedelta(seconds=5 if self.dev else 300)


def load(environment: Mapping[str, str] | None = None, dotenv: Path = Path(".env")) -> Settings:
    """Settings from the environment (by default this process's) and `.env`; raises Misconfigured."""
    values = _read_dotenv(dotenv) | dict(os.environ if environment is None else environment)
    dev = values.get("FEDICAUSE_DEV", "") == "1"
    url = values.get("FEDICAUSE_URL", "").rstrip("/")
    if not url:
        raise Misconfigured("Set FEDICAUSE_URL to the public address, such as https://campaigns.example.org")
    data = Path(values.get("FEDICAUSE_DATA", "./data")).resolve()
    parts = urlsplit(url)
    if parts.scheme != "https" and not (dev and parts.scheme == "http"):
        raise Misconfigured("FEDICAUSE_URL must begin with https:// (http:// only with FEDICAUSE_DEV=1)")
    if parts.path or parts.query or parts.fragment or parts.username:
        raise Misconfigured("FEDICAUSE_URL must be a scheme and a host, without a path")
    try:
        host = host_of(url)
    except Malformed as error:
        raise Misconfigured(f"FEDICAUSE_URL is not an address: {error}") from error
    wave = values.get("FEDICAUSE_WAVE", "0" if dev else "5000")
    if not wave.isdigit():
        raise Misconfigured("FEDICAUSE_WAVE must be a whole number; 0 means no limit")
    jump = values.get("FEDICAUSE_JUMP", "10")
    if not jump.isdigit() or int(jump) < 2:
        raise Misconfigured("FEDICAUSE_JUMP must be a whole number from 2: how many times as many in an hour")
    return Settings(
        url=url,
        host=host,
        data=data,
        database=values.get("FEDICAUSE_DATABASE") or f"sqlite:///{data / 'fedicause.db'}",
        secret_file=Path(values.get("FEDICAUSE_SECRET_FILE") or data / "secret").resolve(),
        smtp=values.get("FEDICAUSE_SMTP") or None,
        dev=dev,
        wave=int(wave) or None,
        jump=int(jump),
    )


def _read_dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    values = {}
    for number, raw in enumerate(path.read_text().splitlines(), start=1):
        line = raw.strip().removeprefix("export ")
        if not line or line.startswith("#"):
            continue
        name, separator, value = line.partition("=")
        if not separator:
            raise Misconfigured(f"{path}, line {number}: expected NAME=value")
        values[name.strip()] = value.strip().strip("\"'")
    return values
