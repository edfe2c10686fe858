"""What `make run` does once everything is installed: migrate, fill an empty database with the demo province, serve."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from tianfu.commands_accounts import demo_logins, show_demo_logins
from tianfu.db import Addresses, Database, Query, Role, migrate
from tianfu.installation import running_database, schema_steps
from tianfu.kernel.refusal import Refusal
from tianfu.settings import Settings
from tianfu.terminal import current_settings, show_refusal

ROOT = Path(__file__).resolve().parent.parent
TIANFU = str(Path(sys.executable).with_name("tianfu"))
FETCHING = ("ffmpeg", "ffprobe")
"""Programs that fetch a camera's pictures; everything else goes on without them."""


def main() -> int:
    """Prepare, then become `tianfu serve`."""
    code = prepared()
    if code == 0:
        if has_ward():
            start_ward()
        os.execv(TIANFU, [TIANFU, "serve"])  # noqa: S606 - our own program, no shell wanted
    return code


def has_ward() -> bool:
    """Whether the made-up ward and its cameras are wanted."""
    return os.environ.get("TIANFU_DEMO_WARD", "on") != "off"


def start_ward() -> None:
    """Hang twelve test cameras at the made-up ward's beds and start them; they end with what this process becomes."""
    command = [sys.executable, "-m", "demo.ward"]
    cameras = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=working_here(), text=True)
    told = "" if cameras.stdout is None else cameras.stdout.readline().strip()
    hung, *labels = told.split(" · ")
    if sentence := how_the_ward_stands(hung, [each for each in FETCHING if shutil.which(each) is None]):
        say(sentence)
    for each in labels:
        say(f"to scan at a bed of the twins (wristband, bed, camera): {each}")


def how_the_ward_stands(hung: str, missing: Sequence[str]) -> str:
    """What is said of the test cameras: how many hang, as their program told, and which programs are missing."""
    if hung == "0":  # the province was made without a ward
        return ""
    if not hung:
        return "the test cameras of the made-up ward did not start; everything else goes on"
    if missing:
        return f"the made-up ward shows no pictures: {', '.join(missing)} not found; install ffmpeg and start again"
    return f"{hung} test cameras of the made-up ward come up"


def working_here() -> dict[str, str]:
    """The environment, for a program that works in another folder than this one."""
    return {**os.environ, "TIANFU_HOME": str(current_settings().home)}


def prepared() -> int:
    """Prepare; the exit code, 0 if all went well."""
    settings = current_settings()
    try:
        prepare(settings)
    except Refusal as refusal:
        show_refusal(refusal)
        return 2
    except subprocess.CalledProcessError as error:
        print(f"✗ the demo province was not loaded (exit code {error.returncode}); `make run` tries again")
        return 1
    except KeyboardInterrupt:
        print("✗ stopped; `make run` goes on where this ended")
        return 130
    return 0


def prepare(settings: Settings) -> None:
    """Bring the schema up to date, and fill an empty database; nothing made up is put where people are real."""
    if settings.is_production:
        raise Refusal("demonstration-in-production", next_step="run-tianfu-serve", details={"mode": settings.mode})
    say("starting the database")
    with running_database(settings) as addresses:
        for step in migrate(addresses, schema_steps()):
            say(f"ran {step}")
        seeding = settings.home / "demo"
        if seeding.exists() or is_empty(addresses):
            seed(seeding)
        if logins := asyncio.run(demo_logins(settings, addresses)):
            say("made-up people to sign in as; they are on the sign-in page too, with the codes of the moment")
            show_demo_logins(logins)
            show_cases()


def show_cases() -> None:
    """Give the made-up physicist made-up cases, where he has none."""
    command = [sys.executable, "-m", "demo.radiotherapy"]
    told = subprocess.run(command, cwd=ROOT, env=working_here(), stdout=subprocess.PIPE, text=True, check=True)
    if (taken := told.stdout.strip()) != "0":
        say(f"{taken} made-up radiotherapy cases wait for the physicist")


def is_empty(addresses: Addresses) -> bool:
    """Whether no resource was ever stored."""

    async def found() -> bool:
        async with Database(addresses) as database, database.connection(Role.OWNER.value) as session:
            return await session.one(Query.composed("any_resource", "select 1 from resource limit 1")) is not None

    return not asyncio.run(found())


def seed(folder: Path) -> None:
    """Make the demo province and import it; its folder stays until the import is complete, so a cut-off one goes on."""
    finished = folder / "made"
    if not finished.exists():
        say("making the demo province")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        residents = os.environ.get("TIANFU_DEMO_RESIDENTS", "2000")
        today = date.today().isoformat()  # noqa: DTZ011 - whoever looks at it means the day of this machine
        wish = ["--residents", residents, "--today", today, "--out", str(folder / "files")]
        command = [sys.executable, "-m", "demo", *wish, *(["--ward"] if has_ward() else [])]
        subprocess.run(command, check=True, cwd=ROOT)
        finished.touch()
    say("importing the demo province")
    subprocess.run([TIANFU, "import", str(folder / "files")], check=True, cwd=ROOT)
    shutil.rmtree(folder)


def say(sentence: str) -> None:
    """Tell how far it is."""
    print(f"• {sentence}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
