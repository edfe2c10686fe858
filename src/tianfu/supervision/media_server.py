"""The media server's own program: live rooms without a database, or Janus's adapter; it ends with its supervisor."""

from __future__ import annotations

import os
import signal

import uvloop

from tianfu.installation import janus_folder, media_socket
from tianfu.logs import set_up_logs
from tianfu.services.realtime.embedded.process import run
from tianfu.services.realtime.janus.process import run as run_adapter
from tianfu.settings import settings_from
from tianfu.supervision.parentage import die_with_parent


def main() -> None:
    """Serve until told to stop."""
    # A killed supervisor may be started again at once: nobody of the old one may still show pictures.
    die_with_parent(signal.SIGKILL)
    set_up_logs()
    settings = settings_from(os.environ)
    socket = media_socket(settings)
    if settings.media_server == "janus":
        uvloop.run(run_adapter(socket, janus_folder(settings)))
    else:
        uvloop.run(run(socket, settings.media_addresses, settings.media_ports))


if __name__ == "__main__":
    main()
