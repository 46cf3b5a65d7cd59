//! What is refused, and why.
//!
//! The agent's list holds for all that it will ever run: programs that ask a person (GTK, Qt), ssh-sk-helper,
//! providers, a later version of this program. So it names what none of these has a use for, and no more. A provider's
//! list comes on top.
#![forbid(unsafe_code)]

use libc::c_long;
use nix::errno::Errno;

use super::{Argument, Rule, When};

/// open_tree_attr(2), of Linux 6.15; the number is the same everywhere.
const OPEN_TREE_ATTR: c_long = 467;

/// The memory, the registers and the descriptors of other processes: whoever has taken over the agent goes no further.
const OTHER_PROCESSES: [c_long; 4] =
    [libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_pidfd_getfd];

/// Parts of the kernel that most ways into it go through, and those that change it.
const KERNEL: [c_long; 8] = [
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_syslog,
];

/// What lies where: a file that is checked by its path must stay that file. The units' group of calls has none of these
/// either, and dialogs are known to work with it.
const MOUNTS: [c_long; 13] = [
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_open_tree,
    OPEN_TREE_ATTR,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
];

/// Keys in the kernel: nobody's of ours.
const KEYRINGS: [c_long; 3] = [libc::SYS_add_key, libc::SYS_request_key, libc::SYS_keyctl];

/// The whole machine, where root runs an agent.
const MACHINE: [c_long; 12] = [
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
];

/// What only some machines have: ports and segments of x86, and a second way to load a kernel.
#[cfg(target_arch = "x86_64")]
const OF_SOME: &[c_long] =
    &[libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt, libc::SYS_kexec_file_load];
#[cfg(not(target_arch = "x86_64"))]
const OF_SOME: &[c_long] = &[294]; // kexec_file_load(2) of aarch64 and riscv64: libc has no name for the second one's

/// A second way to nearly every call, past all lists. Libraries that know it also know kernels without it.
const IO_URING: [c_long; 3] =
    [libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];

/// For the agent and what it runs.
pub(super) fn agent() -> Vec<Rule> {
    let refused: [&[c_long]; 6] = [&OTHER_PROCESSES, &KERNEL, &MOUNTS, &KEYRINGS, &MACHINE, OF_SOME];
    let mut rules = always(&refused.concat(), Errno::EPERM);
    rules.extend(always(&IO_URING, Errno::ENOSYS));
    rules
}

/// New programs and processes: a provider has started what it needs when it is loaded.
const PROGRAMS: [c_long; 2] = [libc::SYS_execve, libc::SYS_execveat];
#[cfg(target_arch = "x86_64")]
const PROCESSES: &[c_long] = &[libc::SYS_fork, libc::SYS_vfork];
#[cfg(not(target_arch = "x86_64"))]
const PROCESSES: &[c_long] = &[];

/// Signals whose receiver cannot be seen in the arguments. tkill(2) names a thread of any process.
const SIGNALS: [c_long; 3] = [libc::SYS_tkill, libc::SYS_pidfd_send_signal, libc::SYS_pidfd_open];

/// Signals that name their process first: its own may have them, as abort(3) and pthread_cancel(3) need.
const SIGNALS_TO: [c_long; 4] =
    [libc::SYS_kill, libc::SYS_tgkill, libc::SYS_rt_sigqueueinfo, libc::SYS_rt_tgsigqueueinfo];

/// Users, groups, privileges, namespaces.
const STANDING: [c_long; 12] = [
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_capset,
    libc::SYS_unshare,
    libc::SYS_setns,
];

/// What slows other processes of the user down, the agent too.
const PRIORITIES: [c_long; 6] = [
    libc::SYS_setpriority,
    libc::SYS_ioprio_set,
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setattr,
    libc::SYS_sched_setaffinity,
];

/// It stays closed to others of its user (linux/prctl.h, where libc has no name for it on every machine).
const OPENING: [u32; 2] = [4, 0x5961_6d61]; // PR_SET_DUMPABLE, PR_SET_PTRACER

/// A signal of any kind, to any process of the user, sent by what becomes readable (linux/fcntl.h).
const OWNING: [u32; 3] = [8, 10, 15]; // F_SETOWN, F_SETSIG, F_SETOWN_EX

/// The same for sockets, and what types on a terminal in a person's name (asm-generic/ioctls.h, sockios.h).
const OWNING_BY_IOCTL: [u32; 4] = [0x8901, 0x8902, 0x5412, 0x541c]; // FIOSETOWN, SIOCSPGRP, TIOCSTI, TIOCLINUX

/// CLONE_THREAD (linux/sched.h)
const A_THREAD: u32 = 0x1_0000;

/// For the process of a provider, which has this number, once that is loaded: it signs, by files, sockets and threads.
pub(super) fn provider(own: u32) -> Vec<Rule> {
    let refused: [&[c_long]; 5] = [&PROGRAMS, PROCESSES, &SIGNALS, &STANDING, &PRIORITIES];
    let mut rules = always(&refused.concat(), Errno::EPERM);
    // Its flags lie in memory, where no list looks. The C library falls back to clone(2).
    rules.extend(always(&[libc::SYS_clone3], Errno::ENOSYS));
    let mut add = |number, when| rules.push(Rule { number, when, answer: Errno::EPERM });
    add(libc::SYS_clone, When::Lacks(Argument::First, A_THREAD));
    for number in SIGNALS_TO {
        add(number, When::IsNot(Argument::First, vec![own]));
    }
    // A limit on time ends a process.
    add(libc::SYS_prlimit64, When::IsNot(Argument::First, vec![0, own]));
    add(libc::SYS_prctl, When::Is(Argument::First, OPENING.to_vec()));
    add(libc::SYS_fcntl, When::Is(Argument::Second, OWNING.to_vec()));
    add(libc::SYS_ioctl, When::Is(Argument::Second, OWNING_BY_IOCTL.to_vec()));
    rules
}

fn always(numbers: &[c_long], answer: Errno) -> Vec<Rule> {
    numbers.iter().map(|&number| Rule { number, when: When::Always, answer }).collect()
}
