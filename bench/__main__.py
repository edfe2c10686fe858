"""`python -m bench prepare | record_core [--json] | report`."""

from __future__ import annotations

import argparse
import json

from bench.places import home
from bench.preparing import RESOURCES, prepare
from bench.record_core import record_core
from bench.report import page, write_report


def main() -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    preparing = commands.add_parser("prepare", help="build the store that is measured")
    preparing.add_argument("--resources", type=int, default=RESOURCES)
    measuring = commands.add_parser("record_core", help="measure; under a minute")
    measuring.add_argument("--json", action="store_true", help="print one JSON object")
    commands.add_parser("report", help="measure and write docs/performance.md")
    asked = parser.parse_args()
    if asked.command == "prepare":
        prepare(home(), asked.resources)
        return
    result = record_core(home())
    if asked.command == "report":
        write_report(result)
    elif asked.json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        print(page(result))


if __name__ == "__main__":
    main()
