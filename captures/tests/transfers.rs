//! What is sent arrives, whatever its size, and stays what it was.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime};

use captures::counts::count;
use captures::error::{Error, Result};
use captures::process;
use captures::stage::Stage;

const CHUNK: u64 = 262_144;
const LARGEST_CHUNK: u64 = 1 << 20;

#[test]
fn files_of_every_size_around_a_chunk_arrive_identical() -> Result<()> {
    let stage = Stage::set()?;
    let mut sizes = vec![0, 1];
    for edge in [CHUNK, 2 * CHUNK, LARGEST_CHUNK] {
        sizes.extend([edge - 1, edge, edge + 1]);
    }
    for size in sizes {
        let name = format!("{size}-bytes");
        stage.offer_generated(&name, size)?;
        stage.get_identical(&name)?;
        assert_eq!(
            stage.inbox(&name).metadata().map(|found| found.len()).ok(),
            Some(size)
        );
    }
    Ok(())
}

#[test]
fn an_executable_still_runs() -> Result<()> {
    let stage = Stage::set()?;
    let offered = stage.shared().join("hello");
    fs::copy("/bin/echo", &offered).map_err(|source| Error::Io {
        doing: "copying echo".into(),
        source,
    })?;
    stage.get_identical("hello")?;
    let finished = process::run(Command::new(stage.inbox("hello")).arg("it runs"))?.success()?;
    assert_eq!(finished.stdout, b"it runs\n");
    Ok(())
}

#[test]
fn mode_and_time_of_change_are_kept() -> Result<()> {
    let stage = Stage::set()?;
    let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_007);
    let offered = stage.offer("old.txt", b"old")?;
    let file = fs::File::open(&offered).unwrap();
    file.set_modified(changed).unwrap();
    file.set_permissions(fs::Permissions::from_mode(0o640))
        .unwrap();
    stage.get_identical("old.txt")?;
    let received = stage.inbox("old.txt").metadata().unwrap();
    assert_eq!(received.permissions().mode() & 0o777, 0o640);
    assert_eq!(received.modified().unwrap(), changed);
    Ok(())
}

#[test]
fn contents_that_look_like_the_protocol_are_only_contents() -> Result<()> {
    let stage = Stage::set()?;
    for (name, contents) in [
        (
            "frames",
            b"RSFL\0\0\0\0RQFL\0\0\0\x01xSECE\xff\xff\xff\xff".as_slice(),
        ),
        ("marker", b"EOF\n<END>\r\n\r\n\0\0\0\0\x1a\x04".as_slice()),
        ("crlf", b"a\r\nb\nc\r".as_slice()),
    ] {
        stage.offer(name, &contents.repeat(1000))?;
        stage.get_identical(name)?;
    }
    Ok(())
}

#[test]
fn names_with_spaces_and_letters_of_all_scripts_arrive() -> Result<()> {
    let stage = Stage::set()?;
    for name in [
        "with space.txt",
        "Füße.txt",
        "файл",
        "図書.pdf",
        "-rf",
        "a'b\"c",
        "1990",
    ] {
        stage.offer(name, name.as_bytes())?;
        stage.get_identical(name)?;
    }
    Ok(())
}

#[test]
fn one_listener_serves_many_requesters_at_once() -> Result<()> {
    let mut stage = Stage::set()?;
    stage.offer_generated("shared.bin", 3 * LARGEST_CHUNK + 7)?;
    let expected = captures::scratch::sha256(&stage.shared().join("shared.bin"))?;
    let requesters = count("requesters");
    let got: Vec<Result<String>> = thread::scope(|scope| {
        let asking: Vec<_> = (0..requesters)
            .map(|n| {
                let stage = &stage;
                scope.spawn(move || {
                    let target = stage.inbox(&format!("copy-{n}"));
                    let patience = Duration::from_secs(300);
                    stage
                        .alice
                        .get_within(&stage.source("shared.bin"), &target, patience)?
                        .success()?;
                    captures::scratch::sha256(&target)
                })
            })
            .collect();
        asking
            .into_iter()
            .map(|asked| asked.join().unwrap())
            .collect()
    });
    for digest in got {
        assert_eq!(digest?, expected);
    }
    stage.check_still_serving()
}
