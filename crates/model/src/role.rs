//! Roles: what part an entity plays in its alert, and which fields may name it. The book and the engine speak of the
//! same ones.

use crate::schema::slots as s;
use crate::{EntityKind, Slot};
use serde::{Deserialize, Serialize};

/// What part an entity plays in its alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The host that the alert is about.
    Host,
    /// The account that acted.
    User,
    /// The account acted upon.
    Target,
    /// The cloud resource.
    Resource,
    /// The file.
    File,
    /// The device that a user signed in from.
    Device,
    /// The mailbox that received a mail.
    Mailbox,
    /// The mail message.
    Message,
    /// The domain.
    Domain,
    /// The address that the activity came from.
    Source,
    /// The address that the activity went to.
    Destination,
}

impl Role {
    /// Every role, from the one that says most about what an alert is about to the least.
    pub const ALL: [Role; 11] = [
        Role::Host,
        Role::User,
        Role::Target,
        Role::Resource,
        Role::File,
        Role::Device,
        Role::Mailbox,
        Role::Message,
        Role::Domain,
        Role::Source,
        Role::Destination,
    ];

    /// The role's name in the book and in records.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Host => "host",
            Role::User => "user",
            Role::Target => "target",
            Role::Resource => "resource",
            Role::File => "file",
            Role::Device => "device",
            Role::Mailbox => "mailbox",
            Role::Message => "message",
            Role::Domain => "domain",
            Role::Source => "source",
            Role::Destination => "destination",
        }
    }

    /// What kind of thing plays the role.
    pub const fn kind(self) -> EntityKind {
        match self {
            Role::Host => EntityKind::Host,
            Role::User | Role::Target => EntityKind::User,
            Role::Resource => EntityKind::Resource,
            Role::File => EntityKind::File,
            Role::Device => EntityKind::Device,
            Role::Mailbox => EntityKind::Mailbox,
            Role::Message => EntityKind::Message,
            Role::Domain => EntityKind::Domain,
            Role::Source | Role::Destination => EntityKind::Address,
        }
    }

    /// The fields that may name it, best first.
    pub const fn fields(self) -> &'static [Slot] {
        match self {
            Role::Host => &[s::HOST_NAME, s::HOST_ID, s::HOST_IP],
            Role::User => &[s::USER_EMAIL, s::USER_NAME, s::USER_ID],
            Role::Target => &[s::TARGET_EMAIL, s::TARGET_NAME, s::TARGET_ID],
            Role::Resource => &[s::CLOUD_RESOURCE],
            Role::File => &[s::FILE_SHA256, s::FILE_SHA1, s::FILE_MD5],
            Role::Device => &[s::DEVICE_ID, s::DEVICE_NAME],
            Role::Mailbox => &[s::MAIL_TO],
            Role::Message => &[s::MAIL_MESSAGE_ID],
            Role::Domain => &[s::DOMAIN_NAME],
            Role::Source => &[s::SRC_IP],
            Role::Destination => &[s::DST_IP],
        }
    }
}
