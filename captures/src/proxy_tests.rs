//! The relay does the damage it was asked for, and no other.

use std::io::Read as _;

use super::*;

fn frames() -> Vec<u8> {
    (1..=4)
        .flat_map(|n| Frame::new(*b"TEST", vec![n; 3]).bytes())
        .collect()
}

/// What a requester sees of four frames that a listener sends through a damaging relay.
fn through(damage: Damage) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let sending = thread::spawn(move || listener.accept().unwrap().0.write_all(&frames()).unwrap());
    let proxy = Proxy::start(port, Fault::to_requester(damage)).unwrap();
    let mut seen = Vec::new();
    let mut requester = TcpStream::connect(proxy.address).unwrap();
    // A cut connection may end in a reset; what came before it is what was seen.
    requester.read_to_end(&mut seen).ok();
    sending.join().unwrap();
    seen
}

#[test]
fn an_honest_relay_changes_nothing() {
    assert_eq!(through(Damage::None), frames());
    assert_eq!(through(Damage::Trickle), frames());
}

#[test]
fn one_bit_is_flipped_where_it_was_asked_for() {
    let mut expected = frames();
    expected[13] ^= 0b100;
    assert_eq!(through(Damage::Flip { offset: 13, bit: 2 }), expected);
}

#[test]
fn a_cut_lets_exactly_so_many_bytes_pass() {
    for after in [0, 5, 11, 12, 30] {
        assert_eq!(
            through(Damage::Cut { after }),
            frames()[..usize::try_from(after).unwrap()]
        );
    }
}

#[test]
fn frames_are_dropped_doubled_and_swapped() {
    let frame = |n: usize| frames()[(n * 11)..((n + 1) * 11)].to_vec();
    let order = |order: &[usize]| order.iter().flat_map(|&n| frame(n)).collect::<Vec<_>>();
    assert_eq!(through(Damage::Drop { frame: 1 }), order(&[0, 2, 3]));
    assert_eq!(
        through(Damage::Double { frame: 2 }),
        order(&[0, 1, 2, 2, 3])
    );
    assert_eq!(through(Damage::Swap { frame: 0 }), order(&[1, 0, 2, 3]));
    assert_eq!(through(Damage::Swap { frame: 3 }), order(&[0, 1, 2, 3]));
}
