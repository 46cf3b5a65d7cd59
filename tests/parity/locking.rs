//! Lock and unlock, and what a locked agent still does.

use crate::wire::{self, lock, unlock};
use std::time::Duration;

scenarios! {
    fn lock_and_unlock(t) {
        t.add(t.keys.ed25519(), "mine");
        t.ask("lock", &lock(b"secret"));
        t.list("locked");
        t.ask("unlock", &unlock(b"secret"));
        t.list("unlocked");
        t.sign("sign", t.keys.ed25519(), 0);
    }

    fn locked(t) {
        let key = t.keys.ed25519();
        t.add(key, "mine");
        t.ask("lock", &lock(b"secret"));
        t.list("list");
        t.sign("sign", key, 0);
        t.add(&t.keys.other, "other");
        t.ask("add constrained", &wire::add_constrained(&key.private, b"x", &[wire::CONFIRM]));
        t.ask("remove", &wire::remove(&key.blob));
        t.ask("remove all", &[wire::REMOVE_ALL]);
        t.ask("remove all, SSH1", &[wire::REMOVE_ALL_RSA1]);
        t.ask("list, SSH1", &[1]);
        t.ask("query", &wire::extension(b"query", b""));
        t.ask("unknown extension", &wire::extension(b"none@example.com", b""));
        t.ask("unknown type", &[200]);
        t.ask("malformed", &[wire::SIGN, 0]);
        t.on(1);
        t.list("list elsewhere");
        t.ask("unlock elsewhere", &unlock(b"secret"));
        t.on(0);
        t.list("everything as before");
        t.sign("sign after", key, 0);
    }

    fn session_bind_while_locked(t) {
        let bind = crate::extensions::bind(t, &t.keys.host, b"session", true);
        t.ask("lock", &lock(b"secret"));
        t.ask("bind", &bind);
    }

    fn lock_twice(t) {
        t.ask("lock", &lock(b"secret"));
        t.ask("again", &lock(b"secret"));
        t.ask("with another", &lock(b"other"));
        t.ask("empty", &lock(b""));
        t.ask("unlock with another", &unlock(b"other"));
        t.ask("unlock", &unlock(b"secret"));
    }

    fn unlock_unlocked(t) {
        t.ask("unlock", &unlock(b"secret"));
        t.ask("empty", &unlock(b""));
        t.ask("lock", &lock(b"secret"));
        t.ask("unlock locked", &unlock(b"secret"));
        t.ask("unlock again", &unlock(b"secret"));
    }

    fn empty_password(t) {
        t.ask("lock", &lock(b""));
        t.ask("lock with another", &lock(b"secret"));
        t.ask("unlock", &unlock(b""));
        t.ask("unlock with the other", &unlock(b"secret"));
    }

    fn wrong_password(t) {
        t.add(t.keys.ed25519(), "mine");
        t.ask("lock", &lock(b"secret"));
        for wrong in ["x", "secre", "Secret"] {
            t.ask(&format!("unlock {wrong}"), &unlock(wrong.as_bytes()));
        }
        t.list("locked");
        t.ask("unlock", &unlock(b"secret"));
        t.list("unlocked");
    }

    fn password_of_any_bytes(t) {
        let long = vec![b'x'; 100_000];
        for (name, password) in [("not UTF-8", &b"\xff\x80 "[..]), ("long", &long), ("a blank", b" ")] {
            t.ask(&format!("lock, {name}"), &lock(password));
            t.list(&format!("locked, {name}"));
            t.ask(&format!("unlock with another, {name}"), &unlock(&password[..password.len() / 2]));
            t.ask(&format!("unlock, {name}"), &unlock(password));
        }
    }

    fn password_with_nul(t) {
        t.add(t.keys.ed25519(), "mine");
        t.ask("lock", &lock(b"a\0b"));
        t.ask("unlock with the first half", &unlock(b"a"));
        t.ask("unlock", &unlock(b"a\0b"));
        t.fresh();
        t.list("list");
    }

    fn password_with_nul_at_the_end(t) {
        t.ask("lock", &lock(b"a\0"));
        t.ask("unlock without it", &unlock(b"a"));
        t.ask("unlock", &unlock(b"a\0"));
        t.list("list");
    }

    /// A lifetime that ends while the agent is locked.
    fn lifetime_runs_on_while_locked(t) {
        t.add(t.keys.p256(), "stays");
        let short = [&wire::lifetime(1)[..]];
        t.ask("short", &wire::add_constrained(&t.keys.ed25519().private, b"short", &short));
        t.ask("lock", &lock(b"secret"));
        t.outlive(Duration::from_secs(1));
        t.ask("unlock", &unlock(b"secret"));
        t.list("list");
    }

    /// A lock outlives the connection that set it.
    fn lock_outlives_its_connection(t) {
        t.add(t.keys.ed25519(), "mine");
        t.ask("lock", &lock(b"secret"));
        t.hang_up();
        t.fresh();
        t.list("locked");
        t.ask("unlock", &unlock(b"secret"));
        t.list("unlocked");
    }
}
