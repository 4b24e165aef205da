//! millrace-sweeper.
