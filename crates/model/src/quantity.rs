//! Typed quantities: instants, spans of time, distances, speeds and places.
//!
//! All are integers, so that every machine decides alike: microseconds, metres, metres per hour and
//! millionths of a degree. Arithmetic saturates; nothing here panics.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An instant, in microseconds since 1970-01-01T00:00:00Z. Covers every year that a log can write (0 to 9999).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Time(pub i64);

/// A span of time, in microseconds; negative when it points back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Duration(pub i64);

/// A distance in whole metres.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Distance(pub i64);

/// A speed in metres per hour, so that km/h is exact and mph is not a number of the same type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Speed(pub i64);

/// A place on the WGS 84 globe, in millionths of a degree (about 0.1 m).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Geo {
    /// Latitude, −90,000,000 to 90,000,000, north positive.
    pub lat: i32,
    /// Longitude, −180,000,000 to 180,000,000, east positive.
    pub lon: i32,
}

impl Time {
    /// The instant that is `seconds` after 1970-01-01T00:00:00Z.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }
    /// The instant that is `millis` milliseconds after 1970-01-01T00:00:00Z.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }
    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
    /// How long after `earlier` this instant is.
    pub const fn since(self, earlier: Time) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }
    /// This instant moved by `span`.
    pub const fn plus(self, span: Duration) -> Time {
        Time(self.0.saturating_add(span.0))
    }
    /// Hour of the week in UTC, 0 to 167; hour 0 is Monday 00:00.
    pub const fn hour_of_week(self) -> u8 {
        // 1970-01-01 was a Thursday: 72 hours after Monday 00:00.
        ((self.secs().div_euclid(3600) + 72).rem_euclid(168)) as u8
    }
}

impl Duration {
    /// `seconds` as a span.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }
    /// `hours` as a span.
    pub const fn from_hours(hours: i64) -> Self {
        Self::from_secs(hours.saturating_mul(3600))
    }
    /// `days` as a span.
    pub const fn from_days(days: i64) -> Self {
        Self::from_hours(days.saturating_mul(24))
    }
    /// Whole seconds, rounded towards zero.
    pub const fn secs(self) -> i64 {
        self.0 / 1_000_000
    }
}

impl Distance {
    /// `km` kilometres.
    pub const fn from_km(km: i64) -> Self {
        Self(km.saturating_mul(1000))
    }
    /// The average speed of going this far in `span`; a span of zero or less counts as one second.
    pub const fn over(self, span: Duration) -> Speed {
        let seconds = if span.secs() < 1 { 1 } else { span.secs() };
        Speed(self.0.saturating_mul(3600) / seconds)
    }
}

impl Speed {
    /// `kmh` kilometres per hour.
    pub const fn from_kmh(kmh: i64) -> Self {
        Self(kmh.saturating_mul(1000))
    }
}

impl Geo {
    /// The place at `lat`, `lon` degrees; `None` outside the globe and for not-a-number.
    pub fn from_degrees(lat: f64, lon: f64) -> Option<Self> {
        let inside = (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon);
        inside.then(|| Self { lat: (lat * 1e6).round() as i32, lon: (lon * 1e6).round() as i32 })
    }
    /// Latitude and longitude in degrees.
    pub fn degrees(self) -> (f64, f64) {
        (f64::from(self.lat) / 1e6, f64::from(self.lon) / 1e6)
    }
}

impl fmt::Display for Time {
    /// RFC 3339 in UTC with as many fractional digits as are needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not jiff's timestamp, which ends a day before the year 9999 does.
        let epoch = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
        match epoch.checked_add(jiff::SignedDuration::from_micros(self.0)) {
            Ok(utc) => write!(f, "{utc}Z"),
            Err(_) => write!(f, "{}µs", self.0),
        }
    }
}

impl fmt::Display for Duration {
    /// The two largest units that are not zero: `3 d 4 h`, `24 min`, `0 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let mut left = self.0.unsigned_abs() / 1_000_000;
        let mut parts = 0;
        for (size, unit) in UNITS {
            let count = left / size;
            if count > 0 && parts < 2 {
                let space = if parts > 0 { " " } else { "" };
                write!(f, "{space}{count} {unit}")?;
                parts += 1;
                left %= size;
            } else if parts > 0 {
                break;
            }
        }
        if parts == 0 { f.write_str("0 s") } else { Ok(()) }
    }
}

impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            m @ -9_999..=9_999 => write!(f, "{m} m"),
            m => write!(f, "{} km", Grouped(m / 1000)),
        }
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} km/h", Grouped(self.0 / 1000))
    }
}

impl fmt::Display for Geo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lat, lon) = self.degrees();
        write!(f, "{lat:.4},{lon:.4}")
    }
}

/// An integer written with a comma between thousands: `9,585`.
#[derive(Clone, Copy, Debug)]
pub struct Grouped(pub i64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.unsigned_abs().to_string();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_people_write_them() {
        let shown = |s| Duration::from_secs(s).to_string();
        assert_eq!(shown(0), "0 s");
        assert_eq!(shown(1440), "24 min");
        assert_eq!(shown(90), "1 min 30 s");
        assert_eq!(shown(3 * 86_400 + 4 * 3_600 + 59), "3 d 4 h");
        assert_eq!(shown(3 * 86_400 + 59), "3 d");
        assert_eq!(shown(-60), "-1 min");
    }

    #[test]
    fn speed_of_a_known_trip() {
        // Madrid to Lagos, 3,834 km in 24 minutes.
        let speed = Distance::from_km(3834).over(Duration::from_secs(24 * 60));
        assert_eq!(speed.to_string(), "9,585 km/h");
        assert_eq!(Distance(50).over(Duration(0)), Speed(180_000));
    }

    #[test]
    fn hour_of_week_starts_on_monday() {
        assert_eq!(Time::from_secs(0).hour_of_week(), 72);
        assert_eq!(Time::from_secs(4 * 86_400).hour_of_week(), 0);
        assert_eq!(Time::from_secs(-1).hour_of_week(), 71);
    }

    #[test]
    fn times_outside_the_calendar_still_print() {
        assert_eq!(Time(i64::MAX).to_string(), "9223372036854775807µs");
        assert_eq!(Time::from_secs(1_772_356_447).to_string(), "2026-03-01T09:14:07Z");
    }
}
