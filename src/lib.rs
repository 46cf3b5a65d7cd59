//! myagent: an ssh-agent that is still there, with its keys, after you log in again.
