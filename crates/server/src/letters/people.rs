//! How people are reached, by our own directory alone: an alert can name somebody, and never says where they are.

use super::Letters;
use crate::config::is_mailbox;
use adjutant_engine::context::Scratch;
use adjutant_model::schema::slots as s;
use adjutant_model::{EntityKind, Origin, Row, Time};
use adjutant_rules::question::Way;
use adjutant_runtime::policy::Policy;

/// Characters of a telephone number.
const PHONE_CHARS: std::ops::RangeInclusive<usize> = 5..=24;

/// A person as our directory knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// The name by which the directory found them.
    pub who: String,
    /// Where their mail arrives.
    pub mailbox: Option<String>,
    /// Their telephone.
    pub phone: Option<String>,
    /// Their manager, as the directory writes it.
    pub manager: Option<String>,
}

/// The person whom `name` means at `now`; none when our directory says nothing of them, or not reliably.
pub fn person(policy: &Policy, name: &str, now: Time) -> Option<Person> {
    let schema = &policy.book.schema;
    let mut row = Row::new(schema.len());
    row.set_text(s::USER_NAME, name, Origin::Nothing);
    policy.context.fill(&mut row, now, &mut Scratch::default());
    // A fact is ours when a table of ours said it.
    let said = |fact: &str| {
        let slot = schema.slot(fact)?;
        let ours = matches!(row.cell(slot).origin, Origin::Context(_));
        row.text(slot).filter(|_| ours).map(|text| text.trim().to_owned())
    };
    let mut who = String::new();
    let named = EntityKind::User.canonical(name, &mut who);
    let person = Person {
        who,
        mailbox: said("user.mailbox").filter(|mailbox| is_mailbox(mailbox)),
        phone: said("user.phone").filter(|phone| is_phone(phone)),
        manager: said("user.manager"),
    };
    let known = person.mailbox.is_some() || person.phone.is_some() || person.manager.is_some();
    (named && known).then_some(person)
}

impl Person {
    /// Their address on a way.
    pub fn address(&self, way: Way) -> Option<&str> {
        match way {
            Way::Phone => self.phone.as_deref(),
            // Chats know people by their mail address.
            Way::Chat | Way::Mail => self.mailbox.as_deref(),
        }
    }
}

impl Letters {
    /// The mailbox of somebody who may approve: of the settings, or else of our directory.
    pub(super) fn mailbox(&self, policy: &Policy, name: &str, now: Time) -> Option<String> {
        self.people.get(name).cloned().or_else(|| person(policy, name, now)?.mailbox)
    }
}

fn is_phone(text: &str) -> bool {
    PHONE_CHARS.contains(&text.chars().count())
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b' ' | b'-' | b'(' | b')'))
}
