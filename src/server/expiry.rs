//! Forgetting keys when their time is over, whether or not a request comes.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::{Shared, token};
use crate::platform::clock;

/// Waits for the next expiry, for ever. Without one it sleeps until a key comes.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut timer = match clock::Timer::new() {
        Ok(timer) => timer,
        Err(error) => {
            // Expired keys still answer nothing: every request looks at the clock first.
            tracing::warn!("keys expire at the next request only: {error}");
            return;
        }
    };
    loop {
        let next = shared.agent().expire(clock::now());
        shared.questions.look_again();
        token::sweep(&shared);
        tokio::select! {
            () = timer.wait_until(next) => {}
            () = shared.expiry.notified() => {}
        }
    }
}
