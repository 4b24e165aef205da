//! Takes a ZIP document apart, damages what is in it, and packs it again, so that the damage lies behind the
//! compression and the checksum is right. What breaks the container itself is made in `bombs/archive.rs`.

use std::io::{Cursor, Read as _, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::mutation::mutate;
use crate::random::Random;

/// Most of an entry that is unpacked.
const ENTRY_BYTES_MAX: u64 = 1 << 20;

/// Name and content of one part.
pub type Entry = (String, Vec<u8>);

/// The parts of a ZIP document; none if it is broken.
#[must_use]
pub fn unpack(bytes: &[u8]) -> Vec<Entry> {
    let Ok(mut archive) = ZipArchive::new(Cursor::new(bytes)) else { return Vec::new() };
    let mut entries = Vec::new();
    for index in 0..archive.len() {
        let Ok(entry) = archive.by_index(index) else { continue };
        let Ok(name) = entry.name().map(|name| name.into_owned()) else { continue };
        let mut content = Vec::new();
        // What cannot be read to its end is kept as far as it goes.
        let _cut = entry.take(ENTRY_BYTES_MAX).read_to_end(&mut content);
        entries.push((name, content));
    }
    entries
}

/// Packs parts in the order given.
#[must_use]
pub fn pack(entries: &[Entry]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        let method = if name == "mimetype" { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        let options = SimpleFileOptions::default().compression_method(method);
        // A name twice, or one that is too long, is not taken; the others are.
        if writer.start_file(name.as_str(), options).is_ok() {
            writer.write_all(content).expect("writing to memory cannot fail");
        }
    }
    writer.finish().expect("writing to memory cannot fail").into_inner()
}

/// A damaged copy of a ZIP document: mostly of what is in it, now and then of the container.
#[must_use]
pub fn mutate_package(seed: &[u8], other: &[u8], words: &[&[u8]], random: &mut Random) -> Vec<u8> {
    let mut entries = unpack(seed);
    if entries.is_empty() || random.below(6) == 0 {
        return mutate(seed, other, words, random);
    }
    let others = unpack(other);
    for _ in 0..=random.below(2) {
        let at = random.below(entries.len());
        match random.below(8) {
            0 => drop(entries.remove(at)),
            1 => {
                let from = random.below(entries.len());
                entries[at].1 = entries[from].1.clone();
            }
            2 if !others.is_empty() => entries.push(random.pick(&others).clone()),
            _ => {
                let donor = if others.is_empty() { &entries[at].1 } else { &random.pick(&others).1 };
                entries[at].1 = mutate(&entries[at].1, &donor.clone(), words, random);
            }
        }
        if entries.is_empty() {
            break;
        }
    }
    pack(&entries)
}
