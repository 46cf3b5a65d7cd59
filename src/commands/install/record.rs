//! The record of what `install` did, for `uninstall` to undo exactly that.
//!
//! Marks and known contents say most of it; the record adds what they cannot: what was there before, and whether a
//! file that an older version wrote was changed by a person since.
#![forbid(unsafe_code)]

use super::files;
use crate::error::Error;
use aws_lc_rs::digest as sha2;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Version of the file; one of another version is not understood, and kept aside when a new one is written.
const VERSION: u32 = 1;

/// What `install` did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    version: u32,
    /// Turned lingering on.
    #[serde(default)]
    pub(super) lingering: bool,
    /// Enabled the socket unit.
    #[serde(default)]
    pub(super) enabled: bool,
    /// Masked a socket unit of the system's.
    #[serde(default)]
    pub(super) masked: bool,
    /// Digests of the files written.
    #[serde(default)]
    pub(super) files: BTreeMap<PathBuf, String>,
    /// Digests of the lines put into files of others.
    #[serde(default)]
    pub(super) lines: BTreeMap<PathBuf, String>,
    /// The files and directories that were not there before, in the order in which they were made.
    #[serde(default)]
    pub(super) made: Vec<PathBuf>,
}

impl Record {
    /// The record at this path, an empty one where there is none that can be understood.
    pub(super) fn load(path: &Path) -> Self {
        Self::understood(&std::fs::read(path).unwrap_or_default()).unwrap_or_default()
    }

    fn understood(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok().filter(|record: &Self| record.version == VERSION)
    }

    /// Writes the record.
    pub(super) fn store(&mut self, path: &Path) -> Result<(), Error> {
        self.version = VERSION;
        if let Some(directory) = path.parent() {
            self.made.extend(files::make_directories(directory)?);
        }
        let text = std::fs::read(path).unwrap_or_default();
        if !text.is_empty() && Self::understood(&text).is_none() {
            // What a later version, or a person, will want to see.
            std::fs::rename(path, path.with_extension("json.old"))
                .map_err(|e| Error::io("keep the old record", e))?;
        }
        let text = serde_json::to_string_pretty(self).map_err(|e| Error::io("write the record", e))?;
        files::write(path, (text + "\n").as_bytes(), files::PRIVATE)
    }

    /// Whether nobody has changed this file since it was written.
    pub(super) fn knows_file(&self, path: &Path, contents: &[u8]) -> bool {
        self.files.get(path).is_some_and(|known| *known == digest(contents))
    }

    /// Whether nobody has changed our lines in this file.
    pub(super) fn knows_lines(&self, path: &Path, lines: &[u8]) -> bool {
        self.lines.get(path).is_some_and(|known| *known == digest(lines))
    }

    /// Forgets a path that is as it was before.
    pub(super) fn forget(&mut self, path: &Path) {
        self.files.remove(path);
        self.lines.remove(path);
        self.made.retain(|made| made != path);
    }
}

/// SHA-256, in hexadecimal.
pub(super) fn digest(contents: &[u8]) -> String {
    sha2::digest(&sha2::SHA256, contents).as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
