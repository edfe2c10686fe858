"""What of live visits stands in the audit trail: who saw whom from when to when, and what was done at the curtain.

Two events tell of one view, at its first and at its last moment, so that a person's ledger says from when to when.
No name, no number and no picture is in any.  Rules: docs/rules/newborn-record.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tianfu.access.caller import Caller
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import Clock
from tianfu.records.audit import Auditor
from tianfu.records.audit_event import AuditEvent, event
from tianfu.records.deeds import acting
from tianfu.services.realtime.kept import Changing, KeptView

RULE = "newborn-visits"
"""What the trace names as the rule: docs/rules/newborn-visits.md"""

WATCH_BEGIN, WATCH_END = "watch-begin", "watch-end"

INTERACTIONS = frozenset(
    {
        WATCH_BEGIN,
        WATCH_END,
        "scan-code",
        "confirm-binding",
        "open-curtain",
        "draw-curtain",
        "cut-picture",
        "end-visit",
        "decline-visit",
        "hold-ward",
        "release-ward",
        "hear-ward",
        "silence-family",
        "move-camera",
        "call-ward",
        "answer-family",
        "ask-expert",
        "accept-consultation",
        "decline-consultation",
        "withdraw-consultation",
        "sign-opinion",
        "read-measured",
    }
)
"""What happens at live visits, as the trace calls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewTrail:
    """Leaves events of live visits, each about one baby or a ward."""

    auditor: Auditor
    clock: Clock

    async def saw(self, viewer: Caller, patient: str, view: KeptView) -> None:
        """Somebody saw a baby's picture, from and to."""
        grant, patients = acting(viewer, RULE), [record_number("Patient", patient)]
        said = f"visit={view.visit}&participant={view.participant}"
        await self.auditor.record(
            [
                event(grant, at=at, interaction=what, type_number=None, patients=patients, query=said)
                for what, at in ((WATCH_BEGIN, view.since), (WATCH_END, view.until))
            ]
        )

    async def did(
        self,
        caller: Caller,
        interaction: str,
        *,
        patient: str | None,
        outcome: str = "success",
        facts: Mapping[str, str],
    ) -> None:
        """Something was done, or with another outcome refused; `facts` are opaque ids and single words."""
        await self.auditor.record([self._event(caller, interaction, patient, outcome, facts)])

    async def did_within(
        self,
        changing: Changing,
        caller: Caller,
        interaction: str,
        *,
        patient: str,
        outcome: str = "success",
        facts: Mapping[str, str],
    ) -> None:
        """The same of what changes a visit that is locked: it stands in the trail if it is so, and only then."""
        said = self._event(caller, interaction, patient, outcome, facts)
        await changing.trace([said], self.auditor.writer)

    def _event(
        self, caller: Caller, interaction: str, patient: str | None, outcome: str, facts: Mapping[str, str]
    ) -> AuditEvent:
        if interaction not in INTERACTIONS:
            raise ValueError(interaction)
        return event(
            acting(caller, RULE),
            at=self.clock(),
            interaction=interaction,
            type_number=None,
            outcome=outcome,
            patients=[] if patient is None else [record_number("Patient", patient)],
            query="&".join(f"{name}={value}" for name, value in facts.items()) or None,
        )
