"""What systemd gives a process that it starts, and hears from it; nothing where somebody else starts it."""

import os
import socket
from typing import Final

# The first of the descriptors that it passes (sd_listen_fds(3)).
_FIRST: Final = 3


def sockets() -> list[socket.socket]:
    """The sockets that systemd listens on for this process; none, where it was started otherwise.

    They belong to systemd: while one process goes and the next comes, connections wait in them. Several
    processes may share one.
    """
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(os.environ.get("LISTEN_FDS", "0"))
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    found = [socket.socket(fileno=number) for number in range(_FIRST, _FIRST + count)]
    for each in found:
        each.set_inheritable(False)
    return found


def tell(state: str) -> None:
    """Says `READY=1` or `STOPPING=1` to whoever started this process and wants to know (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
        # A leading @ stands for the NUL of an abstract address.
        to.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
