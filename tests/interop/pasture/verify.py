"""Has fediverse-pasture verify an actor, and prints what each of its six kinds of actor could do, as JSON.

    verify.py ACTOR_URI

Runs in an environment of its own: fediverse-pasture needs an older `cryptography` than we do.
"""

import asyncio
import socket
import sys

from fediverse_pasture.verify_actor import build_app
from hypercorn.asyncio import serve
from hypercorn.config import Config


async def verify(actor: str) -> str:
    listening = socket.create_server(("127.0.0.1", 0))
    host = f"127.0.0.1:{listening.getsockname()[1]}"
    app = build_app(False, host, False, 10.0)
    config = Config()
    config.bind = [f"fd://{listening.detach()}"]
    ended = asyncio.Event()
    serving = asyncio.create_task(serve(app, config, shutdown_trigger=ended.wait))
    answer = await app.test_client().post(
        "/", form={"actor_uri": actor}, headers={"Accept": "application/json"}
    )
    printed = await answer.get_data(as_text=True)
    ended.set()
    await serving
    return printed


print(asyncio.run(verify(sys.argv[1])))  # noqa: T201 - its output is its result
