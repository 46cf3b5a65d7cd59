//! The programs, run as the kernel would.

use super::*;
use std::collections::BTreeSet;

const OWN: u32 = 4711;
const ALLOWED: u32 = libc::SECCOMP_RET_ALLOW;

/// What the program says to a call with these lower halves of the first two arguments.
fn run(program: &[sock_filter], machine: u32, number: u32, arguments: [u32; 2]) -> u32 {
    let (mut at, mut word) = (0, 0);
    loop {
        let step = program[at];
        let jump = |holds: bool| usize::from(if holds { step.jt } else { step.jf });
        at += 1;
        match step.code {
            LOAD => {
                word = match step.k {
                    NUMBER => number,
                    INSTRUCTION_SET => machine,
                    16 => arguments[0],
                    24 => arguments[1],
                    other => panic!("nothing is at {other}"),
                }
            }
            EQUAL => at += jump(word == step.k),
            AT_LEAST => at += jump(word >= step.k),
            HAS_BITS => at += jump(word & step.k != 0),
            RETURN => return step.k,
            other => panic!("no instruction {other}"),
        }
    }
}

fn answer(rules: &[Rule], number: c_long, arguments: [u32; 2]) -> u32 {
    run(&program(rules).unwrap(), MACHINE.unwrap(), u32::try_from(number).unwrap(), arguments)
}

fn refused(error: Errno) -> u32 {
    libc::SECCOMP_RET_ERRNO | (error as i32).unsigned_abs()
}

#[test]
fn every_call_of_a_list_is_refused_and_no_other() {
    let rules = lists::agent();
    let listed: BTreeSet<_> = rules.iter().map(|rule| rule.number).collect();
    assert_eq!(listed.len(), rules.len(), "one is listed twice");
    for number in 0..600 {
        let rule = rules.iter().find(|rule| rule.number == number);
        let expected = rule.map_or(ALLOWED, |rule| refused(rule.answer));
        assert_eq!(answer(&rules, number, [0; 2]), expected, "{number}");
    }
    assert_eq!(answer(&rules, libc::SYS_io_uring_setup, [0; 2]), refused(Errno::ENOSYS));
    assert_eq!(answer(&rules, libc::SYS_ptrace, [0; 2]), refused(Errno::EPERM));
}

/// What the agent, what it runs, and a later version of it need.
#[test]
fn what_is_needed_stays() {
    let needed = [
        libc::SYS_signalfd4,
        libc::SYS_memfd_create,
        libc::SYS_memfd_secret,
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_clone,
        libc::SYS_clone3,
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_send_signal,
        libc::SYS_timerfd_create,
        libc::SYS_close_range,
        libc::SYS_kcmp,
        libc::SYS_unshare,
        libc::SYS_seccomp,
        libc::SYS_landlock_create_ruleset,
    ];
    for number in needed {
        assert_eq!(answer(&lists::agent(), number, [0; 2]), ALLOWED, "{number}");
    }
}

#[test]
fn no_other_number_leads_to_a_refused_call() {
    for rules in [lists::agent(), lists::provider(OWN)] {
        let (program, machine) = (program(&rules).unwrap(), MACHINE.unwrap());
        for number in 0..600 {
            assert_eq!(run(&program, machine, X32 + number, [0; 2]), refused(Errno::ENOSYS));
            // i386 and 32-bit ARM
            for foreign in [0x4000_0003, 0x4000_0028] {
                assert_eq!(run(&program, foreign, number, [0; 2]), refused(Errno::EPERM));
            }
        }
        assert_eq!(run(&program, machine, u32::MAX, [0; 2]), refused(Errno::ENOSYS));
    }
}

#[test]
fn a_provider_has_threads_and_no_processes() {
    let rules = lists::provider(OWN);
    // glibc's pthread_create, and its fork.
    assert_eq!(answer(&rules, libc::SYS_clone, [0x003d_0f00, 0]), ALLOWED);
    assert_eq!(answer(&rules, libc::SYS_clone, [0x0120_0011, 0]), refused(Errno::EPERM));
    assert_eq!(answer(&rules, libc::SYS_clone3, [0; 2]), refused(Errno::ENOSYS));
    for number in [libc::SYS_execve, libc::SYS_execveat, libc::SYS_setresuid, libc::SYS_unshare] {
        assert_eq!(answer(&rules, number, [0; 2]), refused(Errno::EPERM), "{number}");
    }
    for number in [libc::SYS_futex, libc::SYS_socket, libc::SYS_connect, libc::SYS_openat, libc::SYS_mmap] {
        assert_eq!(answer(&rules, number, [0; 2]), ALLOWED, "{number}");
    }
}

#[test]
fn a_provider_signals_itself_alone() {
    let rules = lists::provider(OWN);
    for number in [libc::SYS_kill, libc::SYS_tgkill, libc::SYS_rt_sigqueueinfo, libc::SYS_rt_tgsigqueueinfo] {
        assert_eq!(answer(&rules, number, [OWN, 6]), ALLOWED, "{number}");
        // Another, its group, everybody, and the group of a number.
        for other in [1, OWN + 1, 0, u32::MAX, OWN.wrapping_neg()] {
            assert_eq!(answer(&rules, number, [other, 6]), refused(Errno::EPERM), "{number} to {other}");
        }
    }
    assert_eq!(answer(&rules, libc::SYS_tkill, [OWN, 6]), refused(Errno::EPERM));
    for limited in [0, OWN] {
        assert_eq!(answer(&rules, libc::SYS_prlimit64, [limited, 0]), ALLOWED);
    }
    assert_eq!(answer(&rules, libc::SYS_prlimit64, [1, 0]), refused(Errno::EPERM));
}

#[test]
fn single_uses_of_a_call_are_refused() {
    let rules = lists::provider(OWN);
    let cases = [
        (libc::SYS_prctl, 0, &[4, 0x5961_6d61][..], &[15, 3, 22][..]),
        (libc::SYS_fcntl, 1, &[8, 10, 15], &[0, 1, 2, 3, 4, 5, 6, 7, 9, 1030]),
        (libc::SYS_ioctl, 1, &[0x8901, 0x8902, 0x5412, 0x541c], &[0x5401, 0x5421, 0x541b]),
    ];
    for (number, place, bad, good) in cases {
        let with = |value| {
            let mut arguments = [0; 2];
            arguments[place] = value;
            answer(&rules, number, arguments)
        };
        bad.iter().for_each(|value| assert_eq!(with(*value), refused(Errno::EPERM), "{number} {value}"));
        good.iter().for_each(|value| assert_eq!(with(*value), ALLOWED, "{number} {value}"));
    }
}
