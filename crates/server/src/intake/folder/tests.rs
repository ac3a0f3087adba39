//! Tests of the watched folder, on a real one.
use super::*;
use crate::intake::testing::Memory;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

struct House {
    dir: tempfile::TempDir,
    sink: Arc<Memory>,
    watch: Watch,
    stop: (watch::Sender<bool>, watch::Receiver<bool>),
}

impl House {
    fn new(sink: Memory) -> Self {
        let (dir, sink) = (tempfile::tempdir().unwrap(), Arc::new(sink));
        let watch = Watch::new(dir.path().into(), Arc::clone(&sink) as Arc<dyn Sink>, Some("okta".into()));
        Self { dir, sink, watch, stop: watch::channel(false) }
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn has(&self, name: &str) -> bool {
        self.dir.path().join(name).symlink_metadata().is_ok()
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(name)).unwrap()
    }

    async fn look(&mut self) -> Tally {
        self.watch.look(&mut self.stop.1).await
    }
}

const fn tally(done: usize, failed: usize, waiting: usize) -> Tally {
    Tally { done, failed, waiting }
}

#[tokio::test]
async fn a_complete_file_is_read_and_moved() {
    let mut house = House::new(Memory::default());
    house.write("sub/a.jsonl", "{\"a\":1}\n{\"a\":2}\n");
    assert_eq!(house.look().await, tally(0, 0, 1), "it may still grow");
    assert_eq!(house.look().await, tally(1, 0, 0));
    assert_eq!(house.sink.texts(), ["{\"a\":1}", "{\"a\":2}"]);
    assert_eq!(house.sink.taken()[0].0.as_deref(), Some("okta"));
    assert_eq!(house.sink.taken()[0].1, "sub/a.jsonl");
    assert!(house.has("done/sub/a.jsonl") && !house.has("sub/a.jsonl") && !house.has("reading/sub/a.jsonl"));
    assert_eq!(house.look().await, tally(0, 0, 0));
}

#[tokio::test]
async fn a_file_that_grows_waits() {
    let mut house = House::new(Memory::default());
    house.write("a.jsonl", "{\"a\":1}\n");
    house.look().await;
    house.write("a.jsonl", "{\"a\":1}\n{\"a\":2}\n");
    assert_eq!(house.look().await, tally(0, 0, 1));
    for unfinished in [".hidden", "b.tmp", "c.jsonl.part"] {
        house.write(unfinished, "{\"b\":1}");
    }
    assert_eq!(house.look().await, tally(1, 0, 0));
    assert_eq!(house.sink.texts().len(), 2);
}

#[tokio::test]
async fn problems_are_written_beside() {
    let mut house = House::new(Memory::default());
    house.write("a.jsonl", "{\"a\":1}\n{\"a\":\n{\"a\":3}\n{\"a\":[}\n");
    house.write("empty", "");
    house.write("zip", "PK\x03\x04");
    house.look().await;
    assert_eq!(house.look().await, tally(0, 3, 0));
    assert_eq!(house.sink.texts(), ["{\"a\":1}", "{\"a\":3}"], "the rest of it is stored");
    let problems = house.text("failed/a.jsonl.problems");
    assert!(problems.contains("line 2: broken-json: ") && problems.contains("line 4: broken"), "{problems}");
    assert!(house.text("failed/empty.problems").starts_with("input-empty: "));
    assert!(house.text("failed/zip.problems").starts_with("input-binary: "));
}

#[tokio::test]
async fn links_and_devices_are_not_followed() {
    let mut house = House::new(Memory::default());
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "{\"secret\":1}").unwrap();
    symlink(outside.path().join("secret"), house.dir.path().join("link")).unwrap();
    symlink(outside.path(), house.dir.path().join("folder")).unwrap();
    house.look().await;
    assert_eq!(house.look().await, tally(0, 2, 0));
    assert_eq!(house.sink.texts(), Vec::<String>::new());
    assert!(house.text("failed/link.problems").contains("not-a-file"));
    assert!(outside.path().join("secret").exists());
}

#[tokio::test(start_paused = true)]
async fn refused_records_come_again_before_the_file_is_done() {
    let mut house = House::new(Memory::refusing(3));
    house.write("a.jsonl", "{\"a\":1}\n{\"a\":2}\n");
    house.look().await;
    assert_eq!(house.look().await, tally(1, 0, 0));
    assert_eq!(house.sink.texts().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_not_finished_is_read_again_and_known() {
    let mut house = House::new(Memory::refusing(usize::MAX));
    house.write("sub/a.jsonl", "{\"a\":1}\n{\"a\":2}\n");
    house.look().await;
    let stop = house.stop.0.clone();
    let (_, waiting) = tokio::join!(async { stop.send(true).unwrap() }, async { house.look().await });
    assert_eq!(waiting, tally(0, 0, 1));
    house.stop.0.send(false).unwrap();
    // Another start, with another service that has seen one of the records.
    let sink = Arc::new(Memory::default());
    sink.submit(None, "", vec![Incoming::new(Bytes::from_static(b"{\"a\":1}"), 1)]).await;
    house.watch = Watch::new(house.dir.path().into(), Arc::clone(&sink) as Arc<dyn Sink>, None);
    house.look().await;
    house.look().await;
    assert_eq!(sink.texts(), ["{\"a\":1}", "{\"a\":2}"], "each once");
    assert!(house.has("done/sub/a.jsonl"));
}

#[tokio::test]
async fn namesakes_are_kept_apart() {
    let mut house = House::new(Memory::default());
    for number in 1..=3 {
        house.write("a.jsonl", format!("{{\"a\":{number}}}"));
        house.look().await;
        assert_eq!(house.look().await, tally(1, 0, 0));
    }
    assert!(house.has("done/a.jsonl") && house.has("done/a.jsonl.2") && house.has("done/a.jsonl.3"));
}

#[tokio::test]
async fn what_cannot_be_taken_is_told_once() {
    let mut house = House::new(Memory::default());
    house.write("a.jsonl", "{\"a\":1}");
    house.write("reading", "somebody put a file where the folder should be");
    for _ in 0..4 {
        house.look().await;
    }
    assert!(house.has("a.jsonl"), "it is left where it is");
    let codes: Vec<&str> = house.sink.faults().iter().map(|fault| fault.code).collect();
    assert_eq!(codes, ["file-not-taken"]);
}

#[tokio::test]
async fn an_unreadable_file_fails() {
    let mut house = House::new(Memory::default());
    house.write("a.jsonl", "{\"a\":1}");
    fs::set_permissions(house.dir.path().join("a.jsonl"), fs::Permissions::from_mode(0o0)).unwrap();
    let readable = fs::read(house.dir.path().join("a.jsonl")).is_ok();
    house.look().await;
    // The superuser may read everything.
    let expect = if readable { tally(1, 0, 0) } else { tally(0, 1, 0) };
    assert_eq!(house.look().await, expect);
    assert_eq!(house.has("failed/a.jsonl.problems"), !readable);
}
