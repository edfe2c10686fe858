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

# What we are compared with, each in an environment of its own.  pymedphys without its extras is small, but does not
# bring apipkg, nor the numba of its faster interpolation; dicompyler-core does not run with pydicom 3 or NumPy 2.
mkdir -p requirements/peers
printf '%s\n' 'pymedphys==0.41.0' apipkg 'numba>=0.61' 'numpy>=2,<2.5' scipy |
  "$uv" pip compile "${options[@]}" - -o requirements/peers/pymedphys.txt
printf '%s\n' 'dicompyler-core==0.5.6' 'numpy<2' 'pydicom>=2.4,<3' scikit-image |
  "$uv" pip compile "${options[@]}" - -o requirements/peers/dicompyler-core.txt

# pyRadPlan names a package of language models that its planning never imports: without it a third of 160 packages stay.
# With pydantic 2.13 and later its doses of beamlets crash.  numba and IPOPT are what it is fastest with.
printf '%s\n' 'pyRadPlan[numba]==0.5.0' 'pydantic<2.13' ipyopt |
  "$uv" pip compile "${options[@]}" --override <(echo "pydantic-ai; sys_platform == 'none'") - -o requirements/peers/pyradplan.txt
