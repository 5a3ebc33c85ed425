"""The settings of an instance: environment variables, also read from `.env`."""

import ipaddress
import os
from collections.abc import Mapping
from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from federation.vocabulary import Malformed, host_of
from fedicause.watching import logs

# By which the other side knows that it is us: what can be guessed proves nothing.
_SHORTEST_SECRET = 16


class Misconfigured(ValueError):
    """A setting is missing or makes no sense; the text says which, and what to write."""


class Settings(Struct, frozen=True):
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
    mail_from: str | None
    """Whom letters come from: `address`, or `Name <address>`; None: campaigns at this host."""
    mail_rate: int
    """Letters a minute that are given to the mail server, at most."""
    proxies: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    """Who may say, in X-Forwarded-For, for whom a request is made."""
    network_limit: int | None
    """Forms that are taken in an hour from one network, and from one mail domain; None: no limit."""
    domain_limit: int | None
    jump: int
    """By how much a partner's tally must grow within an hour for the admin to be told."""
    retention_months: int
    """After so many months from the end of a campaign nobody knows who signed it."""
    crm_url: str | None
    """What hears of those who agree to be written to; None: nothing does."""
    crm_secret: str | None
    log: logs.Form
    slow: float
    """Seconds after which a request is worth a line in the log."""
    metrics_token: str | None
    """What whoever reads the metrics must show; None: they are read on this machine only."""
    contact: str | None = None
    """A URI (mailto: or https:) for whoever finds a hole; None: nobody said one."""
    key_wait: float = 3.0
    """Seconds that a request waits for a cold key before it is parked; not read from anywhere."""

    @property
    def media(self) -> Path:
        return self.data / "media"

    @property
    def mail_domain(self) -> str:
        """The host as mail names it: without a port, a literal address in brackets (RFC 5321, 4.1.3)."""
        name = urlsplit(f"//{self.host}").hostname or "localhost"
        try:
            literal = ipaddress.ip_address(name)
        except ValueError:
            return name
        return f"[{literal}]" if literal.version == 4 else f"[IPv6:{literal}]"

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

    @property
    def failed_key(self) -> timedelta:
        """For how long a key that could not be had is not asked for again: partners agree in three rounds."""
        return 2 * self.compare_every


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
        smtp=_smtp(values.get("FEDICAUSE_SMTP", "")),
        mail_from=_mail_from(values.get("FEDICAUSE_MAIL_FROM", "")),
        mail_rate=_mail_rate(values.get("FEDICAUSE_MAIL_RATE", "600")),
        dev=dev,
        wave=int(wave) or None,
        proxies=_proxies(values.get("FEDICAUSE_PROXIES", "127.0.0.0/8 ::1")),
        network_limit=_limit(values, "FEDICAUSE_NETWORK_LIMIT", 0 if dev else 300),
        domain_limit=_limit(values, "FEDICAUSE_DOMAIN_LIMIT", 0 if dev else 600),
        jump=int(jump),
        retention_months=_months(values.get("FEDICAUSE_RETENTION_MONTHS", "6")),
        crm_url=_crm(values.get("FEDICAUSE_CRM_URL", ""), values.get("FEDICAUSE_CRM_SECRET", ""), dev=dev),
        crm_secret=values.get("FEDICAUSE_CRM_SECRET") or None,
        log=_log(values.get("FEDICAUSE_LOG", "plain")),
        slow=_seconds(values.get("FEDICAUSE_SLOW", "1")),
        metrics_token=_token(values.get("FEDICAUSE_METRICS_TOKEN", "")),
        contact=_contact(values.get("FEDICAUSE_CONTACT", "")),
    )


def _smtp(given: str) -> str | None:
    if not given:
        return None
    try:
        parts = urlsplit(given)
        known = (
            parts.scheme in {"smtp", "smtps"} and parts.hostname and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        known = False
    if not known or parts.path.strip("/") or parts.query or parts.fragment:
        raise Misconfigured(
            "FEDICAUSE_SMTP must be smtp[s]://user:password@host:port, both encoded as in a URL"
        )
    return given


def _mail_from(given: str) -> str | None:
    if not given:
        return None
    _, address = parseaddr(given)
    local, _, domain = address.rpartition("@")
    if not local or not domain or not given.isprintable() or not address.isascii() or " " in address:
        raise Misconfigured("FEDICAUSE_MAIL_FROM must be an address, or: Name <address>")
    return given


def _mail_rate(given: str) -> int:
    if not given.isdigit() or int(given) < 1:
        raise Misconfigured("FEDICAUSE_MAIL_RATE must be a whole number from 1: letters a minute")
    return int(given)


def _log(given: str) -> logs.Form:
    if given == "json":
        return "json"
    if given != "plain":
        raise Misconfigured("FEDICAUSE_LOG must be plain or json")
    return "plain"


def _seconds(given: str) -> float:
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise Misconfigured("FEDICAUSE_SLOW must be a number of seconds, such as 0.5")
    return seconds


def _token(given: str) -> str | None:
    if given and (len(given) < _SHORTEST_SECRET or not given.isascii() or not given.isprintable()):
        raise Misconfigured(f"FEDICAUSE_METRICS_TOKEN must have {_SHORTEST_SECRET} characters or more")
    return given or None


def _months(given: str) -> int:
    if not given.isdigit() or not 1 <= int(given) <= 120:
        raise Misconfigured("FEDICAUSE_RETENTION_MONTHS must be a whole number from 1 to 120")
    return int(given)


def _crm(given: str, secret: str, *, dev: bool) -> str | None:
    if not given:
        return None
    try:
        host_of(given)
    except Malformed as error:
        raise Misconfigured(f"FEDICAUSE_CRM_URL is not an address: {error}") from error
    if not given.startswith("https://") and not (dev and given.startswith("http://")):
        raise Misconfigured("FEDICAUSE_CRM_URL must begin with https://")
    if len(secret) < _SHORTEST_SECRET:
        raise Misconfigured(f"FEDICAUSE_CRM_SECRET must have {_SHORTEST_SECRET} characters or more")
    return given


def _contact(given: str) -> str | None:
    """The URI of a mail address or of a page."""
    if not given:
        return None
    local, _, domain = given.rpartition("@")
    if given.startswith("https://") and given.isascii() and given.isprintable() and " " not in given:
        return given
    if local and "." in domain and given.isascii() and given.isprintable() and not {*' <>,:/"'} & {*given}:
        return f"mailto:{given}"
    raise Misconfigured("FEDICAUSE_CONTACT must be a mail address, or a page that begins with https://")


def _proxies(given: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    try:
        return tuple(ipaddress.ip_network(each) for each in given.replace(",", " ").split())
    except ValueError as error:
        raise Misconfigured(f"FEDICAUSE_PROXIES must be addresses or networks: {error}") from error


def _limit(values: Mapping[str, str], name: str, default: int) -> int | None:
    given = values.get(name, str(default))
    if not given.isdigit():
        raise Misconfigured(f"{name} must be a whole number: forms an hour; 0 means no limit")
    return int(given) or None


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
