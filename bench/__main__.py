"""`python -m bench prepare | record_core | trust | sign_in | newborn | radiotherapy_evaluate | radiotherapy_plan |
soak | report`.

What measures takes `--json`.
"""

from __future__ import annotations

import argparse
import json

from bench.newborn import newborn, soaked
from bench.places import home
from bench.preparing import RESOURCES, prepare
from bench.radiotherapy import radiotherapy_evaluate
from bench.radiotherapy_plan import radiotherapy_plan
from bench.record_core import record_core
from bench.report import newborn_page, page, planning_page, radiotherapy_page, sign_in_page, trust_page, write_report
from bench.sign_in import sign_in
from bench.trust import trust
from tianfu.logs import set_up_logs


def main() -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    preparing = commands.add_parser("prepare", help="build the store that is measured")
    preparing.add_argument("--resources", type=int, default=RESOURCES)
    measured = {
        "record_core": "the record store",
        "trust": "permission, trace and vault",
        "sign_in": "signing in",
        "newborn": "live pictures",
        "radiotherapy_evaluate": "reading and judging radiotherapy plans",
        "radiotherapy_plan": "planning radiotherapy",
    }
    for name, what in measured.items():
        measuring = commands.add_parser(name, help=f"measure {what}")
        measuring.add_argument("--json", action="store_true", help="print one JSON object")
        if name in {"radiotherapy_evaluate", "radiotherapy_plan"}:
            measuring.add_argument("--peers", action="store_true", help="others in turns, in environments of their own")
    soaking = commands.add_parser("soak", help="let twenty live visits run for an hour")
    soaking.add_argument("--minutes", type=int, default=60)
    commands.add_parser("report", help="measure and write docs/performance.md")
    asked = parser.parse_args()
    set_up_logs()  # standard output is for the result alone
    match asked.command:
        case "prepare":
            prepare(home(), asked.resources)
        case "report":
            write_report(
                record_core(home()),
                trust_page(trust(home())),
                sign_in_page(sign_in()),
                newborn_page(newborn()),
                radiotherapy_page(radiotherapy_evaluate(with_peers=True)),
                planning_page(radiotherapy_plan(with_peers=True)),
            )
        case "record_core":
            result = record_core(home())
            print(json.dumps(result, ensure_ascii=False) if asked.json else page(result))
        case "sign_in":
            result = sign_in()
            print(json.dumps(result, ensure_ascii=False) if asked.json else sign_in_page(result))
        case "newborn":
            result = newborn()
            print(json.dumps(result, ensure_ascii=False) if asked.json else newborn_page(result))
        case "radiotherapy_evaluate":
            result = radiotherapy_evaluate(with_peers=asked.peers)
            print(json.dumps(result, ensure_ascii=False) if asked.json else radiotherapy_page(result))
        case "radiotherapy_plan":
            result = radiotherapy_plan(with_peers=asked.peers)
            print(json.dumps(result, ensure_ascii=False) if asked.json else planning_page(result))
        case "soak":
            print(json.dumps(soaked(asked.minutes)))
        case _:
            result = trust(home())
            print(json.dumps(result, ensure_ascii=False) if asked.json else trust_page(result))


if __name__ == "__main__":
    main()
