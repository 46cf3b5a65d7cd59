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

#[test]
fn a_path_ends_with_its_first_zero() {
    for (address, path) in
        [("/a/b", "/a/b"), ("/a/b\0", "/a/b"), ("/a/b\0\0\0", "/a/b"), ("\0a", ""), ("", "")]
    {
        assert_eq!(before_nul(Path::new(address)), Path::new(path), "{address:?}");
    }
}
