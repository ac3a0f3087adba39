//! Countries: ISO 3166-1 alpha-2 codes from codes and English names.
//!
//! Tools write `US`, `USA` or `United States`; one country must have one code, or no comparison of two
//! logins is worth anything. A name that is not here is unreadable, never guessed.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::LazyLock;

/// A map whose hash is the same in every run.
type Names = HashMap<String, &'static str, BuildHasherDefault<DefaultHasher>>;

/// Every code and every name in lower case, with the country's two-letter code.
static KNOWN: LazyLock<Names> = LazyLock::new(|| {
    let codes = CODES.iter().flat_map(|(name, alpha2, alpha3)| [name, alpha2, alpha3].map(|key| (key.to_lowercase(), *alpha2)));
    codes.chain(ALIASES.iter().map(|(name, alpha2)| ((*name).to_owned(), *alpha2))).collect()
});

/// The code of the country called `text`; `None` when it is neither a code nor a known name.
pub(super) fn code(text: &str) -> Option<&'static str> {
    const LONGEST: usize = 64;
    let text = text.trim();
    let mut lower = [0_u8; LONGEST];
    let place = lower.get_mut(..text.len())?;
    place.copy_from_slice(text.as_bytes());
    place.make_ascii_lowercase();
    let lower = std::str::from_utf8(place).ok()?;
    KNOWN.get(lower).or_else(|| KNOWN.get(lower.strip_prefix("the ")?)).copied()
}

/// English short name in lower case, alpha-2 code, alpha-3 code (ISO 3166-1, and XK).
#[rustfmt::skip]
const CODES: [(&str, &str, &str); 250] = [
    ("afghanistan", "AF", "AFG"), ("åland islands", "AX", "ALA"), ("albania", "AL", "ALB"), ("algeria", "DZ", "DZA"),
    ("american samoa", "AS", "ASM"), ("andorra", "AD", "AND"), ("angola", "AO", "AGO"), ("anguilla", "AI", "AIA"),
    ("antarctica", "AQ", "ATA"), ("antigua and barbuda", "AG", "ATG"), ("argentina", "AR", "ARG"), ("armenia", "AM", "ARM"),
    ("aruba", "AW", "ABW"), ("australia", "AU", "AUS"), ("austria", "AT", "AUT"), ("azerbaijan", "AZ", "AZE"),
    ("bahamas", "BS", "BHS"), ("bahrain", "BH", "BHR"), ("bangladesh", "BD", "BGD"), ("barbados", "BB", "BRB"),
    ("belarus", "BY", "BLR"), ("belgium", "BE", "BEL"), ("belize", "BZ", "BLZ"), ("benin", "BJ", "BEN"),
    ("bermuda", "BM", "BMU"), ("bhutan", "BT", "BTN"), ("bolivia", "BO", "BOL"),
    ("bonaire, sint eustatius and saba", "BQ", "BES"), ("bosnia and herzegovina", "BA", "BIH"), ("botswana", "BW", "BWA"),
    ("bouvet island", "BV", "BVT"), ("brazil", "BR", "BRA"), ("british indian ocean territory", "IO", "IOT"),
    ("brunei", "BN", "BRN"), ("bulgaria", "BG", "BGR"), ("burkina faso", "BF", "BFA"), ("burundi", "BI", "BDI"),
    ("cabo verde", "CV", "CPV"), ("cambodia", "KH", "KHM"), ("cameroon", "CM", "CMR"), ("canada", "CA", "CAN"),
    ("cayman islands", "KY", "CYM"), ("central african republic", "CF", "CAF"), ("chad", "TD", "TCD"),
    ("chile", "CL", "CHL"), ("china", "CN", "CHN"), ("christmas island", "CX", "CXR"), ("cocos islands", "CC", "CCK"),
    ("colombia", "CO", "COL"), ("comoros", "KM", "COM"), ("congo", "CG", "COG"),
    ("democratic republic of the congo", "CD", "COD"), ("cook islands", "CK", "COK"), ("costa rica", "CR", "CRI"),
    ("côte d'ivoire", "CI", "CIV"), ("croatia", "HR", "HRV"), ("cuba", "CU", "CUB"), ("curaçao", "CW", "CUW"),
    ("cyprus", "CY", "CYP"), ("czechia", "CZ", "CZE"), ("denmark", "DK", "DNK"), ("djibouti", "DJ", "DJI"),
    ("dominica", "DM", "DMA"), ("dominican republic", "DO", "DOM"), ("ecuador", "EC", "ECU"), ("egypt", "EG", "EGY"),
    ("el salvador", "SV", "SLV"), ("equatorial guinea", "GQ", "GNQ"), ("eritrea", "ER", "ERI"), ("estonia", "EE", "EST"),
    ("eswatini", "SZ", "SWZ"), ("ethiopia", "ET", "ETH"), ("falkland islands", "FK", "FLK"), ("faroe islands", "FO", "FRO"),
    ("fiji", "FJ", "FJI"), ("finland", "FI", "FIN"), ("france", "FR", "FRA"), ("french guiana", "GF", "GUF"),
    ("french polynesia", "PF", "PYF"), ("french southern territories", "TF", "ATF"), ("gabon", "GA", "GAB"),
    ("gambia", "GM", "GMB"), ("georgia", "GE", "GEO"), ("germany", "DE", "DEU"), ("ghana", "GH", "GHA"),
    ("gibraltar", "GI", "GIB"), ("greece", "GR", "GRC"), ("greenland", "GL", "GRL"), ("grenada", "GD", "GRD"),
    ("guadeloupe", "GP", "GLP"), ("guam", "GU", "GUM"), ("guatemala", "GT", "GTM"), ("guernsey", "GG", "GGY"),
    ("guinea", "GN", "GIN"), ("guinea-bissau", "GW", "GNB"), ("guyana", "GY", "GUY"), ("haiti", "HT", "HTI"),
    ("heard island and mcdonald islands", "HM", "HMD"), ("holy see", "VA", "VAT"), ("honduras", "HN", "HND"),
    ("hong kong", "HK", "HKG"), ("hungary", "HU", "HUN"), ("iceland", "IS", "ISL"), ("india", "IN", "IND"),
    ("indonesia", "ID", "IDN"), ("iran", "IR", "IRN"), ("iraq", "IQ", "IRQ"), ("ireland", "IE", "IRL"),
    ("isle of man", "IM", "IMN"), ("israel", "IL", "ISR"), ("italy", "IT", "ITA"), ("jamaica", "JM", "JAM"),
    ("japan", "JP", "JPN"), ("jersey", "JE", "JEY"), ("jordan", "JO", "JOR"), ("kazakhstan", "KZ", "KAZ"),
    ("kenya", "KE", "KEN"), ("kiribati", "KI", "KIR"), ("north korea", "KP", "PRK"), ("south korea", "KR", "KOR"),
    ("kuwait", "KW", "KWT"), ("kyrgyzstan", "KG", "KGZ"), ("laos", "LA", "LAO"), ("latvia", "LV", "LVA"),
    ("lebanon", "LB", "LBN"), ("lesotho", "LS", "LSO"), ("liberia", "LR", "LBR"), ("libya", "LY", "LBY"),
    ("liechtenstein", "LI", "LIE"), ("lithuania", "LT", "LTU"), ("luxembourg", "LU", "LUX"), ("macao", "MO", "MAC"),
    ("madagascar", "MG", "MDG"), ("malawi", "MW", "MWI"), ("malaysia", "MY", "MYS"), ("maldives", "MV", "MDV"),
    ("mali", "ML", "MLI"), ("malta", "MT", "MLT"), ("marshall islands", "MH", "MHL"), ("martinique", "MQ", "MTQ"),
    ("mauritania", "MR", "MRT"), ("mauritius", "MU", "MUS"), ("mayotte", "YT", "MYT"), ("mexico", "MX", "MEX"),
    ("micronesia", "FM", "FSM"), ("moldova", "MD", "MDA"), ("monaco", "MC", "MCO"), ("mongolia", "MN", "MNG"),
    ("montenegro", "ME", "MNE"), ("montserrat", "MS", "MSR"), ("morocco", "MA", "MAR"), ("mozambique", "MZ", "MOZ"),
    ("myanmar", "MM", "MMR"), ("namibia", "NA", "NAM"), ("nauru", "NR", "NRU"), ("nepal", "NP", "NPL"),
    ("netherlands", "NL", "NLD"), ("new caledonia", "NC", "NCL"), ("new zealand", "NZ", "NZL"), ("nicaragua", "NI", "NIC"),
    ("niger", "NE", "NER"), ("nigeria", "NG", "NGA"), ("niue", "NU", "NIU"), ("norfolk island", "NF", "NFK"),
    ("north macedonia", "MK", "MKD"), ("northern mariana islands", "MP", "MNP"), ("norway", "NO", "NOR"),
    ("oman", "OM", "OMN"), ("pakistan", "PK", "PAK"), ("palau", "PW", "PLW"), ("palestine", "PS", "PSE"),
    ("panama", "PA", "PAN"), ("papua new guinea", "PG", "PNG"), ("paraguay", "PY", "PRY"), ("peru", "PE", "PER"),
    ("philippines", "PH", "PHL"), ("pitcairn", "PN", "PCN"), ("poland", "PL", "POL"), ("portugal", "PT", "PRT"),
    ("puerto rico", "PR", "PRI"), ("qatar", "QA", "QAT"), ("réunion", "RE", "REU"), ("romania", "RO", "ROU"),
    ("russia", "RU", "RUS"), ("rwanda", "RW", "RWA"), ("saint barthélemy", "BL", "BLM"), ("saint helena", "SH", "SHN"),
    ("saint kitts and nevis", "KN", "KNA"), ("saint lucia", "LC", "LCA"), ("saint martin", "MF", "MAF"),
    ("saint pierre and miquelon", "PM", "SPM"), ("saint vincent and the grenadines", "VC", "VCT"), ("samoa", "WS", "WSM"),
    ("san marino", "SM", "SMR"), ("sao tome and principe", "ST", "STP"), ("saudi arabia", "SA", "SAU"),
    ("senegal", "SN", "SEN"), ("serbia", "RS", "SRB"), ("seychelles", "SC", "SYC"), ("sierra leone", "SL", "SLE"),
    ("singapore", "SG", "SGP"), ("sint maarten", "SX", "SXM"), ("slovakia", "SK", "SVK"), ("slovenia", "SI", "SVN"),
    ("solomon islands", "SB", "SLB"), ("somalia", "SO", "SOM"), ("south africa", "ZA", "ZAF"),
    ("south georgia and the south sandwich islands", "GS", "SGS"), ("south sudan", "SS", "SSD"), ("spain", "ES", "ESP"),
    ("sri lanka", "LK", "LKA"), ("sudan", "SD", "SDN"), ("suriname", "SR", "SUR"), ("svalbard and jan mayen", "SJ", "SJM"),
    ("sweden", "SE", "SWE"), ("switzerland", "CH", "CHE"), ("syria", "SY", "SYR"), ("taiwan", "TW", "TWN"),
    ("tajikistan", "TJ", "TJK"), ("tanzania", "TZ", "TZA"), ("thailand", "TH", "THA"), ("timor-leste", "TL", "TLS"),
    ("togo", "TG", "TGO"), ("tokelau", "TK", "TKL"), ("tonga", "TO", "TON"), ("trinidad and tobago", "TT", "TTO"),
    ("tunisia", "TN", "TUN"), ("türkiye", "TR", "TUR"), ("turkmenistan", "TM", "TKM"),
    ("turks and caicos islands", "TC", "TCA"), ("tuvalu", "TV", "TUV"), ("uganda", "UG", "UGA"), ("ukraine", "UA", "UKR"),
    ("united arab emirates", "AE", "ARE"), ("united kingdom", "GB", "GBR"), ("united states", "US", "USA"),
    ("united states minor outlying islands", "UM", "UMI"), ("uruguay", "UY", "URY"), ("uzbekistan", "UZ", "UZB"),
    ("vanuatu", "VU", "VUT"), ("venezuela", "VE", "VEN"), ("vietnam", "VN", "VNM"), ("british virgin islands", "VG", "VGB"),
    ("u.s. virgin islands", "VI", "VIR"), ("wallis and futuna", "WF", "WLF"), ("western sahara", "EH", "ESH"),
    ("yemen", "YE", "YEM"), ("zambia", "ZM", "ZMB"), ("zimbabwe", "ZW", "ZWE"), ("kosovo", "XK", "XKX"),
];

/// Other spellings that tools write.
#[rustfmt::skip]
const ALIASES: [(&str, &str); 65] = [
    ("united states of america", "US"), ("u.s.a.", "US"), ("u.s.", "US"), ("great britain", "GB"), ("england", "GB"),
    ("scotland", "GB"), ("wales", "GB"), ("northern ireland", "GB"),
    ("united kingdom of great britain and northern ireland", "GB"), ("russian federation", "RU"),
    ("korea, republic of", "KR"), ("republic of korea", "KR"), ("korea", "KR"),
    ("korea, democratic people's republic of", "KP"), ("viet nam", "VN"), ("iran, islamic republic of", "IR"),
    ("islamic republic of iran", "IR"), ("syrian arab republic", "SY"), ("venezuela, bolivarian republic of", "VE"),
    ("bolivia, plurinational state of", "BO"), ("tanzania, united republic of", "TZ"), ("moldova, republic of", "MD"),
    ("republic of moldova", "MD"), ("macedonia", "MK"), ("czech republic", "CZ"), ("turkey", "TR"), ("turkiye", "TR"),
    ("ivory coast", "CI"), ("cote d'ivoire", "CI"), ("cape verde", "CV"), ("swaziland", "SZ"), ("burma", "MM"),
    ("macau", "MO"), ("brunei darussalam", "BN"), ("lao people's democratic republic", "LA"),
    ("taiwan, province of china", "TW"), ("palestine, state of", "PS"), ("palestinian territory", "PS"),
    ("vatican city", "VA"), ("vatican", "VA"), ("congo, democratic republic of the", "CD"), ("dr congo", "CD"),
    ("republic of the congo", "CG"), ("curacao", "CW"), ("reunion", "RE"), ("aland islands", "AX"), ("holland", "NL"),
    ("hong kong sar china", "HK"), ("hong kong sar", "HK"), ("people's republic of china", "CN"), ("mainland china", "CN"),
    ("east timor", "TL"), ("falkland islands (malvinas)", "FK"), ("virgin islands, british", "VG"),
    ("virgin islands, u.s.", "VI"), ("saint barthelemy", "BL"), ("st. lucia", "LC"), ("st. kitts and nevis", "KN"),
    ("federated states of micronesia", "FM"), ("micronesia, federated states of", "FM"), ("kyrgyz republic", "KG"),
    ("slovak republic", "SK"), ("cocos (keeling) islands", "CC"), ("republic of serbia", "RS"), ("uae", "AE"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_country_has_one_code() {
        for text in ["US", "us", "USA", "United States", "united states of america", "The United States", " US "] {
            assert_eq!(code(text), Some("US"), "{text}");
        }
        assert_eq!(code("Türkiye"), Some("TR"));
        assert_eq!(code("Turkey"), Some("TR"));
        assert_eq!(code("Viet Nam"), Some("VN"));
    }

    #[test]
    fn what_is_no_country_is_none() {
        for text in ["", "U", "ZZ", "Atlantis", "GeneratedFindingCountryName", &"x".repeat(10_000), "é"] {
            assert_eq!(code(text), None, "{text}");
        }
    }

    #[test]
    fn no_code_is_there_twice() {
        for (at, (_, alpha2, alpha3)) in CODES.iter().enumerate() {
            let later = CODES.iter().skip(at + 1);
            assert!(later.clone().all(|(_, a, b)| a != alpha2 && b != alpha3), "{alpha2}");
        }
        for (name, alpha2) in ALIASES {
            assert!(CODES.iter().any(|(_, known, _)| *known == alpha2), "{name}");
        }
    }
}
