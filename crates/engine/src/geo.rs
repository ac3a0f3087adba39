//! Distances on the globe, in whole metres.
//!
//! Between two places: the great circle. Between two countries of which nothing else is known: a lower bound, so that
//! a speed made of it is never too high. The trigonometry is `libm`'s, so that every machine rounds alike.

mod countries;

use adjutant_model::{Distance, Geo};
pub use adjutant_rules::globe::distance;
use adjutant_rules::globe::metres;
use countries::CIRCLES;

/// The Earth is flattened: a true distance is at least this share of the distance on the mean sphere.
const FLATTENED: f64 = 0.994;

/// A lower bound of the distance between a place in country `a` and one in country `b` (ISO 3166-1 alpha-2, any case):
/// zero for one country and for neighbours; none for a code that is no country.
pub fn country_distance_min(a: &str, b: &str) -> Option<Distance> {
    let (circles_a, circles_b) = (circles(a)?, circles(b)?);
    if a.eq_ignore_ascii_case(b) {
        return Some(Distance(0));
    }
    let mut least = f64::INFINITY;
    for (_, lat_a, lon_a, radius_a) in circles_a {
        for (_, lat_b, lon_b, radius_b) in circles_b {
            let centres = metres((degrees(*lat_a), degrees(*lon_a)), (degrees(*lat_b), degrees(*lon_b)));
            let apart = centres * FLATTENED - 1000.0 * (f64::from(*radius_a) + f64::from(*radius_b));
            least = libm::fmin(least, apart);
        }
    }
    Some(Distance(libm::floor(libm::fmax(least, 0.0)) as i64))
}

/// A lower bound of the distance between `place` and anywhere in `country`.
pub fn place_to_country_min(place: Geo, country: &str) -> Option<Distance> {
    let apart = circles(country)?.iter().map(|(_, centre_lat, centre_lon, radius)| {
        metres(place.degrees(), (degrees(*centre_lat), degrees(*centre_lon))) * FLATTENED - 1000.0 * f64::from(*radius)
    });
    Some(Distance(libm::floor(libm::fmax(apart.fold(f64::INFINITY, libm::fmin), 0.0)) as i64))
}

fn degrees(hundredths: i16) -> f64 {
    f64::from(hundredths) / 100.0
}

/// The circles of `country`; none when there is no such country.
fn circles(country: &str) -> Option<&'static [(&'static str, i16, i16, u16)]> {
    let code: [u8; 2] = country.as_bytes().try_into().ok()?;
    let code = code.map(|letter| letter.to_ascii_uppercase());
    let start = CIRCLES.partition_point(|(known, ..)| known.as_bytes() < code.as_slice());
    let end = CIRCLES.partition_point(|(known, ..)| known.as_bytes() <= code.as_slice());
    CIRCLES.get(start..end).filter(|circles| !circles.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geo(lat: f64, lon: f64) -> Geo {
        Geo::from_degrees(lat, lon).unwrap()
    }

    #[test]
    fn distances_of_known_trips() {
        let (madrid, lagos) = (geo(40.4168, -3.7038), geo(6.5244, 3.3792));
        assert_eq!(distance(madrid, lagos).0 / 1000, 3834);
        assert_eq!(distance(madrid, madrid), Distance(0));
        assert_eq!(distance(geo(90.0, 0.0), geo(-90.0, 77.0)).0 / 1000, 20_015);
        assert_eq!(distance(geo(0.0, 179.999), geo(0.0, -179.999)).0, 222, "across the date line");
    }

    #[test]
    fn a_bound_from_countries_is_never_above_the_truth() {
        // Capitals and far corners: (country, latitude, longitude).
        let places = [
            ("ES", 40.42, -3.70),
            ("ES", 28.1, -15.4),
            ("NG", 6.52, 3.38),
            ("US", 21.3, -157.9),
            ("US", 64.8, -147.7),
            ("US", 25.8, -80.2),
            ("RU", 43.1, 131.9),
            ("RU", 54.7, 20.5),
            ("RU", 66.0, -170.0),
            ("GB", 51.5, -0.1),
            ("FR", 41.9, 8.7),
            ("RE", -20.9, 55.5),
            ("SG", 1.35, 103.82),
            ("MT", 35.9, 14.5),
            ("CL", -27.1, -109.4),
            ("NZ", -44.0, -176.5),
            ("FJ", -16.8, -180.0),
            ("KI", 1.87, -157.4),
            ("AQ", -77.85, 166.67),
            ("XK", 42.66, 21.17),
            ("TW", 25.0, 121.5),
        ];
        for (a, lat_a, lon_a) in places {
            for (b, lat_b, lon_b) in places {
                let truth = distance(geo(lat_a, lon_a), geo(lat_b, lon_b));
                let bound = country_distance_min(a, b).unwrap();
                assert!(bound <= truth, "{a}-{b}: {bound} > {truth}");
                assert_eq!(Some(bound), country_distance_min(b, a), "{a}-{b}");
                assert!(place_to_country_min(geo(lat_a, lon_a), b).unwrap() <= truth, "{a}-{b}");
            }
        }
    }

    #[test]
    fn a_bound_from_countries_says_something() {
        let km = |a, b| country_distance_min(a, b).unwrap().0 / 1000;
        assert!(km("ES", "NG") > 2_000 && km("GB", "US") > 3_500 && km("DE", "AU") > 9_000);
        for (a, b) in [("DE", "FR"), ("US", "MX"), ("DE", "DE"), ("us", "CA")] {
            assert_eq!(km(a, b), 0, "{a}-{b}");
        }
        for code in ["", "E", "ESP", "??", "ZZ", "É"] {
            assert_eq!(country_distance_min(code, "ES"), None, "{code}");
        }
    }
}
