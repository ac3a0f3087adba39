//! Campaigns of mail: messages that are nearly the same, sent to many and reported by many.
//!
//! A message whose sketch agrees with a campaign's in four of five places joins it. Found by bands of the sketch, so that looking for it
//! costs the same whatever is remembered. A campaign knows its case, its different recipients and reporters, and what the
//! reporters' word is worth: with nothing known of them each counts as one, and a record of their own moves that slowly. So a report
//! opens a case, and reports alone never convict; what they are worth is the book's to say.

use super::{DIFFERENT_MAX, Few, case_key};
use crate::bounded::Bounded;
use crate::entities::{HashKey, hash};
use adjutant_model::{CaseId, Duration, Time};
use serde::{Deserialize, Serialize};

/// Places of a sketch, as [`adjutant_mail`] writes them.
pub const PLACES: usize = adjutant_mail::SKETCH_PLACES;

/// Places that must agree: four of five.
const ALIKE_MIN: usize = PLACES * 4 / 5 + 1;

/// Places of a band. Of eight bands, two messages that agree in four of five places share one with 98 %.
const BAND: usize = 4;

/// Name space of the keyed hash.
const SPACE: u8 = 110;

/// A sketch of a message.
pub type Sketch = [u16; PLACES];

/// What a record of reports is worth: in hundredths of what an average reporter's word is.
///
/// Of reports by people about a third are right (Freeman 2017), and hardly anybody is reliably better. So a reporter's share of
/// right reports is drawn to that mean by the weight of twenty.
pub fn credence(confirmed: i64, refused: i64) -> u32 {
    const MEAN_PCT: i64 = 35;
    const WEIGHT: i64 = 20;
    const RECORD_MAX: i64 = 10_000;
    let (confirmed, refused) = (confirmed.clamp(0, RECORD_MAX), refused.clamp(0, RECORD_MAX));
    let share = (confirmed * 100 + MEAN_PCT * WEIGHT) * 100 / ((confirmed + refused + WEIGHT) * MEAN_PCT);
    u32::try_from(share).unwrap_or(0)
}

/// Reads a sketch as it stands in a fact.
pub fn read(text: &str) -> Option<Sketch> {
    let mut sketch = [0; PLACES];
    if text.len() != PLACES * 4 {
        return None;
    }
    for (at, place) in sketch.iter_mut().enumerate() {
        *place = u16::from_str_radix(text.get(at * 4..at * 4 + 4)?, 16).ok()?;
    }
    Some(sketch)
}

/// What is known of one campaign.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Campaign {
    sketch: Sketch,
    last: Time,
    messages: u32,
    recipients: Few,
    reporters: Few,
    /// Sum of what the reporters' words are worth, in hundredths.
    credence: u32,
    case: Option<u64>,
}

/// A message on its way into a campaign.
pub struct Copy<'a> {
    /// When it came.
    pub time: Time,
    /// Its sketch.
    pub sketch: Sketch,
    /// Hashes of its recipients.
    pub recipients: &'a [u64],
    /// Hash of who reported it, and what their word is worth.
    pub reporter: Option<(u64, u32)>,
    /// Whether it counts: a duplicate of what came does not.
    pub counts: bool,
}

/// What is known of a message's campaign, itself included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub(super) key: u64,
    pub(super) case: Option<u64>,
    /// How many messages are nearly the same.
    pub messages: u32,
    /// Different recipients.
    pub recipients: u32,
    /// Different people who reported one.
    pub reporters: u32,
    /// What their words are worth together, in hundredths.
    pub credence: u32,
}

/// The campaigns that are remembered.
#[derive(Serialize, Deserialize)]
pub struct Campaigns {
    known: Bounded<Campaign>,
    bands: Bounded<u64>,
}

impl Campaigns {
    /// None yet, and at most so many.
    pub fn new(limit: usize) -> Self {
        Self { known: Bounded::new(limit), bands: Bounded::new(limit.saturating_mul(PLACES / BAND)) }
    }

    /// The same within another limit.
    pub fn with_limit(self, limit: usize) -> Self {
        Self { known: self.known.with_limit(limit), bands: self.bands.with_limit(limit.saturating_mul(PLACES / BAND)) }
    }

    /// Takes in a message; a campaign that was quiet for longer than `window` is over. `key` is what bands are hashed with.
    pub fn take(&mut self, copy: &Copy<'_>, window: Duration, key: HashKey) -> Seen {
        let bands = bands(&copy.sketch, key);
        let found = self.find(copy, window, &bands).unwrap_or_else(|| self.begin(copy, &bands));
        let (campaign, _) = self.known.touch(found);
        campaign.last = campaign.last.max(copy.time);
        if copy.counts {
            campaign.messages = campaign.messages.saturating_add(1);
            copy.recipients.iter().for_each(|recipient| {
                campaign.recipients.add(*recipient);
            });
            if let Some((reporter, credence)) = copy.reporter
                && campaign.reporters.add(reporter)
            {
                campaign.credence = campaign.credence.saturating_add(credence);
            }
        }
        let Campaign { messages, case, credence, .. } = *campaign;
        let (recipients, reporters) = (campaign.recipients.len(), campaign.reporters.len());
        Seen { key: found, case, messages, recipients, reporters, credence }
    }

    /// Says which case a campaign is worked in.
    pub fn worked_in(&mut self, seen: &Seen, case: CaseId) {
        if let Some(campaign) = self.known.get_mut(seen.key) {
            campaign.case = Some(case_key(case));
        }
    }

    /// The campaign that a message is most like.
    fn find(&self, copy: &Copy<'_>, window: Duration, bands: &[u64]) -> Option<u64> {
        let alike = |key: &u64| {
            let campaign = self.known.get(*key)?;
            let same = campaign.sketch.iter().zip(&copy.sketch).filter(|(one, other)| one == other).count();
            let apart = copy.time.since(campaign.last).max(campaign.last.since(copy.time));
            (same >= ALIKE_MIN && apart <= window).then_some((same, *key))
        };
        bands.iter().filter_map(|band| self.bands.get(*band)).filter_map(alike).max().map(|(_, key)| key)
    }

    fn begin(&mut self, copy: &Copy<'_>, bands: &[u64]) -> u64 {
        // The bands of a sketch and its time name it well enough, and the same messages give the same name.
        let key = bands.iter().fold(copy.time.0.cast_unsigned(), |key, band| key.rotate_left(7) ^ band);
        let (campaign, _) = self.known.touch(key);
        *campaign = Campaign { sketch: copy.sketch, last: copy.time, ..Campaign::default() };
        for band in bands {
            *self.bands.touch(*band).0 = key;
        }
        key
    }
}

fn bands(sketch: &Sketch, key: HashKey) -> Vec<u64> {
    let band = |(number, places): (usize, &[u16])| {
        let bytes: Vec<u8> = [number as u16].iter().chain(places).flat_map(|place| place.to_be_bytes()).collect();
        hash(key, SPACE, &bytes)
    };
    sketch.chunks(BAND).enumerate().map(band).collect()
}

const _: () = assert!(DIFFERENT_MAX > 6, "more than five reporters must be told apart");

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: HashKey = HashKey([3; 16]);
    const WINDOW: Duration = Duration::from_hours(14 * 24);

    fn sketch(seed: u16, differing: usize) -> Sketch {
        let mut sketch = [0; PLACES];
        for (at, place) in sketch.iter_mut().enumerate() {
            // Spread out, so that bands are hit as badly as can be.
            *place = seed + if (at * 5) % PLACES < differing { 1_000 + seed } else { at as u16 };
        }
        sketch
    }

    fn copy(sketch: Sketch, day: i64, recipient: &[u64; 1], reporter: Option<(u64, u32)>) -> Copy<'_> {
        Copy { time: Time::from_secs(day * 86_400), sketch, recipients: recipient, reporter, counts: true }
    }

    #[test]
    fn near_copies_are_one_campaign_and_others_are_not() {
        let mut campaigns = Campaigns::new(100);
        let first = campaigns.take(&copy(sketch(7, 0), 0, &[1], None), WINDOW, KEY);
        let near = campaigns.take(&copy(sketch(7, 3), 1, &[2], None), WINDOW, KEY);
        assert_eq!((near.key, near.messages, near.recipients), (first.key, 2, 2));
        let far = campaigns.take(&copy(sketch(7, 8), 1, &[2], None), WINDOW, KEY);
        assert_ne!(far.key, first.key, "three of four places are not four of five");
        assert_ne!(campaigns.take(&copy(sketch(900, 0), 1, &[2], None), WINDOW, KEY).key, first.key);
        let late = campaigns.take(&copy(sketch(7, 0), 16, &[3], None), WINDOW, KEY);
        assert_eq!((late.messages, late.key == first.key), (1, false), "quiet for more than 14 days");
    }

    #[test]
    fn the_same_person_counts_once_and_a_duplicate_not_at_all() {
        let mut campaigns = Campaigns::new(100);
        for _ in 0..3 {
            campaigns.take(&copy(sketch(7, 0), 0, &[1], Some((9, 100))), WINDOW, KEY);
        }
        let again = Copy { counts: false, ..copy(sketch(7, 0), 0, &[2], Some((8, 100))) };
        let seen = campaigns.take(&again, WINDOW, KEY);
        assert_eq!((seen.messages, seen.recipients, seen.reporters, seen.credence), (3, 1, 1, 100));
    }

    #[test]
    fn a_word_is_drawn_to_the_mean() {
        assert_eq!(credence(0, 0), 100);
        assert_eq!((credence(7, 13), credence(1, 0), credence(0, 1)), (100, 108, 95));
        assert!(credence(0, 100) < 20 && credence(100, 0) < 300 && credence(i64::MAX, i64::MIN) < 300);
        assert!((0..50).all(|n| credence(n + 1, 5) >= credence(n, 5) && credence(5, n + 1) <= credence(5, n)));
    }

    #[test]
    fn a_sketch_is_read_or_refused() {
        let text: String = sketch(7, 0).iter().map(|place| format!("{place:04x}")).collect();
        assert_eq!(read(&text), Some(sketch(7, 0)));
        assert!(read("").is_none() && read(&text.replace('0', "x")).is_none() && read(&(text + "0")).is_none());
    }

    #[test]
    fn memory_stays_within_its_limit() {
        let mut campaigns = Campaigns::new(50);
        for seed in 0..5_000 {
            campaigns.take(&copy(sketch(seed * 13, 0), 0, &[1], None), WINDOW, KEY);
        }
        assert!(campaigns.known.len() <= 50 && campaigns.bands.len() <= 50 * PLACES / BAND);
    }
}
