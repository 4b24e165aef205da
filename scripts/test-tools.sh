#!/usr/bin/env bash
# Installs what tests need beside Rust, into target/tools: the AWS emulator and the template linters. Pinned; a second run
# does nothing. Needs Python 3.11 or later with venv.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=target/tools/emulator
packages=(ministack==1.5.33 aws-sam-translator==1.115.0 cryptography==50.0.2 cfn-lint==1.58.0)
stamp=$tools/installed
if [ "$(cat "$stamp" 2>/dev/null)" = "${packages[*]}" ]; then exit 0; fi

echo "installing the AWS emulator and the template linters into $tools"
python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"
echo "${packages[*]}" >"$stamp"
