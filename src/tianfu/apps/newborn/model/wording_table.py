"""The list of wordings as a table for translators' offices (RFC 4180), and back; a bad line spoils the whole.

Each line names its sentence and the digest of the Chinese that it shows; the last line says how many there are, so that
a file which was cut is known.  Rule: docs/rules/newborn-wordings.md
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass

from tianfu.apps.newborn.model.wordings import Entry, Sentence, mark, phrases, read_entry, sources
from tianfu.kernel.refusal import Fault, Refusal

BYTES_MAX = 512 * 1_024
FAULTS_MAX = 50
HEADER = ("phrase", "source", "chinese", "english", "text", "translator", "capacity")
END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line that was filled in and is good."""

    phrase: str
    entry: Entry


def written(sentences: Iterable[Sentence]) -> bytes:
    """The table with what waits or is shown, if it was made from today's Chinese; marked as UTF-8."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(HEADER)
    count = 0
    for each in sentences:
        said = each.waiting if each.waiting is not None and each.waiting.is_of_today else each.shown
        people = ("", "", "") if said is None else (said.text, said.translator, said.capacity)
        writer.writerow((each.phrase, mark(each.phrase), each.chinese, each.english, *people))
        count += 1
    writer.writerow((END, count))
    return out.getvalue().encode("utf-8-sig")


def read_table(tongue: str, sent: bytes) -> tuple[Row, ...]:
    """The lines that were filled in; raises Refusal `wording-table-unusable`, a fault for each bad line."""
    lines = _lines(sent)
    faults: list[Fault] = []
    rows: list[Row] = []
    place, order = -1, {phrase: number for number, phrase in enumerate(phrases())}
    for number, line in lines:
        code, row = _row(tongue, line, order, place)
        if code:
            faults.append(Fault(str(number), code))
        else:
            place = order[line[0]]
        if row is not None:
            rows.append(row)
    if faults:
        raise _unusable(*faults[:FAULTS_MAX])
    return tuple(rows)


def _lines(sent: bytes) -> list[tuple[int, list[str]]]:
    """The lines between header and end with their numbers; raises for a file that is none of ours or was cut."""
    if not sent:
        raise _unusable(Fault("1", "table-missing"))
    if len(sent) > BYTES_MAX:
        raise _unusable(Fault("1", "table-too-large"))
    try:
        text = sent.decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        lines = [(reader.line_num, line) for line in reader if any(cell.strip() for cell in line)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise _unusable(Fault("1", "table-unreadable")) from error
    if not lines or tuple(lines[0][1]) != HEADER:
        raise _unusable(Fault("1", "table-header"))
    end = [cell for cell in lines[-1][1] if cell]
    if end != [END, str(len(lines) - 2)]:
        raise _unusable(Fault(str(lines[-1][0]), "table-cut"))
    return lines[1:-1]


def _row(tongue: str, line: list[str], order: dict[str, int], place: int) -> tuple[str, Row | None]:
    """What is wrong with a line, or what it says; neither where no text was filled in."""
    if len(line) != len(HEADER):
        return "table-cells", None
    phrase, source, text, translator, capacity = line[0], line[1], *line[4:]
    if phrase not in order:
        return "table-phrase", None
    if order[phrase] == place:
        return "table-twice", None
    if order[phrase] < place:
        return "table-order", None
    if source != mark(phrase):
        return "table-source", None
    if not text.strip():
        return "", None
    try:
        said = {"text": text, "translator": translator, "capacity": capacity}
        return "", Row(phrase=phrase, entry=read_entry(tongue, sources()[phrase], said))
    except Refusal as refusal:
        first = refusal.faults[0]
        return (first.code if first.path == "text" else "table-people"), None


def _unusable(*faults: Fault) -> Refusal:
    return Refusal("wording-table-unusable", next_step="correct-and-send-again", faults=faults)
