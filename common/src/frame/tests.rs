use super::*;
use proptest::prelude::*;

/// Feeds `stream` in pieces of the given sizes; returns the payloads.
fn read_all(stream: &[u8], piece: usize) -> Result<Vec<(FrameType, Vec<u8>)>, FrameError> {
    let mut reader = FrameReader::new();
    reader.set_established();
    let mut rest = stream;
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let space = reader.unfilled()?;
        let count = space.len().min(piece).min(rest.len());
        space[..count].copy_from_slice(&rest[..count]);
        rest = &rest[count..];
        reader.filled(count);
        while let Some(frame) = reader.next_frame()? {
            frames.push((frame.header.frame_type(), frame.payload.to_vec()));
        }
    }
    assert!(reader.is_at_boundary());
    Ok(frames)
}

#[test]
fn a_length_over_the_limit_is_refused_before_anything_is_allocated() {
    let mut reader = FrameReader::new();
    reader
        .unfilled()
        .unwrap()
        .copy_from_slice(b"SECE\xff\xff\xff\xff");
    reader.filled(8);
    let refused = FrameError::TooLong {
        frame_type: FrameType::Handshake,
        limit: MAX_HANDSHAKE_FRAME_BYTES,
        actual: u32::MAX,
    };
    assert_eq!(reader.unfilled().unwrap_err(), refused);
    assert_eq!(reader.next_frame().unwrap_err(), refused);
    assert_eq!(reader.buffer.capacity(), FRAME_HEADER_BYTES);
}

#[test]
fn a_released_buffer_holds_its_payload_and_the_stream_goes_on() {
    let frame = |letter: u8, length: usize| {
        let header = Header::new(Phase::Established, FrameType::Chunk, length).unwrap();
        [header.encode().as_slice(), &vec![letter; length]].concat()
    };
    let lengths = [5, 0, 70, 9, 8, 7, 33];
    let stream: Vec<u8> = (b'a'..)
        .zip(lengths)
        .flat_map(|(letter, length)| frame(letter, length))
        .collect();
    for piece in [1, 3, 8, 1000] {
        let mut reader = FrameReader::new();
        reader.set_established();
        let mut rest = stream.as_slice();
        let mut spare = Vec::new();
        for (letter, length) in (b'a'..).zip(lengths) {
            while !reader.has_frame().unwrap() {
                let space = reader.unfilled().unwrap();
                let count = space.len().min(piece).min(rest.len());
                space[..count].copy_from_slice(&rest[..count]);
                rest = &rest[count..];
                reader.filled(count);
            }
            reader.next_frame().unwrap().unwrap();
            let buffer = reader.release(std::mem::take(&mut spare));
            let payload = &buffer[FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + length];
            assert_eq!(payload, vec![letter; length]);
            spare = buffer;
        }
        assert!(rest.is_empty() && reader.is_at_boundary());
    }
}

#[test]
fn an_unknown_type_is_refused() {
    assert_eq!(
        Header::decode(Phase::Established, *b"HTTP/1.1"),
        Err(FrameError::UnknownType { code: *b"HTTP" })
    );
}

#[test]
fn a_requester_cannot_make_a_listener_hold_room_for_a_chunk() {
    let mut reader = FrameReader::from(Sender::Requester);
    reader.set_established();
    let header = Header::new(Phase::Established, FrameType::Chunk, MAX_CHUNK_BYTES).unwrap();
    reader.unfilled().unwrap().copy_from_slice(&header.encode());
    reader.filled(FRAME_HEADER_BYTES);
    let refused = FrameError::WrongSender {
        frame_type: FrameType::Chunk,
    };
    assert_eq!(reader.unfilled().unwrap_err(), refused);
    assert_eq!(reader.buffer.capacity(), FRAME_HEADER_BYTES);
}

#[test]
fn the_limit_depends_on_type_and_phase() {
    let chunk = Header::new(
        Phase::Established,
        FrameType::Chunk,
        MAX_CHUNK_BYTES + MAX_TAG_BYTES,
    );
    assert!(chunk.is_ok());
    assert!(
        Header::new(
            Phase::Established,
            FrameType::RequestFile,
            MAX_CONTROL_FRAME_BYTES + 1
        )
        .is_err()
    );
    assert!(
        Header::new(
            Phase::Handshake,
            FrameType::Handshake,
            MAX_HANDSHAKE_FRAME_BYTES + 1
        )
        .is_err()
    );
}

proptest! {
    #[test]
    fn frames_survive_any_cutting(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
        piece in 1usize..400,
    ) {
        let stream: Vec<u8> = payloads
            .iter()
            .flat_map(|payload| plain_frame(FrameType::Chunk, payload).unwrap())
            .collect();
        let frames = read_all(&stream, piece).unwrap();
        let read: Vec<Vec<u8>> = frames.into_iter().map(|(_, payload)| payload).collect();
        prop_assert_eq!(read, payloads);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(stream in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut reader = FrameReader::new();
        for byte in stream {
            let Ok(space) = reader.unfilled() else { return Ok(()) };
            space[0] = byte;
            reader.filled(1);
            if reader.next_frame().is_err() { return Ok(()) }
        }
    }
}
