//! How a vector lies in the cache: the text's hash under its tenant, one entry a model, one byte a number.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use millrace_domain::{ContentHash, ModelId, TenantId, Timestamp};
use millrace_ports::Embedding;

use super::item::{Item, UnreadableItem, item_of, number, read_text, second_at_or_after, text};
use super::schema::vectors_cache::VECTOR;
use super::schema::{PARTITION, SORT, TIME_TO_LIVE};

/// The partition of a text: its vectors under every model.
pub(crate) fn text_partition(tenant: &TenantId, hash: &ContentHash) -> AttributeValue {
    text(format!("{tenant}#{}", hash.as_str()))
}

/// The key of a vector.
pub(crate) fn vector_key(tenant: &TenantId, hash: &ContentHash, model: &ModelId) -> Item {
    item_of([(PARTITION, text_partition(tenant, hash)), (SORT, text(model.as_str()))])
}

/// A vector's item, which may be deleted after `until`.
pub(crate) fn vector_item(key: Item, embedding: &Embedding, until: Timestamp) -> Item {
    let mut item = key;
    item.extend(item_of([
        (VECTOR, AttributeValue::B(Blob::new(quantise(embedding)))),
        (TIME_TO_LIVE, number(second_at_or_after(until))),
    ]));
    item
}

/// The hash of the text whose vector this is.
pub(crate) fn read_text_hash(item: &Item) -> Result<ContentHash, UnreadableItem> {
    let partition = read_text(item, PARTITION)?;
    let (_, hash) =
        partition.split_once('#').ok_or_else(|| UnreadableItem::because(PARTITION, "no separator"))?;
    ContentHash::try_from(hash.to_owned()).map_err(|error| UnreadableItem::because(PARTITION, error))
}

/// The vector of an item; `None` if it holds something else, which in a cache is as good as nothing.
pub(crate) fn read_vector(item: &Item) -> Option<Embedding> {
    restore(item.get(VECTOR)?.as_b().ok()?.as_ref())
}

/// The scale as four little-endian bytes, then one signed byte a number: symmetric, the largest number becoming 127 or
/// -127. On unit vectors of 384 dimensions this changes a cosine by less than 0.002.
fn quantise(embedding: &Embedding) -> Vec<u8> {
    let largest = embedding.0.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let scale = if largest > 0.0 && largest.is_finite() { largest / 127.0 } else { 0.0 };
    let mut bytes = Vec::with_capacity(4 + embedding.0.len());
    bytes.extend(scale.to_le_bytes());
    // `as` rounds towards zero and saturates; without a scale all numbers become 0.
    let unit = |value: &f32| if scale > 0.0 { (value / scale).round() as i8 } else { 0 };
    bytes.extend(embedding.0.iter().map(|value| unit(value).cast_unsigned()));
    bytes
}

fn restore(bytes: &[u8]) -> Option<Embedding> {
    let (scale, units) = bytes.split_first_chunk::<4>()?;
    let scale = f32::from_le_bytes(*scale);
    let values = units.iter().map(|byte| f32::from(byte.cast_signed()) * scale).collect();
    (scale >= 0.0 && scale.is_finite()).then_some(Embedding(values))
}

#[cfg(test)]
mod tests {
    use millrace_test_support::strategies::tenant_id;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_vector_comes_back_within_half_a_unit(
            values in proptest::collection::vec(-1.0_f32..1.0, 0..400),
            tenant in tenant_id(),
            digest in any::<[u8; 32]>(),
        ) {
            let (hash, model) = (ContentHash::from_digest(digest), ModelId::new("minilm").unwrap());
            let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            let key = vector_key(&tenant, &hash, &model);
            let item = vector_item(key.clone(), &Embedding(values.clone()), Timestamp::from_millis(1_001));
            prop_assert_eq!(read_text_hash(&item).unwrap(), hash);
            prop_assert!(key.iter().all(|(name, value)| item[name] == *value));
            prop_assert_eq!(item[TIME_TO_LIVE].clone(), number(2));
            let kept = read_vector(&item).unwrap();
            prop_assert_eq!(kept.0.len(), values.len());
            for (kept, value) in kept.0.iter().zip(&values) {
                prop_assert!((kept - value).abs() <= largest / 127.0 * 0.501);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            let readable = bytes.len() >= 4 && f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) >= 0.0;
            if let Some(Embedding(values)) = restore(&bytes) {
                prop_assert!(readable && values.len() == bytes.len() - 4);
            }
        }
    }

    #[test]
    fn zeros_and_nonsense_become_zeros() {
        for values in [vec![], vec![0.0; 3], vec![f32::NAN; 3], vec![f32::INFINITY, 1.0, 0.0]] {
            let restored = restore(&quantise(&Embedding(values.clone()))).unwrap();
            assert_eq!(restored.0, vec![0.0; values.len()]);
        }
    }
}
