"""Every rule, role and purpose that a ledger can name has a sentence of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.desk import DESK
from tianfu.access.caller import IMPORTER
from tianfu.access.purpose import Purpose
from tianfu.access.rules import rules
from tianfu.apps import trust
from tianfu.apps.trust.mapping.notices import EMERGENCY_OPENED, OBJECTION_ANSWERED, PAYLOADS, REVIEW_ANSWERED
from tianfu.apps.trust.model.emergency import ReasonKind
from tianfu.apps.trust.model.ledger import KINDS, Act, Sort
from tianfu.apps.trust.model.tasks import TaskSort, Verdict
from tianfu.apps.trust.model.trail import DEEDS, REFUSALS, Span
from tianfu.apps.trust.queries.trail import roles_known
from tianfu.apps.trust.trail_speech import COLUMNS
from tianfu.services.accounts.tracing import INTERACTIONS, RULE
from tianfu.web import languages
from tianfu.web.languages import Language, load_languages

FOLDERS = [Path(str(module.__file__)).parent / "languages" for module in (languages, trust)]


@pytest.fixture(params=["zh-CN", "en"])
def language(request: pytest.FixtureRequest) -> Language:
    return load_languages(FOLDERS)[request.param]


def test_every_rule_says_why_in_the_persons_words(language: Language) -> None:
    names = sorted({rule.name for rule in rules().values()})
    assert [name for name in names if not language.has(f"ledger.rule-{name}")] == []


def test_every_role_has_a_word(language: Language) -> None:
    roles = {rule.role for rule in rules().values()} | {DESK.role, IMPORTER.role}
    assert [role for role in sorted(roles) if not language.has(f"ledger.role-{role}")] == []


def test_an_officer_reads_every_rule_deed_and_refusal_in_words(language: Language) -> None:
    keys = [
        *(f"trail.rule-{name}" for name in sorted({rule.name for rule in rules().values()} | {"no-rule", RULE})),
        *(f"trail.did-{each}" for each in sorted(INTERACTIONS)),
        *(f"ledger.role-{each}" for each in roles_known()),
        *(f"trail.group-{each}" for each in DEEDS),
        *(f"trail.did-{each}" for group in DEEDS.values() for each in group),
        *(f"trail.refusal-{each}" for each in REFUSALS),
        *(f"trail.span-{each}" for each in Span),
        *(f"trail.column-{each}" for each in COLUMNS),
        *(f"trail.way-{each}" for each in ("caller", "person", "session", "refusal")),
    ]
    assert [key for key in keys if not language.has(key)] == []


def test_whatever_a_page_can_name_has_a_word(language: Language) -> None:
    keys = [
        *(f"ledger.purpose-{each.value}" for each in Purpose),
        *(f"ledger.kind-{each}" for each in KINDS),
        *(f"ledger.act-{each}" for each in Act),
        *(f"ledger.{what}-{each}" for each in Sort for what in ("sort", "empty")),
        *(f"emergency.kind-{each}{end}" for each in ReasonKind for end in ("", "-hint")),
        *(f"review.verdict-{each}{end}" for each in Verdict for end in ("", "-hint")),
        *(f"review.{what}-{each}" for each in TaskSort for what in ("sort", "reason")),
        *(f"notice.kind-{each}" for each in (EMERGENCY_OPENED, REVIEW_ANSWERED, OBJECTION_ANSWERED)),
    ]
    assert [key for key in keys if not language.has(key)] == []
    assert set(PAYLOADS) == {EMERGENCY_OPENED, REVIEW_ANSWERED, OBJECTION_ANSWERED}
