//! Addresses: where a login comes from, as the identity provider's geo database tells it.
//!
//! - An address lies in a /24 of a provider's pool in a city. A city has 2,048 /24s per fixed provider and 12
//!   gateway /24s per mobile carrier, behind whose NAT all its phones appear.
//! - 15 % of mobile logins leave through a gateway of another city of the country, so that the place jumps.
//! - A /24's coordinates lie up to about 17 km from the centre. For 0.6 % of fixed and 1.5 % of mobile /24s
//!   the database knows the country only, for 0.1 % nothing at all.
//! - Hosting networks, commercial relays and VPNs, Tor exits and aircraft have pools of their own.
//!
//! Addresses are drawn by a hash, so that they belong to nobody in particular; the provider's own flags
//! (`proxy`, `suspected`) hang on the /24, alike for friend and foe.

use super::places::{CITIES, COUNTRIES, Provider};
use super::random::{Random, hash};
use std::fmt::Write as _;

/// How much the geo database knows about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// City and coordinates.
    Place,
    /// The country only.
    Country,
    /// Nothing.
    Nothing,
}

/// Where one login comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The address.
    pub ip: u32,
    /// Autonomous system.
    pub asn: u32,
    /// Its name.
    pub organisation: &'static str,
    /// The city, as the geo database has it.
    pub city: usize,
    /// How much of that it knows.
    pub known: Known,
    /// Whether the identity provider calls it a proxy.
    pub proxy: bool,
    /// Whether the identity provider suspects the address of attacks.
    pub suspected: bool,
}

/// What a pool of addresses is used for; part of what its /24s hash from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// Homes.
    Home = 1,
    /// Phones behind a carrier's gateways.
    Mobile,
    /// Hotels, cafés, conference halls.
    Guest,
    /// The company's offices.
    Office,
    /// The company's own VPN.
    CorporateVpn,
    /// A relay that hides addresses but keeps the region (such as iCloud Private Relay).
    Relay,
    /// Exits of commercial VPNs.
    Vpn,
    /// Rented servers.
    Hosting,
    /// Tor exits.
    Tor,
    /// Satellite links of aircraft.
    Aircraft,
    /// Workloads in public clouds.
    Cloud,
}

/// Providers that are not bound to a country.
const RELAYS: [(u32, &str); 3] = [(36183, "akamai technologies"), (13335, "cloudflare inc"), (54113, "fastly inc")];
const VPNS: [(u32, &str); 3] = [(9009, "m247 europe"), (212_238, "datacamp limited"), (60068, "datacamp cdn77")];
const HOSTERS: [(u32, &str); 4] =
    [(14061, "digitalocean llc"), (16276, "ovh sas"), (24940, "hetzner online"), (20473, "the constant company")];
const TOR: [(u32, &str); 2] = [(60729, "stiftung erneuerbare freiheit"), (208_323, "foundation for applied privacy")];
const AIRCRAFT: [(u32, &str); 2] = [(22351, "intelsat global"), (31515, "inmarsat solutions")];
const CLOUDS: [(u32, &str); 2] = [(16509, "amazon.com inc"), (8075, "microsoft corporation")];

impl Pool {
    /// How many /24s the pool has in one city at one provider.
    const fn subnets(self) -> u64 {
        match self {
            Pool::Home => 2048,
            Pool::Mobile => 12,
            Pool::Guest => 200,
            Pool::Office | Pool::CorporateVpn => 1,
            Pool::Relay => 40,
            Pool::Vpn => 8,
            Pool::Hosting => 600,
            Pool::Tor => 20,
            Pool::Aircraft => 6,
            Pool::Cloud => 30,
        }
    }

    /// In ten thousand: how many /24s the identity provider calls a proxy, and how many it suspects.
    const fn flags(self) -> (u64, u64) {
        match self {
            Pool::Home | Pool::Guest => (30, 20),
            Pool::Mobile | Pool::Aircraft => (20, 5),
            Pool::Office | Pool::CorporateVpn | Pool::Cloud => (0, 0),
            Pool::Relay => (7000, 0),
            Pool::Vpn => (8500, 500),
            Pool::Hosting => (4000, 2500),
            Pool::Tor => (9800, 8000),
        }
    }
}

/// The addresses of one world.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    seed: u64,
}

impl Network {
    /// The addresses that `seed` deals out.
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The address with number `host` in /24 number `subnet` of the pool of `asn` in `city`.
    pub fn address(&self, pool: Pool, (asn, organisation): (u32, &'static str), city: usize, subnet: u64, host: u64) -> Origin {
        let key = hash(self.seed, &[pool as u64, u64::from(asn), city as u64, subnet % pool.subnets()]);
        let roll = (key >> 32) % 10_000;
        let (unplaced, unknown) = if pool == Pool::Mobile { (150, 10) } else { (60, 10) };
        let known = match (key >> 16) % 10_000 {
            part if part < unknown && pool != Pool::Office && pool != Pool::CorporateVpn => Known::Nothing,
            part if part < unplaced && pool != Pool::Office && pool != Pool::CorporateVpn => Known::Country,
            _ => Known::Place,
        };
        let (proxy, suspected) = pool.flags();
        Origin {
            ip: public(key) | (1 + host % 254) as u32,
            asn,
            organisation,
            city,
            known,
            proxy: roll < proxy,
            suspected: roll < suspected,
        }
    }

    /// A phone of `carrier` in `city`: any gateway, and any port of its NAT.
    pub fn phone(&self, carrier: Provider, city: usize, random: &mut Random) -> Origin {
        let gateways: Vec<usize> = super::places::cities_of(CITIES[city].country).collect();
        let seen_in = if random.percent(15) { *random.pick(&gateways) } else { city };
        let subnet = random.below(Pool::Mobile.subnets());
        self.address(Pool::Mobile, (carrier.asn, carrier.name), seen_in, subnet, random.next() >> 20)
    }

    /// A home that an attacker rents a way out of: a residential proxy at `provider` in `city`.
    pub fn stranger(&self, provider: Provider, city: usize, random: &mut Random) -> Origin {
        self.address(Pool::Home, (provider.asn, provider.name), city, random.next() >> 20, random.next() >> 20)
    }

    /// A hotel's, café's or conference's network in `city`.
    pub fn guest(&self, city: usize, random: &mut Random) -> Origin {
        let provider = provider(COUNTRIES[CITIES[city].country].fixed, random);
        self.address(Pool::Guest, (provider.asn, provider.name), city, random.next() >> 20, random.next() >> 20)
    }

    /// The company's office in `city`.
    pub fn office(&self, city: usize, random: &mut Random) -> Origin {
        let provider = COUNTRIES[CITIES[city].country].fixed[0];
        self.address(Pool::Office, (provider.asn, provider.name), city, 0, random.below(4))
    }

    /// The company's VPN gateway in `city`.
    pub fn corporate_vpn(&self, city: usize, random: &mut Random) -> Origin {
        let provider = COUNTRIES[CITIES[city].country].fixed[0];
        self.address(Pool::CorporateVpn, (provider.asn, provider.name), city, 0, random.below(4))
    }

    /// Any address of a pool that is not bound to a country's providers, in `city`.
    pub fn anywhere(&self, pool: Pool, city: usize, random: &mut Random) -> Origin {
        let owner = match pool {
            Pool::Relay => *random.pick(&RELAYS),
            Pool::Vpn => *random.pick(&VPNS),
            Pool::Tor => *random.pick(&TOR),
            Pool::Aircraft => *random.pick(&AIRCRAFT),
            Pool::Cloud => *random.pick(&CLOUDS),
            _ => *random.pick(&HOSTERS),
        };
        self.address(pool, owner, city, random.next() >> 20, random.next() >> 20)
    }
}

/// One of `providers`, by share.
pub fn provider(providers: &'static [Provider], random: &mut Random) -> Provider {
    providers[random.weighted(providers.iter().map(|provider| provider.share))]
}

/// The /24 of `key`, moved out of the blocks that are not routed.
fn public(key: u64) -> u32 {
    let first = 1 + (key % 223) as u32;
    let first = match first {
        10 | 100 | 127 | 169 | 172 | 192 | 198 | 203 => first + 1,
        _ => first,
    };
    first << 24 | ((key >> 8) as u32 & 0x00ff_ff00)
}

impl Origin {
    /// The address as text.
    pub fn address(&self) -> String {
        std::net::Ipv4Addr::from(self.ip).to_string()
    }

    /// The /24 of the address.
    pub const fn subnet(&self) -> u32 {
        self.ip >> 8
    }

    /// Latitude and longitude as the geo database has them, four decimals.
    pub fn coordinates(&self) -> (f64, f64) {
        let key = hash(u64::from(self.subnet()), &[7]);
        let shift = |part: u64| (part % 3001) as f64 / 10_000.0 - 0.15;
        let city = &CITIES[self.city];
        (round(city.lat + shift(key)), round(city.lon + shift(key >> 32)))
    }

    /// Appends the identity provider's `geographicalContext` of the address.
    pub fn write_geo(&self, out: &mut String) {
        let city = &CITIES[self.city];
        let country = COUNTRIES[city.country].name;
        let (lat, lon) = self.coordinates();
        let _ = match self.known {
            Known::Place => write!(
                out,
                r#"{{"city":"{}","state":null,"country":"{country}","postalCode":null,"geolocation":{{"lat":{lat},"lon":{lon}}}}}"#,
                city.name
            ),
            Known::Country => {
                write!(out, r#"{{"city":null,"state":null,"country":"{country}","postalCode":null,"geolocation":null}}"#)
            }
            Known::Nothing => write!(out, "null"),
        };
    }
}

fn round(degrees: f64) -> f64 {
    (degrees * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_routed_and_keeps_its_place() {
        let network = Network::new(5);
        let mut random = Random::new(9);
        for _ in 0..10_000 {
            let origin = network.stranger(COUNTRIES[0].fixed[0], 1, &mut random);
            let ip = std::net::IpAddr::from(std::net::Ipv4Addr::from(origin.ip));
            assert!(adjutant_model::Addr::from(ip).is_public(), "{ip}");
            let (lat, lon) = origin.coordinates();
            assert!((lat - 52.52).abs() <= 0.151 && (lon - 13.405).abs() <= 0.151);
        }
    }

    #[test]
    fn phones_share_a_dozen_gateways() {
        let network = Network::new(5);
        let mut random = Random::new(9);
        let mut subnets: Vec<u32> =
            (0..500).map(|_| network.phone(COUNTRIES[7].mobile[0], 18, &mut random)).map(|origin| origin.subnet()).collect();
        subnets.sort_unstable();
        subnets.dedup();
        assert_eq!(subnets.len(), 12);
    }
}
