"""Every address where pictures come in and go out as each of the nine kinds of stranger, on the whole application."""

from __future__ import annotations

import pytest

from tests.permission_table import media_rows
from tests.strangers.conftest import Walk
from tests.strangers.installation import client_of
from tests.strangers.kinds import show_nothing_hidden
from tests.strangers.traces import held, last_event, outcomes_after

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # each walk founds an installation

SECRET = "x" * 43


async def test_no_stranger_comes_into_a_live_room(walk: Walk) -> None:
    before, number, wrong = await held(walk.here), await last_event(walk.here), []
    came = 0
    async with client_of(walk.here.application) as client:
        for way in (*walk.company.by_token, *walk.company.by_cookie, walk.company.whole):
            for row in media_rows():
                headers = {"content-type": "application/sdp", **way.cookies}
                path = row.path.replace("{secret}", SECRET)
                answer = await client.request(row.method, path, content="v=0", headers=headers)
                if str(answer.status_code) != row.stranger:
                    wrong.append((way.kind, way.name, row.method, row.path, answer.status_code, answer.text))
                show_nothing_hidden(answer, but="", what=(way.name, row))
                came += row.method == "POST" and "{secret}" not in row.path  # else there is nobody to be told of
    assert wrong == []
    assert await held(walk.here) == before
    told = [each for each in await outcomes_after(walk.here, number) if each.startswith(("grant-", "device-"))]
    assert len(told) == came
