//! Handshakes do not fail now and then: an ancestor lost 5.75 % of them to a number that began
//! with a zero byte.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use captures::counts::count;
use captures::error::Result;
use captures::foreign::stolen_from;
use captures::rogue::{self, Verdict};
use captures::stage::Stage;

#[test]
fn of_many_handshakes_none_fails() -> Result<()> {
    let mut stage = Stage::set()?;
    let port = stage.listener.port();
    let left = AtomicUsize::new(count("handshakes"));
    let alice = &stage.alice;
    let verdicts: Vec<Result<Verdict>> = thread::scope(|scope| {
        let asking: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let more = |n: usize| n.checked_sub(1);
                    while left
                        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, more)
                        .is_ok()
                    {
                        match rogue::request(port, Some(stolen_from(alice)?))? {
                            Verdict::Accepted => {}
                            other => return Ok(other),
                        }
                    }
                    Ok(Verdict::Accepted)
                })
            })
            .collect();
        asking
            .into_iter()
            .map(|asked| asked.join().unwrap())
            .collect()
    });
    for verdict in verdicts {
        assert_eq!(verdict?, Verdict::Accepted);
    }
    stage.check_still_serving()
}

#[test]
fn one_peer_process_after_the_other_gets_its_file() -> Result<()> {
    let stage = Stage::set()?;
    stage.offer("small", b"small")?;
    for _ in 0..count("handshakes") / 10 {
        stage.get_identical("small")?;
        std::fs::remove_file(stage.inbox("small")).unwrap();
    }
    Ok(())
}
