//! Where clients of PuTTY look for their agent, Pageant: a pipe since PuTTY 0.75, a hidden window before.
#![deny(unsafe_code)] // forbidden but in the children that say so

mod memory;
pub mod name;
pub mod window;
