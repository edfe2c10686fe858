"""`python -m demo.ward`: hangs twelve test cameras at the beds of the made-up ward and serves their pictures.

Says on its output how many there are, once they hang, and what is scanned at the twins' beds; ends with whoever
started it.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from secrets import token_urlsafe

from demo.ward.beds import beds
from demo.ward.film import make_film
from demo.ward.hanging import hang_cameras
from demo.ward.lens import Lens, Login, RtspServer
from tianfu.installation import running_database
from tianfu.kernel.refusal import Refusal
from tianfu.supervision.parentage import die_with_parent
from tianfu.terminal import current_settings


async def serve(bound: socket.socket, login: Login) -> None:
    """Serve until a signal comes; who asks before the films are made finds nobody."""
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    films = {bed.path: await asyncio.to_thread(make_film, bed.code, bed.number - 1) for bed in beds()}
    server = RtspServer({path: Lens(film, login) for path, film in films.items()})
    await server.start_at(bound)
    await stop.wait()
    await server.stop()


def main() -> None:
    """Hang them and serve; raises Refusal `demonstration-in-production`."""
    die_with_parent(signal.SIGKILL)
    settings = current_settings()
    if settings.is_production:
        raise Refusal("demonstration-in-production", next_step="run-tianfu-serve", details={"mode": settings.mode})
    login = Login("ward", token_urlsafe(16))
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with running_database(settings) as addresses:
            hung = asyncio.run(hang_cameras(settings, addresses, bound.getsockname()[1], login))
        print(hung.cameras, *hung.labels, sep=" · ", flush=True)
        if hung.cameras:
            asyncio.run(serve(bound, login))


if __name__ == "__main__":
    main()
