//! Who may be at the other end, and the paths that addresses hold.

use super::*;

#[test]
fn our_own_user_answers_and_root_where_the_system_names_launchd() {
    let own = geteuid().as_raw();
    let peer = |uid| Peer { uid, pid: None };
    assert!(peer(own).may_answer());
    assert!(!peer(own.wrapping_add(1)).may_answer(), "another user");
    assert_eq!(peer(0).may_answer(), own == 0 || cfg!(target_os = "macos"));
}
