use std::future::pending;

use super::*;
use crate::vault::Wish;
use tokio::io::duplex;

async fn receive(bytes: &[u8]) -> Result<Option<Vec<u8>>, FrameError> {
    let (mut near, mut far) = duplex(1 << 20);
    near.write_all(bytes).await.unwrap();
    drop(near);
    let message = read(&mut far, &Vault::new(Wish::Memfd).unwrap(), &Intake::default(), pending()).await?;
    Ok(message.map(|message| message.to_vec()))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn exactly_one_message_is_read() {
    block_on(async {
        assert!(matches!(receive(&[0, 0, 0, 2, 11, 7, 0, 0]).await, Ok(Some(m)) if m == [11, 7]));
        assert!(matches!(receive(&[]).await, Ok(None)));
        let largest = [&262_144_u32.to_be_bytes()[..], &[13; MAX_LEN]].concat();
        assert!(matches!(receive(&largest).await, Ok(Some(m)) if m.len() == MAX_LEN));
    });
}

#[test]
fn bad_lengths_and_broken_messages_end_the_connection() {
    block_on(async {
        for head in [[0, 0, 0, 0, 1], [0, 4, 0, 1, 1], [0xff, 0xff, 0xff, 0xff, 1]] {
            assert!(matches!(receive(&head).await, Err(FrameError::Length(_))));
        }
        for broken in [&[0][..], &[0, 0, 0, 1], &[0, 0, 0, 2, 1], &[0, 0, 0, 0]] {
            assert!(matches!(receive(broken).await, Err(FrameError::Ended)));
        }
    });
}

#[test]
fn secrets_go_into_the_region_and_others_do_not() {
    block_on(async {
        let (vault, intake) = (Vault::new(Wish::Memfd).unwrap(), Intake::default());
        for (message_type, in_region) in [(17, true), (22, true), (25, true), (11, false), (13, false)] {
            let (mut near, mut far) = duplex(64);
            near.write_all(&[0, 0, 0, 3, message_type, 1, 2]).await.unwrap();
            let message = read(&mut far, &vault, &intake, pending()).await.unwrap().unwrap();
            assert_eq!(message.in_region(), in_region, "type {message_type}");
        }
    });
}

#[test]
fn a_peer_that_stops_in_a_message_is_given_up_and_one_that_waits_before_it_is_not() {
    block_on(async {
        let (vault, intake) = (Vault::new(Wish::Memfd).unwrap(), Intake::default());
        let (mut near, mut far) = duplex(64);
        let idle = timeout(PATIENCE * 100, read(&mut far, &vault, &intake, pending())).await;
        assert!(idle.is_err());
        near.write_all(&[0, 0, 0, 3, 11]).await.unwrap();
        let given_up = timeout(PATIENCE + PATIENCE / 2, read(&mut far, &vault, &intake, pending())).await;
        assert!(matches!(given_up, Ok(Err(FrameError::Stalled))));
    });
}

#[test]
fn the_oldest_unfinished_message_goes_first() {
    block_on(async {
        let vault = Vault::new(Wish::Memfd).unwrap();
        // Room for one that is whole, and not for one more that has begun.
        let intake = Intake::with_limits(9000, 20_000);
        let (mut old, mut old_far) = duplex(1 << 14);
        let (mut new, mut new_far) = duplex(1 << 14);
        let announce = [0, 0, 0x20, 0, 13];
        old.write_all(&[&announce[..], &[0; 59]].concat()).await.unwrap();
        new.write_all(&[&announce[..], &[0; 59]].concat()).await.unwrap();
        let (first, second) = tokio::join!(read(&mut old_far, &vault, &intake, pending()), async {
            tokio::task::yield_now().await;
            let reading = read(&mut new_far, &vault, &intake, pending());
            let finish = async {
                tokio::task::yield_now().await;
                new.write_all(&[0; 8192 - 60]).await.unwrap();
            };
            tokio::join!(reading, finish).0
        });
        assert!(matches!(first, Err(FrameError::Crowded)));
        assert!(matches!(second, Ok(Some(message)) if message.len() == 8192));
    });
}

/// A large message that is whole waits for its turn; small ones pass it.
#[test]
fn large_messages_in_work_are_bounded_and_small_ones_wait_for_none() {
    block_on(async {
        let vault = Vault::new(Wish::Memfd).unwrap();
        // Room for one, whose buffer has twice its length.
        let intake = Intake::with_limits(1 << 20, 200_000);
        let large = [&60_000_u32.to_be_bytes()[..], &[13; 60_000]].concat();
        let small = [&100_u32.to_be_bytes()[..], &[13; 100]].concat();
        let receive = async |bytes: &[u8]| {
            let (mut near, mut far) = duplex(1 << 20);
            near.write_all(bytes).await.unwrap();
            let read = read(&mut far, &vault, &intake, pending());
            timeout(PATIENCE * 2, read).await.map(|read| read.unwrap().unwrap().into_parts())
        };
        let first = receive(&large).await.unwrap();
        // Not as one that is stalled: it is whole, and waits.
        assert!(receive(&large).await.is_err(), "both are in work");
        assert!(receive(&small).await.is_ok());
        drop(first);
        assert!(receive(&large).await.is_ok());
    });
}

#[test]
fn whoever_reads_its_answer_the_longest_gives_way_and_nothing_is_made_before() {
    block_on(async {
        let room = Room::of(3 * SMALL);
        let len = 2 * SMALL;
        let (mut old, _old_far) = duplex(64);
        let (mut new, mut new_far) = duplex(64);
        let (mut small, mut small_far) = duplex(2 * SMALL);
        let making = std::cell::Cell::new(0);
        let frame = || {
            assert_eq!(making.replace(1), 0, "there is room for one");
            vec![0; len]
        };
        let first = async {
            let written = write(&mut old, &room, len, frame).await;
            making.set(0);
            written
        };
        let second = async {
            tokio::task::yield_now().await;
            assert!(write(&mut small, &room, SMALL, || vec![0; SMALL]).await.is_ok());
            let reader = async { new_far.read_exact(&mut vec![0; len]).await.map(drop) };
            let (written, read) = tokio::join!(write(&mut new, &room, len, frame), reader);
            read.unwrap();
            written
        };
        let (first, second) = tokio::join!(first, second);
        assert!(matches!(first, Err(FrameError::Crowded)), "{first:?}");
        assert!(second.is_ok());
        assert!(small_far.read_exact(&mut vec![0; SMALL]).await.is_ok());
    });
}

/// However crowded it is: others' large messages are no reason to end a connection that has small ones.
#[test]
fn small_messages_need_no_room() {
    block_on(async {
        let (vault, intake) = (Vault::new(Wish::Memfd).unwrap(), Intake::with_limits(0, 0));
        for (len, is_read) in [(1, true), (SMALL, true), (SMALL + 1, false)] {
            let (mut near, mut far) = duplex(1 << 14);
            let frame = [&u32::try_from(len).unwrap().to_be_bytes()[..], &vec![11; len]].concat();
            near.write_all(&frame).await.unwrap();
            let read = read(&mut far, &vault, &intake, pending()).await;
            assert_eq!(read.is_ok(), is_read, "{len} bytes");
        }
    });
}
