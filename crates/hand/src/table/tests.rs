//! A list becomes a file as a whole, or the file stays.

use super::*;
use crate::connector::{Found, Offer, Permit};
use adjutant_model::EntityKind;
use adjutant_model::act::{Action, State};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

/// Answers with what is next in the queue.
#[derive(Default)]
struct Lister {
    answers: Mutex<Vec<Result<Rows, CallError>>>,
    asked: Mutex<Vec<Option<String>>>,
}

impl Connector for Lister {
    fn verbs(&self) -> &[Offer] {
        &[]
    }
    fn lookup(&self, _: EntityKind, _: &str) -> Result<Vec<Found>, CallError> {
        Ok(Vec::new())
    }
    fn list(&self, _: &str, next: Option<&str>) -> Result<Rows, CallError> {
        self.asked.lock().unwrap().push(next.map(str::to_owned));
        let mut answers = self.answers.lock().unwrap();
        // The last answer is given again and again.
        if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() }
    }
    fn probe(&self, _: &Action) -> Result<State, CallError> {
        unreachable!()
    }
    fn is_done(&self, _: &Action, _: &State) -> bool {
        unreachable!()
    }
    fn act(&self, _: &Action, _: &State, _: Permit, _: &str) -> Result<(), CallError> {
        unreachable!()
    }
    fn undo(&self, _: &Action, _: &State, _: Permit, _: &str) -> Result<(), CallError> {
        unreachable!()
    }
    fn health(&self) -> Result<String, CallError> {
        unreachable!()
    }
}

struct World {
    dir: tempfile::TempDir,
    lister: Arc<Lister>,
    seconds: Arc<AtomicI64>,
    table: Table,
}

const BEGAN: i64 = 1_772_323_200;

impl World {
    fn new() -> Self {
        let (dir, lister, seconds) = (tempfile::tempdir().unwrap(), Arc::<Lister>::default(), Arc::new(AtomicI64::new(BEGAN)));
        let read = Arc::clone(&seconds);
        let table = Table {
            name: "identities".into(),
            connector: lister.clone(),
            list: "people".into(),
            file: dir.path().join("identities.csv"),
            columns: ["id", "upn", "title"].map(String::from).to_vec(),
            delimiter: b',',
            every: Duration::from_secs(3_600),
            clock: Arc::new(move || Time::from_secs(read.load(Ordering::SeqCst))),
            wait: |_| {},
        };
        Self { dir, lister, seconds, table }
    }

    fn refresh(&self, answers: Vec<Result<Rows, CallError>>) -> Result<Option<usize>, CallError> {
        *self.lister.answers.lock().unwrap() = answers;
        self.lister.asked.lock().unwrap().clear();
        self.table.refresh(&|| false)
    }

    fn asked(&self) -> Vec<Option<String>> {
        self.lister.asked.lock().unwrap().clone()
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.table.file).unwrap()
    }
}

fn row(cells: &[(&str, &str)]) -> Row {
    cells.iter().map(|(column, cell)| ((*column).to_owned(), (*cell).to_owned())).collect()
}

fn page(ids: &[&str], next: Option<&str>) -> Result<Rows, CallError> {
    let rows = ids.iter().map(|id| row(&[("id", id), ("upn", &format!("{id}@corp.example")), ("shoe", "44")])).collect();
    Ok(Rows { rows, next: next.map(str::to_owned) })
}

#[test]
fn every_page_is_read_and_the_file_has_what_the_contract_reads() {
    let world = World::new();
    assert!(world.table.is_due(), "there is no file yet");
    let retry = Err(CallError::Retry("asked too often".into()));
    let pages = vec![page(&["ana"], Some("2")), retry.clone(), retry, page(&["bo", "cy"], None)];
    assert_eq!(world.refresh(pages), Ok(Some(3)));
    assert_eq!(world.asked(), [None, Some("2".into()), Some("2".into()), Some("2".into())]);
    let text = "\"id\",\"upn\",\"title\"\n\"ana\",\"ana@corp.example\",\"\"\n\"bo\",\"bo@corp.example\",\"\"\n\"cy\",\"cy@corp.example\",\"\"\n";
    assert_eq!(world.text(), text);
    let mode = fs::metadata(&world.table.file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert_eq!(fs::read_dir(world.dir.path()).unwrap().count(), 1, "nothing else is left");
}

#[test]
fn it_is_as_old_as_its_first_page_and_refreshed_when_that_is_old() {
    let world = World::new();
    world.refresh(vec![page(&["ana"], None)]).unwrap();
    assert!(!world.table.is_due());
    world.seconds.store(BEGAN + 3_599, Ordering::SeqCst);
    assert!(!world.table.is_due());
    world.seconds.store(BEGAN + 3_600, Ordering::SeqCst);
    assert!(world.table.is_due());
    world.seconds.store(BEGAN - 1, Ordering::SeqCst);
    assert!(world.table.is_due(), "what is from the future is not fresh");
}

#[test]
fn half_a_list_or_none_leaves_the_file_as_it_was() {
    let world = World::new();
    world.refresh(vec![page(&["ana"], None)]).unwrap();
    let before = world.text();
    let gone = || Err(CallError::Permanent("no".into()));
    for (why, answers) in [
        ("it breaks in the middle", vec![page(&["bo"], Some("2")), gone()]),
        ("it answers no more", vec![page(&["bo"], Some("2")), Err(CallError::Retry("no answer".into()))]),
        ("nobody is there any more", vec![page(&[], None)]),
        ("a page is its own next one", vec![page(&["bo"], Some("2"))]),
    ] {
        assert!(world.refresh(answers).is_err(), "{why}");
        assert_eq!(world.text(), before, "{why}");
    }
    assert_eq!(world.table.refresh(&|| true), Ok(None), "it is to end");
    assert_eq!(world.text(), before);
}

#[test]
fn a_page_that_does_not_come_is_given_up() {
    let world = World::new();
    assert!(world.refresh(vec![Err(CallError::Retry("no answer".into()))]).is_err());
    assert_eq!(world.asked().len(), TRIES_MAX + 1);
}

#[test]
fn what_somebody_calls_himself_stays_in_its_cell() {
    let world = World::new();
    let hostile = "x\",\"admin\"\r\n\"bo";
    let long = "a".repeat(CELL_BYTES_MAX + 1);
    let rows = Rows { rows: vec![row(&[("id", hostile), ("upn", &long), ("title", "=1+1;\0\t,")])], next: None };
    assert_eq!(world.refresh(vec![Ok(rows)]), Ok(Some(1)));
    assert_eq!(world.text().lines().count(), 2);
    assert_eq!(world.text().lines().nth(1).unwrap(), "\"x\"\",\"\"admin\"\"  \"\"bo\",\"\",\"=1+1;  ,\"");
}

#[test]
fn what_an_earlier_process_left_half_written_is_in_nobodys_way() {
    let world = World::new();
    fs::write(world.dir.path().join("identities.csv.new"), "half").unwrap();
    assert_eq!(world.refresh(vec![page(&["ana"], None)]), Ok(Some(1)));
    assert_eq!(fs::read_dir(world.dir.path()).unwrap().count(), 1);
}
