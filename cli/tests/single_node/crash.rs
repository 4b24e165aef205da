//! kill -9 at random instants during ingestion, over and over. Afterwards every acknowledged document is searchable
//! exactly once, its vectors equal its chunks, its history has no gap, and no request that was repeated has doubled.
//!
//! `MILLRACE_SEED=n` replays the instants of a run as far as a real process can be replayed.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use http::Method;
use millrace_extraction::samples;

use crate::client::{Client, eventually};
use crate::node::Folder;

const KILLS: usize = 50;
/// Documents whose uploads are under way when the node dies.
const UPLOADS_PER_LIFE: usize = 4;

/// xorshift64*: enough for instants and choices. Source: Vigna, "An experimental exploration of Marsaglia's xorshift
/// generators, scrambled", 2016.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % below
    }
}

/// An upload that is repeated under its key until it is acknowledged.
#[derive(Clone)]
struct Upload {
    word: String,
    filename: String,
    content: Bytes,
}

/// Texts of one to some hundred chunks, and now and then a PDF with its own parser process.
fn new_upload(number: usize, random: &mut Random) -> Upload {
    let word = format!("zqcrash{number}x");
    if random.next(5) == 0 {
        let sample = samples::pdf();
        return Upload { word, filename: sample.filename.into(), content: sample.bytes.into() };
    }
    let paragraphs = 1 + random.next(40);
    let paragraph =
        |n: u64| format!("Paragraph {n} about {word}. {}\n\n", "It goes on for a while. ".repeat(20));
    let content = (0..paragraphs).map(paragraph).collect::<String>().into();
    Upload { word, filename: format!("{number}.txt"), content }
}

async fn send(client: &Client, upload: &Upload) -> Option<String> {
    let headers = [("x-filename", upload.filename.as_str()), ("idempotency-key", upload.word.as_str())];
    let answer =
        client.try_send(Method::POST, "/v1/documents", &headers, upload.content.clone()).await.ok()?;
    if answer.status.as_u16() == 409 {
        return None;
    }
    assert_eq!(answer.status.as_u16(), 202, "{}", String::from_utf8_lossy(&answer.body));
    Some(answer.json()["document_id"].as_str()?.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_or_doubled_by_kills_at_random_instants() {
    let seed = std::env::var("MILLRACE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x5EED);
    println!("MILLRACE_SEED={seed}");
    let mut random = Random(seed);
    let folder = Folder::new();
    let mut acknowledged: BTreeMap<String, (Upload, String)> = BTreeMap::new();
    let mut unanswered: Vec<Upload> = Vec::new();
    let mut number = 0;
    for _ in 0..KILLS {
        let node = folder.start();
        let client = node.client();
        let mut uploads = std::mem::take(&mut unanswered);
        uploads.extend((0..UPLOADS_PER_LIFE).map(|_| {
            number += 1;
            new_upload(number, &mut random)
        }));
        let instant = Duration::from_millis(random.next(250));
        let killed = async {
            tokio::time::sleep(instant).await;
            node.kill();
        };
        let sent = join_all(uploads.iter().map(|upload| send(&client, upload)));
        let (answers, ()) = tokio::join!(sent, killed);
        for (upload, answer) in uploads.into_iter().zip(answers) {
            match answer {
                Some(id) => drop(acknowledged.insert(upload.word.clone(), (upload, id))),
                None => unanswered.push(upload),
            }
        }
    }
    assert!(acknowledged.len() > KILLS, "only {} uploads were acknowledged", acknowledged.len());

    let node = folder.start();
    let client = node.client();
    for upload in unanswered {
        let id = send(&client, &upload).await.expect("nobody kills this node");
        acknowledged.insert(upload.word.clone(), (upload, id));
    }
    for (upload, id) in acknowledged.values() {
        assert_eq!(
            send(&client, upload).await.as_ref(),
            Some(id),
            "a repeated request named another document"
        );
    }
    for (upload, id) in acknowledged.values() {
        verify(&client, upload, id).await;
    }
    eventually("every document is listed once", || async {
        let stats = client.get("/v1/stats").await.expect(200);
        stats["collections"][0]["documents"]["ready"] == acknowledged.len()
    })
    .await;
    for (_, id) in acknowledged.values() {
        verify_receipt(&client, id).await;
    }
}

async fn verify(client: &Client, upload: &Upload, id: &str) {
    let document = client.ready(id).await;
    assert_eq!(document["progress"]["chunks_embedded"], document["progress"]["chunks_total"], "{document}");
    let timeline = client.timeline(id).await;
    let sequences: Vec<u64> = timeline.iter().map(|event| event["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, (1..=timeline.len() as u64).collect::<Vec<_>>(), "the history of {id} has a gap");
    let count =
        |name: &str| timeline.iter().filter(|event| event["type"].as_str().unwrap().ends_with(name)).count();
    assert_eq!(
        (count(".uploaded"), count(".chunked"), count(".ingestion_completed")),
        (1, 1, 1),
        "{timeline:#?}"
    );
    if upload.filename.ends_with(".txt") {
        assert_eq!(client.documents_with(&upload.word).await, [id.to_owned()], "{}", upload.word);
    }
}

/// What a deletion counts in the index is what the document had: one vector for each chunk, none twice.
async fn verify_receipt(client: &Client, id: &str) {
    let path = format!("/v1/documents/{id}");
    let chunks = client.document(id).await["progress"]["chunks_total"].clone();
    client.delete(&path).await.expect(202);
    eventually("the receipt", || async { client.get(&path).await.status.as_u16() == 410 }).await;
    let receipt = client.get(&path).await.expect(410)["receipt"].clone();
    assert_eq!((&receipt["chunks"], &receipt["vectors"]), (&chunks, &chunks), "{receipt}");
}
