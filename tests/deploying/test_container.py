"""deploy/Containerfile: the image is built, and what it is made for runs in it."""

import asyncio
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests import components
from tests.components import ROOT
from tests.deploying import debian, packages
from tests.process import eventually

CONTAINERFILE: Final = ROOT / "deploy" / "Containerfile"
BASE: Final = "localhost/fedicause-tests-debian"
URL: Final = "https://campaigns.friends.test"


@dataclass
class Store:
    """Images and containers of the tests alone; layers that did not change are kept between runs."""

    program: str
    directory: Path

    def run(self, *arguments: str | Path, timeout: float = 600) -> str:
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=timeout, check=False, cwd=ROOT
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout.strip()

    @property
    def trusting(self) -> str:
        """The option by which what was made here may be used."""
        return f"--signature-policy={self.directory}/policy.json"

    def command(self, *arguments: str | Path) -> list[str]:
        where = (f"--root={self.directory}/images", f"--runroot={self.directory}/run")
        return [
            self.program,
            *where,
            *map(str, arguments),
        ]


@contextmanager
def opened() -> Iterator[Store]:
    """The store, for one test at a time, with a clean Debian in it."""
    base = debian.base()
    program = shutil.which("buildah") or components.missing("buildah")
    directory = debian.cache() / "containers"
    directory.mkdir(exist_ok=True)
    store = Store(program, directory)
    # Nothing is fetched: the image that it starts with was made here.
    (directory / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if BASE not in store.run("images", "--format", "{{.Name}}").split():
            container = store.run("from", store.trusting, "scratch")
            store.run("copy", "--quiet", container, base, "/")
            store.run("commit", store.trusting, "--quiet", "--rm", container, BASE)
        yield store


def build(store: Store, directory: Path) -> str:
    """The image by the file's own steps; its id. How packages are reached here is mounted, and not in it."""
    (directory / "pip.conf").write_text(
        "[global]\n" + "".join(f"{name} = {value}\n" for name, value in packages.pip().items())
    )
    mounted = {
        str(packages.authorities()): "/etc/ssl/certs/ca-certificates.crt",
        str(directory / "pip.conf"): "/root/.config/pip/pip.conf",
        **{each: each for each in packages.indexes()},
    }
    volumes = [f"--volume={from_}:{to}:ro" for from_, to in mounted.items()]
    store.run(
        *(
            "bud",
            store.trusting,
            "--isolation=chroot",
            "--format=docker",
            "--layers",
            "--pull-never",
            *volumes,
        ),
        *(f"--build-arg=BASE={BASE}", "--tag=fedicause-tests", f"--file={CONTAINERFILE}", ROOT),
    )
    return "localhost/fedicause-tests"


@dataclass
class Container:
    """A container of an image, in a network of its own, with one volume."""

    store: Store
    name: str
    network: int
    image: dict[str, Any]
    data: Path

    def command(self, *command: str) -> list[str]:
        """A command in it, as the user that the image says, with the settings of env_file."""
        run = (
            *("run", "--isolation=chroot", f"--user={self.image['User']}"),
            *(f"--env=FEDICAUSE_URL={URL}", "--env=FEDICAUSE_PROXIES=10.0.0.0/8"),
            f"--volume={self.data}:{next(iter(self.image['Volumes']))}",
        )
        inside = ("/usr/bin/nsenter", "--target", str(self.network), "--net", "--")
        return [*inside, *self.store.command(*run, self.name, "--", *command)]

    async def run(self, *command: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *self.command(*command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        printed, _ = await process.communicate()
        return process.returncode or 0, printed.decode()


@pytest.mark.timeout(600)
async def test_the_image_is_built_and_serves(tmp_path: Path) -> None:
    with opened() as store:
        image = await asyncio.to_thread(build, store, tmp_path)
        config = json.loads(store.run("inspect", "--type=image", image))["Docker"]["config"]
        # Nobody is root in it, and what changes is in its volume.
        assert config["User"] == "fedicause"
        assert list(config["Volumes"]) == ["/var/lib/fedicause"]
        assert "pip.conf" not in json.dumps(config)
        with contained(store, image, config, tmp_path) as container:
            status, printed = await container.run(
                "fedicause", "init", "--name", "Friends", "--handle", "friends"
            )
            assert status == 0, printed
            health = config["Healthcheck"]["Test"][1:]
            assert (await container.run(*health))[0] != 0
            # It serves as it says, to others than itself too,
            serving = await asyncio.create_subprocess_exec(*container.command(*config["Cmd"]))
            try:
                assert await eventually(lambda: is_healthy(container, health), within=60)
                # and goes when it is told to, at once and in order.
                process = server_of(container)
                assert Path(f"/proc/{process}/status").read_text().split("Uid:")[1].split()[0] == "990"
                os.kill(process, 15)
                assert await asyncio.wait_for(serving.wait(), 30) == 0
            finally:
                with suppress(ProcessLookupError):
                    serving.kill()


@contextmanager
def contained(store: Store, image: str, config: dict[str, Any], directory: Path) -> Iterator[Container]:
    data = directory / "volume"
    data.mkdir(mode=0o700)
    os.chown(data, 990, 990)
    holder = subprocess.Popen(
        ["/usr/bin/unshare", "--net", "--", "sh", "-c", "ip link set lo up; echo; exec sleep infinity"],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    name = store.run("from", store.trusting, "--pull-never", image)
    try:
        yield Container(store, name, holder.pid, config, data)
    finally:
        store.run("rm", name)
        holder.kill()
        holder.communicate()


async def is_healthy(container: Container, health: list[str]) -> bool:
    return (await container.run(*health))[0] == 0


def server_of(container: Container) -> int:
    """The process that serves in this network, and not the program that runs the container."""
    network = os.readlink(f"/proc/{container.network}/ns/net")
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            program, *arguments = (each / "cmdline").read_bytes().split(b"\0")
            is_ours = program.endswith(b"/python") and b"serve" in arguments
            if is_ours and os.readlink(each / "ns/net") == network:
                return int(each.name)
    raise AssertionError("nothing serves")


def test_the_services_are_made_of_that_image() -> None:
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    assert services["web"]["command"][:3] == ["fedicause", "serve", "--no-work"]
    assert services["work"]["command"] == ["fedicause", "work"]
    for each in ("web", "work"):
        assert services[each]["build"]["dockerfile"] == "deploy/Containerfile"
        assert services[each]["cap_drop"] == ["all"]
    # Nothing listens to the world but the proxy.
    assert all(port.startswith("127.0.0.1:") for each in services.values() for port in each.get("ports", []))
