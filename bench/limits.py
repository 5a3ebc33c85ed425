"""The limits of this machine: one core's RSA, and aiohttp doing nothing."""

import asyncio
import time
from multiprocessing import get_context

import uvloop
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bench import load

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
TEXT = b"(request-target): post /inbox\n" * 8


def verifications(seconds: float = 1.0) -> float:
    """RSA-2048 SHA-256 verifications in a second, on one core."""
    signature, public = KEY.sign(TEXT, padding.PKCS1v15(), hashes.SHA256()), KEY.public_key()
    return _rate(lambda: public.verify(signature, TEXT, padding.PKCS1v15(), hashes.SHA256()), seconds)


def signatures(seconds: float = 1.0) -> float:
    """RSA-2048 SHA-256 signatures in a second, on one core."""
    return _rate(lambda: KEY.sign(TEXT, padding.PKCS1v15(), hashes.SHA256()), seconds)


def _rate(work: "object", seconds: float) -> float:
    assert callable(work)
    number, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        for _ in range(50):
            work()
        number += 50
    return number / (time.perf_counter() - began)


def _idle_server(port: int) -> None:
    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(text="ok\n")

    async def serve() -> None:
        app = web.Application()
        app.router.add_route("*", "/", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.Event().wait()

    uvloop.run(serve())


def aiohttp_requests(port: int, number: int = 20_000) -> float:
    """Requests in a second that aiohttp answers when it has nothing to do."""
    process = get_context("fork").Process(target=_idle_server, args=(port,), daemon=True)
    process.start()
    try:
        wait_for(port)
        return load.send(port, [load.get(port, "/")] * number).expect("200").rate
    finally:
        process.terminate()
        process.join()


def wait_for(port: int, seconds: float = 30.0) -> None:
    """Returns once something listens there."""

    async def knock() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await writer.wait_closed()

    deadline = time.monotonic() + seconds
    while True:
        try:
            asyncio.run(knock())
        except OSError:
            assert time.monotonic() < deadline, "nothing listens"
            time.sleep(0.05)
        else:
            return
