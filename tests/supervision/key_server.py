"""A program's own server in another process, where its public keys lie.

`python -m tests.supervision.key_server FOLDER` prints its port.  What it answers stands in FOLDER/answer: `keys`
(FOLDER/keys.json), `huge`, `slow`, or an address to lead on to; each request is a line in FOLDER/asked.
"""

from __future__ import annotations

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HUGE_BYTES = 1_000_000
SLOW_SECONDS = 20


class Handler(BaseHTTPRequestHandler):
    """One request."""

    def do_GET(self) -> None:
        folder = Path(sys.argv[1])
        with (folder / "asked").open("a") as asked:
            asked.write(f"{self.path}\n")
        match (folder / "answer").read_text("utf-8"):
            case "keys":
                self._answer((folder / "keys.json").read_bytes())
            case "huge":
                self._answer(b" " * HUGE_BYTES)
            case "slow":
                time.sleep(SLOW_SECONDS)
            case address:
                self.send_response(302)
                self.send_header("location", address)
                self.send_header("content-length", "0")
                self.end_headers()

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/jwk-set+json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Stay quiet."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()
