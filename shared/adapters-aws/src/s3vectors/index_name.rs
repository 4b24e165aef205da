//! The name of the vector index of a tenant's collection, or of one of its spaces, each of which is an index of its own with
//! vectors of its own length. It shows whose it is to people; that two never share a name is the hash's doing, since the
//! service's names are too short for both of ours and have neither underscores nor what a space is told by.

use millrace_domain::{CollectionName, TenantId};
use sha2::{Digest, Sha256};

/// Characters of the tenant and of the collection that a name shows.
const SHOWN_MAX: usize = 14;
/// Bytes of the hash in a name: 128 bits, so that names meet by chance with a probability of 2^-64 among 2^32.
const HASH_BYTES: usize = 16;

/// The name of the index: `tenant.collection.hash`, 3 to 63 of a-z, 0-9, '-' and '.', with a letter or digit at both ends.
pub(crate) fn index_name(tenant: &TenantId, collection: &CollectionName) -> String {
    // Neither can hold a slash, so no two pairs give the same text. A space is part of the collection's name here.
    let digest = Sha256::digest(format!("{tenant}/{collection}"));
    let hash = hex::encode(&digest[..HASH_BYTES]);
    let client_name = collection.of_client();
    // What is left of the name of a space: `~` and its number; nothing of the first.
    let space = collection.as_str()[client_name.as_str().len()..].replace('~', "-");
    let name = shown(client_name.as_str(), SHOWN_MAX - space.len());
    format!("{}.{name}{space}.{hash}", shown(tenant.as_str(), SHOWN_MAX))
}

/// Starts with a letter or digit, as tenants and collections do, and ends with one.
fn shown(slug: &str, most: usize) -> String {
    slug[..slug.len().min(most)].replace('_', "-").trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use millrace_domain::IndexSpace;
    use proptest::prelude::*;

    use super::*;

    fn name(tenant: &str, collection: &str) -> String {
        index_name(&TenantId::new(tenant).unwrap(), &CollectionName::new(collection).unwrap())
    }

    #[test]
    fn a_name_is_stored_so_it_never_changes() {
        assert_eq!(name("acme", "papers_2024"), "acme.papers-2024.f8ef5b708e8b3264680d55690d9c7595");
        let space = |number| in_space("acme", "papers_2024_and_before", number);
        assert_eq!(space(0), name("acme", "papers_2024_and_before"));
        assert_eq!(space(1), "acme.papers-2024-1.b24cc72c3c5a75169bfa74afeb6ae7ab");
        assert_eq!(space(u32::MAX), "acme.pap-4294967295.f390f85b14f12767d224ece74f519544");
    }

    fn in_space(tenant: &str, collection: &str, space: u32) -> String {
        let collection = CollectionName::new(collection).unwrap().in_space(IndexSpace::new(space));
        index_name(&TenantId::new(tenant).unwrap(), &collection)
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
            spaces in proptest::array::uniform2(prop_oneof![Just(0), 1..3_u32, any::<u32>()]),
            same_collection in any::<bool>(),
        ) {
            let slugs: Vec<_> = if same_collection { [&slugs[..2], &slugs[..2]].concat() } else { slugs };
            let one = in_space(&slugs[0], &slugs[1], spaces[0]);
            let other = in_space(&slugs[2], &slugs[3], spaces[1]);
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            let bytes = one.as_bytes();
            prop_assert!((3..=63).contains(&bytes.len()), "{one}");
            prop_assert!(bytes.iter().all(|&byte| plain(byte) || b"-.".contains(&byte)), "{one}");
            prop_assert!(plain(bytes[0]) && plain(bytes[bytes.len() - 1]), "{one}");
            prop_assert_eq!(one == other, slugs[..2] == slugs[2..] && spaces[0] == spaces[1]);
        }
    }
}
