//! Writes ZIP containers field by field, so that every one of them can lie. Source: PKWARE APPNOTE 6.3, sections 4.3.7,
//! 4.3.12 and 4.3.16. It deliberately knows neither ZIP64 nor any method but stored and deflated.

use std::io::Cursor;
use std::io::Read as _;

use zip::ZipArchive;

use crate::package::pack;

const DEFLATED: u16 = 8;

/// One entry, as its headers claim it to be.
#[derive(Debug, Clone)]
pub(crate) struct RawEntry {
    pub(crate) name: String,
    /// The bytes that lie behind the local header.
    pub(crate) data: Vec<u8>,
    pub(crate) method: u16,
    pub(crate) crc: u32,
    pub(crate) flags: u16,
    /// What both headers claim.
    pub(crate) packed_bytes: u32,
    pub(crate) unpacked_bytes: u32,
    /// The local header that the directory points to, if not its own: entries that overlap.
    pub(crate) header_of: Option<usize>,
}

impl RawEntry {
    /// An honest, deflated entry.
    pub(crate) fn deflated(name: &str, content: &[u8]) -> Self {
        let (data, crc) = deflate(content);
        Self {
            name: name.to_owned(),
            packed_bytes: data.len() as u32,
            unpacked_bytes: content.len() as u32,
            crc,
            data,
            method: DEFLATED,
            flags: 0,
            header_of: None,
        }
    }
}

/// A container.
#[derive(Debug, Default)]
pub(crate) struct RawZip {
    entries: Vec<RawEntry>,
}

impl RawZip {
    /// With one more entry.
    pub(crate) fn with(mut self, entry: RawEntry) -> Self {
        self.entries.push(entry);
        self
    }

    /// With one more honest entry.
    pub(crate) fn file(self, name: &str, content: &[u8]) -> Self {
        self.with(RawEntry::deflated(name, content))
    }

    /// The bytes. `claimed` is the number of entries that the end record claims, if not the true one.
    pub(crate) fn bytes(&self, claimed: Option<u16>) -> Vec<u8> {
        let (mut bytes, mut offsets) = (Vec::new(), Vec::new());
        for entry in &self.entries {
            offsets.push(bytes.len() as u32);
            bytes.extend(b"PK\x03\x04");
            bytes.extend(20_u16.to_le_bytes());
            put_fields(&mut bytes, entry);
            bytes.extend((entry.name.len() as u16).to_le_bytes());
            bytes.extend(0_u16.to_le_bytes());
            bytes.extend(entry.name.as_bytes());
            bytes.extend(&entry.data);
        }
        let directory = bytes.len();
        for (entry, own) in self.entries.iter().zip(&offsets) {
            bytes.extend(b"PK\x01\x02");
            bytes.extend([20, 0, 20, 0]);
            put_fields(&mut bytes, entry);
            bytes.extend((entry.name.len() as u16).to_le_bytes());
            // Extra field, comment, disk, attributes inside and outside.
            bytes.extend([0; 12]);
            let offset = entry.header_of.map_or(*own, |other| offsets[other]);
            bytes.extend(offset.to_le_bytes());
            bytes.extend(entry.name.as_bytes());
        }
        let directory_bytes = bytes.len() - directory;
        let count = claimed.unwrap_or(u16::try_from(self.entries.len()).unwrap_or(u16::MAX));
        bytes.extend(b"PK\x05\x06\0\0\0\0");
        bytes.extend(count.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend((directory_bytes as u32).to_le_bytes());
        bytes.extend((directory as u32).to_le_bytes());
        bytes.extend(0_u16.to_le_bytes());
        bytes
    }
}

/// Flags, method, time, checksum and sizes, which both headers have in this order.
fn put_fields(bytes: &mut Vec<u8>, entry: &RawEntry) {
    bytes.extend(entry.flags.to_le_bytes());
    bytes.extend(entry.method.to_le_bytes());
    bytes.extend([0, 0, 0x21, 0]);
    bytes.extend(entry.crc.to_le_bytes());
    bytes.extend(entry.packed_bytes.to_le_bytes());
    bytes.extend(entry.unpacked_bytes.to_le_bytes());
}

/// The raw deflate stream of a content, and its checksum.
fn deflate(content: &[u8]) -> (Vec<u8>, u32) {
    let packed = pack(&[("x".to_owned(), content.to_vec())]);
    let mut archive = ZipArchive::new(Cursor::new(packed)).expect("it was packed a moment ago");
    let mut data = Vec::new();
    let mut entry = archive.by_index_raw(0).expect("it was packed a moment ago");
    entry.read_to_end(&mut data).expect("it lies in memory");
    let crc = entry.crc32();
    (data, crc)
}

/// A zlib stream, which is what PDF calls FlateDecode. Source: RFC 1950.
pub(crate) fn zlib(content: &[u8]) -> Vec<u8> {
    let mut sums = (1_u32, 0_u32);
    // The remainder is taken as seldom as the sums have room.
    for block in content.chunks(3_800) {
        for byte in block {
            sums.0 += u32::from(*byte);
            sums.1 += sums.0;
        }
        sums = (sums.0 % 65_521, sums.1 % 65_521);
    }
    let mut bytes = vec![0x78, 0x9c];
    bytes.extend(deflate(content).0);
    bytes.extend(((sums.1 << 16) | sums.0).to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::unpack;

    #[test]
    fn an_honest_container_is_read_by_others() {
        let bytes = RawZip::default().file("a.txt", b"some words").file("b/c.txt", b"").bytes(None);
        let expected = [("a.txt".to_owned(), b"some words".to_vec()), ("b/c.txt".to_owned(), Vec::new())];
        assert_eq!(unpack(&bytes), expected);
    }

    #[test]
    fn checksums_are_those_of_the_standards() {
        assert_eq!(RawEntry::deflated("x", b"123456789").crc, 0xCBF4_3926);
        assert_eq!(zlib(b"Wikipedia")[zlib(b"Wikipedia").len() - 4..], 0x11E6_0398_u32.to_be_bytes());
    }
}
