//! millrace-adapters-local.
