//! How large a function is, as it is built and as it is uploaded: a zip with one executable, `bootstrap`.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context as _, Result};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Sizes in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PackageSize {
    pub(crate) executable: u64,
    pub(crate) zipped: u64,
}

impl PackageSize {
    /// Of this executable, compressed as `cargo lambda build --output-format zip` does it.
    pub(crate) fn of(executable: &Path) -> Result<Self> {
        let mut source = File::open(executable).with_context(|| format!("open {}", executable.display()))?;
        let mut package = ZipWriter::new(tempfile::tempfile().context("make a package")?);
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        package.start_file("bootstrap", options.unix_permissions(0o755))?;
        let executable = std::io::copy(&mut source, &mut package).context("compress the function")?;
        let zipped = package.finish()?.seek(SeekFrom::End(0)).context("measure the package")?;
        Ok(Self { executable, zipped })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_package_is_smaller_than_what_repeats_itself() {
        let mut executable = tempfile::NamedTempFile::new().unwrap();
        executable.write_all(&[7; 100_000]).unwrap();
        let size = PackageSize::of(executable.path()).unwrap();
        assert_eq!(size.executable, 100_000);
        assert!((100..2_000).contains(&size.zipped), "{size:?}");
    }
}
