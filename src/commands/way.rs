//! How an agent is started: as a service of the user's own systemd or in the background, and what the user has to
//! be told about it. Decides and does nothing.
//!
//! A process in the background outlives the last logout unless logind kills it (`KillUserProcesses`), and then with
//! the session that started it, whatever other sessions there are; a service outlives it only with lingering, but
//! lasts until then. So each is taken where it survives, and the service where neither does.
#![forbid(unsafe_code)]

/// What was asked for on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forced {
    /// `--service`
    Service,
    /// `--daemon`
    Daemon,
}

/// What is so on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// The user's manager can be reached, and the agent's place is that of its unit.
    pub(super) manager: bool,
    /// The socket unit is installed.
    pub(super) unit: bool,
    /// The manager outlives the last logout.
    pub(super) lingering: bool,
    /// Processes of a login session are ended with it.
    pub(super) kills: bool,
}

/// How the agent is to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By the installed socket unit.
    Service,
    /// In a unit made for the purpose.
    Transient,
    /// As a process of its own in the background.
    Daemon,
}

/// What can be lost that the user may not expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// The keys end with the last logout, and lingering cures it.
    NoLingering,
    /// The keys end with this login session although lingering is on; a service would keep them.
    EndsWithSession,
}

/// The way. None where a service was asked for and there is no manager to run it.
pub(super) fn decide(forced: Option<Forced>, facts: Facts) -> Option<Way> {
    let as_service = if facts.unit { Way::Service } else { Way::Transient };
    Some(match forced {
        Some(Forced::Service) if !facts.manager => return None,
        Some(Forced::Service) => as_service,
        Some(Forced::Daemon) => Way::Daemon,
        None if !facts.manager => Way::Daemon,
        None if facts.unit && (facts.lingering || facts.kills) => Way::Service,
        // Without lingering it does not outlive the last logout either, but the session that happened to start it.
        None if facts.kills => Way::Transient,
        None => Way::Daemon,
    })
}

/// What to say about an agent that was started this way.
pub(super) fn notice(way: Way, facts: Facts) -> Option<Notice> {
    match (way, facts.lingering, facts.kills) {
        (Way::Daemon, _, false) | (Way::Service | Way::Transient, true, _) => None,
        (Way::Daemon, true, true) => Some(Notice::EndsWithSession),
        (_, false, _) => Some(Notice::NoLingering),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Notice::{EndsWithSession, NoLingering};
    use Way::{Daemon, Service, Transient};

    /// Manager, unit, lingering, kills; then what is decided unasked, for `--service`, and for `--daemon`.
    type Row = ([u8; 4], (Way, Option<Notice>), Option<(Way, Option<Notice>)>, (Way, Option<Notice>));

    const KEPT: (Way, Option<Notice>) = (Daemon, None);
    const LOST: (Way, Option<Notice>) = (Daemon, Some(NoLingering));
    const SESSION: (Way, Option<Notice>) = (Daemon, Some(EndsWithSession));

    const TABLE: [Row; 16] = [
        ([0, 0, 0, 0], KEPT, None, KEPT),
        ([0, 0, 0, 1], LOST, None, LOST),
        ([0, 0, 1, 0], KEPT, None, KEPT),
        ([0, 0, 1, 1], SESSION, None, SESSION),
        ([0, 1, 0, 0], KEPT, None, KEPT),
        ([0, 1, 0, 1], LOST, None, LOST),
        ([0, 1, 1, 0], KEPT, None, KEPT),
        ([0, 1, 1, 1], SESSION, None, SESSION),
        ([1, 0, 0, 0], KEPT, Some((Transient, Some(NoLingering))), KEPT),
        ([1, 0, 0, 1], (Transient, Some(NoLingering)), Some((Transient, Some(NoLingering))), LOST),
        ([1, 0, 1, 0], KEPT, Some((Transient, None)), KEPT),
        ([1, 0, 1, 1], (Transient, None), Some((Transient, None)), SESSION),
        ([1, 1, 0, 0], KEPT, Some((Service, Some(NoLingering))), KEPT),
        ([1, 1, 0, 1], (Service, Some(NoLingering)), Some((Service, Some(NoLingering))), LOST),
        ([1, 1, 1, 0], (Service, None), Some((Service, None)), KEPT),
        ([1, 1, 1, 1], (Service, None), Some((Service, None)), SESSION),
    ];

    #[test]
    fn every_case() {
        for (number, (facts, unasked, service, daemon)) in TABLE.into_iter().enumerate() {
            let bits = facts.iter().fold(0, |bits, &bit| bits * 2 + usize::from(bit));
            assert_eq!(bits, number, "the table is whole");
            let [manager, unit, lingering, kills] = facts.map(|bit| bit == 1);
            let facts = Facts { manager, unit, lingering, kills };
            let decided = |forced| decide(forced, facts).map(|way| (way, notice(way, facts)));
            assert_eq!(decided(None), Some(unasked), "{facts:?}");
            assert_eq!(decided(Some(Forced::Service)), service, "{facts:?} --service");
            assert_eq!(decided(Some(Forced::Daemon)), Some(daemon), "{facts:?} --daemon");
        }
    }
}
