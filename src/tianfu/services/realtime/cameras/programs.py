"""ffmpeg and ffprobe as children: the address comes over a pipe, and of what they say only the kind is kept."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Self, TypeVar

from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.cameras.road import Judge, Road, names_us, road_to
from tianfu.services.realtime.cameras.source import Source

COMPLAINT_BYTES_MAX = 4_096
OUTPUT_BYTES_MAX = 1 << 20
STOP_SECONDS = 2.0

End = TypeVar("End")

_ENVIRONMENT = ("PATH", "LANG", "LD_LIBRARY_PATH")
"""What a child learns of ours: no secret of an installation is in it."""

ANALYSIS_MICROSECONDS = 3_000_000
"""So long a sound is waited for that was announced and does not come; within it every fit camera shows a whole picture.
"""

_READING = ("-f", "concat", "-safe", "0", "-protocol_whitelist", "pipe,tcp,tls,rtp,rtsp", "-i", "pipe:0")

SOUND_DECODERS: Mapping[str, str] = {
    "aac": "aac",
    "pcm_alaw": "pcm_alaw",
    "pcm_mulaw": "pcm_mulaw",
    "adpcm_g722": "g722",
    "adpcm_g726": "g726",
    "adpcm_g726le": "g726le",
    "opus": "opus",
}
"""What is let at a camera's sound, by the name of its codec; a sound of any other is left where it is."""

_STATUS = re.compile(rb"(?:failed:|returned) (\d{3})\b")
"""Where it names a server's answer: beside it stand addresses of its memory and of the network, of any digits."""

_OF_SOUND = re.compile(rb"[^\n]*\bdecod(?:er|ing)\b[^\n]*")
"""What it says of a sound that it could not decode, which ends nothing."""


class Child:
    """A program that reads from a camera."""

    def __init__(self, process: asyncio.subprocess.Process, road: Road) -> None:
        self.complaint = b""
        self._road = road
        self._process = process
        self._written = _piped(process.stdout)
        self._listening = asyncio.create_task(self._listen(_piped(process.stderr)))

    @staticmethod
    def reading(decoders: Sequence[str]) -> Sequence[str]:
        """The arguments by which both programs read what comes on their standard input; nothing else decodes it."""
        limits = ("-analyzeduration", str(ANALYSIS_MICROSECONDS), "-codec_whitelist", ",".join(decoders))
        return ("-v", "error", *limits, *_READING)

    @classmethod
    @asynccontextmanager
    async def started(
        cls,
        program: str,
        arguments: Sequence[str],
        source: Source,
        *,
        hears: bool,
        keeps: Sequence[int] = (),
        keeps_out: Judge = names_us,
    ) -> AsyncIterator[Self]:
        """A child that reads from a source, killed at the end of the block; `keeps` are open files handed on to it.

        Unless it `hears`, it asks for the picture alone.  Raises Refusal `ffmpeg-missing`, or as `road_to` does.
        """
        path = shutil.which(program)
        if path is None:
            raise Refusal("ffmpeg-missing", next_step="call-operator")
        async with road_to(source, keeps_out=keeps_out) as road:
            process = await asyncio.create_subprocess_exec(
                path,
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=tuple(keeps),
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
                preexec_fn=_end_with_parent,
            )
            child = cls(process, road)
            try:
                told = _piped(process.stdin)
                with suppress(ConnectionError):
                    told.write(road.source.playlist(hears=hears))
                    await told.drain()
                told.close()
                yield child
            finally:
                await child._end()

    @property
    def process(self) -> int:
        """Its number."""
        return self._process.pid

    def failure(self) -> Refusal:
        """Why it brought nothing, or no more."""
        return self._road.refusal or failure_of(self.complaint)

    async def ended(self) -> None:
        """Wait until it ends by itself."""
        await self._process.wait()
        await self._listening

    async def output(self) -> bytes:
        """All that it writes, when it has ended; raises Refusal `camera-no-picture` if that is too much."""
        told = bytearray()
        while more := await self._written.read(1 << 16):
            told += more
            if len(told) > OUTPUT_BYTES_MAX:
                raise Refusal("camera-no-picture", next_step="change-the-camera", retryable=True)
        await self.ended()
        return bytes(told)

    async def _listen(self, complaints: asyncio.StreamReader) -> None:
        while more := await complaints.read(1 << 12):
            self.complaint += more
            if len(self.complaint) > COMPLAINT_BYTES_MAX:  # whole lines: half a one may mean something else
                self.complaint = self.complaint[-COMPLAINT_BYTES_MAX:].partition(b"\n")[2]

    async def _end(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()  # it keeps nothing that must be put in order
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        self._listening.cancel()
        with suppress(asyncio.CancelledError):
            await self._listening


def _piped(end: End | None) -> End:
    """An end of a pipe that was asked for."""
    if end is None:
        raise ValueError("without a pipe")
    return end


def failure_of(complaint: bytes) -> Refusal:
    """What a child's words mean; the words themselves hold the address and go nowhere."""
    said = {int(each) for each in _STATUS.findall(complaint)}
    if said & {401, 403}:
        return Refusal("camera-login-refused", next_step="change-the-camera", retryable=True)
    if 404 in said or b"Invalid data" in _OF_SOUND.sub(b"", complaint):
        return Refusal("camera-no-picture", next_step="change-the-camera", retryable=True)
    return Refusal("camera-away", next_step="wait", retryable=True)


def _end_with_parent() -> None:
    """In the child, before its program: the kernel ends it when whoever pulls is killed."""
    import ctypes

    ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))  # PR_SET_PDEATHSIG, prctl(2)
