//! `myagent dialog`: what an agent runs to ask a person, in a process of its own that ends with the question.
//!
//! Guarantees: only a click on yes, or its key, is one.
#![forbid(unsafe_code)]

use crate::cli::Dialog;
use crate::error::{STATUS_FAILED, STATUS_OK};
use crate::platform::windows::desktop;

/// Shows the text as `SSH_ASKPASS_PROMPT` has it. The status is the answer.
pub(super) fn run(options: &Dialog) -> u8 {
    let kind = std::env::var("SSH_ASKPASS_PROMPT").unwrap_or_default();
    let yes = match &*kind {
        "confirm" => desktop::confirm(&options.text),
        "none" => desktop::notify(&options.text),
        // A secret is not typed into a dialog that has no field for it.
        _ => false,
    };
    if yes { STATUS_OK } else { STATUS_FAILED }
}
