"""Orthanc as a child process of a test: on loopback, with a configuration of ours, for its REST interface only."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

STARTED_WITHIN_SECONDS = 30.0


@contextmanager
def orthanc(folder: Path) -> Iterator[httpx.Client]:
    """A client of a server that keeps its objects in a folder; the server is ended with the block."""
    port = _free_port()
    file = folder / "orthanc.json"
    file.write_text(json.dumps(_configuration(folder / "objects", port)), "utf-8")
    with (folder / "orthanc.log").open("wb") as log:
        server = subprocess.Popen(["Orthanc", str(file)], stdout=log, stderr=subprocess.STDOUT)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
                _wait(client, server, folder / "orthanc.log")
                yield client
        finally:
            server.terminate()
            server.wait(timeout=30)


def _configuration(objects: Path, port: int) -> dict[str, object]:
    return {
        "Name": "test",
        "StorageDirectory": str(objects),
        "IndexDirectory": str(objects),
        "HttpPort": port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomServerEnabled": False,
        "Plugins": [],
    }


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _wait(client: httpx.Client, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + STARTED_WITHIN_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            client.get("/system").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"Orthanc did not start: {log.read_text('utf-8', 'replace')[-2000:]}")
