//! How what is deployed is built. `cargo lambda` and `sam build` fill in what the release profile leaves open, with
//! `panic = "abort"`: one document's panic would then end the worker and give the whole batch back (guarantee G8).

use std::path::Path;

#[test]
fn a_panic_unwinds_in_what_is_deployed() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    let (_, profile) = manifest.split_once("[profile.release]\n").unwrap();
    let profile: Vec<&str> = profile.lines().take_while(|line| !line.starts_with('[')).collect();
    for setting in ["panic = \"unwind\"", "strip = ", "lto = ", "codegen-units = "] {
        assert!(
            profile.iter().any(|line| line.starts_with(setting)),
            "the release profile must say {setting}"
        );
    }
}
