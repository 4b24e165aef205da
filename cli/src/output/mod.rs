//! Everything that a person or a script reads: results on standard output, progress and errors on standard error.

mod console;
mod failure;
mod hits;
mod measures;
mod outcome;
mod progress;
mod steps;
mod style;
mod table;
mod text;

pub(crate) use console::{Console, Environment};
pub(crate) use hits::render_hits;
pub(crate) use measures::{age_text, bytes_text, duration_text, time_text};
pub(crate) use outcome::outcome_line;
pub(crate) use progress::{Board, Line, progress_text};
pub(crate) use steps::Steps;
pub(crate) use style::Style;
pub(crate) use table::{Align, Column, Table};
pub(crate) use text::{clean, one_line};
