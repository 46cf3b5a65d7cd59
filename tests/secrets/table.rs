//! What was found: a line for each moment, a column for each key, and how much was read.

use super::scan::{Found, key_of};
use std::fmt::Write as _;
use std::io::Write as _;

/// Shown when it goes, also after a failure.
pub(crate) struct Table {
    title: String,
    columns: Vec<String>,
    rows: Vec<(String, Vec<usize>, usize)>,
}

impl Table {
    pub(crate) fn new(title: String, columns: Vec<String>) -> Self {
        Self { title, columns, rows: Vec::new() }
    }

    pub(crate) fn add(&mut self, moment: &str, found: &Found) {
        let of = |column: &String| found.hits.iter().filter(|hit| key_of(hit) == column).count();
        self.rows.push((moment.to_owned(), self.columns.iter().map(of).collect(), found.bytes / 1024));
    }
}

impl Drop for Table {
    /// Past the test's captured output, so that it stands in the log of a run that passes.
    fn drop(&mut self) {
        const HEAD: &str = "hits at the moment";
        let first = self.rows.iter().map(|(moment, ..)| moment.len()).fold(HEAD.len(), usize::max);
        let mut text = format!("\n{}\n{HEAD:first$}", self.title);
        for column in &self.columns {
            write!(text, " {column}").unwrap();
        }
        text += "     KiB\n";
        for (moment, hits, kib) in &self.rows {
            write!(text, "{moment:first$}").unwrap();
            for (column, hits) in self.columns.iter().zip(hits) {
                write!(text, " {hits:>0$}", column.len()).unwrap();
            }
            writeln!(text, " {kib:>7}").unwrap();
        }
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}
