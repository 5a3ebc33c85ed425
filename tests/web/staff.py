"""Somebody of the staff with a browser: keeps cookies, sends what browsers send, reads pages."""

import html
import re
from dataclasses import dataclass, field
from datetime import datetime
from http.cookies import SimpleCookie
from typing import Any

import pyotp
from argon2 import PasswordHasher
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause.instance import Instance
from fedicause.staffing import passwords
from storage import users
from storage.staff_models import User
from tests.conftest import Client

ALICE = "alice@ours.test"
# A hash says what it costs to check. Those that the product makes cost half a second of a test that isn't
# about them: what they cost is tested in test_admin_login, and that they fit wherever passwords are given.
_CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Any
    text: str

    @property
    def place(self) -> str:
        return str(self.headers["Location"])

    @property
    def csrf(self) -> str:
        found = _CSRF.search(self.text)
        assert found is not None, "no form on this page"
        return html.unescape(found[1])


@dataclass
class Browser:
    """Sends its cookies, and with forms the Origin. `address` is who it is for the server."""

    client: Client
    origin: str = "https://ours.test"
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""

    @property
    def token(self) -> str:
        return self.cookies.get("__Host-session", "")

    async def get(self, path: str, **headers: str) -> Answer:
        return await self._ask("GET", path, headers=headers)

    async def post(self, path: str, form: Any = None, **headers: str) -> Answer:
        """Sends a form with the token of the page seen last."""
        values = {"csrf": self.csrf} | (form or {})
        return await self._ask("POST", path, data=values, headers={"Origin": self.origin} | headers)

    async def post_files(self, path: str, form: Any) -> Answer:
        """Sends a form as it is, which has files."""
        return await self._ask("POST", path, data=form, headers={"Origin": self.origin})

    async def log_in(self, email: str = ALICE, password: str = "", **more: str) -> Answer:
        answer = await self.post("/admin/login", {"email": email, "password": password, **more})
        if answer.status == 303:
            self.csrf = (await self.get("/admin/login/code" if "code" in answer.place else "/admin")).csrf
        return answer

    async def _ask(self, method: str, path: str, *, headers: dict[str, str], data: Any = None) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items() if value}
        # The application is at https://ours.test; the wire of the test is not.
        sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        async with self.client.request(
            method, path, data=data, headers=sent, allow_redirects=False
        ) as response:
            for line in response.headers.getall("Set-Cookie", []):
                for name, morsel in SimpleCookie(line).items():
                    if morsel["max-age"] == "0":
                        self.cookies.pop(name, None)
                    else:
                        self.cookies[name] = morsel.value
            answer = Answer(response.status, response.headers, await response.text(errors="replace"))
        found = _CSRF.search(answer.text)
        if found:
            self.csrf = html.unescape(found[1])
        return answer


async def hire(instance: Instance, email: str, role: str) -> str:
    """A user with this role; returns the password."""
    async with instance.database.writing() as session:
        return await add(session, email=email, role=role, now=instance.now())


async def add(session: AsyncSession, *, email: str, role: str, now: datetime) -> str:
    password = passwords.new()
    hashed = _CHEAP.hash(password)
    await users.add(session, email=email, role=role, password_hash=hashed, now=now)
    return password


async def come_in(client: Client, instance: Instance, role: str = "owner") -> Browser:
    """A browser in which a new user of this role is logged in: `owner@ours.test` and so on."""
    browser = Browser(client)
    email = f"{role}@ours.test"
    answer = await browser.log_in(email, await hire(instance, email, role))
    assert answer.status == 303, answer.text
    return browser


async def user(instance: Instance, email: str) -> User:
    async with instance.database.reading() as session:
        found = await users.by_email(session, email)
    assert found is not None
    return found


def code(secret: str, instance: Instance, *, steps: int = 0) -> str:
    """What an app shows now, or some steps of 30 s from now."""
    return pyotp.TOTP(secret).generate_otp(int(instance.now().timestamp()) // 30 + steps)
