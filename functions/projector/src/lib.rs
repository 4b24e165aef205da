//! millrace-projector.
