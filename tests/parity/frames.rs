//! Frames and message types: what is answered, what closes the connection, what order answers have.

use crate::wire::{self, frame};

/// A body of exactly `length` bytes that begins with a type.
fn padded(kind: u8, length: usize) -> Vec<u8> {
    let mut body = vec![kind];
    body.resize(length, 0);
    body
}

scenarios! {
    fn empty_list(t) {
        t.list("list");
    }

    fn ssh1_types(t) {
        for kind in [1, 3, 7, 8, 24] {
            t.ask(&format!("type {kind}"), &[kind]);
            t.ask(&format!("type {kind} with a body"), &[kind, 0, 0, 0, 1, 0]);
        }
    }

    fn ssh1_remove_all(t) {
        t.add(t.keys.ed25519(), "mine");
        t.ask("type 9", &[wire::REMOVE_ALL_RSA1]);
        t.list("all are gone");
    }

    fn unknown_types(t) {
        for kind in [0, 2, 4, 5, 6, 10, 12, 14, 15, 16, 28, 29, 30, 99, 200, 255] {
            t.ask(&format!("type {kind}"), &[kind]);
            t.ask(&format!("type {kind} with a body"), &[kind, 0, 0, 0, 1, 0]);
        }
        t.list("list");
    }

    /// Each type without a body, but 22 and 23: see `malformed`.
    fn one_byte_frames(t) {
        for kind in (0..=255).filter(|kind| ![wire::LOCK, wire::UNLOCK].contains(kind)) {
            t.ask(&format!("type {kind}"), &[kind]);
        }
    }

    fn zero_length(t) {
        t.send_raw(&[&frame(&[])[..], &frame(&wire::list())].concat());
        t.note("closed");
        t.fresh();
        t.list("another connection");
    }

    fn zero_length_after_a_request(t) {
        t.send_raw(&[&frame(&wire::list())[..], &frame(&[]), &frame(&wire::list())].concat());
        t.note("the list before");
        t.note("closed");
    }

    fn longest_frame(t) {
        t.ask("list with 262143 more bytes", &padded(wire::LIST, 262_144));
        t.ask("unknown type", &padded(200, 262_144));
        t.list("list");
    }

    fn too_long_frame(t) {
        t.ask("one more than the longest", &padded(wire::LIST, 262_145));
        t.fresh();
        t.list("another connection");
    }

    fn absurd_length(t) {
        for length in [262_145_u32, 0x0010_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] {
            t.fresh();
            t.send_raw(&length.to_be_bytes());
            t.send_raw(&[wire::LIST]);
            t.note(&format!("length {length}"));
        }
        t.fresh();
        t.list("another connection");
    }

    fn pipelined(t) {
        let key = t.keys.ed25519();
        let requests = [
            wire::list(),
            wire::add(&key.private, b"mine"),
            vec![200],
            wire::sign(&key.blob, b"data", 0),
            wire::list(),
            wire::remove(&key.blob),
            wire::sign(&key.blob, b"data", 0),
            wire::list(),
        ];
        t.send_raw(&requests.iter().flat_map(|body| frame(body)).collect::<Vec<u8>>());
        for number in 1..=requests.len() {
            t.note(&format!("answer {number}"));
        }
    }

    /// Many more requests than either side's buffers hold answers.
    fn pipelined_lists(t) {
        t.add(t.keys.rsa(), "mine");
        t.send_raw(&frame(&wire::list()).repeat(2000));
        for number in 1..=2000 {
            t.note(&format!("answer {number}"));
        }
    }

    fn byte_by_byte(t) {
        for byte in frame(&wire::add(&t.keys.ed25519().private, b"mine")) {
            t.send_raw(&[byte]);
        }
        t.note("add");
        t.list("list");
    }

    /// A request that is complete and the first half of the next.
    fn one_and_a_half(t) {
        let second = frame(&wire::add(&t.keys.ed25519().private, b"mine"));
        let (head, tail) = second.split_at(20);
        t.send_raw(&[&frame(&wire::list())[..], head].concat());
        t.note("the first is answered");
        t.send_raw(tail);
        t.note("the second");
        t.list("list");
    }
}
