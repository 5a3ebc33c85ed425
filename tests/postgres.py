"""A throw-away PostgreSQL: one cluster for the test session, a copy of a migrated database for each test."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

TEMPLATE = "migrated"


@dataclass(frozen=True)
class Cluster:
    """A running server on 127.0.0.1 and on a socket in its own directory."""

    programs: Path
    port: int
    directory: Path

    def url(self, database: str) -> str:
        return f"postgresql://fedicause@127.0.0.1:{self.port}/{database}"

    def create(self, *, template: str = "template0", name: str | None = None) -> str:
        """A new database, a copy of `template`; its name."""
        name = name or f"test_{uuid4().hex}"
        # Copying files beats writing a template through the log when nothing is ever synced to disk.
        self._run(
            "psql", "-qc", f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy', "postgres"
        )
        return name

    def drop(self, name: str) -> None:
        self._run("dropdb", "--force", name)

    def _run(self, program: str, *arguments: str) -> None:
        where = ["-h", str(self.directory), "-p", str(self.port), "-U", "fedicause"]
        subprocess.run(
            [self.programs / program, *where, *arguments], check=True, capture_output=True, timeout=60
        )


@contextmanager
def running(programs: Path, *, is_durable: bool = False) -> Iterator[Cluster]:
    """A cluster that lasts as long as the context; `programs` is where initdb and postgres are.

    Unless it `is_durable` it never waits for the disk.
    """
    # PostgreSQL refuses to run as root: Debian's package brings a user of its own.
    owner = "postgres" if os.geteuid() == 0 else None
    directory = Path(tempfile.mkdtemp(prefix="fedicause-pg-"))
    data = directory / "data"
    if owner:
        entry = pwd.getpwnam(owner)
        os.chown(directory, entry.pw_uid, entry.pw_gid)
    server: subprocess.Popen[bytes] | None = None
    try:
        subprocess.run(
            [
                programs / "initdb",
                "-U",
                "fedicause",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
                data,
            ],
            check=True,
            capture_output=True,
            user=owner,
            cwd=directory,
            timeout=120,
        )
        port = _free_port()
        settings = {
            "listen_addresses": "127.0.0.1", "unix_socket_directories": str(directory), "port": str(port),
            "max_connections": "300", "shared_buffers": "64MB", "log_min_messages": "fatal", "jit": "off",
        } | ({} if is_durable else {
            "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
        })  # fmt: skip
        options = [f"--{name}={value}" for name, value in settings.items()]
        server = subprocess.Popen([programs / "postgres", "-D", data, *options], user=owner, cwd=directory)
        _wait_until_ready(programs, directory, port, server)
        yield Cluster(programs, port, directory)
    finally:
        if server is not None:
            # "Fast" shutdown: it doesn't wait for clients that a failed test left behind.
            server.send_signal(signal.SIGINT)
            server.wait(30)
        shutil.rmtree(directory, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(programs: Path, directory: Path, port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        answer = subprocess.run(
            [
                programs / "pg_isready",
                "-q",
                "-d",
                "postgres",
                "-U",
                "fedicause",
                "-h",
                directory,
                "-p",
                str(port),
            ],
            check=False,
            timeout=10,
        )
        if answer.returncode == 0:
            return
        time.sleep(0.05)
    raise RuntimeError("PostgreSQL did not start")
