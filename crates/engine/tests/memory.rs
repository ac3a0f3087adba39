//! Memory as a whole: the same in replay, after a restart, and whatever independent things happen between.

mod stream;

use adjutant_engine::correlate::Policy;
use adjutant_engine::memory::parts::PARTS;
use adjutant_engine::memory::{Limits, Memory};
use adjutant_model::schema::slots as s;
use stream::{Seen, Stream, Word, hours};

/// A sequence of numbers that looks random and is the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Five days of alerts about `hosts` hosts, a few late; each host's rules have names of their own if `apart`.
fn days(seed: u64, hosts: u64, apart: bool) -> Vec<Word> {
    let mut dice = Dice(seed);
    let mut word = |minute: i64| {
        let host = format!("host{}", dice.roll(hosts));
        let rule = match dice.roll(10) {
            0 => format!("odd{}", dice.roll(40)),
            rule => format!("usual{rule}"),
        };
        let rule = if apart { format!("{host}-{rule}") } else { rule };
        let late = if dice.roll(20) == 0 { dice.roll(90) as i64 } else { 0 };
        (minute - late, host, format!("detector{}", dice.roll(3)), rule)
    };
    (0..4_000).map(|step| word(step * hours(120) / 4_000)).collect()
}

fn run(stream: &mut Stream, words: &[Word], from: usize) -> Vec<Seen> {
    words.iter().enumerate().skip(from).map(|(index, word)| stream.say(index as u64, word)).collect()
}

#[test]
fn the_same_alerts_give_the_same_facts() {
    let words = days(1, 6, false);
    let first = run(&mut Stream::default(), &words, 0);
    assert_eq!(first, run(&mut Stream::default(), &words, 0));
    let grown = first.iter().filter(|seen| seen.int(s::CASE_UNUSUAL_RULES) >= 3).count();
    assert!(grown > 20 && first.iter().any(|seen| !seen.links.is_empty()), "the stream is interesting enough: {grown}");
}

/// What is written of a part now.
fn written(memory: &Memory, part: usize) -> String {
    let mut text = Vec::new();
    memory.write_part(part, &mut serde_json::Serializer::new(&mut text)).unwrap();
    String::from_utf8(text).unwrap()
}

fn read(parts: &[String], limits: Limits) -> Memory {
    let mut memory = Stream::new(limits, Policy::default()).memory;
    for (part, text) in parts.iter().enumerate() {
        memory.read_part(part, &mut serde_json::Deserializer::from_str(text)).unwrap();
    }
    memory.within(limits, Policy::default())
}

const TIGHT: Limits =
    Limits { users_max: 4, addresses_max: 4, pairs_max: 50, rules_max: 20, entities_max: 5, duplicates_max: 100 };

#[test]
fn a_restart_changes_nothing() {
    for limits in [Limits::default(), TIGHT] {
        let words = days(2, 6, false);
        let whole = run(&mut Stream::new(limits, Policy::default()), &words, 0);
        let mut stream = Stream::new(limits, Policy::default());
        let half = words.len() / 2;
        run(&mut stream, words.get(..half).unwrap_or_default(), 0);
        let parts: Vec<String> = (0..PARTS).map(|part| written(&stream.memory, part)).collect();
        let restored = run(&mut Stream::over(read(&parts, limits), 0), &words, half);
        assert!(restored == whole.get(half..).unwrap_or_default());
    }
}

#[test]
fn a_restart_with_less_room_forgets_and_says_so() {
    let words = days(3, 6, false);
    let mut stream = Stream::default();
    run(&mut stream, &words, 0);
    let parts: Vec<String> = (0..PARTS).map(|part| written(&stream.memory, part)).collect();
    let memory = read(&parts, Limits { pairs_max: 3, ..Limits::default() });
    let seen = Stream::over(memory, 9_999).fire(hours(121), "host1", "detector1", "usual9");
    assert_eq!(seen.value(s::RULE_FIRES_HERE), adjutant_model::Value::Unknown(adjutant_model::Why::Evicted));
}

#[test]
fn what_was_written_badly_is_refused() {
    for (part, text) in (0..PARTS).flat_map(|part| ["", "{}", "[1,2,3]", "{\"key\":[1]}"].map(|text| (part, text))) {
        let read = Stream::default().memory.read_part(part, &mut serde_json::Deserializer::from_str(text));
        assert!(read.is_err(), "{part}: {text}");
    }
}

/// Hosts that share no rule do not touch each other, in whatever order their alerts come in.
#[test]
fn the_order_of_independent_alerts_changes_nothing() {
    let words: Vec<(u64, Word)> = days(4, 4, true).into_iter().enumerate().map(|(index, word)| (index as u64, word)).collect();
    let run = |words: &[(u64, Word)]| {
        let mut stream = Stream::default();
        let mut seen: Vec<(u64, Seen)> = words.iter().map(|(number, word)| (*number, stream.say(*number, word))).collect();
        seen.sort_by_key(|(number, _)| *number);
        seen.into_iter().map(|(_, seen)| facts(seen)).collect::<Vec<_>>()
    };
    let straight = run(&words);
    let mut dice = Dice(5);
    let mut mixed = words.clone();
    for _ in 0..20_000 {
        // The first alert stays: from it on, Adjutant has been watching.
        let at = 1 + dice.roll(mixed.len() as u64 - 2) as usize;
        if let Some([first, second]) = mixed.get_mut(at..at + 2)
            && first.1.1 != second.1.1
        {
            std::mem::swap(first, second);
        }
    }
    assert!(mixed != words);
    assert!(run(&mixed) == straight);
}

/// What is said of the alert itself; links to other hosts depend on who came first.
fn facts(mut seen: Seen) -> Seen {
    seen.links.clear();
    seen
}
