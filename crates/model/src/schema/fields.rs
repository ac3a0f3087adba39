//! The built-in fields and facts: one row for each name.
//!
//! Add a row and its constant here, and every part of the product knows the name: sources may fill it,
//! conditions may read it, records carry it and `adjutant schema` lists it.

use super::{Field, Kind, Levels, Slot, Type};
use std::sync::Arc;

/// One built-in name as written in this file.
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    /// The dotted name.
    pub name: &'static str,
    /// What it holds.
    pub ty: Plain,
    /// Who fills it.
    pub kind: Kind,
    /// One sentence for people.
    pub about: &'static str,
}

/// A [`Type`] that a constant can hold.
#[derive(Clone, Copy, Debug)]
pub enum Plain {
    /// See [`Type::Bool`].
    Bool,
    /// See [`Type::Int`].
    Int,
    /// See [`Type::Time`].
    Time,
    /// See [`Type::Duration`].
    Duration,
    /// See [`Type::Distance`].
    Distance,
    /// See [`Type::Speed`].
    Speed,
    /// See [`Type::Geo`].
    Geo,
    /// See [`Type::Addr`].
    Addr,
    /// See [`Type::Text`].
    Text,
    /// See [`Type::Texts`].
    Texts,
    /// See [`Type::Level`]: name, values, whether they are ordered.
    Level(&'static str, &'static [&'static str], bool),
}

impl Declaration {
    /// The declaration as a field of a schema.
    pub fn field(&self) -> Field {
        Field { name: self.name.into(), ty: self.ty.full(), kind: self.kind, about: self.about.into() }
    }
}

impl Plain {
    fn full(self) -> Type {
        match self {
            Plain::Bool => Type::Bool,
            Plain::Int => Type::Int,
            Plain::Time => Type::Time,
            Plain::Duration => Type::Duration,
            Plain::Distance => Type::Distance,
            Plain::Speed => Type::Speed,
            Plain::Geo => Type::Geo,
            Plain::Addr => Type::Addr,
            Plain::Text => Type::Text,
            Plain::Texts => Type::Texts,
            Plain::Level(name, names, ordered) => Type::Level(Arc::new(Levels {
                name: name.into(),
                names: names.iter().map(|name| (*name).to_owned()).collect(),
                ordered,
            })),
        }
    }
}

const fn field(name: &'static str, ty: Plain, about: &'static str) -> Declaration {
    Declaration { name, ty, kind: Kind::Field, about }
}

const fn history(name: &'static str, ty: Plain, about: &'static str) -> Declaration {
    Declaration { name, ty, kind: Kind::History, about }
}

const fn derived(name: &'static str, ty: Plain, about: &'static str) -> Declaration {
    Declaration { name, ty, kind: Kind::Derived, about }
}

const fn context(name: &'static str, ty: Plain, about: &'static str) -> Declaration {
    Declaration { name, ty, kind: Kind::Context, about }
}

/// Values of `class`.
const CLASS: Plain = Plain::Level(
    "class",
    &["login", "identity-change", "network", "malware", "cloud", "mail", "data", "policy", "system", "other"],
    false,
);
/// Values of SPF, DKIM and DMARC results.
const MAIL_RESULT: Plain = Plain::Level("mail result", &["pass", "fail", "softfail", "neutral", "error"], false);
/// Values of `severity`.
const SEVERITY: Plain = Plain::Level("severity", &["info", "low", "medium", "high", "critical"], true);
/// Values of `result`.
const RESULT: Plain = Plain::Level("result", &["success", "failure", "blocked"], false);
/// Values of `mfa result`.
const MFA: Plain = Plain::Level("mfa result", &["passed", "not-asked", "abandoned", "failed", "refused"], false);
/// Values of `change`.
const CHANGE: Plain = Plain::Level(
    "change",
    &[
        "factor-added",
        "factor-removed",
        "mail-forwarding",
        "mail-hiding",
        "mail-rule",
        "mail-delegation",
        "privilege-granted",
        "consent-granted",
        "credential-added",
        "password-changed",
        "account-created",
        "federation-changed",
        "other",
    ],
    false,
);
/// Values of `risk`.
const RISK: Plain = Plain::Level("risk", &["none", "low", "medium", "high"], true);

/// Declares the table of built-in names and, from the same rows, the constants of their slots.
macro_rules! names {
    ($($constant:ident $maker:ident $name:literal $ty:expr, $about:literal;)*) => {
        /// Every built-in name, in slot order.
        pub const BUILT_IN: &[Declaration] = &[$($maker($name, $ty, $about)),*];
        #[expect(non_camel_case_types, reason = "one name for the row and its constant")]
        enum Index { $($constant),* }
        /// The slots of the built-in names, as constants.
        pub mod slots {
            use super::{Index, Slot};
            $(#[doc = $about] pub const $constant: Slot = Slot::new(Index::$constant as usize);)*
        }
    };
}

names! {
    ALERT_ID field "alert.id" Plain::Text, "The identifier that the source gave the alert.";
    ALERT_TIME field "alert.time" Plain::Time, "When what the alert reports happened.";
    ALERT_CLASS field "alert.class" CLASS, "What kind of alert it is.";
    ALERT_RULE field "alert.rule" Plain::Text, "The name of the rule, signature or event type that raised it.";
    ALERT_RULE_ID field "alert.rule_id" Plain::Text, "The source's identifier of that rule.";
    ALERT_TITLE field "alert.title" Plain::Text, "One line of the source's own words.";
    ALERT_SEVERITY field "alert.severity" SEVERITY, "How grave the source says it is.";
    ALERT_OUTCOME field "alert.outcome" RESULT, "Whether the reported activity succeeded.";
    ALERT_ACTION field "alert.action" Plain::Text, "What was done, in the source's words.";
    ALERT_CATEGORY field "alert.category" Plain::Text, "The source's own grouping of its rules.";
    ALERT_TECHNIQUE field "alert.technique" Plain::Texts, "MITRE ATT&CK techniques, such as T1110.";
    ALERT_TACTIC field "alert.tactic" Plain::Texts, "MITRE ATT&CK tactics, as names or identifiers.";
    ALERT_DETECTOR field "alert.detector" Plain::Text, "The product that detected it, where the source carries several.";
    ALERT_COUNT field "alert.count" Plain::Int, "How many events the source folded into this alert.";
    ALERT_URL field "alert.url" Plain::Text, "Where the source shows the alert.";
    ALERT_FINDING field "alert.finding" Plain::Bool, "True when a detection raised it, false when it is a plain log event.";
    USER_NAME field "user.name" Plain::Text, "The login name of the account that acted.";
    USER_ID field "user.id" Plain::Text, "The directory's identifier of the account that acted.";
    USER_EMAIL field "user.email" Plain::Text, "The mail address of the account that acted.";
    USER_DOMAIN field "user.domain" Plain::Text, "The directory domain of the account that acted.";
    USER_FULL_NAME field "user.full_name" Plain::Text, "The person's name, as the source writes it.";
    USER_KIND field "user.kind" Plain::Text, "What kind of account acted, in the source's words (user, service, role, root …).";
    TARGET_NAME field "target.name" Plain::Text, "The login name of the account acted upon.";
    TARGET_ID field "target.id" Plain::Text, "The identifier of the account or object acted upon.";
    TARGET_EMAIL field "target.email" Plain::Text, "The mail address of the account acted upon.";
    TARGET_GROUP field "target.group" Plain::Text, "The group or role that membership was granted in.";
    SRC_IP field "src.ip" Plain::Addr, "The address that the activity came from.";
    SRC_PORT field "src.port" Plain::Int, "The port that the activity came from.";
    SRC_HOST field "src.host" Plain::Text, "The name of the host that the activity came from.";
    SRC_COUNTRY field "src.country" Plain::Text, "ISO 3166-1 alpha-2 code of the country of the source address.";
    SRC_REGION field "src.region" Plain::Text, "State or region of the source address.";
    SRC_CITY field "src.city" Plain::Text, "City of the source address.";
    SRC_GEO field "src.geo" Plain::Geo, "Coordinates of the source address.";
    SRC_ASN field "src.asn" Plain::Int, "Autonomous system of the source address.";
    SRC_AS_ORG field "src.as_org" Plain::Text, "Who runs that autonomous system.";
    DST_IP field "dst.ip" Plain::Addr, "The address that the activity went to.";
    DST_PORT field "dst.port" Plain::Int, "The port that the activity went to.";
    DST_HOST field "dst.host" Plain::Text, "The name of the host that the activity went to.";
    DST_COUNTRY field "dst.country" Plain::Text, "ISO 3166-1 alpha-2 code of the country of the destination address.";
    NET_TRANSPORT field "net.transport" Plain::Text, "Transport protocol, lower case.";
    NET_PROTOCOL field "net.protocol" Plain::Text, "Application protocol, lower case.";
    NET_DIRECTION field "net.direction" Plain::Text, "inbound, outbound or internal, where the source says so.";
    HOST_NAME field "host.name" Plain::Text, "The host that the alert is about.";
    HOST_ID field "host.id" Plain::Text, "The source's identifier of that host.";
    HOST_IP field "host.ip" Plain::Addr, "An address of that host.";
    HOST_OS field "host.os" Plain::Text, "Operating system of that host.";
    URL_FULL field "url.full" Plain::Text, "The URL that was requested or found.";
    DOMAIN_NAME field "domain.name" Plain::Text, "The domain that was asked for, visited or found.";
    FILE_NAME field "file.name" Plain::Text, "Name of the file.";
    FILE_PATH field "file.path" Plain::Text, "Path of the file.";
    FILE_SHA256 field "file.sha256" Plain::Text, "SHA-256 of the file, lower-case hexadecimal.";
    FILE_SHA1 field "file.sha1" Plain::Text, "SHA-1 of the file, lower-case hexadecimal.";
    FILE_MD5 field "file.md5" Plain::Text, "MD5 of the file, lower-case hexadecimal.";
    PROCESS_NAME field "process.name" Plain::Text, "Name of the process.";
    PROCESS_PATH field "process.path" Plain::Text, "Path of the process image.";
    PROCESS_COMMAND_LINE field "process.command_line" Plain::Text, "The process's command line.";
    PROCESS_PARENT field "process.parent" Plain::Text, "Name of the parent process.";
    PROCESS_ID field "process.id" Plain::Int, "Process identifier.";
    MALWARE_NAME field "malware.name" Plain::Text, "What the source calls the malware or threat.";
    MALWARE_ACTION field "malware.action" Plain::Text, "What the tool did about it (blocked, quarantined, allowed …), lower case.";
    MALWARE_BLOCKED field "malware.blocked" Plain::Bool, "Whether the tool stopped it.";
    DEVICE_ID field "device.id" Plain::Text, "Identifier of the device that the user used.";
    DEVICE_NAME field "device.name" Plain::Text, "Name of the device that the user used.";
    DEVICE_OS field "device.os" Plain::Text, "Operating system of that device.";
    DEVICE_MANAGED field "device.managed" Plain::Bool, "Whether the organisation manages that device.";
    DEVICE_COMPLIANT field "device.compliant" Plain::Bool, "Whether that device meets the organisation's policy.";
    DEVICE_REGISTERED field "device.registered" Plain::Bool, "Whether the device holds a key that the identity provider enrolled, which a password thief cannot have.";
    DEVICE_BROWSER field "device.browser" Plain::Text, "Browser that the user used.";
    AGENT_TEXT field "agent.text" Plain::Text, "The user agent, unchanged.";
    LOGIN_MFA field "login.mfa" MFA, "What came of the second factor.";
    LOGIN_MFA_METHOD field "login.mfa_method" Plain::Text, "Which second factor was used.";
    LOGIN_APP field "login.app" Plain::Text, "The application that was signed in to.";
    LOGIN_PROTOCOL field "login.protocol" Plain::Text, "The client application or authentication protocol.";
    LOGIN_LEGACY field "login.legacy" Plain::Bool, "Whether the protocol cannot ask for a second factor.";
    LOGIN_INTERACTIVE field "login.interactive" Plain::Bool, "Whether a person typed the credentials.";
    LOGIN_RISK field "login.risk" RISK, "The identity provider's own risk of this login.";
    LOGIN_RISK_REASONS field "login.risk_reasons" Plain::Texts, "The identity provider's reasons for that risk.";
    LOGIN_FAILURE field "login.failure" Plain::Text, "Why the login failed, in the source's words.";
    LOGIN_PROXY field "login.proxy" Plain::Bool, "Whether the source says that the address is a proxy, VPN or anonymiser.";
    LOGIN_SESSION field "login.session" Plain::Text, "Identifier of the session.";
    CLOUD_PROVIDER field "cloud.provider" Plain::Text, "aws, azure, gcp …, lower case.";
    CLOUD_ACCOUNT field "cloud.account" Plain::Text, "Account, subscription or project.";
    CLOUD_REGION field "cloud.region" Plain::Text, "Region.";
    CLOUD_SERVICE field "cloud.service" Plain::Text, "The cloud service that was called.";
    CLOUD_RESOURCE field "cloud.resource" Plain::Text, "The resource that the alert is about.";
    CLOUD_RESOURCE_TYPE field "cloud.resource_type" Plain::Text, "The type of that resource.";
    CLOUD_ACCESS_KEY field "cloud.access_key" Plain::Text, "Identifier of the access key that was used (not its secret).";
    MAIL_FROM field "mail.from" Plain::Text, "Address of the sender.";
    MAIL_TO field "mail.to" Plain::Texts, "Addresses of the recipients.";
    MAIL_SUBJECT field "mail.subject" Plain::Text, "Subject line.";
    MAIL_MESSAGE_ID field "mail.message_id" Plain::Text, "Message-ID, without angle brackets.";
    MAIL_FROM_NAME field "mail.from_name" Plain::Text, "The name that the message shows for its sender.";
    MAIL_FROM_DOMAIN field "mail.from_domain" Plain::Text, "Registered domain of the sender.";
    MAIL_REPLY_TO field "mail.reply_to" Plain::Text, "Address that answers go to, where the message names one.";
    MAIL_RETURN_PATH field "mail.return_path" Plain::Text, "Address that bounces go to.";
    MAIL_REPORTED field "mail.reported" Plain::Text, "Where the message was found: `arrived`, `attached` to a report, or `inline` in its text.";
    MAIL_REPORTER field "mail.reporter" Plain::Text, "Address of whoever forwarded or reported it.";
    MAIL_SPF field "mail.spf" MAIL_RESULT, "SPF as a server of ours checked it, or as it was verified here over hops of ours.";
    MAIL_DKIM field "mail.dkim" MAIL_RESULT, "DKIM as a server of ours checked it, or as it was verified here.";
    MAIL_DMARC field "mail.dmarc" MAIL_RESULT, "DMARC as a server of ours checked it, or as it was verified here.";
    MAIL_SIGNED_BY field "mail.signed_by" Plain::Texts, "Domains whose signatures held, as they were verified here or a server of ours checked them.";
    MAIL_LINKS field "mail.links" Plain::Int, "Links in the message.";
    MAIL_LINK_HOSTS field "mail.link_hosts" Plain::Texts, "Hosts that its links go to.";
    MAIL_ATTACHMENTS field "mail.attachments" Plain::Texts, "Names of its attachments.";
    MAIL_ATTACHMENT_HASHES field "mail.attachment_hashes" Plain::Texts, "SHA-256 of its attachments.";
    MAIL_STRUCTURE field "mail.structure" Plain::Texts, "What was found about how it is put together (docs/mail.md).";
    MAIL_IDENTITY field "mail.identity" Plain::Texts, "What was found about its sender.";
    MAIL_LINK field "mail.link" Plain::Texts, "What was found about its links.";
    MAIL_ATTACHMENT field "mail.attachment" Plain::Texts, "What was found about its attachments.";
    MAIL_CONTENT field "mail.content" Plain::Texts, "What it asks for.";
    MAIL_INSISTS field "mail.insists" Plain::Texts, "What it asks for in several different phrases.";
    MAIL_THREAD field "mail.thread" Plain::Texts, "What was found about the conversation that it continues.";
    MAIL_BULK field "mail.bulk" Plain::Texts, "What it says about being sent to many.";
    MAIL_UNREAD field "mail.unread" Plain::Int, "How many things in it could not be read.";
    MAIL_PAIRS field "mail.pairs" Plain::Texts, "Each recipient with the sender, as tables of past mail name them.";
    MAIL_CODES field "mail.codes" Plain::Texts, "What codes in its pictures and PDFs say; unknown when some could not be read.";
    MAIL_CHECKED_BY field "mail.checked_by" Plain::Text, "Who checked DMARC: a server of ours, or `adjutant` itself.";
    MAIL_VOUCHED_BY field "mail.vouched_by" Plain::Text, "A forwarder of `lists/mail-sealers` whose chain of seals (ARC) holds and says that DMARC held before it changed the message.";
    MAIL_SKETCH field "mail.sketch" Plain::Text, "Sketch of the message: nearly the same messages have nearly the same.";
    CHANGE_KIND field "change.kind" CHANGE, "What kind of change to an identity, a mailbox or its permissions it is.";
    CHANGE_NAME field "change.name" Plain::Text, "Name of the setting, policy or rule that was changed.";
    CHANGE_VALUE field "change.value" Plain::Text, "What it was changed to.";
    CHANGE_SCOPE field "change.scope" Plain::Text, "What an application or a role was allowed, as the source writes it.";
    CASE_ALERTS history "case.alerts" Plain::Int, "Alerts in this case, this one included.";
    CASE_RULES history "case.rules" Plain::Int, "Different rules in this case, this one included.";
    CASE_DETECTORS history "case.detectors" Plain::Int, "Different sources or detectors in this case.";
    CASE_ENTITIES history "case.entities" Plain::Int, "Different entities in this case.";
    CASE_AGE history "case.age" Plain::Duration, "How long the case has been running.";
    CASE_UNUSUAL_RULES history "case.unusual_rules" Plain::Int, "Different rules in this case that had been quiet on its host or resource for a day and more.";
    CASE_NEW_RULES history "case.new_rules" Plain::Int, "How many of them had never fired there before.";
    CASE_NEW_ANYWHERE history "case.new_anywhere" Plain::Int, "How many of them had never fired anywhere before.";
    CASE_UNUSUAL_DETECTORS history "case.unusual_detectors" Plain::Int, "Different sources or detectors that raised one of them.";
    CASE_BURSTS history "case.bursts" Plain::Int, "Different rules in this case that fired far more often than in their busiest hour there.";
    CASE_SHARED_RULES history "case.shared_rules" Plain::Int, "Unusual rules left out of these counts, because a strong case elsewhere holds them.";
    CAMPAIGN_MESSAGES history "campaign.messages" Plain::Int, "Messages that are nearly the same as this one, itself included, without a pause of 14 days.";
    CAMPAIGN_RECIPIENTS history "campaign.recipients" Plain::Int, "Different recipients of these messages, counted up to 64.";
    CAMPAIGN_REPORTERS history "campaign.reporters" Plain::Int, "Different people who reported one of these messages, counted up to 64.";
    CAMPAIGN_CREDENCE history "campaign.credence" Plain::Int, "What their word is worth together: 100 for each whose reports are right as often as people's are.";
    ALERT_REPEATS history "alert.repeats" Plain::Int, "Earlier alerts with the same fingerprint inside the repeat window.";
    RULE_FIRES history "rule.fires" Plain::Int, "Times this rule has fired before, anywhere, in remembered history.";
    RULE_FIRES_HERE history "rule.fires_here" Plain::Int, "Times this rule has fired before on this host, user or resource.";
    RULE_ENTITIES history "rule.entities" Plain::Int, "Different hosts, users or resources that this rule has fired on before.";
    RULE_SILENCE history "rule.silence" Plain::Duration, "Time since this rule last fired anywhere.";
    RULE_SILENCE_HERE history "rule.silence_here" Plain::Duration, "Time since this rule last fired on this host, user or resource.";
    RULE_UNUSUAL history "rule.unusual" Plain::Bool, "Whether this rule had been quiet on this host, user or resource for a day and more, or never fired there.";
    RULE_BURST history "rule.burst" Plain::Bool, "Whether this rule fires far more often this hour than in its busiest hour on this host, user or resource.";
    RULE_HOUR_FIRES history "rule.hour_fires" Plain::Int, "Times this rule has fired this hour on this host, user or resource, this one included.";
    RULE_HOUR_BUSIEST history "rule.hour_busiest" Plain::Int, "The most that this rule fired there in an earlier hour.";
    RULE_HOUR_SEEN history "rule.hour_seen" Plain::Bool, "Whether this rule has fired before in this hour of the week.";
    RULE_UNIT_FIRES history "rule.unit_fires" Plain::Int, "Times this rule has fired before in this business unit.";
    RULE_CLOSED history "rule.closed" Plain::Int, "Times that analysts closed this rule on this entity as benign.";
    RULE_CONFIRMED history "rule.confirmed" Plain::Int, "Times that analysts confirmed this rule on this entity.";
    HISTORY_AGE history "history.age" Plain::Duration, "How long Adjutant has been watching.";
    HISTORY_ENTITY_AGE history "history.entity_age" Plain::Duration, "How long this host, user or resource has been known, at least.";
    HISTORY_LOGINS history "history.logins" Plain::Int, "Successful logins of this user that are remembered.";
    HISTORY_SPAN history "history.span" Plain::Duration, "Time between the first and the latest remembered login of this user.";
    HISTORY_FAILURES history "history.failures" Plain::Int, "Failed logins of this user in the last 24 hours.";
    HISTORY_MFA_FAILURES history "history.mfa_failures" Plain::Int, "Second factors of this user that failed or were refused in the last 24 hours.";
    HISTORY_MFA_REFUSED history "history.mfa_refused" Plain::Int, "Second factors that this user refused as not their own in the last 24 hours.";
    HISTORY_USER_ALERTS history "history.user_alerts" Plain::Int, "Detections about this user in the last 24 hours, this one not included.";
    HISTORY_ADDRESS_USERS history "history.address_users" Plain::Int, "Different users that this source address tried in the last 24 hours.";
    HISTORY_ADDRESS_FAILURES history "history.address_failures" Plain::Int, "Failed logins from this source address in the last 24 hours.";
    HISTORY_DEVICE_KNOWN history "history.device_known" Plain::Bool, "Whether this user has used this device before.";
    HISTORY_AGENT_KNOWN history "history.agent_known" Plain::Bool, "Whether this user has used this kind of browser and system before.";
    HISTORY_NETWORK_KNOWN history "history.network_known" Plain::Bool, "Whether this user has come from this network before.";
    HISTORY_SUBNET_KNOWN history "history.subnet_known" Plain::Bool, "Whether this user has come from this /24 (or, for IPv6, /48) before.";
    HISTORY_SUBNET_USERS history "history.subnet_users" Plain::Int, "Other users that have signed in from this /24 (or /48) in remembered history, counted up to 16.";
    HISTORY_COUNTRY_KNOWN history "history.country_known" Plain::Bool, "Whether this user has come from this country before.";
    HISTORY_FACTORS history "history.factors" Plain::Int, "Kinds of second factor that this user has passed before, counted up to 8.";
    HISTORY_FACTOR_KNOWN history "history.factor_known" Plain::Bool, "Whether this user has passed this kind of second factor before (unknown when none was passed now).";
    HISTORY_REGISTERED history "history.registered" Plain::Bool, "Whether more than half of this user's logins came from registered devices (unknown before the twelfth login).";
    HISTORY_HOUR_KNOWN history "history.hour_known" Plain::Bool, "Whether this user has signed in around this hour of the day before.";
    HISTORY_DEVICE_USERS history "history.device_users" Plain::Int, "Different users that have used this device.";
    HISTORY_HOST_PAIR_KNOWN history "history.host_pair_known" Plain::Bool, "Whether these two hosts have been seen together before.";
    PREVIOUS_TIME history "previous.time" Plain::Time, "When this user last signed in successfully from a comparable place.";
    PREVIOUS_IP history "previous.ip" Plain::Addr, "Where from (address).";
    PREVIOUS_COUNTRY history "previous.country" Plain::Text, "Where from (country).";
    PREVIOUS_CITY history "previous.city" Plain::Text, "Where from (city).";
    PREVIOUS_GEO history "previous.geo" Plain::Geo, "Where from (coordinates).";
    PREVIOUS_VIA_VPN history "previous.via_vpn" Plain::Bool, "Whether that login came through a VPN, relay or proxy.";
    LOGIN_VIA_VPN derived "login.via_vpn" Plain::Bool, "Whether this login came through a VPN, relay, proxy or satellite network.";
    LOGIN_ELAPSED derived "login.elapsed" Plain::Duration, "Time since the previous comparable login.";
    LOGIN_DISTANCE derived "login.distance" Plain::Distance, "Great-circle distance from the previous comparable login.";
    LOGIN_DISTANCE_MIN derived "login.distance_min" Plain::Distance, "Lower bound of that distance, from countries alone.";
    LOGIN_SPEED derived "login.speed" Plain::Speed, "Speed needed to travel from the previous comparable login.";
    LOGIN_SPEED_MIN derived "login.speed_min" Plain::Speed, "Lower bound of that speed, from countries alone.";
    SRC_VPN context "src.vpn" Plain::Bool, "Whether the source address belongs to a VPN, relay or zero-trust egress service.";
    SRC_TOR context "src.tor" Plain::Bool, "Whether the source address is an exit of the Tor network.";
    SRC_PROXY context "src.proxy" Plain::Bool, "Whether the source address is an anonymising proxy.";
    SRC_SATELLITE context "src.satellite" Plain::Bool, "Whether the source address belongs to a satellite or in-flight network.";
    SRC_CORPORATE context "src.corporate" Plain::Bool, "Whether the source address is an office or the organisation's own VPN.";
    REPORTER_CONFIRMED context "reporter.confirmed" Plain::Int, "How many reports of this reporter were found right.";
    REPORTER_REFUSED context "reporter.refused" Plain::Int, "How many reports of this reporter were found wrong.";
    USER_UNIT context "user.unit" Plain::Text, "Business unit of the account that acted.";
    ASSET_UNIT context "asset.unit" Plain::Text, "Business unit that the asset belongs to.";
    SRC_PUBLIC derived "src.public" Plain::Bool, "Whether the source address is routed on the public Internet.";
    DST_PUBLIC derived "dst.public" Plain::Bool, "Whether the destination address is routed on the public Internet.";
    SRC_NETWORK derived "src.network" Plain::Text, "The network of the source address: autonomous system, else /24 or /48.";
}
