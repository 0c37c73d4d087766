use common::limits::MAX_NAME_BYTES;

use super::*;

fn part_in(folder: &Path, name: &str) -> Result<PartFile, Failure> {
    PartFile::create(Destination::new(&folder.join(name)).unwrap())
}

#[test]
fn two_transfers_never_write_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let first = part_in(folder.path(), "a").unwrap();
    let second = part_in(folder.path(), "a").unwrap_err();
    assert_eq!(second.exit, Exit::LocalFile);
    assert!(second.message.contains("another transfer"));
    drop(first);
    assert!(part_in(folder.path(), "a").is_ok());
}

#[test]
fn what_an_interrupted_transfer_left_is_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.orgshare.part"), "old and long").unwrap();
    let mut part = part_in(folder.path(), "a").unwrap();
    part.write(b"new").unwrap();
    assert_eq!(
        std::fs::read(folder.path().join("a.orgshare.part")).unwrap(),
        b"new"
    );
}

#[test]
fn a_user_s_own_part_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("a.part");
    std::fs::write(&own, "precious").unwrap();
    let mut part = part_in(folder.path(), "a").unwrap();
    part.write(b"new").unwrap();
    part.rename(Overwrite::Never).unwrap();
    assert_eq!(std::fs::read(&own).unwrap(), b"precious");
    let reserved = Destination::new(&folder.path().join("b.orgshare.part"));
    assert_eq!(reserved.unwrap_err().exit, Exit::Usage);
}

#[test]
fn a_link_in_the_way_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let victim = folder.path().join("victim");
    std::fs::write(&victim, "precious").unwrap();
    std::os::unix::fs::symlink(&victim, folder.path().join("a.orgshare.part")).unwrap();
    std::fs::hard_link(&victim, folder.path().join("b.orgshare.part")).unwrap();
    for name in ["a", "b"] {
        assert_eq!(
            part_in(folder.path(), name).unwrap_err().exit,
            Exit::LocalFile
        );
    }
    assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
}

#[test]
fn a_free_name_is_taken_without_replacing_anything() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "old").unwrap();
    let part = part_in(folder.path(), "a.txt").unwrap();
    assert_eq!(
        part.rename(Overwrite::Never).unwrap_err().exit,
        Exit::LocalFile
    );
    assert_eq!(part.rename(Overwrite::Rename).unwrap(), "a (1).txt");
    assert_eq!(std::fs::read(folder.path().join("a.txt")).unwrap(), b"old");
}

#[test]
fn the_part_name_of_a_long_name_fits() {
    let name = "\u{e9}".repeat(127);
    assert!(part_name(&name).len() <= MAX_NAME_BYTES);
    assert_eq!(part_name("a"), "a.orgshare.part");
}

#[test]
fn numbers_go_before_the_ending() {
    assert_eq!(numbered("a.txt", 0), "a.txt");
    assert_eq!(numbered("a.txt", 2), "a (2).txt");
    assert_eq!(numbered(".bashrc", 1), ".bashrc (1)");
    assert_eq!(numbered("plain", 1), "plain (1)");
}

#[test]
fn times_before_1970_are_kept() {
    let info = FileInfo {
        size: 0,
        mtime_secs: -2,
        mtime_nanos: 500_000_000,
        mode: 0,
        digest: common::digest::DigestAlgorithm::Blake3,
    };
    let expected = SystemTime::UNIX_EPOCH - Duration::from_millis(1500);
    assert_eq!(modified(&info), Some(expected));
}
