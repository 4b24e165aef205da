//! The name of the vector index of a tenant's collection. It shows whose it is to people; that two never share a name is
//! the hash's doing, since the service's names are too short for both of ours and have no underscores.

use millrace_domain::{CollectionName, TenantId};
use sha2::{Digest, Sha256};

/// Characters of the tenant and of the collection that a name shows.
const SHOWN_MAX: usize = 14;
/// Bytes of the hash in a name: 128 bits, so that names meet by chance with a probability of 2^-64 among 2^32.
const HASH_BYTES: usize = 16;

/// The name of the index: `tenant.collection.hash`, 3 to 63 of a-z, 0-9, '-' and '.', with a letter or digit at both ends.
pub(crate) fn index_name(tenant: &TenantId, collection: &CollectionName) -> String {
    // Neither can hold a slash, so no two pairs give the same text.
    let digest = Sha256::digest(format!("{tenant}/{collection}"));
    let hash = hex::encode(&digest[..HASH_BYTES]);
    format!("{}.{}.{hash}", shown(tenant.as_str()), shown(collection.as_str()))
}

/// Starts with a letter or digit, as tenants and collections do, and ends with one.
fn shown(slug: &str) -> String {
    slug[..slug.len().min(SHOWN_MAX)].replace('_', "-").trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(tenant: &str, collection: &str) -> String {
        index_name(&TenantId::new(tenant).unwrap(), &CollectionName::new(collection).unwrap())
    }

    #[test]
    fn a_name_is_stored_so_it_never_changes() {
        assert_eq!(name("acme", "papers_2024"), "acme.papers-2024.f8ef5b708e8b3264680d55690d9c7595");
    }

    #[test]
    fn near_pairs_have_different_names() {
        let pairs =
            [("a", "b-c"), ("a-b", "c"), ("a", "b_c"), ("a_b", "c"), ("a", "b"), ("b", "a"), ("a", "b-")];
        let mut names: Vec<_> = pairs.iter().map(|(tenant, collection)| name(tenant, collection)).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), pairs.len());
    }

    proptest! {
        #[test]
        fn any_pair_gives_a_name_of_its_own_that_the_service_takes(
            slugs in proptest::collection::vec("[a-z0-9][a-z0-9_-]{0,63}", 4),
        ) {
            let (one, other) = (name(&slugs[0], &slugs[1]), name(&slugs[2], &slugs[3]));
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            let bytes = one.as_bytes();
            prop_assert!((3..=63).contains(&bytes.len()), "{one}");
            prop_assert!(bytes.iter().all(|&byte| plain(byte) || b"-.".contains(&byte)), "{one}");
            prop_assert!(plain(bytes[0]) && plain(bytes[bytes.len() - 1]), "{one}");
            prop_assert_eq!(one == other, slugs[..2] == slugs[2..]);
        }
    }
}
