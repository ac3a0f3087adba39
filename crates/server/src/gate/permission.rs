//! Roles and what each may do: one closed list, one table, nothing by default.
//!
//! Duties are apart: who makes users and tokens neither reads cases nor judges them, who audits changes nothing,
//! and a source can only send.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing that a route can need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// Send alerts.
    SendAlerts,
    /// Read the queue, cases and decisions, and hear that they changed.
    ReadCases,
    /// Give verdicts and comments.
    JudgeCases,
    /// Say who works on a case.
    AssignCases,
    /// Take and answer reviews of the blind sample.
    Review,
    /// Read what could not be read as an alert.
    ReadProblems,
    /// Read the ledger, its checkpoints and proofs.
    ReadLedger,
    /// Read metrics and the state of the service's parts.
    ReadMetrics,
    /// Read the book in force and its digest.
    ReadBook,
    /// Read how far automation may go.
    ReadAutonomy,
    /// Change how far automation may go.
    ChangeAutonomy,
    /// Stop what happens by itself.
    Pause,
    /// Let it happen again.
    Resume,
    /// Read plans, actions and how the hand is.
    ReadPlans,
    /// Have a plan made.
    MakePlans,
    /// Put questions of the book to people.
    AskPeople,
    /// Hand on what one signed. Whether the signature counts, the hand says.
    Sign,
    /// Read who has access.
    ReadAccounts,
    /// Make and revoke tokens.
    MakeTokens,
    /// Make, change and disable users.
    ManageUsers,
    /// Take a backup.
    Backup,
    /// See and change one's own account.
    UseAccount,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Permission; 22] = [
        Permission::SendAlerts,
        Permission::ReadCases,
        Permission::JudgeCases,
        Permission::AssignCases,
        Permission::Review,
        Permission::ReadProblems,
        Permission::ReadLedger,
        Permission::ReadMetrics,
        Permission::ReadBook,
        Permission::ReadAutonomy,
        Permission::ChangeAutonomy,
        Permission::Pause,
        Permission::Resume,
        Permission::ReadPlans,
        Permission::MakePlans,
        Permission::AskPeople,
        Permission::Sign,
        Permission::ReadAccounts,
        Permission::MakeTokens,
        Permission::ManageUsers,
        Permission::Backup,
        Permission::UseAccount,
    ];

    /// Its name in tokens, the matrix and the API description.
    pub const fn name(self) -> &'static str {
        match self {
            Permission::SendAlerts => "send-alerts",
            Permission::ReadCases => "read-cases",
            Permission::JudgeCases => "judge-cases",
            Permission::AssignCases => "assign-cases",
            Permission::Review => "review",
            Permission::ReadProblems => "read-problems",
            Permission::ReadLedger => "read-ledger",
            Permission::ReadMetrics => "read-metrics",
            Permission::ReadBook => "read-book",
            Permission::ReadAutonomy => "read-autonomy",
            Permission::ChangeAutonomy => "change-autonomy",
            Permission::Pause => "pause",
            Permission::Resume => "resume",
            Permission::ReadPlans => "read-plans",
            Permission::MakePlans => "make-plans",
            Permission::AskPeople => "ask-people",
            Permission::Sign => "sign",
            Permission::ReadAccounts => "read-accounts",
            Permission::MakeTokens => "make-tokens",
            Permission::ManageUsers => "manage-users",
            Permission::Backup => "backup",
            Permission::UseAccount => "use-account",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// A part that somebody plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A tool that sends alerts; never a person.
    Source,
    /// Works on cases.
    Analyst,
    /// Leads the analysts and decides how far automation goes.
    Lead,
    /// Writes the book and runs the service.
    Engineer,
    /// Reads everything that proves what was done, and changes nothing.
    Auditor,
    /// Says who has access.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 6] = [Role::Source, Role::Analyst, Role::Lead, Role::Engineer, Role::Auditor, Role::Admin];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Source => "source",
            Role::Analyst => "analyst",
            Role::Lead => "lead",
            Role::Engineer => "engineer",
            Role::Auditor => "auditor",
            Role::Admin => "admin",
        }
    }

    /// The role of this name.
    pub fn named(name: &str) -> Option<Self> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }

    /// What it may do: the whole table. What is not here is denied.
    pub const fn permissions(self) -> &'static [Permission] {
        use Permission as P;
        match self {
            Role::Source => &[P::SendAlerts],
            Role::Analyst => &[
                P::ReadCases,
                P::JudgeCases,
                P::Review,
                P::ReadProblems,
                P::ReadBook,
                P::ReadAutonomy,
                P::Pause,
                P::ReadPlans,
                P::MakePlans,
                P::AskPeople,
                P::Sign,
                P::UseAccount,
            ],
            Role::Lead => &[
                P::ReadCases,
                P::JudgeCases,
                P::AssignCases,
                P::Review,
                P::ReadProblems,
                P::ReadLedger,
                P::ReadMetrics,
                P::ReadBook,
                P::ReadAutonomy,
                P::ChangeAutonomy,
                P::Pause,
                P::Resume,
                P::ReadPlans,
                P::MakePlans,
                P::AskPeople,
                P::Sign,
                P::UseAccount,
            ],
            Role::Engineer => &[
                P::ReadCases,
                P::ReadProblems,
                P::ReadLedger,
                P::ReadMetrics,
                P::ReadBook,
                P::ReadAutonomy,
                P::Pause,
                P::Backup,
                P::ReadPlans,
                P::UseAccount,
            ],
            Role::Auditor => &[
                P::ReadCases,
                P::ReadProblems,
                P::ReadLedger,
                P::ReadMetrics,
                P::ReadBook,
                P::ReadAutonomy,
                P::ReadPlans,
                P::ReadAccounts,
                P::UseAccount,
            ],
            Role::Admin => &[P::ReadMetrics, P::Pause, P::ReadAccounts, P::MakeTokens, P::ManageUsers, P::Backup, P::UseAccount],
        }
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Grants(u32);

impl Grants {
    /// What these roles may do together, narrowed to `scopes` where there are any.
    ///
    /// Scopes never add: one beyond the roles has no effect.
    pub fn new(roles: &[Role], scopes: Option<&[Permission]>) -> Self {
        let all = roles.iter().flat_map(|role| role.permissions());
        let granted = Self::of(all);
        scopes.map_or(granted, |scopes| Self(granted.0 & Self::of(scopes).0))
    }

    fn of<'p>(permissions: impl IntoIterator<Item = &'p Permission>) -> Self {
        Self(permissions.into_iter().fold(0, |bits, permission| bits | permission.bit()))
    }

    /// Whether the permission is among them.
    pub const fn allow(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// The permissions in the order of the list.
    pub fn list(self) -> Vec<Permission> {
        Permission::ALL.into_iter().filter(|permission| self.allow(*permission)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole_and_each_name_is_the_one_that_is_written() {
        for (nth, permission) in Permission::ALL.into_iter().enumerate() {
            assert_eq!(permission as usize, nth);
            assert_eq!(serde_json::to_value(permission).unwrap(), permission.name());
        }
        for role in Role::ALL {
            assert_eq!(serde_json::to_value(role).unwrap(), role.name());
            assert_eq!(Role::named(role.name()), Some(role));
        }
    }

    #[test]
    fn a_role_may_what_its_row_says_and_nothing_else() {
        for role in Role::ALL {
            let grants = Grants::new(&[role], None);
            for permission in Permission::ALL {
                assert_eq!(grants.allow(permission), role.permissions().contains(&permission), "{role:?} {permission:?}");
            }
        }
    }

    #[test]
    fn every_permission_is_somebodys() {
        for permission in Permission::ALL {
            assert!(Role::ALL.iter().any(|role| role.permissions().contains(&permission)), "{permission:?}");
        }
    }

    #[test]
    fn duties_are_apart() {
        let may = |role: Role, permission| Grants::new(&[role], None).allow(permission);
        for permission in [Permission::JudgeCases, Permission::ChangeAutonomy, Permission::Resume, Permission::ReadCases] {
            assert!(!may(Role::Admin, permission), "{permission:?}");
        }
        for permission in [Permission::MakeTokens, Permission::ManageUsers] {
            assert_eq!(Role::ALL.iter().filter(|role| may(**role, permission)).count(), 1, "{permission:?}");
        }
        let changing = [Permission::JudgeCases, Permission::Pause, Permission::Resume, Permission::MakeTokens];
        assert!(changing.into_iter().all(|permission| !may(Role::Auditor, permission)));
        assert_eq!(Role::Source.permissions(), [Permission::SendAlerts]);
    }

    #[test]
    fn scopes_narrow_and_never_add() {
        let narrow = Grants::new(&[Role::Engineer], Some(&[Permission::ReadMetrics, Permission::MakeTokens]));
        assert_eq!(narrow.list(), [Permission::ReadMetrics]);
        assert_eq!(Grants::new(&[Role::Admin], Some(&[])), Grants::default());
        assert_eq!(Grants::new(&[], None), Grants::default());
    }
}
