#!/usr/bin/env bash
# Write the locked requirements anew: every package with its version and hashes, no registry address.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=build/bootstrap/bin/uv
[ -x "$uv" ] || uv=uv
options=(--quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header "$@")
"$uv" pip compile "${options[@]}" --group build pyproject.toml -o requirements/run.txt
"$uv" pip compile "${options[@]}" --group build --group dev pyproject.toml -o requirements/test.txt
echo 'uv>=0.13,<0.14' | "$uv" pip compile "${options[@]}" - -o requirements/bootstrap.txt
