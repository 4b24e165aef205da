//! Measures Millrace as its users meet it: starts the real binary, drives it over HTTP, prints Markdown tables with
//! a ratio to a named alternative. It asserts nothing on time; no test depends on it.

mod bulk_upload;
mod client;
mod command_line;
mod commands;
mod disk_probe;
mod document_pdf;
mod filled_folder;
mod generated_text;
mod lambda;
mod latencies;
mod process_memory;
mod processor_time;
mod python_way;
mod ranking;
mod report;
mod server;
mod sqlite_way;
mod stand_in_embedder;

pub use command_line::{Arguments, run, run_all};
