use std::sync::Arc;

use super::*;

#[tokio::test]
async fn who_goes_first_waits_for_nobody_but_the_one_at_work() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    std::fs::write(&path, b"").unwrap();
    let connections = Arc::new(Connections::open(&path).unwrap());
    let order = Arc::new(Mutex::new(Vec::new()));
    let turn = connections.line.lock().await;
    let at_work = connections.writer.lock().await;
    let mut waiting = tokio::task::JoinSet::new();
    for n in 0..20 {
        let (connections, order) = (connections.clone(), order.clone());
        waiting.spawn(async move {
            let write = |_: &mut Write<'_>| {
                order.lock().unwrap().push(n);
                Ok(())
            };
            if n == 19 {
                connections.write_first(write).await.unwrap();
            } else {
                connections.write(write).await.unwrap();
            }
        });
    }
    // All stand in line by then: tasks of one thread begin in their order.
    tokio::task::yield_now().await;
    assert!(order.lock().unwrap().is_empty());
    drop((at_work, turn));
    waiting.join_all().await;
    let order = order.lock().unwrap();
    assert_eq!(order.len(), 20);
    assert_eq!(order[0], 19);
    assert!(order[1..].is_sorted());
}
