//! Writes the test vectors of `common/tests/vectors`, from `docs/PROTOCOL.md` and the independent
//! cryptography of the tests, without a line of `common`. The vectors are frozen; run this only to
//! add some, into an empty directory, and compare:
//!
//! ```text
//! cargo run -p common --example make_vectors -- /tmp/vectors && diff -r /tmp/vectors common/tests/vectors
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a generator run by hand writes files and stops at the first surprise"
)]

#[path = "../../tests/independent/mod.rs"]
mod independent;
mod messages;
mod names;
mod sealed;
mod vector;

use std::fs;
use std::io;
use std::path::PathBuf;

fn main() -> io::Result<()> {
    let directory = std::env::args_os().nth(1).map(PathBuf::from);
    let directory = directory.ok_or_else(|| io::Error::other("name a directory"))?;
    fs::create_dir_all(&directory)?;
    let all = [
        sealed::headers(),
        sealed::records_that_open(),
        sealed::altered_bytes(),
        sealed::altered_order(),
        sealed::key_schedules(),
        sealed::contexts(),
        messages::messages_that_decode(),
        messages::fields_out_of_range(),
        messages::other_encodings(),
        names::paths(),
        names::labels(),
    ];
    for vector in all.into_iter().flatten() {
        let path = directory.join(format!("{}.txt", vector.name));
        let mut file = fs::File::create_new(path)?;
        io::Write::write_all(&mut file, vector.text().as_bytes())?;
    }
    Ok(())
}
