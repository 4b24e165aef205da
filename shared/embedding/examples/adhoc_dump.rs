//! ad hoc
#![allow(clippy::unwrap_used, clippy::print_stdout)]
use millrace_embedding::BuiltInEmbedder;
use millrace_ports::{Embedder, EmbeddingPurpose};
use std::io::Write;
#[tokio::main]
async fn main() {
    if std::env::var("NO512").is_ok() { archmage::X64V4xToken::dangerously_disable_token_process_wide(true).unwrap(); }
    if std::env::var("NO256").is_ok() { use archmage::SimdToken; archmage::X64V3Token::dangerously_disable_token_process_wide(true).unwrap(); assert!(archmage::X64V4xToken::summon().is_none()); }
    let a: Vec<String> = std::env::args().collect();
    let texts: Vec<String> = std::fs::read_to_string(&a[1])
        .unwrap()
        .lines()
        .map(|l| {
            let v: serde_json::Value = serde_json::from_str(l).unwrap();
            v["text"].as_str().unwrap().to_owned()
        })
        .collect();
    let t: Vec<&str> = texts.iter().map(|s| s.as_str()).collect();
    let e = BuiltInEmbedder::bundled(2.try_into().unwrap());
    e.warm().await.unwrap(); let st=std::time::Instant::now(); let v = e.embed(&t, EmbeddingPurpose::Passage).await.unwrap();
    println!("{} {:.1}/s", BuiltInEmbedder::instruction_set(), t.len() as f64/st.elapsed().as_secs_f64()); let mut f = std::io::BufWriter::new(std::fs::File::create(&a[2]).unwrap());
    for x in v {
        for y in x.0 {
            f.write_all(&y.to_le_bytes()).unwrap();
        }
    }
}
