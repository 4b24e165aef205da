//! Retrieval quality as trec_eval and BEIR compute it: nDCG@10 with linear gain and logarithmic discount, and
//! recall@100. Averaging over queries is the caller's.

use std::collections::HashMap;

/// Grades of the documents relevant to one query; those above 0 count.
pub(crate) type Relevance = HashMap<String, i32>;

/// nDCG of the first 10 of `ranking`; 0 if nothing is relevant.
pub(crate) fn ndcg_at_10(ranking: &[String], relevance: &Relevance) -> f64 {
    let found = ranking.iter().map(|id| relevance.get(id).copied().unwrap_or(0));
    let mut ideal: Vec<i32> = relevance.values().copied().collect();
    ideal.sort_unstable_by(|left, right| right.cmp(left));
    let best = discounted_gain(ideal.into_iter());
    if best > 0.0 { discounted_gain(found) / best } else { 0.0 }
}

/// The share of relevant documents among the first 100 of `ranking`; 0 if nothing is relevant.
pub(crate) fn recall_at_100(ranking: &[String], relevance: &Relevance) -> f64 {
    let is_relevant = |id: &String| relevance.get(id).is_some_and(|grade| *grade > 0);
    let wanted = relevance.values().filter(|grade| **grade > 0).count();
    let found = ranking.iter().take(100).filter(|id| is_relevant(id)).count();
    if wanted > 0 { found as f64 / wanted as f64 } else { 0.0 }
}

fn discounted_gain(grades: impl Iterator<Item = i32>) -> f64 {
    (2_u32..).zip(grades.take(10)).map(|(rank, grade)| f64::from(grade.max(0)) / f64::from(rank).log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn agrees_with_a_calculation_by_hand() {
        let relevance: Relevance = [("a".to_owned(), 2), ("b".to_owned(), 1), ("c".to_owned(), 0)].into();
        // (1 / log2(2) + 2 / log2(4)) / (2 / log2(2) + 1 / log2(3)) = 2 / 2.63093
        assert!((ndcg_at_10(&ids(&["b", "c", "a"]), &relevance) - 0.760_188).abs() < 1e-5);
        assert!((ndcg_at_10(&ids(&["a", "b"]), &relevance) - 1.0).abs() < 1e-12);
        assert!((recall_at_100(&ids(&["x", "b"]), &relevance) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn ranks_beyond_the_cut_do_not_count() {
        let relevance: Relevance = [("a".to_owned(), 1)].into();
        let mut ranking = ids(&["x"; 10]);
        ranking.push("a".to_owned());
        assert_eq!(ndcg_at_10(&ranking, &relevance), 0.0);
        assert_eq!(recall_at_100(&ranking, &relevance), 1.0);
    }
}
