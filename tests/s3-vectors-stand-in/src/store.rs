//! What the stand-in holds: buckets, their indexes, their vectors by key.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::failure::Failure;

/// How near two vectors are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DistanceMetric {
    Cosine,
    Euclidean,
}

impl DistanceMetric {
    /// Smaller is nearer.
    pub(crate) fn distance(self, a: &[f32], b: &[f32]) -> f32 {
        let pairs = || a.iter().zip(b).map(|(a, b)| (f64::from(*a), f64::from(*b)));
        let norm = |values: &[f32]| values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        match self {
            Self::Cosine => (1.0 - pairs().map(|(a, b)| a * b).sum::<f64>() / (norm(a) * norm(b))) as f32,
            Self::Euclidean => pairs().map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt() as f32,
        }
    }
}

/// A vector with what was put beside it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredVector {
    pub(crate) values: Vec<f32>,
    pub(crate) metadata: Map<String, Value>,
}

/// An index.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) dimension: usize,
    pub(crate) metric: DistanceMetric,
    pub(crate) not_filterable: BTreeSet<String>,
    pub(crate) vectors: BTreeMap<String, StoredVector>,
}

/// All buckets.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) buckets: BTreeMap<String, BTreeMap<String, Index>>,
}

impl Store {
    /// A bucket that exists.
    pub(crate) fn bucket(&mut self, name: &str) -> Result<&mut BTreeMap<String, Index>, Failure> {
        let missing = || Failure::not_found("The specified vector bucket could not be found");
        self.buckets.get_mut(name).ok_or_else(missing)
    }

    /// An index that exists.
    pub(crate) fn index(&mut self, bucket: &str, name: &str) -> Result<&mut Index, Failure> {
        let missing = || Failure::not_found("The specified index could not be found");
        self.bucket(bucket)?.get_mut(name).ok_or_else(missing)
    }
}
