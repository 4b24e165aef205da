//! Seeds that were ever found failing: one file for each, named after the seed, that says what it found. They run first,
//! for ever.

use std::io;
use std::path::Path;

/// A kept seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSeed {
    /// The seed.
    pub seed: u64,
    /// What it found.
    pub about: String,
}

/// The seeds in `tests/simulation/seeds`, in order.
pub fn kept_seeds() -> io::Result<Vec<KeptSeed>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let mut seeds = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let Ok(seed) = name.parse() else {
            return Err(io::Error::other(format!("{} is not named after a seed", path.display())));
        };
        seeds.push(KeptSeed { seed, about: std::fs::read_to_string(&path)?.trim().to_owned() });
    }
    seeds.sort_by_key(|kept| kept.seed);
    Ok(seeds)
}
