//! Bytes to text with page and heading positions, for every format Millrace takes. The heavy parsers live
//! only here, and in production only in a child process that can be killed. It deliberately knows
//! nothing of queues, stores and chunks.

mod archive;
mod child;
mod decode;
mod docx;
mod docx_styles;
mod eml;
mod epub;
mod extract;
mod frame;
mod html;
mod html_tokens;
mod json;
mod markdown;
mod media_type;
mod open_document;
mod pdf;
mod pdf_headings;
mod pdf_outline;
mod pdf_page_tree;
mod plain_text;
mod pptx;
mod process_extractor;
mod relationships;
mod rtf;
mod rtf_tokens;
#[cfg(feature = "samples")]
pub mod samples;
mod span_check;
mod text_builder;
mod xlsx;
mod xlsx_values;
mod xml;

pub use child::{EXTRACTION_CHILD_ARG, run_extraction_child};
pub use extract::extract_bytes;
pub use process_extractor::{ChildCommand, ProcessTextExtractor};
pub use span_check::check_extracted_text;
