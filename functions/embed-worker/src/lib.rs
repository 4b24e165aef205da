//! millrace-embed-worker.
