//! The map: countries, cities and who provides the Internet there.
//!
//! Coordinates, time zones (standard time, no summer time) and autonomous systems are public facts; the
//! shares of providers are rounded guesses at markets of three to five providers, which is what matters:
//! a stranger in the right city is by chance at the victim's own provider about three times in ten.

/// A provider's way of giving out addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// The same address for months (cable, fibre).
    Sticky,
    /// A new address from the neighbourhood's pool every day or so (some DSL and fibre in Europe and Asia;
    /// Padmanabhan et al., IMC 2016, saw periodic renumbering at many providers).
    Daily,
}

/// An access provider of a country.
#[derive(Clone, Copy, Debug)]
pub struct Provider {
    /// Autonomous system.
    pub asn: u32,
    /// Its name.
    pub name: &'static str,
    /// Relative share of homes, or of phones.
    pub share: u64,
    /// How it gives out addresses to homes.
    pub lease: Lease,
}

/// A country.
#[derive(Debug)]
pub struct Country {
    /// Its name, as identity providers write it.
    pub name: &'static str,
    /// Its ISO 3166-1 alpha-2 code.
    pub code: &'static str,
    /// Providers of homes and businesses.
    pub fixed: &'static [Provider],
    /// Providers of phones.
    pub mobile: &'static [Provider],
}

/// A city.
#[derive(Debug)]
pub struct City {
    /// Its name.
    pub name: &'static str,
    /// The index of its country.
    pub country: usize,
    /// Latitude in degrees.
    pub lat: f64,
    /// Longitude in degrees.
    pub lon: f64,
    /// Offset of its clocks from UTC, in minutes.
    pub offset_min: i64,
    /// How many of a hundred employees live there; 0 where there is no office.
    pub staff: u64,
}

const fn fixed(asn: u32, name: &'static str, share: u64) -> Provider {
    Provider { asn, name, share, lease: Lease::Sticky }
}

const fn daily(asn: u32, name: &'static str, share: u64) -> Provider {
    Provider { asn, name, share, lease: Lease::Daily }
}

const fn country(name: &'static str, code: &'static str, fixed: &'static [Provider], mobile: &'static [Provider]) -> Country {
    Country { name, code, fixed, mobile }
}

/// Every country, in the order that [`CITIES`] refers to.
pub const COUNTRIES: &[Country] = &[
    country(
        "Germany",
        "DE",
        &[
            daily(3320, "deutsche telekom ag", 40),
            fixed(3209, "vodafone gmbh", 30),
            daily(6805, "telefonica germany", 15),
            fixed(8881, "1&1 versatel", 15),
        ],
        &[fixed(3320, "deutsche telekom ag", 35), fixed(3209, "vodafone gmbh", 30), fixed(6805, "telefonica germany", 35)],
    ),
    country(
        "United States",
        "US",
        &[
            fixed(7922, "comcast cable", 40),
            fixed(20115, "charter communications", 30),
            fixed(7018, "att services", 20),
            fixed(701, "verizon business", 10),
        ],
        &[fixed(21928, "t-mobile usa", 35), fixed(22394, "verizon wireless", 35), fixed(20057, "att mobility", 30)],
    ),
    country(
        "United Kingdom",
        "GB",
        &[
            fixed(2856, "british telecommunications", 35),
            fixed(5089, "virgin media", 30),
            fixed(5607, "sky uk", 25),
            fixed(13285, "talktalk", 10),
        ],
        &[fixed(12576, "ee limited", 35), fixed(35228, "telefonica uk", 35), fixed(25135, "vodafone uk", 30)],
    ),
    country(
        "France",
        "FR",
        &[
            fixed(3215, "orange sa", 40),
            fixed(12322, "free sas", 25),
            fixed(15557, "sfr sa", 20),
            fixed(5410, "bouygues telecom", 15),
        ],
        &[fixed(3215, "orange sa", 40), fixed(51207, "free mobile", 30), fixed(15557, "sfr sa", 30)],
    ),
    country(
        "Spain",
        "ES",
        &[fixed(3352, "telefonica de espana", 40), fixed(12479, "orange espagne", 30), fixed(12430, "vodafone espana", 30)],
        &[fixed(3352, "telefonica de espana", 40), fixed(12479, "orange espagne", 30), fixed(12430, "vodafone espana", 30)],
    ),
    country(
        "Poland",
        "PL",
        &[daily(5617, "orange polska", 45), fixed(6830, "liberty global", 30), fixed(12741, "netia", 25)],
        &[fixed(5617, "orange polska", 35), fixed(12912, "t-mobile polska", 35), fixed(8374, "polkomtel", 30)],
    ),
    country(
        "India",
        "IN",
        &[daily(55836, "reliance jio", 45), fixed(24560, "bharti airtel", 35), fixed(18209, "atria convergence", 20)],
        &[fixed(55836, "reliance jio", 50), fixed(45609, "bharti airtel mobile", 50)],
    ),
    country(
        "Singapore",
        "SG",
        &[fixed(9506, "singtel fibre", 45), fixed(55430, "starhub", 30), fixed(18106, "viewqwest", 25)],
        &[fixed(45143, "singtel mobile", 50), fixed(4657, "starhub", 50)],
    ),
    country(
        "Australia",
        "AU",
        &[fixed(1221, "telstra", 40), fixed(7545, "tpg telecom", 35), fixed(4804, "optus", 25)],
        &[fixed(1221, "telstra", 50), fixed(133612, "vodafone australia", 50)],
    ),
    country(
        "Brazil",
        "BR",
        &[fixed(28573, "claro nxt", 40), daily(27699, "telefonica brasil", 35), fixed(7738, "v tal", 25)],
        &[fixed(26599, "telefonica brasil mobile", 50), fixed(26615, "tim sa", 50)],
    ),
    country(
        "Japan",
        "JP",
        &[fixed(4713, "ntt ocn", 40), fixed(17676, "softbank", 30), fixed(2516, "kddi", 30)],
        &[fixed(9605, "ntt docomo", 50), fixed(2516, "kddi", 50)],
    ),
    country(
        "Netherlands",
        "NL",
        &[fixed(1136, "kpn", 50), fixed(33915, "vodafone libertel", 50)],
        &[fixed(1136, "kpn", 50), fixed(31615, "t-mobile netherlands", 50)],
    ),
    country(
        "Nigeria",
        "NG",
        &[fixed(29465, "mtn nigeria", 60), fixed(37148, "globacom", 40)],
        &[fixed(29465, "mtn nigeria", 60), fixed(36873, "airtel nigeria", 40)],
    ),
    country(
        "Russia",
        "RU",
        &[fixed(12389, "rostelecom", 60), fixed(8402, "vimpelcom", 40)],
        &[fixed(8359, "mts pjsc", 60), fixed(31133, "megafon", 40)],
    ),
    country("China", "CN", &[fixed(4134, "chinanet", 60), fixed(4837, "china unicom", 40)], &[fixed(9808, "china mobile", 100)]),
    country("Vietnam", "VN", &[fixed(45899, "vnpt", 50), fixed(18403, "fpt telecom", 50)], &[fixed(7552, "viettel", 100)]),
    country(
        "Romania",
        "RO",
        &[fixed(8708, "rcs and rds", 60), fixed(9050, "orange romania", 40)],
        &[fixed(8953, "orange romania mobile", 100)],
    ),
    country("Turkey", "TR", &[fixed(47331, "ttnet", 60), fixed(34984, "superonline", 40)], &[fixed(16135, "turkcell", 100)]),
    country(
        "United Arab Emirates",
        "AE",
        &[fixed(5384, "emirates telecom", 60), fixed(15802, "du", 40)],
        &[fixed(5384, "emirates telecom", 100)],
    ),
    country(
        "South Africa",
        "ZA",
        &[fixed(37457, "telkom sa", 60), fixed(3741, "internet solutions", 40)],
        &[fixed(29975, "vodacom", 100)],
    ),
    country(
        "Mexico",
        "MX",
        &[fixed(8151, "uninet", 60), fixed(13999, "mega cable", 40)],
        &[fixed(28403, "radiomovil dipsa", 100)],
    ),
    country(
        "Indonesia",
        "ID",
        &[fixed(7713, "telkom indonesia", 70), fixed(23700, "fastnet", 30)],
        &[fixed(23693, "telkomsel", 100)],
    ),
];

const fn city(name: &'static str, country: usize, lat: f64, lon: f64, offset_min: i64, staff: u64) -> City {
    City { name, country, lat, lon, offset_min, staff }
}

/// Every city. The first of a country is its largest.
pub const CITIES: &[City] = &[
    city("Munich", 0, 48.137, 11.575, 60, 16),
    city("Berlin", 0, 52.520, 13.405, 60, 8),
    city("Hamburg", 0, 53.551, 9.994, 60, 5),
    city("Cologne", 0, 50.938, 6.960, 60, 3),
    city("New York", 1, 40.713, -74.006, -300, 9),
    city("Chicago", 1, 41.878, -87.630, -360, 5),
    city("Austin", 1, 30.267, -97.743, -360, 5),
    city("San Francisco", 1, 37.775, -122.419, -480, 3),
    city("London", 2, 51.507, -0.128, 0, 8),
    city("Manchester", 2, 53.481, -2.242, 0, 4),
    city("Paris", 3, 48.857, 2.352, 60, 4),
    city("Lyon", 3, 45.764, 4.836, 60, 2),
    city("Madrid", 4, 40.417, -3.704, 60, 3),
    city("Barcelona", 4, 41.387, 2.170, 60, 2),
    city("Warsaw", 5, 52.230, 21.012, 60, 3),
    city("Krakow", 5, 50.065, 19.945, 60, 4),
    city("Bengaluru", 6, 12.972, 77.595, 330, 8),
    city("Pune", 6, 18.520, 73.857, 330, 3),
    city("Singapore", 7, 1.352, 103.820, 480, 2),
    city("Sydney", 8, -33.869, 151.209, 600, 1),
    city("Melbourne", 8, -37.814, 144.963, 600, 0),
    city("São Paulo", 9, -23.551, -46.633, -180, 2),
    city("Tokyo", 10, 35.677, 139.650, 540, 0),
    city("Amsterdam", 11, 52.368, 4.904, 60, 0),
    city("Lagos", 12, 6.524, 3.379, 60, 0),
    city("Moscow", 13, 55.756, 37.617, 180, 0),
    city("Shenzhen", 14, 22.543, 114.058, 480, 0),
    city("Hanoi", 15, 21.028, 105.804, 420, 0),
    city("Bucharest", 16, 44.427, 26.103, 120, 0),
    city("Istanbul", 17, 41.008, 28.978, 180, 0),
    city("Dubai", 18, 25.205, 55.271, 240, 0),
    city("Johannesburg", 19, -26.204, 28.047, 120, 0),
    city("Mexico City", 20, 19.433, -99.133, -360, 0),
    city("Jakarta", 21, -6.208, 106.846, 420, 0),
];

/// The great-circle distance between two cities in kilometres (haversine, mean radius 6,371 km).
pub fn kilometres(from: usize, to: usize) -> i64 {
    let (a, b) = (&CITIES[from], &CITIES[to]);
    let (lat_a, lat_b) = (a.lat.to_radians(), b.lat.to_radians());
    let half_lat = ((lat_b - lat_a) / 2.0).sin();
    let half_lon = ((b.lon - a.lon).to_radians() / 2.0).sin();
    let h = half_lat * half_lat + lat_a.cos() * lat_b.cos() * half_lon * half_lon;
    (2.0 * 6371.0 * h.sqrt().asin()).round() as i64
}

/// The cities of `country`.
pub fn cities_of(country: usize) -> impl Iterator<Item = usize> + Clone {
    (0..CITIES.len()).filter(move |index| CITIES[*index].country == country)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_is_whole() {
        assert_eq!(CITIES.iter().map(|city| city.staff).sum::<u64>(), 100);
        assert!(CITIES.iter().all(|city| city.country < COUNTRIES.len()));
        assert!((0..COUNTRIES.len()).all(|country| cities_of(country).next().is_some()));
    }

    #[test]
    fn distances_are_those_of_the_globe() {
        assert!((3830..3845).contains(&kilometres(12, 24)), "Madrid to Lagos: {}", kilometres(12, 24));
        assert_eq!(kilometres(3, 3), 0);
    }
}
