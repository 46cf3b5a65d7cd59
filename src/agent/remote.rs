//! What a peer of another host may ask: a forwarded connection is for listing and signing.
//!
//! Whoever has root on a host that the agent is forwarded to can use it. That must not be enough to take its keys
//! away, to put others among them, to lock it, or to have it load a library.
#![forbid(unsafe_code)]

use super::{Options, Refusal, Session};
use crate::key::Provider;
use crate::message::{Constraint, Request};

/// Refuses what the connection may not ask, whatever else is so.
pub(super) fn check(session: &Session, request: &Request<'_>, options: &Options) -> Result<(), Refusal> {
    if session.is_remote() && !options.allow_remote_providers && names_provider(request) {
        return Err(Refusal::RemoteProvider);
    }
    if !session.is_forwarded() || options.allow_remote_admin {
        return Ok(());
    }
    // Every request is named here, so that a new one is decided on.
    let deed = match request {
        Request::List { .. } | Request::Sign { .. } | Request::Extension { .. } => return Ok(()),
        // Allowed on its own, or refused above.
        Request::AddToken(_) => return Ok(()),
        Request::Add(_) => "add keys",
        Request::Remove { .. } | Request::RemoveToken { .. } => "remove keys",
        Request::RemoveAll { .. } => "remove all keys",
        Request::Lock { .. } => "lock the agent",
        Request::Unlock { .. } => "unlock the agent",
    };
    Err(Refusal::RemoteAdmin(deed))
}

/// Whether a library is to be loaded for the request; what ssh-sk-helper has built in is none.
fn names_provider(request: &Request<'_>) -> bool {
    match request {
        Request::AddToken(_) => true,
        Request::Add(add) => add.constraints.iter().any(|constraint| match constraint {
            Constraint::SkProvider(name) => !Provider::is_internal(name),
            _ => false,
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Binding;
    use crate::message::{AddIdentity, AddToken, PrivateKey};

    fn add(constraints: Vec<Constraint<'_>>) -> Request<'_> {
        let key = PrivateKey::Ed25519 { certificate: None, public: b"", secret: b"" };
        Request::Add(AddIdentity { constrained: true, key, comment: b"", constraints })
    }

    fn add_token<'f>() -> Request<'f> {
        Request::AddToken(AddToken { constrained: false, provider: b"", pin: b"", constraints: vec![] })
    }

    /// What is refused of everything that may be asked, by its text.
    fn refused(session: &Session, options: &Options) -> Vec<String> {
        let all = [
            Request::List { ignored: b"" },
            Request::Sign { blob: b"", data: b"", flags: 0 },
            Request::Extension { name: b"query", body: b"" },
            add(vec![]),
            add(vec![Constraint::SkProvider(b"/usr/lib/provider.so")]),
            add_token(),
            Request::RemoveToken { provider: b"", pin: b"" },
            Request::Remove { blob: b"" },
            Request::RemoveAll { ssh1: true },
            Request::Lock { password: b"x" },
            Request::Unlock { password: b"x" },
        ];
        all.iter()
            .filter_map(|request| check(session, request, options).err())
            .map(|r| r.to_string())
            .collect()
    }

    const ADMIN: [&str; 7] =
        ["add keys", "library", "library", "remove keys", "remove keys", "remove all keys", "lock the agent"];

    #[test]
    fn forwarded_peers_list_and_sign() {
        let mut session = Session::new("test".into());
        assert!(refused(&session, &Options::default()).is_empty());
        // A bind that cannot be read counts as forwarding.
        assert!(session.bind(Binding::read(b"")).is_err());
        let texts = refused(&session, &Options::default());
        assert_eq!(texts.len(), ADMIN.len() + 1);
        assert!(texts.iter().zip(ADMIN).all(|(text, deed)| text.contains(deed)), "{texts:?}");
        assert!(texts[7].contains("unlock") && texts.iter().all(|text| text.contains("allow-remote-")));
        let admin = Options { allow_remote_admin: true, ..Options::default() };
        assert_eq!(refused(&session, &admin).len(), 2);
        let providers = Options { allow_remote_providers: true, ..Options::default() };
        assert_eq!(refused(&session, &providers).len(), 7);
        let both = Options { allow_remote_admin: true, ..providers };
        assert!(refused(&session, &both).is_empty());
    }

    /// A client that logs in somewhere may administer, but not name a library.
    #[test]
    fn bound_peers_name_no_library() {
        let mut session = Session::new("test".into());
        assert!(session.bind(Binding::read(&[&[0; 12][..], &[0]].concat())).is_err());
        assert!(session.is_remote() && !session.is_forwarded());
        let texts = refused(&session, &Options::default());
        let internal = add(vec![Constraint::SkProvider(b"internal")]);
        assert!(check(&session, &internal, &Options::default()).is_ok());
        assert_eq!(texts.len(), 2);
        assert!(texts.iter().all(|text| text.contains("allow-remote-pkcs11")));
    }
}
