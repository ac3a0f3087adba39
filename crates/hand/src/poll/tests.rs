//! Polling over everything that can end it in between: nothing is lost, and the place never runs ahead of what is held.

use super::*;
use crate::connector::{Found, Offer, Permit};
use crate::hand::locked;
use adjutant_model::EntityKind;
use adjutant_model::act::{Action, State};
use serde_json::json;
use std::sync::Mutex;

const START: i64 = 1_772_323_200;

/// A vendor's log: records with their time, in pages of three.
#[derive(Default)]
struct Log {
    records: Mutex<Vec<(i64, &'static str)>>,
    fails: Mutex<Option<CallError>>,
    asked: Mutex<Vec<(Time, Option<String>)>>,
    /// Pages are no longer there.
    forgets: Mutex<bool>,
}

impl Connector for Log {
    fn verbs(&self) -> &[Offer] {
        &[]
    }
    fn lookup(&self, _: EntityKind, _: &str) -> Result<Vec<Found>, CallError> {
        Ok(Vec::new())
    }
    fn probe(&self, _: &Action) -> Result<State, CallError> {
        Ok(State::default())
    }
    fn is_done(&self, _: &Action, _: &State) -> bool {
        false
    }
    fn act(&self, _: &Action, _: &State, _: Permit, _: &str) -> Result<(), CallError> {
        Ok(())
    }
    fn undo(&self, _: &Action, _: &State, _: Permit, _: &str) -> Result<(), CallError> {
        Ok(())
    }
    fn health(&self) -> Result<String, CallError> {
        Ok(String::new())
    }
    fn polls(&self) -> Option<Polls> {
        Some(Polls { source: "log".into(), verdicts: false, overlap: Duration::from_secs(60), marks: false })
    }
    fn poll(&self, since: Time, next: Option<&str>) -> Result<Page, CallError> {
        locked(&self.asked).push((since, next.map(str::to_owned)));
        if let Some(error) = locked(&self.fails).take() {
            return Err(error);
        }
        if next.is_some() && *locked(&self.forgets) {
            return Err(CallError::Permanent("no such page".into()));
        }
        let mut records = locked(&self.records).clone();
        records.sort_unstable();
        records.retain(|(at, _)| Time::from_secs(*at) >= since);
        let from: usize = next.map_or(0, |next| next.parse().unwrap());
        let next = (from + 3 < records.len()).then(|| (from + 3).to_string());
        let page = records.iter().skip(from).take(3).map(|(at, id)| (Time::from_secs(*at).to_string(), json!({ "id": id })));
        Ok(Page { records: page.collect(), next, ..Page::default() })
    }
}

#[derive(Default)]
struct Service {
    held: Mutex<Vec<String>>,
    fails: Mutex<u32>,
    refuses: &'static str,
}

impl Intake for Service {
    fn take(&self, source: &str, records: &[&Value]) -> Result<(), CallError> {
        assert_eq!(source, "log");
        if *locked(&self.fails) > 0 {
            *locked(&self.fails) -= 1;
            return Err(CallError::Retry("no room".into()));
        }
        let ids: Vec<&str> = records.iter().map(|record| record["id"].as_str().unwrap()).collect();
        if ids.contains(&self.refuses) {
            return Err(CallError::Permanent("no record".into()));
        }
        locked(&self.held).extend(ids.into_iter().map(str::to_owned));
        Ok(())
    }
}

struct World {
    dir: tempfile::TempDir,
    log: Arc<Log>,
    service: Arc<Service>,
    now: Arc<Mutex<i64>>,
}

impl World {
    fn new(refuses: &'static str) -> Self {
        let service = Service { refuses, ..Service::default() };
        let now = Arc::new(Mutex::new(START));
        Self { dir: tempfile::tempdir().unwrap(), log: Arc::default(), service: Arc::new(service), now }
    }

    fn poller(&self) -> Poller {
        let now = self.now.clone();
        Poller {
            name: "log".into(),
            connector: self.log.clone(),
            intake: self.service.clone(),
            file: self.dir.path().join("log.place"),
            first: Duration::from_secs(600),
            clock: Arc::new(move || Time::from_secs(*locked(&now))),
            thanks: None,
        }
    }

    fn add(&self, at: i64, ids: &[&'static str]) {
        locked(&self.log.records).extend(ids.iter().map(|id| (START + at, *id)));
    }

    fn held(&self) -> Vec<String> {
        locked(&self.service.held).clone()
    }

    fn place(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log.place")).unwrap().trim().to_owned()
    }
}

#[test]
fn what_is_new_is_handed_on_and_the_place_follows() {
    let world = World::new("");
    let (poller, mut between) = (world.poller(), Between::default());
    world.add(-900, &["too old"]);
    world.add(-60, &["a", "b", "c", "d"]);
    assert_eq!(poller.look(&mut between).unwrap(), Looked { taken: 4, ..Looked::default() });
    assert_eq!(world.place(), Time::from_secs(START - 60).to_string());
    assert_eq!(poller.look(&mut between).unwrap().taken, 0, "what was taken is not sent again");
    world.add(-90, &["late"]);
    world.add(-50, &["e"]);
    assert_eq!(poller.look(&mut between).unwrap().taken, 2, "what came late is within the overlap");
    assert_eq!(world.held(), ["a", "b", "c", "d", "late", "e"]);
    // Another process knows the place alone: what is in the overlap comes again, and is one alert to the service.
    assert_eq!(poller.look(&mut Between::default()).unwrap().taken, 6);
}

#[test]
fn the_place_moves_only_after_the_service_holds_the_records() {
    let world = World::new("");
    let (poller, mut between) = (world.poller(), Between::default());
    world.add(-60, &["a", "b", "c"]);
    world.add(-30, &["d", "e"]);
    assert_eq!(poller.look(&mut between).unwrap().taken, 5);
    world.add(-10, &["f", "g", "h", "i"]);
    let before = world.place();
    *locked(&world.service.fails) = 1;
    assert!(poller.look(&mut between).is_err());
    assert_eq!(world.place(), before);
    // The process ends here; the next one knows nothing but the place.
    poller.look(&mut Between::default()).unwrap();
    for id in ["a", "b", "c", "d", "e", "f", "g", "h", "i"] {
        assert!(world.held().contains(&id.to_owned()), "{id}");
    }
    *locked(&world.log.fails) = Some(CallError::Retry("429".into()));
    assert!(poller.look(&mut between).is_err());
}

#[test]
fn wherever_it_ends_nothing_is_lost() {
    for ends_at in 0..8 {
        let world = World::new("");
        world.add(-300, &["a", "b", "c", "d", "e", "f", "g"]);
        world.add(-100, &["h", "i", "j", "k"]);
        *locked(&world.service.fails) = 0;
        for nth in 0..20 {
            // Every look of another process, and the service fails now and then.
            *locked(&world.service.fails) = u32::from(nth % 3 == ends_at % 3);
            let _ = world.poller().look(&mut Between::default());
        }
        let mut held = world.held();
        held.sort();
        held.dedup();
        assert_eq!(held.len(), 11, "{ends_at}: {held:?}");
    }
}

#[test]
fn a_record_that_is_never_taken_holds_up_no_other() {
    let world = World::new("poison");
    world.add(-60, &["a", "poison", "b"]);
    assert_eq!(world.poller().look(&mut Between::default()).unwrap(), Looked { taken: 2, refused: 1, more: false });
    assert_eq!(world.held(), ["a", "b"]);
}

#[test]
fn a_time_ahead_has_nothing_skipped() {
    let world = World::new("");
    world.add(86_400 * 365, &["from the future"]);
    world.poller().look(&mut Between::default()).unwrap();
    assert_eq!(world.place(), Time::from_secs(START).to_string());
    world.add(10, &["now"]);
    *locked(&world.now) += 20;
    world.poller().look(&mut Between::default()).unwrap();
    assert!(world.held().contains(&"now".to_owned()));
}

#[test]
fn a_page_that_is_gone_begins_anew_and_a_damaged_place_stops() {
    let world = World::new("");
    world.add(-60, &["a", "b", "c", "d"]);
    let mut between = Between { next: Some("3".into()), ..Between::default() };
    *locked(&world.log.forgets) = true;
    assert!(world.poller().look(&mut between).is_ok_and(|looked| looked.more), "it begins anew each time, and ends");
    *locked(&world.log.forgets) = false;
    world.poller().look(&mut between).unwrap();
    assert_eq!(world.held().len(), 4);
    std::fs::write(world.dir.path().join("log.place"), "yesterday").unwrap();
    let error = world.poller().look(&mut Between::default()).unwrap_err().to_string();
    assert!(error.contains("it holds no time"), "{error}");
}
