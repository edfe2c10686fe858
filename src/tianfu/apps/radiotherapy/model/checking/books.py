"""A topic's rules in the order in which they are written down."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tianfu.apps.radiotherapy.model.checking.rules import Fault, NotJudgedError, Outcome, Rule, Seen, Severity, Topic
from tianfu.apps.radiotherapy.model.checking.subjects import Checked
from tianfu.apps.radiotherapy.model.protocols import Mark

TG_275 = "AAPM TG-275, doi:10.1002/mp.14030"
MPPG_11A = "AAPM MPPG 11.a"
TG_263 = "AAPM TG-263"
IEC_61217 = "IEC 61217"

Judge = Callable[[Checked], Iterable[Seen]]


def dicom(section: str) -> str:
    """A section of DICOM PS3.3 as evidence."""
    return f"DICOM PS3.3 {section}"


@dataclass(frozen=True, kw_only=True)
class Check:
    """A rule and the function that looks for its faults."""

    rule: Rule
    judge: Judge

    def outcome(self, checked: Checked) -> Outcome:
        """What the rule finds; what was found before it could not go on is kept."""
        faults: list[Fault] = []
        reason = None
        try:
            for one in self.judge(checked):
                # One by one: what is found before the rule gives up stays found.
                faults.append(Fault(rule=self.rule.id, where=one.where, details=one.details))  # noqa: PERF401
        except NotJudgedError as error:
            reason = error.reason
        return Outcome(rule=self.rule, faults=tuple(faults), reason=reason)


class Book:
    """Rules of one topic; functions enter themselves by `rule`."""

    def __init__(self, topic: Topic) -> None:
        """An empty book."""
        self.topic = topic
        self.checks: list[Check] = []

    def rule(self, name: str, severity: Severity, evidence: str, mark: Mark) -> Callable[[Judge], Judge]:
        """Enter a function under the rule's id, which stays for ever."""

        def entered(judge: Judge) -> Judge:
            rule = Rule(id=name, severity=severity, topic=self.topic, evidence=evidence, mark=mark)
            self.checks.append(Check(rule=rule, judge=judge))
            return judge

        return entered
