#!/usr/bin/env bash
# Lints the infrastructure: cfn-lint and a security scan, both on the template as AWS expands it. cfn-lint on the SAM file
# itself misses a misspelt ReportBatchItemFailures, a wrong runtime and a visibility below a timeout; on the expanded one it
# finds them. Prints findings and fails if there are any.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/test-tools.sh
expanded=$(mktemp --suffix .json)
trap 'rm -f "$expanded"' EXIT
target/tools/emulator/bin/python infra/transform.py "$expanded"

# --region: every region has all these services but S3 Vectors, which began in a few.
target/tools/emulator/bin/cfn-lint --non-zero-exit-code informational --include-checks I --regions us-east-1 eu-central-1 -- "$expanded"
target/tools/checkov/bin/checkov --config-file infra/checkov.yaml --file "$expanded"
