"""Write docs/reference/plan-checks.md from the table of rules and the catalogues; a test compares.

python scripts/write_rules_page.py
"""

from __future__ import annotations

import json
from pathlib import Path

import tianfu.apps.radiotherapy as app
from tianfu.apps.radiotherapy.model.checking.rules import Rule, Topic
from tianfu.apps.radiotherapy.model.checking.verdicts import RULES

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "plan-checks.md"

BEGINNING = """\
# Rules on plans

`tianfu rt check` looks a plan over by these {count} rules, in the spirit of plan and chart review (AAPM TG-275).
Rules that pass clear no plan: a qualified person must review it, and none of this is cleared for clinical use.
A rule passes, finds faults, or is not judged and says why: what it needs and has not is never taken for right.
What cannot be right at all is refused when the case is read, and what is odd about its objects is told then; neither is counted here.
The command ends by the gravest of both: it stops at another patient's object, warns of a beam with a wedge or of a structure set that is not there, and what else is odd is to be known.

A severity says what a fault asks for: **stop** not to treat, **warning** to look and decide, **notice** to know.
A mark says how a rule is known: *inferred* from what its source asks for, *memory* recalled from its source and to be verified there, *ours* where limit or wording is our own choice.
A limit of ours is a place to begin: a department sets its own.

Rules of a machine need `--machine FILE`, a JSON file with its limits; those of a protocol need `--protocol NAME`.
Those of a dose that is computed anew need `--engine` and `--density-table` beside the machine, or a template that names a second engine.
This page is made from the table of rules by `scripts/write_rules_page.py`.
"""  # noqa: E501 - prose has one sentence a line

END = """\
## Complexity

Beside the rules stand figures of each beam and of the plan, weighted by monitor units; none of them is good or bad by itself.

| figure | meaning | source |
|---|---|---|
| MCS | modulation complexity score, LSV × AAV: 1 for an open rectangle, falling with modulation | McNiven 2010 |
| LSV | leaf sequence variability: steps from leaf to leaf against the range of a bank | McNiven 2010 |
| AAV | aperture area variability: the opening against the widest of the beam | McNiven 2010 |
| SAS | small aperture score: the part of open pairs narrower than 2, 5, 10 and 20 mm | Crowe 2014 |
| PI | plan irregularity: the edge's square by 4π times the area, 1 for a circle | Du 2014 |
| PM | plan modulation: 0 if every segment is as large as all of a beam together | Du 2014 |
| MU/Gy | monitor units of a fraction by its prescribed dose | – |

Leaf pairs behind jaws do not count, and jaws count where they stand in each segment.
Leaves in two layers are not judged by one of them.
"""  # noqa: E501 - prose has one sentence a line


def page() -> str:
    """The whole page."""
    english, chinese = (_catalogue(tag) for tag in ("en", "zh-CN"))
    topics = [_topic(topic, english, chinese) for topic in Topic]
    return "\n".join((BEGINNING.format(count=len(RULES)), *topics, END))


def _topic(topic: Topic, english: dict[str, str], chinese: dict[str, str]) -> str:
    rows = [_row(rule, english, chinese) for rule in RULES if rule.topic is topic]
    return "\n".join(
        (
            f"## {english[f'rt.topic-{topic}']}\n",
            "| rule | what it finds | 中文 | severity | evidence | mark |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
        )
    )


def _row(rule: Rule, english: dict[str, str], chinese: dict[str, str]) -> str:
    key = f"rt.rule-{rule.id}"
    cells = (f"`{rule.id}`", english[key], chinese[key], rule.severity, rule.evidence, rule.mark)
    return f"| {' | '.join(cells)} |"


def _catalogue(tag: str) -> dict[str, str]:
    folder = Path(str(app.__file__)).parent / "languages"
    said: dict[str, str] = json.loads((folder / f"{tag}.json").read_text("utf-8"))
    return said


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
