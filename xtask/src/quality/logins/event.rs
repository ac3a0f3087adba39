//! What happens, and the truth about it.
//!
//! An event becomes a vendor's record in `okta` or `microsoft`. The truth stays beside it and is never
//! written into a record: not the attack, not the cause, not what is wrong with the directory.

use super::device::Device;
use super::network::Origin;
use super::people::Factor;

/// The first second of the generated time: Monday, 2026-01-05, 00:00 UTC.
pub const START: i64 = 1_767_571_200;

/// Something that an account does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Signs in; with which second factor, when one was asked for.
    SignIn(Option<Factor>),
    /// Gives a wrong password.
    WrongPassword,
    /// Gives a wrong code, or lets the question time out.
    FactorFailed,
    /// Says "no, this is not me" to a push message.
    PushDenied,
    /// Enrols a second factor.
    FactorAdded,
    /// Makes another account an administrator.
    Granted(u32),
    /// Makes a rule of the mailbox.
    InboxRule(Rule),
    /// Lets an application act in the account's name; whether it may read the mail.
    Consented(bool),
}

/// What a rule of a mailbox does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Files newsletters.
    Files,
    /// Deletes what matches.
    Deletes,
    /// Forwards to an address outside.
    Forwards,
}

/// Why something looks as it does: for the report on what was decided wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Nothing special.
    Ordinary,
    /// The browser's cookies were cleared.
    ClearedCookies,
    /// A private window.
    PrivateWindow,
    /// Another browser on the same machine.
    AnotherBrowser,
    /// A new machine in place of an old one.
    NewMachine,
    /// First days at work.
    NewHire,
    /// A journey.
    Journey,
    /// A phone abroad whose traffic leaves at home.
    Roaming,
    /// The Internet of an aircraft.
    Aircraft,
    /// The company's VPN.
    CorporateVpn,
    /// A relay.
    Relay,
    /// A commercial VPN.
    PrivateVpn,
    /// A shared device.
    Kiosk,
    /// A program.
    Program,
    /// An attack.
    Attack,
}

/// The three attackers of Wiefling et al.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attacker {
    /// Knows the password.
    Remote,
    /// Knows country and browser as well.
    Targeted,
    /// Knows the city and sets up a look-alike of the device as well.
    VeryTargeted,
}

/// Which attack an event is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attack {
    /// Its number.
    pub number: u32,
    /// Who attacks.
    pub attacker: Attacker,
    /// Whether this is what follows the login.
    pub afterwards: bool,
}

/// One event.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Milliseconds since [`START`].
    pub time_ms: i64,
    /// Who acts.
    pub person: u32,
    /// What is done.
    pub act: Act,
    /// With which device.
    pub device: Device,
    /// From where.
    pub origin: Origin,
    /// Why it looks as it does.
    pub cause: Cause,
    /// The attack that it is part of.
    pub attack: Option<Attack>,
}

impl Event {
    /// The moment, as RFC 3339 with milliseconds.
    pub fn published(&self) -> String {
        let (seconds, millis) = (START + self.time_ms.div_euclid(1000), self.time_ms.rem_euclid(1000));
        let text = adjutant_model::Time::from_secs(seconds).to_string();
        format!("{}.{millis:03}Z", text.trim_end_matches('Z'))
    }

    /// The day of the generated time.
    pub const fn day(&self) -> i64 {
        self.time_ms.div_euclid(86_400_000)
    }
}
