#!/usr/bin/env bash
# Builds the binaries of all functions: each folder of functions/ is a package with one. Arguments go to cargo. tests/e2e calls this,
# too, and then finds done what scripts/test.sh has built before: the same packages together have the same features.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=()
for folder in functions/*/; do packages+=(--package "millrace-$(basename "$folder")"); done
exec "${CARGO:-cargo}" build --locked --bins "${packages[@]}" "$@"
