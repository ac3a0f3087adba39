//! What means what in a directory: names of attributes and forms of their values, as data. Nothing else knows a flavour.

use super::text::Form;
use std::borrow::Cow;

/// An attribute, and how its values are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) form: Form,
}

/// What makes an account disabled, or makes it change its password.
#[derive(Clone, Debug)]
pub(super) enum Mark {
    /// The attribute has exactly this value.
    Value { attribute: Cow<'static, str>, value: Cow<'static, str> },
    /// The attribute is a number of which these bits are set. Its other bits are somebody else's.
    Bits { attribute: &'static str, bits: u32 },
    /// The attribute has the value `set`; the server turns `clear` into a value of its own choice.
    Switch { attribute: &'static str, set: &'static str, clear: &'static str },
}

/// What means what.
#[derive(Clone, Debug)]
pub(super) struct Map {
    /// Which entries are users.
    pub(super) users: &'static str,
    /// Which entries are groups.
    pub(super) groups: &'static str,
    /// What names an entry for ever.
    pub(super) id: Attribute,
    /// Whether an entry can be addressed by its id in place of its name, as `<GUID=…>`.
    pub(super) addressed_by_id: bool,
    /// How people know an account.
    pub(super) user_name: &'static str,
    /// How people know a group.
    pub(super) group_name: &'static str,
    /// What an account may be called by, each of which is compared with a name that is looked up.
    pub(super) user_names: &'static [Attribute],
    /// As `user_names`, of groups.
    pub(super) group_names: &'static [Attribute],
    /// What else an entry is called, which does not find it.
    pub(super) aliases: &'static [Attribute],
    /// Facts, each by its name, and the attribute that holds it.
    pub(super) facts: &'static [(&'static str, &'static str)],
    /// Attributes of groups that hold the names of their members.
    pub(super) members: &'static [&'static str],
    /// The rule by which the server itself looks through groups in groups.
    pub(super) in_chain: Option<&'static str>,
    /// The attributes with the last part of the identifier of the group that an account is in without being its member, and
    /// with identifiers as a whole.
    pub(super) primary_group: &'static [&'static str],
    /// What makes an account disabled.
    pub(super) disabled: Mark,
    /// What makes an account change its password at the next login.
    pub(super) password_change: Mark,
}

const fn text(name: &'static str) -> Attribute {
    Attribute { name, form: Form::Text }
}

/// OpenLDAP with the password policy of draft-behera-ldap-password-policy.
pub(super) const OPENLDAP: Map = Map {
    users: "(objectClass=*)",
    groups: "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames))",
    id: Attribute { name: "entryUUID", form: Form::Uuid },
    addressed_by_id: false,
    user_name: "uid",
    group_name: "cn",
    user_names: &[text("uid"), text("mail"), text("entryDN"), Attribute { name: "entryUUID", form: Form::Uuid }],
    group_names: &[text("cn"), text("mail"), text("entryDN"), Attribute { name: "entryUUID", form: Form::Uuid }],
    aliases: &[text("cn"), text("displayName"), text("uidNumber")],
    facts: &[("department", "departmentNumber"), ("title", "title"), ("employee_type", "employeeType"), ("manager", "manager")],
    members: &["member", "uniqueMember"],
    in_chain: None,
    primary_group: &[],
    disabled: Mark::Value { attribute: Cow::Borrowed("pwdAccountLockedTime"), value: Cow::Borrowed("000001010000Z") },
    password_change: Mark::Value { attribute: Cow::Borrowed("pwdReset"), value: Cow::Borrowed("TRUE") },
};

/// Active Directory.
pub(super) const ACTIVE_DIRECTORY: Map = Map {
    users: "(&(objectCategory=person)(objectClass=user))",
    groups: "(objectClass=group)",
    id: Attribute { name: "objectGUID", form: Form::Guid },
    addressed_by_id: true,
    user_name: "sAMAccountName",
    group_name: "sAMAccountName",
    user_names: &[
        text("sAMAccountName"),
        text("userPrincipalName"),
        text("mail"),
        Attribute { name: "proxyAddresses", form: Form::Address },
        Attribute { name: "objectSid", form: Form::Sid },
        text("distinguishedName"),
        Attribute { name: "objectGUID", form: Form::Guid },
    ],
    group_names: &[
        text("sAMAccountName"),
        text("cn"),
        text("mail"),
        Attribute { name: "objectSid", form: Form::Sid },
        text("distinguishedName"),
        Attribute { name: "objectGUID", form: Form::Guid },
    ],
    aliases: &[text("cn"), text("displayName")],
    facts: &[
        ("department", "department"),
        ("title", "title"),
        ("employee_type", "employeeType"),
        ("manager", "manager"),
        ("admin_count", "adminCount"),
    ],
    members: &["member"],
    in_chain: Some("1.2.840.113556.1.4.1941"),
    primary_group: &["primaryGroupID", "objectSid"],
    disabled: Mark::Bits { attribute: "userAccountControl", bits: 2 },
    password_change: Mark::Switch { attribute: "pwdLastSet", set: "0", clear: "-1" },
};

impl Mark {
    /// The attribute that is changed.
    pub(super) fn attribute(&self) -> &str {
        match self {
            Mark::Value { attribute, .. } => attribute,
            Mark::Bits { attribute, .. } | Mark::Switch { attribute, .. } => attribute,
        }
    }
}
