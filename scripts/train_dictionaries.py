"""Train compression dictionaries for the most frequent resource types on made-up residents, and on nothing else.

A dictionary holds pieces of what it was trained on, so it must never see a person's record.
Zstandard dictionaries: https://www.rfc-editor.org/rfc/rfc8878.html#name-dictionary-format
Usage: python scripts/train_dictionaries.py [--residents N]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import zstandard

from tianfu.records.body import stored_form
from tianfu.records.codec import DICTIONARY_FIRST, LEVEL
from tianfu.standards.fhir.parsing import parse_resource

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "src" / "tianfu" / "records" / "dictionaries"
DICTIONARY_BYTES = 32 * 1024
SAMPLES_MIN = 200
SAMPLES_MAX = 4_000
SEED = 71

Sample = bytes | bytearray | memoryview[int]
"""As the trainer types it."""

TYPES = (
    *("Patient", "Observation", "Encounter", "Condition", "MedicationRequest", "Procedure", "DiagnosticReport"),
    *("Immunization", "DocumentReference", "Composition", "Claim", "ExplanationOfBenefit"),
)


def main() -> None:
    """Make a province, train, write the files of types that have none yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--residents", type=int, default=400)
    residents = parser.parse_args().residents
    taken = {path.name.partition("-")[2].removesuffix(".zdict"): path for path in OUT.glob("*.zdict")}
    number = max((int(path.name[:3]) for path in taken.values()), default=DICTIONARY_FIRST - 1) + 1
    samples = _samples(residents)
    for name in TYPES:
        if name in taken or len(samples[name]) < SAMPLES_MIN:
            print(f"{name}: {'is there' if name in taken else f'only {len(samples[name])} samples'}")
            continue
        trained = zstandard.train_dictionary(DICTIONARY_BYTES, samples[name], level=LEVEL)
        (OUT / f"{number:03}-{name}.zdict").write_bytes(trained.as_bytes())
        print(f"{name}: number {number}, {len(samples[name])} samples")
        number += 1


def _samples(residents: int) -> dict[str, list[Sample]]:
    """Stored forms of made-up records by type, drawn evenly from the whole province."""
    found: dict[str, list[Sample]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "province"
        command = [sys.executable, "-m", "demo", "--residents", str(residents), "--seed", str(SEED), "--plain"]
        subprocess.run([*command, "--out", str(out)], check=True, cwd=ROOT)
        for path in sorted(out.rglob("*.ndjson")):
            with path.open("rb") as lines:
                for line in lines:
                    parsed = parse_resource(line)
                    found[parsed.value["resourceType"]].append(stored_form(parsed.text))
    return defaultdict(list, {name: texts[:: len(texts) // SAMPLES_MAX + 1] for name, texts in found.items()})


if __name__ == "__main__":
    main()
