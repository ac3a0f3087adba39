//! The guard a second time, written from what `docs/guardrails.md` says and not from the guard: slow, plain and short.
//!
//! It shares the loaded files' fields with the guard and nothing of how they are compared. Where both differ, one is wrong.

mod names;

use super::world::{LETTER, Policy, Request};
use adjutant_engine::autonomy::Pause;
use adjutant_engine::guard::By;
use adjutant_model::act::Answer::{self, Ask, Refuse, Run};
use adjutant_model::{Autonomy, EntityKind as Kind};
use adjutant_rules::guardrails::{Guardrails, Means, Section, When};
use names::{account, addresses, below, clean, domain, group_sid, host, inside};
use std::collections::{BTreeMap, BTreeSet};

/// What it says: the answer, the names of the clauses that decided, and who must approve.
pub type Said = (Answer, BTreeSet<String>, BTreeMap<String, u8>);

const NOTHING: [&str; 10] = ["", "-", "--", "n/a", "na", "null", "none", "unknown", "undefined", "stale"];

fn nothing(text: &str) -> bool {
    NOTHING.contains(&text.trim().to_ascii_lowercase().as_str())
}

/// Whether a fact is one of `is`, or yes where that is empty; nothing when it is not known.
fn so(value: Option<&String>, is: &[String]) -> Option<bool> {
    let value = value.filter(|value| !nothing(value))?;
    match value.trim().to_ascii_lowercase().as_str() {
        _ if !is.is_empty() => Some(is.iter().any(|one| clean(one) == clean(value))),
        "yes" | "true" | "1" | "on" => Some(true),
        "no" | "false" | "0" | "off" => Some(false),
        _ => None,
    }
}

/// Why a text is not one thing.
fn is_one(kind: Kind, text: &str) -> bool {
    let text_clean = clean(text);
    let all = ["all", "any", "everyone", "everybody", "everything", "everywhere", "authenticated users"];
    let free = [Kind::Url, Kind::Message, Kind::File].contains(&kind);
    let pattern = text_clean.contains('*') || text_clean.starts_with('(') && text_clean.contains('=');
    let net = || {
        let (ip, length) = text_clean.split_once('/')?;
        let (ip, length) = (ip.parse::<std::net::IpAddr>().ok()?, length.parse::<u8>().ok()?);
        let most = if ip.is_ipv4() { 32 } else { 128 };
        // What is no network at all is no network.
        (length < most).then_some(())
    };
    !(text.chars().any(char::is_control)
        || nothing(&text_clean)
        || all.contains(&text_clean.as_str())
        || text_clean.chars().all(|c| "*?%._-/\\@:;,".contains(c))
        || !free && (pattern || net().is_some()))
}

/// Every protected entry that `name` is: the names of the sections.
fn sections(rails: &Guardrails, name: &str, kind: Option<Kind>) -> Vec<&'static str> {
    let of = |kinds: &[Kind]| kind.is_none_or(|kind| kinds.contains(&kind));
    let people = of(&[Kind::User, Kind::Mailbox, Kind::Resource, Kind::Device]);
    let machine = of(&[Kind::Host, Kind::Resource, Kind::Device, Kind::Address]);
    let place = of(&[Kind::Host, Kind::Resource, Kind::Device, Kind::Address, Kind::Domain, Kind::Url]);
    let web = of(&[Kind::Domain, Kind::Url]);
    let whole = kind.is_some_and(|kind| [Kind::File, Kind::Message, Kind::Case].contains(&kind));
    let known = group_sid(name);
    let is = |section: Section, entry: &str| match section {
        Section::Groups | Section::People | Section::Accounts | Section::BreakGlass | Section::OwnAccounts => {
            let sid = known.is_some_and(|known| known == entry.to_lowercase());
            let own = whole && section != Section::Groups && account(entry).contains(&clean(name));
            own || people && (sid || !account(entry).is_disjoint(&account(name)))
        }
        Section::Subnets => place && addresses(name).iter().any(|address| inside(entry, *address)),
        Section::Domains => web && related(&domain(name), &domain(entry)),
        Section::Hosts | Section::DomainControllers | Section::OwnHosts => {
            let address = place && addresses(entry).iter().any(|one| addresses(name).contains(one));
            let own = whole && host(entry).contains(&clean(name));
            let dotted = domain(entry).contains('.') && addresses(&domain(entry)).is_empty();
            own || address
                || machine && !host(entry).is_disjoint(&host(name))
                || web && dotted && related(&domain(name), &domain(entry))
        }
    };
    let hit = rails.protected.entries.iter().filter(|entry| entry.names.iter().any(|one| is(entry.section, one)));
    hit.map(|entry| entry.section.name()).collect()
}

fn related(name: &str, entry: &str) -> bool {
    below(name, entry) || below(entry, name)
}

/// The ruling, clause by clause, the least of all.
pub fn rule(request: &Request, rails: &Guardrails, policy: Policy) -> Said {
    let (target, automation) = (&request.target, matches!(request.by(), By::Playbook(..)));
    let names: Vec<&String> = [&target.id, &target.name].into_iter().chain(&request.aliases).collect();
    let mut said: Vec<(Answer, String)> = Vec::new();
    let lost = target.kind == Kind::Address && names.iter().all(|name| addresses(name).is_empty());
    let with = request.with.values().all(|value| is_one(Kind::Resource, value));
    if lost || !with || !is_one(target.kind, &target.id) || !is_one(target.kind, &target.name) {
        said.push((Refuse, "target".into()));
    }
    if request.undo {
        said.push((Run, "undo".into()));
        return least(said, BTreeMap::new());
    }
    if request.pause < Pause::None {
        said.push((Refuse, "pause".into()));
    }
    said.push(match request.by() {
        By::Playbook(name, _) | By::Person(name, _) if nothing(name) => (Refuse, "asks".into()),
        By::Person(..) => (Ask, "asks".into()),
        By::Playbook(_, Autonomy::Act) => (Run, "autonomy".into()),
        By::Playbook(_, Autonomy::Ask) => (Ask, "autonomy".into()),
        By::Playbook(..) => (Refuse, "autonomy".into()),
    });
    let groups = request.groups.iter().flatten().filter(|group| sections(rails, group, Some(Kind::User)).contains(&"groups"));
    let protected = names.iter().any(|name| !sections(rails, name, Some(target.kind)).is_empty())
        || request.with.values().any(|value| !sections(rails, value, None).is_empty());
    let letter = request.verb == LETTER;
    if protected || !letter && groups.count() > 0 {
        said.push((Refuse, "protected".into()));
    }
    if !letter && [Kind::User, Kind::Mailbox].contains(&target.kind) && request.groups.is_none() {
        said.push((if automation { Refuse } else { Ask }, "protected".into()));
    }
    let nets = rails.protected.entries.iter().flat_map(|entry| entry.names.iter().map(move |name| (entry.section, name)));
    let host_section = |section| [Section::Hosts, Section::DomainControllers, Section::OwnHosts].contains(&section);
    let mut nets =
        nets.filter(|(section, name)| *section == Section::Subnets || host_section(*section) && !addresses(name).is_empty());
    if target.kind == Kind::Host && nets.next().is_some() && names.iter().all(|name| addresses(name).is_empty()) {
        said.push((Ask, "protected".into()));
    }
    for fact in rails.protected.facts.iter().filter(|fact| fact.kinds.is_empty() || fact.kinds.contains(&target.kind)) {
        let value = request.facts.get(&fact.fact);
        match so(value, &fact.is) {
            Some(true) => said.push((Refuse, format!("protected.facts.{}", fact.fact))),
            None if fact.needed || value.is_some() => said.push((Ask, format!("protected.facts.{}", fact.fact))),
            Some(false) | None => {}
        }
    }
    limits(request, rails, &mut said);
    freezes(request, rails, automation, &mut said);
    said.extend(policies(request, policy));
    let mut needs = BTreeMap::from([(rails.approvals.always.role.clone(), rails.approvals.always.people)]);
    for one in &rails.approvals.requirements {
        let about = !one.except.contains(&request.verb)
            && (one.verbs.is_empty() || one.verbs.contains(&request.verb))
            && (one.kinds.is_empty() || one.kinds.contains(&target.kind));
        let holds = one.fact.as_ref().map_or(Some(true), |fact| so(request.facts.get(fact), &one.is));
        if about && holds != Some(false) {
            said.push((Ask, format!("approval.{}", one.name)));
        }
        if about && (holds == Some(true) || holds.is_none() && one.unknown == Means::Needs) {
            let people = needs.entry(one.needs.role.clone()).or_default();
            *people = one.needs.people.max(*people);
        }
    }
    least(said, needs)
}

fn freezes(request: &Request, rails: &Guardrails, automation: bool, said: &mut Vec<(Answer, String)>) {
    for freeze in &rails.freezes {
        let frozen = match freeze.when {
            When::Once(from, until) => (from..until).contains(&request.now),
            When::Weekly(from, until) => {
                let second = (request.now.secs() - 4 * 86_400).rem_euclid(604_800);
                if from < until { (from..until).contains(&second) } else { !(until..from).contains(&second) }
            }
        };
        if frozen && (freeze.verbs.is_empty() || freeze.verbs.contains(&request.verb)) {
            said.push((if automation { Refuse } else { Ask }, format!("freeze.{}", freeze.name)));
        }
    }
}

fn limits(request: &Request, rails: &Guardrails, said: &mut Vec<(Answer, String)>) {
    let verb = &request.verb;
    let limit = rails.limits.verbs.get(verb).unwrap_or(&rails.limits.default);
    let done =
        |window: i64| request.done.iter().filter(|(one, when)| one == verb && *when >= request.now.0 - window).count() as u64;
    if done(limit.window.0) >= limit.targets {
        said.push((Refuse, format!("limit.{verb}")));
    }
    let counted = [Kind::User, Kind::Host, Kind::Mailbox, Kind::Device].contains(&request.target.kind);
    if let Some(share) = limit.share.filter(|_| counted || limit.share_stated) {
        let most = request.population.map(|all| (u128::from(all) * u128::from(share) / 1000).max(1));
        match most {
            None => said.push((Ask, format!("limit.{verb}.share"))),
            Some(most) if u128::from(done(limit.window.0)) >= most => said.push((Refuse, format!("limit.{verb}.share"))),
            Some(_) => {}
        }
    }
    let tells = |verb: &str| ["open-ticket", LETTER].contains(&verb);
    let hour = request.done.iter().filter(|(one, when)| !tells(one) && *when >= request.now.0 - 3_600_000_000).count() as u64;
    if !tells(verb) && hour >= rails.limits.hour {
        said.push((Refuse, "limit.hour".into()));
    }
}

/// What the policies of the test's books come to.
fn policies(request: &Request, policy: Policy) -> Vec<(Answer, String)> {
    let act = matches!(request.by(), By::Playbook(_, Autonomy::Act));
    let user = request.target.kind == Kind::User;
    let vip = so(request.facts.get("vip"), &[]);
    let auditor = request.groups.as_ref().map(|groups| groups.iter().any(|group| account(group).contains("auditors")));
    let wanted = ["disable-account", "isolate-host"].contains(&request.verb.as_str());
    let told = |answer, names: &[&str]| names.iter().map(|name| (answer, format!("policy{name}"))).collect();
    match policy {
        Policy::None => told(Ask, &[""]),
        Policy::All if act => told(Run, &[".all"]),
        Policy::All => told(Ask, &[".all"]),
        Policy::Some if act && wanted && (!user || vip == Some(false)) => told(Run, &[".run"]),
        Policy::Some if user && auditor == Some(true) => told(Refuse, &[".auditors"]),
        Policy::Some => {
            let mut names = vec![".request"];
            names.extend((act && user && vip == Some(true)).then_some(".vip"));
            names.extend((act && user && vip.is_none() || user && auditor.is_none()).then_some(".unknown"));
            told(Ask, &names)
        }
    }
}

fn least(said: Vec<(Answer, String)>, needs: BTreeMap<String, u8>) -> Said {
    let answer = said.iter().map(|(answer, _)| *answer).min().unwrap_or(Refuse);
    let names = said.into_iter().filter(|(leaves, _)| *leaves == answer).map(|(_, name)| name).collect();
    (answer, names, if answer == Ask { needs } else { BTreeMap::new() })
}
