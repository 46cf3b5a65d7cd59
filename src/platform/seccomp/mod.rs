//! Which system calls this process may not make any more: lists of refused ones, as programs that the kernel runs
//! before each call (seccomp(2)).
//!
//! Guarantees: a call of a list is refused by whatever number it can be made, those of other instruction sets included;
//! what is refused has an error and ends nobody; a call that no list names is not touched.
//! Must never: be added again after a handover, since layers survive an execution, cost time at each call, and end at a
//! limit.
//! Made here and not by a crate (seccompiler 0.5): that one compares whole numbers, so that the calls of x32 pass its
//! lists; it has one answer for all calls, ends a process that makes a call of a foreign instruction set, and installs
//! by seccomp(2) alone, which systemd 252 refuses to a unit with its usual group of calls.
#![forbid(unsafe_code)]

mod lists;
#[cfg(test)]
mod tests;

use libc::{c_long, sock_filter};
use nix::errno::Errno;

use super::linux;

/// What the kernel calls this machine's instruction set (linux/audit.h); none where nobody has tried the lists.
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
const MACHINE: Option<u32> = Some(0xc000_003e);
#[cfg(all(target_arch = "aarch64", target_endian = "little", target_pointer_width = "64"))]
const MACHINE: Option<u32> = Some(0xc000_00b7);
#[cfg(target_arch = "riscv64")]
const MACHINE: Option<u32> = Some(0xc000_00f3);
#[cfg(not(any(
    all(target_arch = "x86_64", target_pointer_width = "64"),
    all(target_arch = "aarch64", target_endian = "little", target_pointer_width = "64"),
    target_arch = "riscv64"
)))]
const MACHINE: Option<u32> = None;

/// From here on the numbers are those of x32, which is x86-64 to the kernel otherwise. No other machine has numbers as
/// high, so that it may be asked for everywhere.
const X32: u32 = 0x4000_0000;

/// Where the kernel shows the number, the instruction set and the lower halves of arguments (`struct seccomp_data`).
const NUMBER: u32 = 0;
const INSTRUCTION_SET: u32 = 4;
const ARGUMENTS: [u32; 2] = [16, 24];

/// Instructions (linux/bpf_common.h): load a word, compare it, look for bits in it, end.
const LOAD: u16 = 0x20;
const EQUAL: u16 = 0x15;
const AT_LEAST: u16 = 0x35;
const HAS_BITS: u16 = 0x45;
const RETURN: u16 = 0x06;

/// Why the calls are not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfiltered {
    /// The lists are not made for it.
    #[error("there is no list of calls for this kind of processor")]
    Machine,
    /// The kernel, or a sandbox around this process.
    #[error("{}", .0.desc())]
    System(Errno),
    /// A thread has refused it: it has a list of its own.
    #[error("thread {0} has closed itself in another way")]
    Thread(c_long),
    /// The lists hold, but not for what was started before.
    #[error("what it has started meanwhile runs on")]
    Started,
}

/// A call that is refused.
struct Rule {
    number: c_long,
    when: When,
    answer: Errno,
}

/// Which of its uses are. Arguments are looked at by their lower half: the kernel takes no more of these.
enum When {
    Always,
    /// An argument is one of these.
    Is(Argument, Vec<u32>),
    /// An argument is none of these.
    IsNot(Argument, Vec<u32>),
    /// No such bit is in an argument.
    Lacks(Argument, u32),
}

#[derive(Clone, Copy)]
enum Argument {
    First,
    Second,
}

/// Has what no version of this program needs refused, from this thread and all that it will ever start. To be called
/// before there is any other.
///
/// # Errors
/// [`Unfiltered`]; nothing has changed then.
pub(super) fn close_agent() -> Result<(), Unfiltered> {
    linux::filter_calls(&program(&lists::agent())?).map_err(Unfiltered::System)
}

/// Has everything refused, in all threads, that a provider of keys does not need once it is loaded.
///
/// # Errors
/// [`Unfiltered`]; nothing has changed then.
pub(super) fn close_provider() -> Result<(), Unfiltered> {
    match linux::filter_calls_of_all_threads(&program(&lists::provider(std::process::id()))?) {
        Ok(0) => Ok(()),
        Ok(thread) => Err(Unfiltered::Thread(thread)),
        Err(error) => Err(Unfiltered::System(error)),
    }
}

/// What the kernel is to run before each call.
fn program(rules: &[Rule]) -> Result<Vec<sock_filter>, Unfiltered> {
    let machine = MACHINE.ok_or(Unfiltered::Machine)?;
    // What a foreign instruction set means by a number no list knows. A program of one, such as a dialog for i386, ends
    // by itself.
    let foreign = [load(INSTRUCTION_SET), jump(EQUAL, machine, 1, 0), refuse(Errno::EPERM)];
    let x32 = [load(NUMBER), jump(AT_LEAST, X32, 0, 1), refuse(Errno::ENOSYS)];
    let mut program = [foreign, x32].concat();
    for rule in rules {
        let body = body(rule);
        let number = u32::try_from(rule.number).map_err(|_| Unfiltered::Machine)?;
        let past = u8::try_from(body.len()).map_err(|_| Unfiltered::Machine)?;
        program.push(jump(EQUAL, number, 0, past));
        program.extend(body);
    }
    program.push(ALLOW);
    Ok(program)
}

/// What becomes of the call that the rule is about; nothing comes after it.
fn body(rule: &Rule) -> Vec<sock_filter> {
    let refuse = refuse(rule.answer);
    match &rule.when {
        When::Always => vec![refuse],
        When::Is(argument, values) => among(*argument, values, [ALLOW, refuse]),
        When::IsNot(argument, values) => among(*argument, values, [refuse, ALLOW]),
        When::Lacks(argument, bits) => {
            vec![load(ARGUMENTS[*argument as usize]), jump(HAS_BITS, *bits, 1, 0), refuse, ALLOW]
        }
    }
}

/// The second end where the argument is one of the values, else the first.
fn among(argument: Argument, values: &[u32], ends: [sock_filter; 2]) -> Vec<sock_filter> {
    let mut body = vec![load(ARGUMENTS[argument as usize])];
    // After the last comparison comes the first end, and then the second.
    body.extend(
        (1..=values.len())
            .rev()
            .zip(values)
            .map(|(further, value)| jump(EQUAL, *value, u8::try_from(further).unwrap_or(u8::MAX), 0)),
    );
    body.extend(ends);
    body
}

const ALLOW: sock_filter = sock_filter { code: RETURN, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW };

const fn load(k: u32) -> sock_filter {
    sock_filter { code: LOAD, jt: 0, jf: 0, k }
}

const fn jump(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

const fn refuse(answer: Errno) -> sock_filter {
    sock_filter { code: RETURN, jt: 0, jf: 0, k: libc::SECCOMP_RET_ERRNO | (answer as i32).unsigned_abs() }
}
