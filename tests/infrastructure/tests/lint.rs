//! The template has no findings: cfn-lint and the security scan run on it as AWS expands it. What they look for, and what is
//! left out and why, stands in infra/lint.sh and infra/checkov.yaml.

use std::path::Path;
use std::process::Command;

#[test]
fn the_template_has_no_findings() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/lint.sh");
    let output = Command::new(script).output().expect("infra/lint.sh runs");
    let (printed, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "infra/lint.sh has findings:\n{printed}\n{errors}");
}
