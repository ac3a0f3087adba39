//! Addresses and entity names: any text has at most one canonical form, in any letter case.
#![no_main]

use adjutant_model::value::Addr;
use adjutant_model::{Digest, EntityKind};
use libfuzzer_sys::fuzz_target;

/// Kinds whose names mean the same in any letter case.
const KINDS: [EntityKind; 7] = [
    EntityKind::User,
    EntityKind::Host,
    EntityKind::Domain,
    EntityKind::File,
    EntityKind::Mailbox,
    EntityKind::Message,
    EntityKind::Device,
];

fn canonical(kind: EntityKind, text: &str) -> Option<String> {
    let mut name = String::new();
    kind.canonical(text, &mut name).then_some(name)
}

fuzz_target!(|text: &str| {
    if let Some(address) = Addr::parse(text) {
        assert_eq!(Addr::parse(&address.to_string()), Some(address), "{text:?}");
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert!(digest.to_string().eq_ignore_ascii_case(text));
    }
    let (lower, upper) = (text.to_ascii_lowercase(), text.to_ascii_uppercase());
    for kind in KINDS {
        assert_eq!(canonical(kind, &lower), canonical(kind, &upper), "{kind} {text:?}");
    }
    for kind in [EntityKind::Url, EntityKind::Address, EntityKind::Resource] {
        assert_ne!(canonical(kind, text).as_deref(), Some(""));
    }
});
