"""`fedicause user …`: who may run the instance."""

from typing import Any

import click
from sqlalchemy.ext.asyncio import AsyncSession

from fedicause import initialise
from fedicause.commands import shown
from fedicause.commands.desk import Desk
from fedicause.here import Here
from fedicause.staffing import passwords, staff
from storage import audit, users
from storage.staff_models import User


@click.group()
def user() -> None:
    """The people who run the instance."""


@user.command()
@click.argument("email")
@click.option("--role", type=click.Choice(users.ROLES), default="campaigner", show_default=True)
@click.pass_obj
def add(desk: Desk, email: str, role: str) -> None:
    """Add somebody; prints their password."""

    async def work(session: AsyncSession) -> str:
        password = await initialise.user(session, email=email, role=role, now=desk.now())
        await audit.add(session, user_id=None, deed="user.add", about=f"{email}: {role}", now=desk.now())
        return password

    password = desk.change(work)
    click.echo(f"{email} is a {role}.\nPassword: {password}  (shown only now)")


@user.command("list")
@shown.as_json
@click.pass_obj
def list_(desk: Desk, in_json: bool) -> None:
    """List who may run the instance."""

    def row(each: User) -> dict[str, Any]:
        return {
            "email": each.email,
            "role": each.role,
            "second_step": each.totp_sealed is not None,
            "since": each.created_at,
            "disabled": each.disabled_at,
        }

    rows = [row(each) for each in desk.look(users.every)]
    shown.listing(
        rows,
        {
            "email": "EMAIL",
            "role": "ROLE",
            "second_step": "SECOND STEP",
            "since": "SINCE",
            "disabled": "DISABLED",
        },
        in_json=in_json,
        nothing="There is nobody.",
    )


@user.command()
@click.argument("email")
@click.argument("role", type=click.Choice(users.ROLES))
@click.pass_obj
def role(desk: Desk, email: str, role: str) -> None:
    """Give EMAIL another role."""

    async def work(session: AsyncSession) -> None:
        found = await staff.give_role(session, (await staff.by_email(session, email)).id, role)
        await _note(session, desk, "user.role", f"{found.email}: {role}")

    desk.change(work)
    click.echo(f"{email} is a {role}.")


@user.command()
@click.argument("email")
@click.pass_obj
def password(desk: Desk, email: str) -> None:
    """Give EMAIL a new password, and print it; their sessions end."""
    fresh = passwords.new()

    async def work(session: AsyncSession) -> None:
        found = await staff.by_email(session, email)
        await staff.give_password(session, found.id, passwords.hashed(fresh))
        await _note(session, desk, "user.password", found.email)

    desk.change(work)
    click.echo(f"Password: {fresh}  (shown only now)")


@user.command("reset-second-step")
@click.argument("email")
@click.pass_obj
def reset_second_step(desk: Desk, email: str) -> None:
    """Let EMAIL in by the password alone, when phone and recovery codes are lost."""

    async def work(session: AsyncSession) -> None:
        found = await staff.by_email(session, email)
        await staff.reset_second_step(session, found.id)
        await _note(session, desk, "user.second_off", found.email)

    desk.change(work)
    click.echo(f"{email} has no second step any more.")


@user.command()
@click.argument("email")
@click.pass_obj
def disable(desk: Desk, email: str) -> None:
    """Keep EMAIL out, at once; what they did stays theirs."""

    async def work(session: AsyncSession) -> None:
        found = await staff.by_email(session, email)
        await staff.disable(session, Here(desk.urls, desk.seal, desk.now()), found.id)
        await _note(session, desk, "user.disable", found.email)

    desk.change(work)
    click.echo(f"{email} can no longer log in.")


@user.command()
@click.argument("email")
@click.pass_obj
def enable(desk: Desk, email: str) -> None:
    """Let EMAIL in again."""

    async def work(session: AsyncSession) -> None:
        found = await staff.by_email(session, email)
        await staff.enable(session, found.id)
        await _note(session, desk, "user.enable", found.email)

    desk.change(work)
    click.echo(f"{email} can log in again.")


async def _note(session: AsyncSession, desk: Desk, deed: str, about: str) -> None:
    await audit.add(session, user_id=None, deed=deed, about=about, now=desk.now())
