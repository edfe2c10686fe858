"""What a guardian signed: taken back wherever the baby is, kept from paper, and asked anew with a new text."""

from __future__ import annotations

from typing import Any

import pytest

from tests.apps.newborn.conftest import MOTHER, Ward
from tests.records.made import put
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.actions.agree_to_experts import agree_no_more, agree_to_experts
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.model.consultation import text_in
from tianfu.records.outcomes import Found
from tianfu.records.searching import SearchRequest

pytestmark = pytest.mark.anyio


async def active(ward: Ward, baby: str = "baby-3") -> list[dict[str, Any]]:
    request = SearchRequest(type="Consent", parameters=(("patient", f"Patient/{baby}"), ("status", "active")))
    return [each.value for each in (await ward.store.search(VISITS, Purpose.TREATMENT, request)).records]


async def rewritten(ward: Ward, kind: str, name: str, **change: Any) -> None:
    answer = await ward.store.read(VISITS, Purpose.TREATMENT, kind, name)
    assert isinstance(answer, Found)
    kept = {key: each for key, each in answer.record.value.items() if key not in {"meta", "resourceType", "id"}}
    await put(ward.store, kind, name, **{**kept, **change})


async def no_clear_bed(ward: Ward) -> None:
    await rewritten(
        ward, "Encounter", "stay-3", location=[{"location": {"reference": "Location/bed-3"}, "status": "completed"}]
    )


async def has_left(ward: Ward) -> None:
    await rewritten(ward, "Encounter", "stay-3", status="finished")


async def has_died(ward: Ward) -> None:
    await rewritten(ward, "Patient", "baby-3", deceasedDateTime="2026-11-23T11:00:00+08:00")


@pytest.mark.parametrize("what", [no_clear_bed, has_left, has_died])
async def test_both_consents_are_taken_back_wherever_the_baby_is(ward: Ward, what: Any) -> None:
    nurse = await ward.staff("nurse")
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    signed_in, text = await mother.here(), text_in("en")
    await agree_to_experts(ward.nursery, signed_in, "baby-3", text.version, language="en")
    assert len(await active(ward)) == 2
    await what(ward)
    at, experts = "/newborn/consent/baby-3", 'href="/newborn/consent/baby-3/experts"'
    home = (await mother.get("/newborn")).text
    assert (f'href="{at}"' in home, experts in home) == (True, True)
    page = await mother.get(at)
    assert (page.status_code, f'action="{at}/withdraw"' in page.text) == (200, True)
    assert f'action="{at}"' not in page.text, "nothing is signed there"
    assert await mother.done(f"{at}/withdraw") == "withdrawn"
    await agree_no_more(ward.nursery, signed_in, "baby-3")
    assert await active(ward) == []
    home = (await mother.get("/newborn")).text
    assert (f'href="{at}"' in home, experts in home) == (False, False)
    assert (await mother.get(at)).status_code == 404
