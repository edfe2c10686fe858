"""How the commands of radiotherapy speak: the notice, sentences, bars; what Ctrl-C ends with."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from tianfu.kernel.refusal import Refusal
from tianfu.terminal import err

if TYPE_CHECKING:
    from tianfu.web.languages import Language

Given = ParamSpec("Given")
Result = TypeVar("Result")

EXIT_BROKEN_OFF = 130
"""128 and the number of SIGINT, as shells say it."""

Tell = Callable[[str, int, int], None]
"""Takes what is done, and how much of how much is."""


class Odd(Protocol):
    """A finding, as it is read or as it is kept."""

    @property
    def code(self) -> str: ...

    @property
    def details(self) -> Mapping[str, str]: ...


@functools.cache
def languages() -> Mapping[str, Language]:
    """Everything that this app and the pages around it can say."""
    import tianfu.apps.radiotherapy as app
    import tianfu.web as web
    from tianfu.web.languages import load_languages

    return load_languages([Path(str(each.__file__)).parent / "languages" for each in (web, app)])


@functools.cache
def language() -> Language:
    """The language of the terminal; English unless it asks for Chinese."""
    wish = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return languages()["zh-CN" if wish.startswith("zh") else "en"]


def notices() -> dict[str, str]:
    """That nothing here is for clinical use, in every language."""
    return {tag: each.say("rt.notice") for tag, each in languages().items()}


def say(key: str, **values: object) -> str:
    """A phrase of this app."""
    return language().say(f"rt.{key}", **values)


def step_said(step: str) -> str:
    """What a work is doing."""
    from tianfu.apps.radiotherapy.speech import Speech

    return Speech(language()).step(step)


def said(code: str, details: Mapping[str, str]) -> str:
    """The sentence of a refusal or a finding; its code alone if a word of it is missing."""
    from tianfu.apps.radiotherapy.speech import Speech

    return Speech(language()).said(code, details)


def moment(instant: int) -> str:
    """An instant as people write it."""
    from tianfu.kernel.instants import Instant
    from tianfu.web.formats import Formats

    return Formats(language()).moment(Instant(instant))


def hint(key: str, **values: object) -> None:
    """Say something beside the answer."""
    err.print(say(key, **values), markup=False)


def tell_findings(findings: Iterable[Odd]) -> None:
    """Each finding in words, and its code."""
    for finding in findings:
        err.print(f"! {said(finding.code, finding.details)} ({finding.code})", markup=False)


def spoken(command: Callable[Given, Result]) -> Callable[Given, Result]:
    """Have a command say its notice first, in words why it refuses, and end at Ctrl-C without a traceback."""

    @functools.wraps(command)
    def told(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        err.print(say("notice"), style="bold yellow", markup=False)
        try:
            return command(*args, **kwargs)
        except Refusal as refusal:
            err.print(said(refusal.code, refusal.details), markup=False)
            raise
        except KeyboardInterrupt:
            hint("broken-off")
            raise typer.Exit(EXIT_BROKEN_OFF) from None

    return told


@contextmanager
def bar() -> Iterator[Tell]:
    """A bar on the terminal for work that tells how far it is."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True) as shown:
        task = shown.add_task("", total=None)
        yield lambda step, done, total: shown.update(task, description=step, completed=done, total=total)
