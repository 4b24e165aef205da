//! millrace-extraction.
