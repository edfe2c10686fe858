"""The media server's own program: live rooms without a database, ending with its supervisor."""

from __future__ import annotations

import os
import signal

import uvloop

from tianfu.installation import media_socket
from tianfu.logs import set_up_logs
from tianfu.services.realtime.embedded.process import run
from tianfu.settings import settings_from
from tianfu.supervision.parentage import die_with_parent


def main() -> None:
    """Serve until told to stop."""
    # A killed supervisor may be started again at once: nobody of the old one may still show pictures.
    die_with_parent(signal.SIGKILL)
    set_up_logs()
    settings = settings_from(os.environ)
    uvloop.run(run(media_socket(settings), settings.media_addresses))


if __name__ == "__main__":
    main()
