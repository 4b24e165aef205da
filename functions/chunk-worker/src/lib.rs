//! millrace-chunk-worker.
