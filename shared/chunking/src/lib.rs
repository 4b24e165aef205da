//! millrace-chunking.
