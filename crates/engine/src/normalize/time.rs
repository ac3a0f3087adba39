//! Reads instants as logs write them.
//!
//! RFC 3339 and its relatives (a space for the `T`, `+0000`, no zone, a comma, 100 ns digits), seconds to
//! nanoseconds since 1970 told apart by magnitude, and dates with the month as a word (RFC 3164, RFC 2822,
//! Apache, `date`, CEF). No zone means UTC, as the documentation of nearly every source says. What is not
//! there is never made up silently: a missing year, an unknown zone and a day-or-month order that the text
//! does not settle come back as a [`Guess`]. Reading never allocates.

use adjutant_model::Time;

/// What had to be guessed to make an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// Nothing: the text says it all.
    Nothing,
    /// The year, from the time of arrival.
    Year,
    /// The zone: its abbreviation is not one that everybody reads alike.
    Zone,
    /// Whether `03/04` is in March or April: month first.
    Order,
}

/// An instant and what had to be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The instant.
    pub time: Time,
    /// What had to be guessed.
    pub guess: Guess,
}

/// Date and time of day as written.
#[derive(Clone, Copy, Debug, Default)]
struct Parts {
    year: Option<i64>,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    offset_minutes: i64,
}

/// Reads `text`. A text without year needs `received`, the time of arrival; without that it is no instant.
pub fn read(text: &str, received: Option<Time>) -> Option<Reading> {
    let text = text.trim();
    if let Some(time) = rfc3339(text.as_bytes()) {
        return Some(Reading { time, guess: Guess::Nothing });
    }
    if let Some(time) = digits(text) {
        return Some(Reading { time, guess: Guess::Nothing });
    }
    // A date and time are never longer; a long text is not searched.
    if text.len() > 64 || !text.is_ascii() {
        return None;
    }
    words(text, received)
}

/// The instant that is `number` seconds, milliseconds, microseconds or nanoseconds after 1970, by magnitude.
/// Numbers below a million (eleven days) are no instants: they are counters, ports and durations.
pub fn epoch(number: i64) -> Option<Time> {
    match number.unsigned_abs() {
        0..1_000_000 => None,
        1_000_000..100_000_000_000 => Some(Time(number.saturating_mul(1_000_000))),
        100_000_000_000..100_000_000_000_000 => Some(Time(number.saturating_mul(1_000))),
        100_000_000_000_000..100_000_000_000_000_000 => Some(Time(number)),
        _ => Some(Time(number / 1_000)),
    }
}

/// As [`epoch`], with a fraction.
pub fn epoch_f64(number: f64) -> Option<Time> {
    let size = number.abs();
    if !(1e6..1e19).contains(&size) {
        return None;
    }
    let micros = match size {
        _ if size < 1e11 => number * 1e6,
        _ if size < 1e14 => number * 1e3,
        _ if size < 1e17 => number,
        _ => number / 1e3,
    };
    Some(Time(micros.round() as i64))
}

/// The fixed shape `YYYY-MM-DDThh:mm:ss[.fraction][zone]` and its relatives.
fn rfc3339(bytes: &[u8]) -> Option<Time> {
    let (date, rest) = bytes.split_at_checked(10)?;
    let [y1, y2, y3, y4, s1, m1, m2, s2, d1, d2] = date.try_into().ok()?;
    if !matches!((s1, s2), (b'-', b'-') | (b'/', b'/') | (b'.', b'.')) {
        return None;
    }
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    let mut parts = Parts { year: Some(year), month: two(m1, m2)?, day: two(d1, d2)?, ..Parts::default() };
    let Some((separator, clock)) = rest.split_first() else { return parts.instant(year) };
    if !matches!(separator, b'T' | b't' | b' ' | b'_' | b'-') {
        return None;
    }
    let rest = parts.clock(clock)?;
    let (offset, guess) = zone(rest)?;
    parts.offset_minutes = offset;
    if guess { None } else { parts.instant(year) }
}

impl Parts {
    /// Reads `hh:mm[:ss[.fraction]]`, and returns what follows.
    fn clock<'a>(&mut self, clock: &'a [u8]) -> Option<&'a [u8]> {
        let (hour_minute, mut rest) = clock.split_at_checked(5)?;
        let [h1, h2, colon, m1, m2] = hour_minute.try_into().ok()?;
        if colon != b':' {
            return None;
        }
        self.hour = two(h1, h2)?;
        self.minute = two(m1, m2)?;
        if let [b':', s1, s2, after @ ..] = rest {
            self.second = two(*s1, *s2)?;
            rest = after;
        }
        if let [b'.' | b',' | b':', after @ ..] = rest {
            rest = self.fraction(after);
        }
        Some(rest)
    }

    /// Reads a fraction of a second; digits after the sixth are cut.
    fn fraction<'a>(&mut self, digits: &'a [u8]) -> &'a [u8] {
        let len = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
        let (fraction, rest) = digits.split_at_checked(len).unwrap_or((digits, &[]));
        let mut unit = 100_000;
        for digit in fraction {
            self.micros += i64::from(digit - b'0') * unit;
            unit /= 10;
        }
        rest
    }

    /// The instant, when the parts are on the calendar and the clock.
    fn instant(&self, year: i64) -> Option<Time> {
        let on_clock = (0..24).contains(&self.hour) && (0..60).contains(&self.minute) && (0..=60).contains(&self.second);
        let on_calendar = (1..=12).contains(&self.month) && self.day >= 1 && self.day <= days_in_month(year, self.month);
        if !on_clock || !on_calendar {
            return None;
        }
        let minutes = (days_from_civil(year, self.month, self.day) * 24 + self.hour) * 60 + self.minute - self.offset_minutes;
        Some(Time((minutes * 60 + self.second) * 1_000_000 + self.micros))
    }

    /// As [`Parts::instant`] with the latest year in which it is not more than a day after `received`.
    fn instant_before(&self, received: Time) -> Option<Time> {
        const DAY: i64 = 86_400_000_000;
        let (this_year, ..) = civil_from_days(received.0.div_euclid(DAY));
        // 29 February may be eight years back.
        (0..=8).filter_map(|back| self.instant(this_year + 1 - back)).find(|time| time.0 <= received.0.saturating_add(DAY))
    }
}

/// Reads a zone: minutes east of UTC, and whether it had to be guessed.
fn zone(text: &[u8]) -> Option<(i64, bool)> {
    let text = text.trim_ascii();
    match text {
        [] | b"Z" | b"z" => Some((0, false)),
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let minutes = match rest {
                [h1, h2] => two(*h1, *h2)? * 60,
                [h1, h2, m1, m2] | [h1, h2, b':', m1, m2] => two(*h1, *h2)? * 60 + two(*m1, *m2)?,
                [h] => two(b'0', *h)? * 60,
                _ => return None,
            };
            Some((if *sign == b'-' { -minutes } else { minutes }, false))
        }
        _ if text.len() <= 5 && text.iter().all(u8::is_ascii_alphabetic) => Some(named_zone(text)),
        _ => None,
    }
}

/// The zones of RFC 2822 and a few that are not ambiguous; another name is taken for UTC, as a guess.
fn named_zone(name: &[u8]) -> (i64, bool) {
    const ZONES: [(&[u8], i64); 18] = [
        (b"UTC", 0),
        (b"GMT", 0),
        (b"UT", 0),
        (b"EST", -5),
        (b"EDT", -4),
        (b"CST", -6),
        (b"CDT", -5),
        (b"MST", -7),
        (b"MDT", -6),
        (b"PST", -8),
        (b"PDT", -7),
        (b"WET", 0),
        (b"CET", 1),
        (b"CEST", 2),
        (b"EET", 2),
        (b"EEST", 3),
        (b"MSK", 3),
        (b"JST", 9),
    ];
    let known = ZONES.iter().find(|(zone, _)| zone.eq_ignore_ascii_case(name));
    known.map_or((0, true), |(_, hours)| (hours * 60, false))
}

/// Reads a number of seconds, milliseconds … since 1970 that is written as text.
fn digits(text: &str) -> Option<Time> {
    if let Ok(number) = text.parse::<i64>() {
        // Fewer digits are a year, a date or a counter.
        return if text.len() >= 9 { epoch(number) } else { None };
    }
    let (whole, fraction) = text.split_once('.')?;
    let plain = whole.len() >= 9 && fraction.len() <= 18 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let whole = whole.parse::<i64>().ok().filter(|_| plain)?;
    let mut parts = Parts::default();
    parts.fraction(fraction.as_bytes());
    match whole.unsigned_abs() {
        0..100_000_000_000 => epoch(whole).map(|time| Time(time.0.saturating_add(parts.micros))),
        _ => epoch(whole),
    }
}

/// Reads a date whose month is a word, or whose numbers are split by slashes, in any order.
fn words(text: &str, received: Option<Time>) -> Option<Reading> {
    let mut found = Found::default();
    for token in text.split([' ', ',', '\t', '[', ']']).filter(|token| !token.is_empty()) {
        found.token(token)?;
    }
    found.reading(received)
}

/// What the words of a date said so far.
#[derive(Default)]
struct Found {
    parts: Parts,
    clock: bool,
    zone: bool,
    guess: Option<Guess>,
    afternoon: Option<bool>,
}

impl Found {
    fn token(&mut self, token: &str) -> Option<()> {
        let bytes = token.as_bytes();
        if let Some(month) = month(bytes) {
            self.parts.month = month;
            return Some(());
        }
        if is_clock(bytes) {
            return self.clock(bytes);
        }
        if bytes.iter().all(u8::is_ascii_digit) {
            return self.number(token);
        }
        if bytes.iter().any(|byte| matches!(byte, b'/' | b'-')) && bytes.first().is_some_and(u8::is_ascii_digit) {
            return self.date(token);
        }
        self.word(bytes)
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        const DAYS: [&[u8]; 7] = [b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun"];
        let lower = |prefix: &&[u8]| word.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        if word.eq_ignore_ascii_case(b"AM") || word.eq_ignore_ascii_case(b"PM") {
            self.afternoon = Some(word.eq_ignore_ascii_case(b"PM"));
            return Some(());
        }
        if !self.clock && DAYS.iter().any(lower) {
            return Some(());
        }
        if !self.clock || self.zone {
            return None;
        }
        let (offset, guessed) = zone(word)?;
        self.parts.offset_minutes = offset;
        self.zone = true;
        if guessed {
            self.guess = Some(Guess::Zone);
        }
        Some(())
    }

    /// `hh:mm:ss`, with a zone attached or not.
    fn clock(&mut self, token: &[u8]) -> Option<()> {
        // A one-digit hour is written `9:05`.
        let mut padded = [b'0'; 40];
        let token = if token.get(1) == Some(&b':') {
            padded.get_mut(1..=token.len())?.copy_from_slice(token);
            padded.get(..=token.len())?
        } else {
            token
        };
        let rest = self.parts.clock(token)?;
        self.clock = true;
        if rest.is_empty() { Some(()) } else { self.word(rest) }
    }

    fn number(&mut self, token: &str) -> Option<()> {
        let number = token.parse::<i64>().ok()?;
        match token.len() {
            1 | 2 if self.parts.day == 0 => self.parts.day = number,
            4 if self.parts.year.is_none() => self.parts.year = Some(number),
            _ => return None,
        }
        Some(())
    }

    /// `11/Oct/2018`, `11/Oct/2018:22:14:15`, `10/11/2018`, `11-Oct-2018`.
    fn date(&mut self, token: &str) -> Option<()> {
        let (date, clock) = match token.split_once([':', 'T']) {
            Some((date, clock)) => (date, Some(clock)),
            None => (token, None),
        };
        let mut parts = date.split(['/', '-']);
        let (first, second, year) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        self.parts.year = Some(full_year(year)?);
        let day = first.parse::<i64>().ok()?;
        if let Some(month) = month(second.as_bytes()) {
            (self.parts.day, self.parts.month) = (day, month);
        } else {
            let other = second.parse::<i64>().ok()?;
            let day_first = day > 12;
            (self.parts.day, self.parts.month) = if day_first { (day, other) } else { (other, day) };
            if day <= 12 && other <= 12 && day != other {
                self.guess = Some(Guess::Order);
            }
        }
        clock.map_or(Some(()), |clock| self.clock(clock.as_bytes()))
    }

    fn reading(mut self, received: Option<Time>) -> Option<Reading> {
        if let Some(afternoon) = self.afternoon {
            if !(1..=12).contains(&self.parts.hour) {
                return None;
            }
            self.parts.hour = self.parts.hour % 12 + if afternoon { 12 } else { 0 };
            // Only the month-first convention writes a twelve-hour clock beside slashes.
            self.guess = self.guess.filter(|guess| *guess != Guess::Order);
        }
        match self.parts.year {
            Some(year) => Some(Reading { time: self.parts.instant(year)?, guess: self.guess.unwrap_or(Guess::Nothing) }),
            None if self.clock => Some(Reading { time: self.parts.instant_before(received?)?, guess: Guess::Year }),
            None => None,
        }
    }
}

/// Whether a word begins like `9:05` or `09:05`.
fn is_clock(word: &[u8]) -> bool {
    matches!(word, [a, b':', ..] if a.is_ascii_digit())
        || matches!(word, [a, b, b':', ..] if a.is_ascii_digit() && b.is_ascii_digit())
}

fn full_year(year: &str) -> Option<i64> {
    let number = year.parse::<i64>().ok()?;
    match year.len() {
        4 => Some(number),
        2 => Some(if number < 70 { 2000 + number } else { 1900 + number }),
        _ => None,
    }
}

fn month(word: &[u8]) -> Option<i64> {
    const MONTHS: [&[u8]; 12] = [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
    const LONGEST: usize = 9;
    if word.len() > LONGEST || !word.iter().all(u8::is_ascii_alphabetic) {
        return None;
    }
    let start = word.get(..3)?;
    MONTHS.iter().position(|month| month.eq_ignore_ascii_case(start)).and_then(|at| i64::try_from(at + 1).ok())
}

fn two(tens: u8, ones: u8) -> Option<i64> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar, counting years from March.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let month_from_march = (month + 9) % 12;
    let of_year = (153 * month_from_march + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The inverse of [`days_from_civil`]: year, month, day.
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days - era * 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, of_year - (153 * from_march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<String> {
        read(text, None).map(|reading| {
            assert_eq!(reading.guess, Guess::Nothing, "{text}");
            reading.time.to_string()
        })
    }

    #[test]
    fn one_instant_in_many_spellings() {
        for text in [
            "2018-10-11T22:14:15Z",
            "2018-10-11 22:14:15",
            "2018-10-11T22:14:15+0000",
            "2018-10-12T00:14:15+02:00",
            "2018-10-11T22:14:15.0000000Z",
            "2018/10/11 22:14:15",
            "2018-10-11 22:14:15 UTC",
            "2018-10-11T17:14:15-05",
            "1539296055",
            "1539296055000",
            "1539296055000000",
            "1539296055000000000",
            "1539296055.000",
            "Oct 11 2018 22:14:15",
            "Oct 11 22:14:15 2018",
            "Thu Oct 11 22:14:15 UTC 2018",
            "Thu, 11 Oct 2018 22:14:15 +0000",
            "11/Oct/2018:22:14:15 +0000",
            "[11/Oct/2018:17:14:15 -0500]",
            "October 11, 2018 10:14:15 PM",
            "10/11/2018 10:14:15 PM",
            "10/11/2018, 10:14:15 PM",
            "11-Oct-2018 22:14:15",
            "Oct 11 2018 22:14:15.000 GMT",
        ] {
            assert_eq!(at(text).as_deref(), Some("2018-10-11T22:14:15Z"), "{text}");
        }
    }

    #[test]
    fn one_digit_is_enough_for_days_and_hours() {
        assert_eq!(at("3/1/2026 9:14:07 AM").as_deref(), Some("2026-03-01T09:14:07Z"));
        assert_eq!(at("Mar 1 2026 9:14:07").as_deref(), Some("2026-03-01T09:14:07Z"));
    }

    #[test]
    fn fractions_are_kept_to_the_microsecond() {
        assert_eq!(at("2018-10-11T22:14:15.1234567Z").as_deref(), Some("2018-10-11T22:14:15.123456Z"));
        assert_eq!(at("2018-10-11 22:14:15,5").as_deref(), Some("2018-10-11T22:14:15.5Z"));
        assert_eq!(at("1539296055.25").as_deref(), Some("2018-10-11T22:14:15.25Z"));
        assert_eq!(epoch_f64(1_539_296_055.25).map(|time| time.to_string()).as_deref(), Some("2018-10-11T22:14:15.25Z"));
    }

    #[test]
    fn the_ends_of_the_calendar() {
        assert_eq!(at("0000-01-01T00:00:00Z").as_deref(), Some("0000-01-01T00:00:00Z"));
        assert_eq!(at("9999-12-30").as_deref(), Some("9999-12-30T00:00:00Z"));
        assert_eq!(at("2024-02-29T00:00:00Z").as_deref(), Some("2024-02-29T00:00:00Z"));
        for text in ["2023-02-29T00:00:00Z", "2023-13-01", "2023-00-10", "2023-01-32", "2023-01-01T24:00:00Z"] {
            assert_eq!(read(text, None), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", "-", "now", "12", "2018", "123456", "20181011", "10.0.0.1", "Oct 11", "é", "99/99/9999", "a:b:c"] {
            assert_eq!(read(text, Some(Time::from_secs(1_539_296_055))), None, "{text}");
        }
        assert_eq!(read(&"1".repeat(10_000_000), None), None);
        assert_eq!(epoch(443), None);
        assert_eq!(epoch_f64(f64::NAN), None);
    }

    #[test]
    fn a_missing_year_comes_from_the_arrival_or_not_at_all() {
        let received = read("2019-01-02T00:00:00Z", None).map(|reading| reading.time);
        let before = read("Dec 31 22:14:15", received).unwrap();
        assert_eq!((before.time.to_string().as_str(), before.guess), ("2018-12-31T22:14:15Z", Guess::Year));
        let leap = read("Feb 29 10:00:00", received).unwrap();
        assert_eq!(leap.time.to_string(), "2016-02-29T10:00:00Z");
        assert_eq!(read("Dec 31 22:14:15", None), None);
    }

    #[test]
    fn what_is_ambiguous_is_a_guess() {
        assert_eq!(read("03/04/2020 10:00:00", None).unwrap().guess, Guess::Order);
        assert_eq!(read("13/04/2020 10:00:00", None).unwrap().guess, Guess::Nothing);
        assert_eq!(read("Oct 11 2018 22:14:15 IST", None).unwrap().guess, Guess::Zone);
    }

    #[test]
    fn the_calendar_runs_both_ways() {
        for days in (-800_000..3_000_000).step_by(997) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
    }
}
