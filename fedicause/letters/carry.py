"""Carries messages away: to a mail server (SMTP), or into files where there is none."""

import asyncio
import ipaddress
import re
import ssl
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import unquote, urlsplit

from fedicause import files
from fedicause.settings import Settings

if TYPE_CHECKING:
    from aiosmtplib import SMTP
    from aiosmtplib.errors import SMTPResponseException

TIMEOUT: Final = 30.0
"""Seconds that a mail server has for each of its answers."""
_LONGEST_ERROR: Final = 300
_POLICY: Final = re.compile(r"\s*5\.7\.")


class Refused(Exception):
    """The server will never take this letter."""

    def __init__(self, error: str, *, is_address: bool = False) -> None:
        super().__init__(error)
        self.is_address = is_address
        """Because there is no such address."""


class Later(Exception):
    """The server did not take this letter now."""


class Down(Exception):
    """No letter can be sent now, whichever it is: nobody answers, or nobody takes mail from us."""


class Carrier(Protocol):
    async def carry(self, number: int, return_path: str, to: str, message: bytes) -> None:
        """Hands a message over; raises Refused, Later or Down."""
        ...

    async def close(self) -> None: ...


class Folder:
    """Files, one a message: what there is without a mail server."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def carry(self, number: int, return_path: str, to: str, message: bytes) -> None:
        await asyncio.to_thread(self._write, number, f"Return-Path: <{return_path}>\r\n".encode() + message)

    def _write(self, number: int, message: bytes) -> None:
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            files.write(self._directory / f"{number}.eml", message)
        except OSError as error:
            raise Down(f"can't write letters: {error}") from error

    async def close(self) -> None:
        return


class Line:
    """One connection to the mail server, made when it is first needed, and again after it broke."""

    def __init__(self, settings: Settings, patience: float = TIMEOUT) -> None:
        self._patience = patience
        parts = urlsplit(settings.smtp or "")
        self._host = parts.hostname or ""
        self._is_tls = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._is_tls else 587 if parts.username else 25)
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        # Finding out another name for the greeting would ask the DNS.
        self._our_name = settings.mail_domain
        self._smtp: SMTP | None = None

    async def carry(self, number: int, return_path: str, to: str, message: bytes) -> None:
        from aiosmtplib import errors  # noqa: PLC0415 - not for instances that send nothing

        smtp = await self._open()
        options = ["body=8bitmime"] if smtp.supports_extension("8bitmime") else []
        if not to.isascii():
            if not smtp.supports_extension("smtputf8"):
                raise Refused("the mail server takes no addresses beyond ASCII")
            options.append("smtputf8")
        try:
            await smtp.sendmail(return_path, [to], message, mail_options=options)
        except errors.SMTPRecipientsRefused as error:
            raise _verdict_on_address(error.recipients[0]) from error
        except errors.SMTPDataError as error:
            raise _verdict(error) from error
        except errors.SMTPSenderRefused as error:
            raise Down(_told(error)) from error
        except (errors.SMTPException, OSError, TimeoutError) as error:
            await self.close()
            raise Later(_told(error)) from error

    async def greet(self) -> bool:
        """Connects and logs in, without a letter; whether that is encrypted. Raises Down."""
        smtp = await self._open()
        return smtp.get_transport_info("sslcontext") is not None

    async def _open(self) -> "SMTP":
        """The connection; raises Down."""
        from aiosmtplib import SMTP, errors  # noqa: PLC0415 - not for instances that send nothing

        if self._smtp is not None and self._smtp.is_connected:
            return self._smtp
        smtp = SMTP(
            hostname=self._host,
            port=self._port,
            use_tls=self._is_tls,
            start_tls=False if self._is_tls else None,
            tls_context=tls(self._host),
            local_hostname=self._our_name,
            timeout=self._patience,
        )
        try:
            await smtp.connect()
            await smtp.ehlo()
            if self._user:
                if smtp.get_transport_info("sslcontext") is None and not is_here(self._host):
                    raise Down("the mail server offers no encryption, and the password is not sent without")
                await smtp.login(self._user, self._password)
        except (errors.SMTPException, OSError, TimeoutError) as error:
            smtp.close()
            raise Down(_told(error)) from error
        except BaseException:
            smtp.close()
            raise
        self._smtp = smtp
        return smtp

    async def close(self) -> None:
        smtp, self._smtp = self._smtp, None
        if smtp is None:
            return
        from aiosmtplib import errors  # noqa: PLC0415 - loaded already

        with suppress(errors.SMTPException, OSError, TimeoutError):
            if smtp.is_connected:
                await smtp.quit(timeout=2)
        smtp.close()


def carrier(settings: Settings, patience: float = TIMEOUT) -> Carrier:
    """What these settings say; a mail server has so many seconds for each of its answers."""
    return Line(settings, patience) if settings.smtp else Folder(settings.data / "mail")


def tls(host: str) -> ssl.SSLContext:
    """How to encrypt on the way to a server: within this machine its certificate is seldom a real one."""
    context = ssl.create_default_context()
    if is_here(host):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def is_here(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _verdict(error: "SMTPResponseException") -> Exception:
    return Refused(_told(error)) if error.code >= 500 else Later(_told(error))


def _verdict_on_address(error: "SMTPResponseException") -> Exception:
    # 5.7: a rule is in the way, as for a relay that does not know us yet; that may be put right.
    if error.code < 500 or _POLICY.match(error.message):
        return Later(_told(error))
    return Refused(_told(error), is_address=error.code in {550, 551, 553})


def _told(error: BaseException) -> str:
    """What a server said, without what could be an address."""
    code = getattr(error, "code", None)
    said = str(getattr(error, "message", None) or error or type(error).__name__)
    plain = " ".join(re.sub(r"\S+@\S+", "…", said).split())
    return (f"{code} {plain}" if code else plain)[:_LONGEST_ERROR]
