#!/usr/bin/env bash
# Runs all tests and closes with their sum: N passed, N failed.
set -uo pipefail
cd "$(dirname "$0")/.."

scripts/test-tools.sh || exit 1

# What tests/e2e deploys. Built here it is not built in the middle of the tests, by a cargo that waits for nobody's lock.
profile=()
for argument in "$@"; do [ "$argument" = --release ] && profile=(--release); done
scripts/build-functions.sh "${profile[@]}" || exit 1

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# --no-fail-fast: one red test does not hide another. Documentation examples are run apart, as cargo wants it.
cargo test --workspace --lib --bins --tests --examples --locked --no-fail-fast "$@" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
cargo test --workspace --doc --locked --no-fail-fast 2>&1 | tee -a "$log"
doc_status=${PIPESTATUS[0]}

awk '/^test result:/ { for (i = 1; i < NF; i++) { if ($(i+1) ~ /^passed/) p += $i; if ($(i+1) ~ /^failed/) f += $i } }
     END { printf "\n%d passed, %d failed\n", p, f; exit (p == 0) }' "$log" || exit 1
[ "$status" -eq 0 ] && [ "$doc_status" -eq 0 ]
