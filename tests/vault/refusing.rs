//! A process to which the system refuses memory, whoever runs it.

use nix::sys::resource::{Resource, setrlimit};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The system call that gives memory which nobody else reads, and those that lock memory.
pub(crate) const SECRET: &[libc::c_long] = &[libc::SYS_memfd_secret];
pub(crate) const LOCKING: &[libc::c_long] = &[libc::SYS_mlock, libc::SYS_mlock2, libc::SYS_mlockall];

/// What a process is refused.
#[derive(Clone, Copy, Default)]
pub(crate) struct Refused {
    /// Locked memory beyond so many bytes.
    pub(crate) beyond: Option<u64>,
    /// `memfd_secret`, with this error.
    pub(crate) secret: Option<i32>,
    /// Locking of any memory, with this error.
    pub(crate) locking: Option<i32>,
}

impl Refused {
    /// Has the system refuse that to what `command` runs.
    pub(crate) fn to(self, command: &mut Command) {
        let mut filter = vec![load_number()];
        for (calls, error) in [(SECRET, self.secret), (LOCKING, self.locking)] {
            filter.extend(
                error.into_iter().flat_map(|error| calls.iter().flat_map(move |call| refuse(*call, error))),
            );
        }
        filter.push(statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW));
        let act = move || {
            if let Some(beyond) = self.beyond {
                drop_locking()?;
                setrlimit(Resource::RLIMIT_MEMLOCK, beyond, beyond)?;
            }
            if filter.len() > 2 { install(&mut filter) } else { Ok(()) }
        };
        // SAFETY: system calls alone, and memory that was allocated before.
        unsafe { command.pre_exec(act) };
    }
}

/// Root is asked for no limit as long as it has this capability; a program that it executes has it no more.
fn drop_locking() -> io::Result<()> {
    const CAP_IPC_LOCK: libc::c_ulong = 14;
    // SAFETY: a system call without pointers.
    let dropped = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0) } == 0;
    if dropped || !nix::unistd::geteuid().is_root() { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn install(filter: &mut [libc::sock_filter]) -> io::Result<()> {
    let len = u16::try_from(filter.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = libc::sock_fprog { len, filter: filter.as_mut_ptr() };
    nix::sys::prctl::set_no_new_privs()?;
    // SAFETY: the program lives until the kernel has copied it.
    let done = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Where it is this call: the error.
fn refuse(call: libc::c_long, error: i32) -> [libc::sock_filter; 2] {
    let number = u32::try_from(call).unwrap();
    let other = libc::sock_filter { jf: 1, ..statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, number) };
    let error = libc::SECCOMP_RET_ERRNO | u32::try_from(error).unwrap();
    [other, statement(libc::BPF_RET | libc::BPF_K, error)]
}

/// The number is what a filter is shown first.
fn load_number() -> libc::sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0)
}

fn statement(code: u32, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: u16::try_from(code).unwrap(), jt: 0, jf: 0, k }
}

/// Whether this kernel has `memfd_secret` for us.
pub(crate) fn kernel_has_secret_memory() -> bool {
    // SAFETY: a system call without pointers.
    let fd = unsafe { libc::syscall(libc::SYS_memfd_secret, libc::O_CLOEXEC) };
    let fd = i32::try_from(fd).unwrap();
    // SAFETY: a descriptor that the kernel gave just now, or none.
    fd >= 0 && unsafe { libc::close(fd) } == 0
}
