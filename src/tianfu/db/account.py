"""The account under which PostgreSQL runs: it refuses root, so root lends it an unprivileged account of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tianfu.db.binaries import Binaries
from tianfu.kernel.refusal import Refusal

ACCOUNT = "tianfu"
OUTSIDE = Path("/var/lib/tianfu")
"""Where data and programs lie when the account cannot reach the project's own folders (for example below /root)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a program ended, and all that it said."""

    returncode: int
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who runs PostgreSQL; None stands for whoever runs this program."""

    user: int | None
    group: int | None

    def run(self, command: Sequence[str], *, folder: Path) -> Done:
        """Run a program under this account and collect what it says.

        What it says goes through a file: a server that it starts in the background would hold a pipe open.
        """
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(  # noqa: S603 - our own fixed programs
                command,
                cwd=folder,
                user=self.user,
                group=self.group,
                extra_groups=None if self.user is None else [],
                umask=0o077,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                check=False,
            )
            said.seek(0)
            return Done(returncode=done.returncode, output=said.read().decode("utf-8", "replace"))

    def owns(self, folder: Path) -> None:
        """Make the folder and give it to this account alone; a folder of a stranger is refused."""
        folder.mkdir(parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), self.user}:
            raise Refusal("folder-of-a-stranger", next_step="remove-the-folder", details={"folder": str(folder)})
        self._give(folder)
        folder.chmod(0o700)

    def writes(self, file: Path, text: str) -> None:
        """Put a text into a file that this account alone may read; on a full disk the file stays as it was."""
        descriptor, unfinished = tempfile.mkstemp(prefix=f"{file.name}.", dir=file.parent)
        try:
            with os.fdopen(descriptor, "w") as out:
                out.write(text)
            self._give(Path(unfinished))
            Path(unfinished).replace(file)
        except BaseException:
            Path(unfinished).unlink(missing_ok=True)
            raise

    def _give(self, path: Path) -> None:
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)

    def reaches(self, path: Path) -> bool:
        """Whether this account may walk to `path` and read it."""
        if self.user is None:
            return True
        test = "-x" if path.is_file() else "-r"
        return self.run(["/usr/bin/test", test, str(path)], folder=Path("/")).returncode == 0


def account_for(data: Path) -> Account:
    """The account that owns existing data, else our own; an ordinary user runs PostgreSQL itself."""
    if os.geteuid() != 0:
        return Account(user=None, group=None)
    if (data / "PG_VERSION").exists() and (owner := (data / "PG_VERSION").stat()).st_uid != 0:
        return Account(user=owner.st_uid, group=owner.st_gid)
    entry = _entry() or _created()
    return Account(user=entry.pw_uid, group=entry.pw_gid)


def reachable_place(home: Path, account: Account) -> Path:
    """The folder for data and sockets: `home/postgres`, or one outside if the account cannot walk there."""
    home.mkdir(parents=True, exist_ok=True)
    place = home / "postgres"
    if place.is_symlink() or account.reaches(home):
        return place.resolve()
    OUTSIDE.mkdir(parents=True, exist_ok=True, mode=0o755)
    outside = Path(tempfile.mkdtemp(prefix="postgres-", dir=OUTSIDE))
    place.symlink_to(outside)
    return outside


def reachable_binaries(binaries: Binaries, account: Account) -> Binaries:
    """The programs, copied to where the account can run them if it cannot walk to them."""
    if account.reaches(binaries.folder / "postgres"):
        return binaries
    copy = OUTSIDE / f"programs-{binaries.release}"
    if not copy.exists():
        _copy(binaries, copy)
    installation = binaries.roots[0]
    folder = copy / _copied_name(installation) / binaries.folder.relative_to(installation)
    return Binaries(folder=folder, roots=(copy,), release=binaries.release)


def _copy(binaries: Binaries, target: Path) -> None:
    unfinished = target.with_name(f"{target.name}.{os.getpid()}")
    for root in binaries.roots:
        shutil.copytree(root, unfinished / _copied_name(root))
    for path in [unfinished, *unfinished.rglob("*")]:
        mode = path.stat().st_mode
        path.chmod(mode | (0o055 if path.is_dir() or mode & 0o100 else 0o044))
    try:
        unfinished.rename(target)
    except OSError:  # another start was quicker
        shutil.rmtree(unfinished)


def _copied_name(root: Path) -> Path:
    """Programs find their libraries by a path relative to themselves, so the copy keeps the last two names."""
    return Path(*root.parts[-2:]) if not root.name.endswith(".libs") else Path(root.name)


def _entry() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        return None


def _created() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    try:
        subprocess.run([*command, "--shell", "/usr/sbin/nologin", ACCOUNT], check=True, capture_output=True)  # noqa: S603 - fixed words
    except (OSError, subprocess.CalledProcessError) as error:
        if (entry := _entry()) is not None:
            return entry  # another start made it in the same moment
        raise Refusal(
            "postgres-refuses-root",
            next_step="run-as-an-ordinary-user-or-make-the-account",
            details={"account": ACCOUNT},
        ) from error
    entry = _entry()
    if entry is None:
        raise Refusal("postgres-refuses-root", next_step="run-as-an-ordinary-user", details={"account": ACCOUNT})
    return entry
