"""A throw-away PostgreSQL: one cluster for the test session, a copy of a migrated database for each test."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

DONE = "done"


class Console:
    """psql, which stays: a process and a connection for each command would cost more than the command."""

    def __init__(self, command: Sequence[str | Path]) -> None:
        self._command = command
        self._psql: subprocess.Popen[str] | None = None

    def run(self, statement: str) -> None:
        """Raises Refused with what the server said."""
        if self._psql is None:
            self._psql = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        assert self._psql.stdin is not None
        assert self._psql.stdout is not None
        self._psql.stdin.write(f"{statement};\n\\echo {DONE}\n")
        self._psql.stdin.flush()
        if (said := self._psql.stdout.readline().strip()) != DONE:
            self.close()
            raise Refused(f"{statement}: {said}")

    def close(self) -> None:
        if self._psql is not None:
            self._psql.communicate(timeout=30)
            self._psql = None


class Refused(Exception):
    """The server did not do what it was told."""


class Cluster:
    """A running server on 127.0.0.1 and on a socket in its own directory."""

    def __init__(self, programs: Path, port: int, directory: Path) -> None:
        self.programs = programs
        self.port = port
        self.directory = directory
        where = ["-h", directory, "-p", str(port), "-U", "fedicause"]
        self.console = Console([programs / "psql", "-Xq", "-v", "ON_ERROR_STOP=1", *where, "postgres"])

    def url(self, database: str) -> str:
        return f"postgresql://fedicause@127.0.0.1:{self.port}/{database}"

    def create(self, *, template: str = "template0", name: str | None = None) -> str:
        """A new database, a copy of `template`; its name."""
        name = name or f"test_{uuid4().hex}"
        # Copying files beats writing a template through the log when nothing is ever synced to disk.
        self.console.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return name

    def drop(self, name: str) -> None:
        self.console.run(f'DROP DATABASE "{name}" WITH (FORCE)')


class Server:
    """One cluster that can be stopped and started; `settings` are postgresql.conf's, by name."""

    def __init__(self, programs: Path, settings: dict[str, str]) -> None:
        # PostgreSQL refuses to run as root: Debian's package brings a user of its own.
        self._owner = "postgres" if os.geteuid() == 0 else None
        self.programs = programs
        self.directory = Path(tempfile.mkdtemp(prefix="fedicause-pg-"))
        self.port = _free_port()
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        if self._owner:
            entry = pwd.getpwnam(self._owner)
            os.chown(self.directory, entry.pw_uid, entry.pw_gid)

    def make(self) -> None:
        subprocess.run(
            [
                self.programs / "initdb",
                "-U",
                "fedicause",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
                self.directory / "data",
            ],
            check=True,
            capture_output=True,
            user=self._owner,
            cwd=self.directory,
            timeout=120,
        )

    def start(self, *, wait: bool = True) -> None:
        settings = {
            "listen_addresses": "127.0.0.1", "unix_socket_directories": str(self.directory),
            "port": str(self.port), "max_connections": "300", "shared_buffers": "64MB",
            "log_min_messages": "panic", "jit": "off",
        } | self._settings  # fmt: skip
        options = [f"--{name}={value}" for name, value in settings.items()]
        self._process = subprocess.Popen(
            [self.programs / "postgres", "-D", self.directory / "data", *options],
            user=self._owner,
            cwd=self.directory,
        )
        if wait:
            _wait_until_ready(self.programs, self.directory, self.port, self._process)

    def stop(self, number: int = signal.SIGINT) -> None:
        """SIGINT: "fast", it waits for no client; SIGQUIT: at once, as in a crash."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(60)
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def cluster(self) -> Cluster:
        return Cluster(self.programs, self.port, self.directory)

    def create(self, name: str | None = None) -> str:
        """The URL of a new database."""
        cluster = self.cluster
        try:
            return cluster.url(cluster.create(name=name))
        finally:
            cluster.console.close()


@contextmanager
def running(programs: Path, *, is_durable: bool = False) -> Iterator[Cluster]:
    """A cluster that lasts as long as the context; `programs` is where initdb and postgres are.

    Unless it `is_durable` it never waits for the disk.
    """
    careless = {
        "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off",
        "wal_level": "minimal", "max_wal_senders": "0", "min_wal_size": "32MB", "max_wal_size": "128MB",
    }  # fmt: skip
    server = Server(programs, {"log_min_messages": "fatal"} | ({} if is_durable else careless))
    try:
        server.make()
        server.start()
        cluster = server.cluster
        try:
            yield cluster
        finally:
            cluster.console.close()
    finally:
        # It doesn't wait for clients that a failed test left behind.
        server.remove()


@contextmanager
def restartable(programs: Path) -> Iterator[Server]:
    """A cluster that is stopped and started, and keeps what it has committed: nobody cuts the power."""
    server = Server(programs, {"fsync": "off", "full_page_writes": "off"})
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.remove()


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
