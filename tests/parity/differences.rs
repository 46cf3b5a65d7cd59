//! Every difference between OpenSSH's agent and ours that is allowed, with its reason.
//!
//! A difference that is not here fails its scenario, and so does one that is here but does not occur.

/// One step of one scenario where the two answer differently, each in the harness's words.
pub(crate) struct Difference {
    pub(crate) scenario: &'static str,
    pub(crate) step: &'static str,
    pub(crate) openssh: &'static str,
    pub(crate) ours: &'static str,
    /// The first OpenSSH that answers as ours does.
    until: (u32, u32),
    #[allow(dead_code)] // for the reader
    reason: &'static str,
}

impl Difference {
    pub(crate) fn holds(&self, version: (u32, u32)) -> bool {
        version < self.until
    }
}

pub(crate) const TABLE: &[Difference] = &[];
