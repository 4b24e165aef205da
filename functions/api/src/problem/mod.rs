//! Every answer that is not a success: RFC 9457 problem documents with stable types and codes.

mod code;
mod document;
mod use_case_errors;

pub(crate) use code::ProblemCode;
pub(crate) use document::{Problem, ProblemBody};
pub(crate) use use_case_errors::{gone, refusal};
