//! How good the hits are: nDCG@10 and recall@100 on a collection in BEIR's layout, through upload and search over
//! HTTP. One document per corpus entry; its file name carries the entry's id.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use crate::client::{Client, Search, Upload};
use crate::command_line::Setup;
use crate::ranking::{Relevance, ndcg_at_10, recall_at_100};
use crate::report::{Table, note, times};

const COLLECTION: &str = "quality";
const UPLOADS_IN_FLIGHT: usize = 16;
const LIMIT: u32 = 100;
const READY_TIMEOUT: Duration = Duration::from_secs(3600);

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Folder with corpus.jsonl, queries.jsonl and qrels.tsv (with a header).
    #[arg(long, value_name = "DIR")]
    beir: PathBuf,
}

/// A line of corpus.jsonl or queries.jsonl.
#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(rename = "_id")]
    id: String,
    #[serde(default)]
    title: String,
    text: String,
}

impl Entry {
    fn content(&self) -> String {
        if self.title.is_empty() { self.text.clone() } else { format!("{}\n\n{}", self.title, self.text) }
    }
}

/// Means over the queries that have a relevant document.
#[derive(Debug, Default)]
struct Quality {
    queries: usize,
    ndcg: f64,
    recall: f64,
}

pub(crate) async fn run(setup: &Setup, options: &Options) -> Result<()> {
    let corpus: Vec<Entry> = read_lines(&options.beir.join("corpus.jsonl"))?;
    let queries: Vec<Entry> = read_lines(&options.beir.join("queries.jsonl"))?;
    let relevance = read_relevance(&options.beir.join("qrels.tsv"))?;
    let server = setup.binary()?.start().await?;
    ingest(&server.client, &corpus).await?;
    let ours = judge(&server.client, &queries, &relevance).await?;
    drop(server);
    ensure!(ours.queries > 0, "no query has a relevant document");

    let name = options.beir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let title = format!("Quality: {name}, {} documents, {} queries", corpus.len(), ours.queries);
    let mut table = Table::new(title, &["way", "nDCG@10", "recall@100", "nDCG@10: Millrace / this"]);
    let percent = |value: f64| format!("{:.1}", 100.0 * value);
    table.row(["Millrace".to_owned(), percent(ours.ndcg), percent(ours.recall), times(ours.ndcg, ours.ndcg)]);
    if let Some(python) = setup.python().await? {
        let theirs = python.quality(&options.beir).await?;
        let ratio = times(ours.ndcg, theirs.ndcg_at_10);
        table.row([
            "the Python way".to_owned(),
            percent(theirs.ndcg_at_10),
            percent(theirs.recall_at_100),
            ratio,
        ]);
    }
    table.print();
    Ok(())
}

/// Uploads everything and waits until all of it is ready. Entries without text are left out.
async fn ingest(client: &Client, corpus: &[Entry]) -> Result<()> {
    note(&format!("uploading {} documents", corpus.len()));
    let mut uploads = JoinSet::new();
    let mut ids = Vec::with_capacity(corpus.len());
    for entry in corpus {
        let content = entry.content();
        if content.trim().is_empty() {
            continue;
        }
        if uploads.len() >= UPLOADS_IN_FLIGHT {
            ids.extend(uploads.join_next().await.transpose()?.transpose()?);
        }
        let (client, upload) = (client.clone(), Upload::text(entry.id.clone(), content));
        uploads.spawn(async move { anyhow::Ok(client.upload(COLLECTION, &upload).await?.document_id) });
    }
    for id in uploads.join_all().await {
        ids.push(id?);
    }
    note("waiting until all are ready");
    for id in ids {
        client.wait_until(&id, READY_TIMEOUT, |status| status.is_ready()).await?;
    }
    Ok(())
}

async fn judge(
    client: &Client,
    queries: &[Entry],
    relevance: &BTreeMap<String, Relevance>,
) -> Result<Quality> {
    note(&format!("{} queries", queries.len()));
    let mut quality = Quality::default();
    for query in queries {
        let Some(relevant) = relevance.get(&query.id) else { continue };
        if !relevant.values().any(|grade| *grade > 0) {
            continue;
        }
        let search = Search {
            query: &query.text,
            collection: COLLECTION,
            limit: LIMIT,
            hits_per_document_max: Some(1),
        };
        let ranking: Vec<String> =
            client.search(&search).await?.hits.into_iter().map(|hit| hit.filename).collect();
        quality.queries += 1;
        quality.ndcg += ndcg_at_10(&ranking, relevant);
        quality.recall += recall_at_100(&ranking, relevant);
    }
    let count = quality.queries.max(1) as f64;
    Ok(Quality { ndcg: quality.ndcg / count, recall: quality.recall / count, ..quality })
}

fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    let mut entries = Vec::new();
    for line in BufReader::new(file).lines() {
        let line = line.with_context(|| format!("read {}", path.display()))?;
        if !line.trim().is_empty() {
            entries.push(serde_json::from_str(&line).with_context(|| format!("read {}", path.display()))?);
        }
    }
    Ok(entries)
}

/// Grades by query and document.
fn read_relevance(path: &Path) -> Result<BTreeMap<String, Relevance>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let mut relevance: BTreeMap<String, Relevance> = BTreeMap::new();
    for line in text.lines().skip(1).filter(|line| !line.trim().is_empty()) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [query, document, grade, ..] = fields[..] else { anyhow::bail!("{line:?} has no three fields") };
        let grade = grade.trim().parse().with_context(|| format!("grade of {line:?}"))?;
        relevance.entry(query.to_owned()).or_default().insert(document.to_owned(), grade);
    }
    Ok(relevance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judgements_are_read_past_their_header() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("qrels.tsv");
        std::fs::write(&path, "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\n").unwrap();
        let relevance = read_relevance(&path).unwrap();
        assert_eq!(relevance["q1"]["d1"], 2);
        assert_eq!(relevance.len(), 1);
    }
}
