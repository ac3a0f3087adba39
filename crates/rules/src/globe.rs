//! The great circle between two places, the one way to compute it. The trigonometry is `libm`'s, so that every
//! machine rounds alike.

use adjutant_model::{Distance, Geo};

/// Mean radius of the Earth in metres (IUGG).
const RADIUS_M: f64 = 6_371_008.8;

/// The great-circle distance between two places.
pub fn distance(a: Geo, b: Geo) -> Distance {
    Distance(libm::round(metres(a.degrees(), b.degrees())) as i64)
}

/// The same in metres between two pairs of latitude and longitude in degrees. Haversine: exact enough for near places,
/// where the cosine formula is not.
pub fn metres((lat_a, lon_a): (f64, f64), (lat_b, lon_b): (f64, f64)) -> f64 {
    let (lat_a, lat_b) = (lat_a.to_radians(), lat_b.to_radians());
    let half_lat = libm::sin((lat_b - lat_a) / 2.0);
    let half_lon = libm::sin((lon_b - lon_a).to_radians() / 2.0);
    let h = half_lat * half_lat + libm::cos(lat_a) * libm::cos(lat_b) * half_lon * half_lon;
    2.0 * RADIUS_M * libm::asin(libm::sqrt(libm::fmin(h, 1.0)))
}
