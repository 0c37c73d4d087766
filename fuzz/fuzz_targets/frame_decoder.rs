//! Any bytes, in pieces of any size: the reader never panics, and what it takes for a frame is what
//! was written.

#![no_main]

use common::frame::FrameReader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((setting, stream)) = data.split_first() else {
        return;
    };
    let mut reader = FrameReader::new();
    if setting & 0x80 != 0 {
        reader.set_established();
    }
    let piece = usize::from(setting & 0x7f) + 1;
    let mut rest = stream;
    let mut read = Vec::new();
    while !rest.is_empty() {
        let Ok(space) = reader.unfilled() else { return };
        let count = space.len().min(piece).min(rest.len());
        let (now, later) = rest.split_at(count);
        space[..count].copy_from_slice(now);
        rest = later;
        reader.filled(count);
        while let Ok(Some(frame)) = reader.next_frame() {
            read.extend(frame.header.encode());
            read.extend_from_slice(frame.payload);
        }
        assert!(stream.starts_with(&read));
    }
});
