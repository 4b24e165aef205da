//! The rules for names of buckets and indexes.

use crate::failure::Failure;

/// 3 to 63 of a-z, 0-9 and '-', with a letter or digit at both ends.
pub(crate) fn check_bucket(name: &str) -> Result<(), Failure> {
    check(name, "vectorBucketName", false)
}

/// The same, and dots.
pub(crate) fn check_index(name: &str) -> Result<(), Failure> {
    check(name, "indexName", true)
}

fn check(name: &str, field: &str, dots: bool) -> Result<(), Failure> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let allowed = |byte: u8| plain(byte) || byte == b'-' || (dots && byte == b'.');
    let bytes = name.as_bytes();
    let valid = (3..=63).contains(&bytes.len())
        && bytes.iter().all(|&byte| allowed(byte))
        && plain(bytes[0])
        && plain(bytes[bytes.len() - 1]);
    if valid { Ok(()) } else { Err(Failure::validation(format!("Invalid {field}: {name}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules() {
        for good in ["abc", "a-1", "a.b-c.9", &"a".repeat(63)] {
            assert!(check_index(good).is_ok(), "{good}");
        }
        for bad in ["", "ab", "Abc", "a_b", "-ab", "ab.", "a b", &"a".repeat(64)] {
            assert!(check_index(bad).is_err(), "{bad}");
        }
        assert!(check_bucket("a.b").is_err());
    }
}
