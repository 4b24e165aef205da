//! temp
#![allow(clippy::all, clippy::print_stdout, missing_docs, clippy::unwrap_used)]
use std::time::Instant;
use millrace_extraction::*;
use millrace_ports::*;
fn main() -> std::process::ExitCode {
    let a: Vec<String> = std::env::args().collect();
    if a[1] == EXTRACTION_CHILD_ARG { return run_extraction_child(); }
    if a[1] == "--text" { let b = std::fs::read(&a[2]).unwrap(); let h = ExtractionHints{filename:Some(a[2].clone()),declared_media_type:None};
        match extract_bytes(&b,&h,&ExtractionLimits::default()) { Ok(t)=>{ print!("{}", t.text);}, Err(e)=>println!("ERR {e}") } return 0.into(); }
    if a[1] == "--heads" { let b = std::fs::read(&a[2]).unwrap(); let h = ExtractionHints{filename:Some(a[2].clone()),declared_media_type:None};
        match extract_bytes(&b,&h,&ExtractionLimits::default()) { Ok(t)=>{ println!("{:?} {:?}", t.title, t.pages.len()); for h in t.headings { println!("{} {}", h.level, &t.text[h.start..h.end]); }}, Err(e)=>println!("ERR {e}") } return 0.into(); }
    let proc_mode = a[1] == "--process";
    let rt = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let ex = ProcessTextExtractor::new(ExtractionLimits::default());
    for f in &a[if proc_mode {2} else {1}..] {
        let b = std::fs::read(f).unwrap();
        let h = ExtractionHints{filename:Some(f.clone()),declared_media_type:None};
        let t0 = Instant::now();
        let r = if proc_mode {
            let pieces: Vec<std::io::Result<bytes::Bytes>> = b.chunks(1<<16).map(|c| Ok(bytes::Bytes::copy_from_slice(c))).collect();
            rt.block_on(ex.extract(Box::pin(futures::stream::iter(pieces)), &h))
        } else { extract_bytes(&b,&h,&ExtractionLimits::default()) };
        let ms = t0.elapsed().as_secs_f64()*1e3;
        let name = f.rsplit('/').next().unwrap();
        match r { Ok(t)=>println!("{name}\t{}\t{}B\t{}p\t{}h\t{ms:.1}ms\t{:?}\t{:?}", t.media_type.rsplit(['/','.']).next().unwrap(), t.text.len(), t.pages.len(), t.headings.len(), check_extracted_text(&t), t.title),
            Err(e)=>println!("{name}\tERR\t{e}\t{ms:.1}ms") }
    }
    0.into()
}
