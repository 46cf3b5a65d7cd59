//! A key file's bytes, in memory that is wiped; of a file that nobody else may read.
#![forbid(unsafe_code)]

use crate::client::KeyError;
use crate::error::Error;
use crate::keyfile::{MAX_FILE, Refusal};
use crate::platform::exposed::exposed;
use crate::platform::standard;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// What names standard input.
pub(super) const STDIN: &str = "-";

never_copied_or_shown!(ReadFile);

/// A file, and what is in it.
pub(super) struct ReadFile {
    pub(super) path: PathBuf,
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

/// Reads the file of a private key.
pub(super) fn read(path: &Path) -> Result<ReadFile, Error> {
    let bytes = if path.as_os_str() == STDIN {
        limited(standard::input().map_err(|e| unread(path, e))?, path)?
    } else {
        let file = open(path)?;
        if let Some(exposed) = exposed(&file, path).map_err(|e| unread(path, e))? {
            return Err(KeyError::Exposed { path: path.to_owned(), exposed }.into());
        }
        limited(file, path)?
    };
    Ok(ReadFile { path: path.to_owned(), bytes })
}

/// Reads a file that anybody may read.
pub(in super::super) fn bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    limited(open(path)?, path)
}

fn open(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(|e| unread(path, e))
}

fn unread(path: &Path, error: io::Error) -> Error {
    Error::io(format!("read {}", path.display()), error)
}

fn limited(source: impl Read, path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut bytes = Zeroizing::new(Vec::new());
    source.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes).map_err(|e| unread(path, e))?;
    if bytes.len() > MAX_FILE {
        return Err(KeyError::File { path: path.to_owned(), refusal: Refusal::TooLarge }.into());
    }
    Ok(bytes)
}
