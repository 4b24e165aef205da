#!/usr/bin/env bash
# Makes the virtual environment of baseline.py under target/bench-venv and prints its interpreter's path.
# Safe to run again: nothing happens while requirements.txt is unchanged. It installs nothing outside the venv.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../../target}
mkdir -p "$target"
venv=$(cd "$target" && pwd)/bench-venv
stamp=$venv/requirements.installed

if ! cmp --silent "$here/requirements.txt" "$stamp"; then
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" >&2
    cp "$here/requirements.txt" "$stamp"
fi
echo "$venv/bin/python"
