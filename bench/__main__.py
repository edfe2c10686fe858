"""`python -m bench prepare | record_core | trust | sign_in | newborn | radiotherapy_evaluate | radiotherapy_plan |
soak | report`.

What measures takes `--json`.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from bench.places import home
from tianfu.logs import set_up_logs


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What is measured, by a function of the measurement's name; its module is loaded when it is asked for.

    `page` is the function of `bench.report` that tells the result.
    """

    what: str
    page: str
    module: str
    is_of_store: bool = False
    has_peers: bool = False


RESOURCES = 1_000_000
"""How many the store holds that is measured, if nothing else is asked."""

MEASURED = {
    "record_core": Measured(what="the record store", page="page", module="record_core", is_of_store=True),
    "trust": Measured(what="permission, trace and vault", page="trust_page", module="trust", is_of_store=True),
    "sign_in": Measured(what="signing in", page="sign_in_page", module="sign_in"),
    "newborn": Measured(what="live pictures", page="newborn_page", module="newborn"),
    "radiotherapy_evaluate": Measured(
        what="reading and judging radiotherapy plans", page="radiotherapy_page", module="radiotherapy", has_peers=True
    ),
    "radiotherapy_plan": Measured(
        what="planning radiotherapy", page="planning_page", module="radiotherapy_plan", has_peers=True
    ),
}


def main() -> None:
    """Do what the command line asks."""
    asked = _parser().parse_args()
    set_up_logs()  # standard output is for the result alone
    match asked.command:
        case "prepare":
            import_module("bench.preparing").prepare(home(), asked.resources)
        case "report":
            first, *others = [(name, _result(name, with_peers=True)) for name in MEASURED]
            pages = [_told(name, result) for name, result in others]
            import_module("bench.report").write_report(first[1], *pages)
        case "soak":
            print(json.dumps(import_module("bench.newborn").soaked(asked.minutes)))
        case name:
            result = _result(name, with_peers=getattr(asked, "peers", False))
            print(json.dumps(result, ensure_ascii=False) if asked.json else _told(name, result))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    preparing = commands.add_parser("prepare", help="build the store that is measured")
    preparing.add_argument("--resources", type=int, default=RESOURCES)
    for name, one in MEASURED.items():
        measuring = commands.add_parser(name, help=f"measure {one.what}")
        measuring.add_argument("--json", action="store_true", help="print one JSON object")
        if one.has_peers:
            measuring.add_argument("--peers", action="store_true", help="others in turns, in environments of their own")
    soaking = commands.add_parser("soak", help="let twenty live visits run for an hour")
    soaking.add_argument("--minutes", type=int, default=60)
    commands.add_parser("report", help="measure and write docs/performance.md")
    return parser


def _result(name: str, *, with_peers: bool) -> Any:
    one = MEASURED[name]
    measure = getattr(import_module(f"bench.{one.module}"), name)
    if one.is_of_store:
        return measure(home())
    return measure(with_peers=with_peers) if one.has_peers else measure()


def _told(name: str, result: Any) -> str:
    told: str = getattr(import_module("bench.report"), MEASURED[name].page)(result)
    return told


if __name__ == "__main__":
    main()
