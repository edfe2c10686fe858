"""`tianfu rt deidentify|relink`: a case without identity, and its identity again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from tianfu.commands_radiotherapy.folders import (
    contents_of,
    files_in,
    key_of,
    read_bytes,
    refuse_filled,
    whole_folder,
    write_file,
    write_readme,
)
from tianfu.commands_radiotherapy.house import BY, House, Organisation, is_case, with_house
from tianfu.commands_radiotherapy.kept import contents_of as kept_contents_of
from tianfu.commands_radiotherapy.speaking import bar, languages, say, spoken
from tianfu.kernel.refusal import Refusal
from tianfu.services.imaging.limits import OBJECT_BYTES_MAX
from tianfu.terminal import out

if TYPE_CHECKING:
    from tianfu.standards.dicom.deidentify import Link


@spoken
def deidentify_case(
    place: Annotated[str, typer.Argument(help="the id of a kept case, or a folder with the DICOM files of one case")],
    into: Annotated[Path, typer.Argument(help="a new or empty folder")],
    key_file: Annotated[Path, typer.Option(help="a file of 32 random bytes or more; made if it is not there")],
    links: Annotated[Path, typer.Option(help="a new file for what leads back: keep it where the key is")],
    organisation: Organisation = None,
) -> None:
    """Write a case without identity; the same key gives the same pseudonyms and UIDs each time."""
    from tianfu.standards.dicom.deidentify import deidentified
    from tianfu.standards.dicom.encoding import decode, encode

    refuse_filled(into)
    if links.exists():
        raise Refusal("file-there-already", next_step="name-another-file", details={"file": str(links)})
    key = key_of(key_file, make=True)
    made = [
        deidentified(decode(content, bytes_max=OBJECT_BYTES_MAX).dataset, key=key)
        for content in _contents(place, organisation)
    ]
    encoded = [encode(dataset) for dataset, _ in made]
    # First what leads back: objects without identity that nobody can relink would be lost to their patient.
    write_file(links, json.dumps([asdict(link) for _, link in made]).encode())
    try:
        _write(into, encoded, "deidentified-readme")
    except BaseException:
        links.unlink()
        raise
    out.print(say("deidentified", count=len(encoded), folder=str(into)), markup=False)


@spoken
def relink_case(
    folder: Annotated[Path, typer.Argument(help="a folder with a case without identity, perhaps with more made of it")],
    into: Annotated[Path, typer.Argument(help="a new or empty folder")],
    links: Annotated[Path, typer.Option(help="the file of links that was written with it")],
    key_file: Annotated[Path, typer.Option(help="the key with which it was written")],
) -> None:
    """Write a case with its patient, dates, UIDs and names again; what was made since keeps its own UIDs."""
    from tianfu.standards.dicom.deidentify import relinked
    from tianfu.standards.dicom.encoding import decode, encode

    refuse_filled(into)
    known = _links(links, key_of(key_file, make=False))
    with bar() as tell:
        contents = contents_of(files_in(folder), tell)
    encoded = [encode(relinked(decode(each, bytes_max=OBJECT_BYTES_MAX).dataset, *known)) for each in contents]
    _write(into, encoded, "relinked-readme")
    out.print(say("relinked", count=len(encoded), folder=str(into)), markup=False)


def _contents(place: str, organisation: str | None) -> list[bytes]:
    if not is_case(place):
        with bar() as tell:
            return contents_of(files_in(Path(place)), tell)

    async def work(house: House) -> list[bytes]:
        from tianfu.services.imaging.cases import EXPORT

        found = await house.case(place, organisation)
        await house.cases.tell(found, EXPORT, by=BY, identity="none")
        return await kept_contents_of(house, found)

    return with_house(work)


def _write(into: Path, contents: Sequence[bytes], readme: str) -> None:
    with whole_folder(into) as unfinished:
        for number, content in enumerate(contents, start=1):
            write_file(unfinished / f"{number:05}.dcm", content)
        write_readme(unfinished, *(each.say(f"rt.{readme}") for each in languages().values()))


def _links(file: Path, key: bytes) -> list[Link]:
    """The links of one patient, made with this key; raises Refusal `links-not-understood` or `relink-other-key`."""
    from tianfu.standards.dicom.deidentify import Link, refuse_other_key

    try:
        links = msgspec.json.decode(read_bytes(file), type=list[Link])
    except msgspec.DecodeError as error:
        raise Refusal("links-not-understood", details={"file": str(file)}) from error
    for link in links:
        refuse_other_key(link, key=key)
    return links
