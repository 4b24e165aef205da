#!/usr/bin/env bash
# Installs what tests need beside Rust, into target/tools: the AWS emulator, the template linters and the security scanner.
# Pinned; a second run does nothing. Needs Python 3.11 or later with venv.
set -euo pipefail
cd "$(dirname "$0")/.."

# install FOLDER PACKAGE...: a virtual environment of its own, since the scanner pins what others need newer.
install() {
  local tools=target/tools/$1
  shift
  local stamp=$tools/installed
  if [ "$(cat "$stamp" 2>/dev/null)" = "$*" ]; then return; fi
  echo "installing $* into $tools"
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check "$@"
  echo "$*" >"$stamp"
}

install emulator ministack==1.5.33 aws-sam-translator==1.115.0 cryptography==50.0.2 cfn-lint==1.58.0
install checkov checkov==3.3.30
