//! Random books and requests: few things, each under many names, and every count and time at its boundary.

use crate::dice::Dice;
use adjutant_engine::autonomy::Pause;
use adjutant_engine::guard::{Asked, By, Spent, Subject};
use adjutant_model::act::{Action, Target};
use adjutant_model::{Autonomy, EntityKind, Time};
use adjutant_rules::Files;
use adjutant_rules::guardrails::Guardrails;
use std::collections::BTreeMap;

/// Which policies a book has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// None.
    None,
    /// One that permits everything.
    All,
    /// Some that ask about facts and groups.
    Some,
}

/// Accounts: some ASCII, some not.
pub const ACCOUNTS: [&str; 7] = ["ana", "eva", "silva, ana", "jürgen", "svc-backup", "ana.b", "o'neil"];
/// Groups.
pub const GROUPS: [&str; 6] = ["Tier Zero", "Sales", "Auditors", "Domain Admins", "Staff", "Schema Admins"];
/// Machines.
pub const HOSTS: [&str; 5] = ["web01", "dc9", "büro-pc", "10.9.1.1", "2001:db8::5"];
/// Addresses.
pub const ADDRESSES: [&str; 6] = ["10.9.1.1", "10.8.255.255", "10.9.0.0", "203.0.113.7", "2001:db8::5", "fe80::1"];
/// Domains.
pub const DOMAINS: [&str; 6] = ["corp.example", "bücher.example", "example", "mail.corp.example", "evilcorp.example", "test"];
const VERBS: [&str; 7] =
    ["disable-account", "isolate-host", "block-address", "block-domain", "revoke-sessions", "open-ticket", LETTER];
/// One that only writes to a person.
pub const LETTER: &str = "tell-person";
const KINDS: [EntityKind; 11] = [
    EntityKind::User,
    EntityKind::Host,
    EntityKind::Address,
    EntityKind::Domain,
    EntityKind::Url,
    EntityKind::Mailbox,
    EntityKind::Resource,
    EntityKind::Device,
    EntityKind::Message,
    EntityKind::File,
    EntityKind::Case,
];
const SCHEMA: &str = include_str!("../../../book/guardrails/guardrails.cedarschema");
const SOME: &str = r#"
@id("request") permit (principal, action == Action::"request", resource);
@id("run") permit (principal is Playbook, action == Action::"run", resource)
when { ["disable-account", "isolate-host"].contains(context.verb) };
@id("vip") forbid (principal, action == Action::"run", resource is User) when { resource.vip };
@id("auditors") forbid (principal, action == Action::"request", resource is User) when { resource.groups.contains("auditors") };
"#;

/// `account` as a directory, a sensor or a joker writes it.
pub fn spelled_account(account: &str, dice: &mut Dice) -> String {
    let name = cased(account, dice);
    let escaped = name.replace(',', "\\,");
    match dice.below(16) {
        0 => format!("CORP\\{name}"),
        1 => format!("{name}@corp.example"),
        2 => format!("{name}@CORP.EXAMPLE."),
        3 => format!("SMTP:{name}@corp.example"),
        4 => format!("Somebody <{name}@corp.example>"),
        5 => format!("CN={escaped},OU=Staff,DC=corp,DC=example"),
        6 => format!("cn = {escaped} , ou = Staff"),
        7 => format!("{name}_corp.example#EXT#@tenant.example"),
        8 => format!("corp/{name}"),
        9 => format!("{name}$"),
        10 => format!(" {name}. "),
        11 => format!("{name}+tag@corp.example"),
        12 => format!("uid={escaped}+cn=x,ou=Staff"),
        13 => format!("CN={},OU=Staff", name.replace(',', "\\2C")),
        _ => name,
    }
}

/// The same with other letters that mean the same.
fn cased(text: &str, dice: &mut Dice) -> String {
    match dice.below(8) {
        0 => text.to_uppercase(),
        1 => text
            .chars()
            .map(|c| if c.is_ascii_lowercase() { char::from_u32(c as u32 - 0x61 + 0xff41).unwrap_or(c) } else { c })
            .collect(),
        2 => text.replace('ü', "u\u{308}"),
        3 => text.chars().flat_map(|c| [c, '\u{200b}']).collect(),
        4 => text.chars().enumerate().map(|(at, c)| if at % 2 == 0 { c.to_ascii_uppercase() } else { c }).collect(),
        5 if text == "jürgen" => "xn--jrgen-kva".into(),
        5 if text == "büro-pc" => "XN--BRO-PC-3YA".into(),
        _ => text.into(),
    }
}

/// `host` as an inventory, a sensor or a joker writes it.
pub fn spelled_host(host: &str, dice: &mut Dice) -> String {
    if host.contains(':') || host.starts_with("10.") {
        return spelled_address(host, dice);
    }
    let name = cased(host, dice);
    match dice.below(9) {
        0 => format!("{name}.corp.example"),
        1 => format!("{name}.CORP.example."),
        2 => format!("CORP\\{name}$"),
        3 => format!("host/{name}.corp.example"),
        4 => format!("https://{name}:8443/x"),
        5 => format!("CN={name},OU=Machines"),
        6 => format!("{name}:445"),
        _ => name,
    }
}

/// `address` as a log or a joker writes it.
pub fn spelled_address(address: &str, dice: &mut Dice) -> String {
    if address.contains(':') {
        return match dice.below(4) {
            0 => address.to_uppercase(),
            1 => format!("[{address}]:443"),
            2 => format!("{address}%eth0"),
            _ => address.into(),
        };
    }
    match dice.below(7) {
        0 => format!("::ffff:{address}"),
        1 => format!("[::FFFF:{address}]:443"),
        2 => format!("64:ff9b::{address}"),
        3 => format!("{address}:8080"),
        4 => format!("{address}/32"),
        5 => format!("http://{address}/x"),
        _ => address.into(),
    }
}

/// `domain` as a log or a joker writes it.
pub fn spelled_domain(domain: &str, dice: &mut Dice) -> String {
    let name = match dice.below(5) {
        0 if domain.starts_with('b') => "xn--bcher-kva.example".into(),
        _ => cased(domain, dice),
    };
    match dice.below(7) {
        0 => format!("https://u@{name}:8443/x?y#z"),
        1 => format!("{name}."),
        2 => format!("www.{name}"),
        3 => format!("{name}:53"),
        4 => format!("a@{name}"),
        _ => name,
    }
}

/// `group` as a directory writes it.
pub fn spelled_group(group: &str, dice: &mut Dice) -> String {
    match (group, dice.below(4)) {
        ("Domain Admins", 0) => "S-1-5-21-1-2-3-512".into(),
        ("Schema Admins", 0) => "s-1-5-21-77-8-9-518".into(),
        _ => spelled_account(group, dice),
    }
}

/// A random book, with what its policies are.
pub fn book(dice: &mut Dice) -> (Guardrails, Policy) {
    let policy = dice.one(&[Policy::None, Policy::All, Policy::All, Policy::Some, Policy::Some]);
    let who = "owner: o, reason: r";
    let quoted = |name: &str| format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"").replace('\u{200b}', "\\u200b"));
    let list = |names: Vec<String>| -> String {
        let entries =
            names.iter().filter(|name| !name.contains(['*', '?'])).map(|name| format!("{{ name: {}, {who} }}", quoted(name)));
        format!("[{}]", entries.collect::<Vec<_>>().join(", "))
    };
    let mut some = |all: &[&str], spelled: fn(&str, &mut Dice) -> String| -> String {
        let chosen: Vec<&str> = all.iter().copied().filter(|_| dice.once_in(3)).collect();
        list(chosen.into_iter().map(|name| spelled(name, dice)).collect())
    };
    let mut protected = format!("people: {}\n", some(&ACCOUNTS, spelled_account));
    protected += &format!("groups: {}\n", some(&GROUPS[..2], spelled_group));
    protected += &format!("hosts: {}\n", some(&HOSTS, spelled_host));
    protected += &format!("subnets: {}\n", some(&["10.9.0.0/16", "2001:db8::/64", "fe80::/10"], |name, _| name.into()));
    protected += &format!("domains: {}\n", some(&DOMAINS[..2], |name, _| name.into()));
    if dice.once_in(3) {
        protected +=
            &format!("facts: [{{ fact: environment, kinds: [host, user], is: [prod], needed: {}, {who} }}]\n", dice.once_in(2));
    }
    let limits = format!(
        "per_hour: {}\ndefault: {{ targets: {}, share: {}, window: 10 min }}\nverbs: [{{ verb: block-address, share: 1%, window: 1 h }}]\n",
        dice.below(8),
        dice.below(5),
        dice.one(&["0.1%", "0.5%", "5%"])
    );
    let freezes = format!(
        "freezes: [{{ name: once, from: 2026-03-01T00:00:00Z, until: 2026-03-01T01:00:00Z, verbs: [{}], {who} }}, \
         {{ name: weekly, weekly: {}, verbs: [isolate-host], {who} }}]\n",
        dice.one(&VERBS),
        dice.one(&["Sat 23:00 - Sun 00:30", "Sun 00:30 - Sat 23:00", "Mon 08:00 - Fri 18:00"])
    );
    let unknown = dice.one(&["ask", "needs"]);
    let approvals = format!(
        "requirements:\n- {{ name: vip, kinds: [user], except: [{LETTER}], fact: vip, unknown: {unknown}, needs: {{ role: 'owner:vip' }}, reason: r }}\n\
         - {{ name: wide, verbs: [block-domain], needs: {{ role: lead, people: 2 }}, reason: r }}\n"
    );
    let mut files = vec![("protected.yaml", protected), ("limits.yaml", limits)];
    files.push(("freezes.yaml", freezes));
    if dice.once_in(2) {
        files.push(("approvals.yaml", approvals));
    }
    match policy {
        Policy::None => {}
        Policy::All => files.push(("a.cedar", "@id(\"all\") permit (principal, action, resource);".into())),
        Policy::Some => files.push(("a.cedar", SOME.into())),
    }
    (loaded(files), policy)
}

/// The guardrails of these files, with the shipped schema.
pub fn loaded(mut files: Vec<(&str, String)>) -> Guardrails {
    files.push(("guardrails.cedarschema", SCHEMA.into()));
    let files: Files = files.into_iter().map(|(name, text)| (format!("guardrails/{name}"), text)).collect();
    Guardrails::load(&files).unwrap_or_else(|faults| panic!("{faults:#?}\n{files:#?}"))
}

/// Everything that the guard is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// What would be done.
    pub verb: String,
    /// To what.
    pub target: Target,
    /// Its other names.
    pub aliases: Vec<String>,
    /// Its groups.
    pub groups: Option<Vec<String>>,
    /// What is known of it.
    pub facts: BTreeMap<String, String>,
    /// What else the verb needs.
    pub with: BTreeMap<String, String>,
    /// Who wants it; the rung where it is a playbook.
    pub by: (String, Option<Autonomy>),
    /// It takes something back.
    pub undo: bool,
    /// What is switched off.
    pub pause: Pause,
    /// How many such things there are.
    pub population: Option<u64>,
    /// What was done, and when.
    pub done: Vec<(String, i64)>,
    /// Now.
    pub now: Time,
}

impl Request {
    /// Who wants it.
    pub fn by(&self) -> By<'_> {
        match &self.by {
            (name, Some(rung)) => By::Playbook(name, *rung),
            (name, None) => By::Person(name, &[]),
        }
    }

    /// Asks the guard.
    pub fn ruled(&self, guardrails: &Guardrails) -> adjutant_model::act::Ruling {
        let action = Action {
            verb: self.verb.clone(),
            target: self.target.clone(),
            connector: "x".into(),
            with: self.with.clone(),
            texts: BTreeMap::new(),
        };
        let subject =
            Subject { target: &self.target, aliases: &self.aliases, groups: self.groups.as_deref(), facts: &self.facts };
        let asked = Asked { action: &action, subject, by: self.by(), undo: self.undo, now: self.now };
        adjutant_engine::guard::rule(&asked, guardrails, self)
    }
}

impl Spent for Request {
    fn count(&self, verb: Option<&str>, since: Time) -> u64 {
        // As the hand's store counts: all together are those that do not only tell.
        let counts = |one: &str| verb.map_or(!["open-ticket", LETTER].contains(&one), |verb| verb == one);
        self.done.iter().filter(|(one, when)| counts(one) && *when >= since.0).count() as u64
    }
    fn population(&self, _: EntityKind) -> Option<u64> {
        self.population
    }
    fn pause(&self, _: &str) -> Pause {
        self.pause
    }
}

/// A name for a thing of `kind`: mostly one that the books know, in a random spelling.
pub fn name(kind: EntityKind, dice: &mut Dice) -> String {
    if dice.once_in(60) {
        return dice
            .one(&["", "*", " ", "null", "all", "a*", "(uid=*)", "10.0.0.0/8", "\u{200b}", "a\nb", "::/0", "%", "x?"])
            .into();
    }
    match kind {
        _ if dice.once_in(3) => format!("5f8c{:08x}", dice.roll() as u32),
        _ if dice.once_in(40) => dice.one(&["S-1-5-21-1-2-3-500", "S-1-5-21-1-2-3-1104", "krbtgt", "CORP\\Administrator"]).into(),
        EntityKind::User | EntityKind::Mailbox | EntityKind::Message => spelled_account(dice.one(&ACCOUNTS), dice),
        EntityKind::Host | EntityKind::Device | EntityKind::File | EntityKind::Case => spelled_host(dice.one(&HOSTS), dice),
        EntityKind::Address => spelled_address(dice.one(&ADDRESSES), dice),
        EntityKind::Domain => spelled_domain(dice.one(&DOMAINS), dice),
        EntityKind::Url if dice.once_in(3) => format!("http://{}/x", dice.one(&ADDRESSES[..4])),
        EntityKind::Url => format!("https://{}/x", spelled_domain(dice.one(&DOMAINS), dice)),
        EntityKind::Resource => format!("arn:aws:iam::1:user/{}", spelled_account(dice.one(&ACCOUNTS), dice)),
    }
}

/// A random request.
pub fn request(dice: &mut Dice) -> Request {
    let kind = dice.one(&KINDS);
    let mut facts = BTreeMap::new();
    for fact in ["vip", "privileged", "environment", "department"] {
        if dice.once_in(2) {
            let value = dice.one(&["no", "no", "no", "yes", "", "unknown", "stale", "perhaps", "PROD", "Sales", "0", "False"]);
            facts.insert(fact.to_owned(), value.to_owned());
        }
    }
    let some = |all: &[&str], dice: &mut Dice| -> Vec<String> {
        (0..dice.below(3)).map(|_| spelled_group(all[dice.below(all.len())], dice)).collect()
    };
    let groups = (!dice.once_in(5)).then(|| some(&GROUPS[1..5], dice));
    let now = Time(
        1_772_323_200_000_000
            + dice.one(&[0, -1, 1, 3_599_999_999, 3_600_000_000, -3_600_000_000, 1_800_000_000, 200_000_000_000]),
    );
    let spent = if dice.once_in(2) { dice.below(9) } else { 0 };
    let done = (0..spent).map(|_| {
        let age = dice.one(&[0, 599_999_999, 600_000_000, 600_000_001, 3_599_999_999, 3_600_000_000, 3_600_000_001]);
        (dice.one(&VERBS).to_owned(), now.0 - age)
    });
    let done = done.collect();
    let rungs = [Autonomy::Act, Autonomy::Act, Autonomy::Act, Autonomy::Ask, Autonomy::Recommend, Autonomy::Observe];
    let rung = (!dice.once_in(4)).then(|| dice.one(&rungs));
    let by = (if dice.once_in(80) { " " } else { "asker" }.to_owned(), rung);
    let mut with = BTreeMap::new();
    if dice.once_in(6) {
        let kind = dice.one(&KINDS);
        with.insert("group".to_owned(), name(kind, dice));
    }
    Request {
        verb: dice.one(&VERBS).into(),
        target: Target { kind, id: name(kind, dice), name: name(kind, dice) },
        aliases: (0..dice.below(4)).map(|_| name(kind, dice)).collect(),
        groups,
        facts,
        with,
        by,
        undo: dice.once_in(12),
        pause: if dice.once_in(20) { dice.one(&[Pause::Off, Pause::EnrichmentOnly, Pause::RecommendOnly]) } else { Pause::None },
        population: dice.one(&[None, Some(0), Some(100), Some(399), Some(400), Some(100_000)]),
        done,
        now,
    }
}
