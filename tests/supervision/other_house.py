"""A program of another house, as a process of its own: `other_house.py ADDRESS CLIENT KEY_FILE SCOPE PATH`.

It knows the address of the installation, its own id and its own key, and nothing else; it prints what it got.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.program import Program
from joserfc.jwk import ECKey


def main(address: str, client: str, key_file: str, scope: str, path: str) -> None:
    """Sign in, ask, print status and body."""
    key = ECKey.import_key(json.loads(Path(key_file).read_text("utf-8")))
    program = Program(address, client, key, scopes=(scope,), purpose="TREAT")
    with program.client() as http:
        answer = http.get(path)
    print(json.dumps({"status": answer.status_code, "body": answer.json()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
