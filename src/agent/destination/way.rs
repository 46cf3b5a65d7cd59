//! The way that a connection has come, held against a key's destinations.
#![forbid(unsafe_code)]

use super::super::session::Session;
use super::Destinations;
use crate::message::Signed;

impl Destinations {
    /// Whether the connection sees the key. One that was never bound is a local program's and does, though it
    /// cannot sign with it. At the end of a forwarding the key is seen where it could be used from there.
    pub(in crate::agent) fn show_to(&self, session: &Session) -> bool {
        if session.has_failed() {
            return false;
        }
        let Some(last) = session.binds().last() else { return true };
        self.permit_way(session, None)
            && (!last.forwarding || self.has_step(Some(last), None, None, session.time()))
    }

    /// Whether the key `blob` may sign `data` for the connection: a login, at the end of a way that is permitted
    /// step by step, into the very session that was bound last. Gives the user who is logged in.
    ///
    /// # Errors
    /// Why not.
    pub(in crate::agent) fn permit<'d>(
        &self,
        session: &Session,
        blob: &[u8],
        data: &'d [u8],
    ) -> Result<&'d [u8], &'static str> {
        if session.has_failed() {
            return Err("a bind of this connection to its session has failed");
        }
        let Some(last) = session.binds().last() else {
            return Err("this connection is bound to no session, so where it leads is not known");
        };
        let userauth = match Signed::read(data) {
            Signed::Userauth(userauth) if userauth.is_by(blob) => userauth,
            _ => return Err("what is to be signed is no login with it"),
        };
        if last.forwarding {
            return Err("this connection is bound for forwarding, not for a login");
        }
        if !self.permit_way(session, Some(userauth.user)) {
            return Err("this connection leads elsewhere, or to another user");
        }
        if *userauth.session_id != *last.id {
            return Err("the login is to another session than the connection's");
        }
        match userauth.host_key {
            // The way's first host is known to the client itself; further on, only the login says where it goes.
            None if session.binds().len() > 1 => {
                Err("the login over another host does not name its own host")
            }
            Some(host_key) if *host_key != *last.host_key => {
                Err("the login is to another host than the connection's")
            }
            _ => Ok(userauth.user),
        }
    }

    /// Whether each step of the way is permitted. Only the last one is a login, if any is: its user counts there.
    fn permit_way(&self, session: &Session, user: Option<&[u8]>) -> bool {
        let Some((last, forwarders)) = session.binds().split_last() else { return false };
        let from = |at: usize| at.checked_sub(1).map(|before| &forwarders[before]);
        let now = session.time();
        let forwarded = |(at, bind)| self.has_step(from(at), Some(bind), None, now);
        forwarders.iter().all(|bind| bind.forwarding)
            && forwarders.iter().enumerate().all(forwarded)
            && self.has_step(from(forwarders.len()), Some(last), user, now)
    }
}
