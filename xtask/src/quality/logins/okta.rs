//! Writes events as Okta System Log records, as the Okta API returns them.
//!
//! Shape after the public reference of the System Log API and of its event types; every value is invented.

use super::event::{Act, Event};
use super::people::{Factor, Person};
use super::random::hash;
use super::upstream::Behaviours;
use std::fmt::Write as _;

/// Appends the record of `event` of `person` to `out`; `target` is whom a privilege is granted to.
pub fn write(event: &Event, person: &Person, behaviours: Behaviours, target: Option<&Person>, out: &mut String) {
    let key = hash(event.time_ms as u64, &[u64::from(event.person), 1]);
    let (login, name) = (person.login(), format!("Person {:05}", person.number));
    let published = event.published();
    let kind = words(event.act);
    let _ = write!(
        out,
        r#"{{"actor":{{"id":"{}","type":"User","alternateId":"{login}","displayName":"{name}","detailEntry":null}},"#,
        person.id()
    );
    write_client(event, out);
    write_device(event, out);
    let session = hash(event.device.token, &[event.day() as u64]);
    let _ = write!(
        out,
        r#""authenticationContext":{{"authenticationProvider":null,"authenticationStep":0,"credentialProvider":null,"credentialType":null,"externalSessionId":"idx{session:016x}","interface":null,"issuer":null}},"displayMessage":"{}","eventType":"{}","legacyEventType":"{}","outcome":{{"result":"{}","reason":{}}},"published":"{published}","severity":"{}","#,
        kind.message, kind.event, kind.legacy, kind.result, kind.reason, kind.severity
    );
    write_security(event, out);
    write_debug(event, behaviours, key, out);
    let _ = write!(
        out,
        r#""transaction":{{"type":"WEB","id":"aY{key:022x}","detail":{{}}}},"request":{{"ipChain":[{{"ip":"{}","geographicalContext":"#,
        event.origin.address()
    );
    event.origin.write_geo(out);
    out.push_str(r#","version":"V4","source":null}]},"target":"#);
    write_target(event, person, target, out);
    let _ = write!(out, r#","uuid":"{}","version":"0"}}"#, uuid(key));
}

/// The words for an act.
struct Words {
    event: &'static str,
    legacy: &'static str,
    message: &'static str,
    result: &'static str,
    reason: &'static str,
    severity: &'static str,
}

const fn words(act: Act) -> Words {
    let (event, legacy, message, result, reason, severity) = match act {
        Act::WrongPassword => (
            "user.session.start",
            "core.user_auth.login_failed",
            "User login to Okta",
            "FAILURE",
            r#""INVALID_CREDENTIALS""#,
            "WARN",
        ),
        Act::FactorFailed => (
            "user.authentication.auth_via_mfa",
            "core.user.factor.attempt_fail",
            "Authentication of user via MFA",
            "FAILURE",
            r#""INVALID_CREDENTIALS""#,
            "WARN",
        ),
        Act::PushDenied => (
            "user.mfa.okta_verify.deny_push",
            "core.user.mfa.okta_verify.deny_push",
            "User rejected Okta push verify",
            "SUCCESS",
            "null",
            "INFO",
        ),
        Act::FactorAdded => (
            "user.mfa.factor.activate",
            "core.user.factor.activate",
            "Activate factor or authenticator enrollment method for user",
            "SUCCESS",
            "null",
            "INFO",
        ),
        Act::Granted(_) => (
            "user.account.privilege.grant",
            "core.user.admin_privilege.granted",
            "Grant user privilege",
            "SUCCESS",
            "null",
            "INFO",
        ),
        _ => ("user.session.start", "core.user_auth.login_success", "User login to Okta", "SUCCESS", "null", "INFO"),
    };
    Words { event, legacy, message, result, reason, severity }
}

fn write_client(event: &Event, out: &mut String) {
    let (system, browser, kind) = event.device.words();
    let agent = event.device.agent(event.day());
    let _ = write!(
        out,
        r#""client":{{"userAgent":{{"rawUserAgent":"{agent}","os":"{system}","browser":"{browser}"}},"zone":"null","device":"{kind}","id":null,"ipAddress":"{}","geographicalContext":"#,
        event.origin.address()
    );
    event.origin.write_geo(out);
    out.push_str("},");
}

fn write_device(event: &Event, out: &mut String) {
    let Some(id) = event.device.registered else {
        out.push_str(r#""device":null,"#);
        return;
    };
    let (platform, version) = event.device.platform();
    let _ = write!(
        out,
        r#""device":{{"id":"guo{id:016x}","name":"{}","os_platform":"{platform}","os_version":"{version}","managed":{},"registered":true,"device_integrator":null,"disk_encryption_type":"ALL_INTERNAL_VOLUMES","screen_lock_type":"BIOMETRIC","jailbreak":null,"secure_hardware_present":true}},"#,
        event.device.model, event.device.managed
    );
}

fn write_security(event: &Event, out: &mut String) {
    let organisation = event.origin.organisation;
    let _ = write!(
        out,
        r#""securityContext":{{"asNumber":{},"asOrg":"{organisation}","isp":"{organisation}","domain":null,"isProxy":{}}},"#,
        event.origin.asn, event.origin.proxy
    );
}

fn write_debug(event: &Event, behaviours: Behaviours, key: u64, out: &mut String) {
    let _ = write!(
        out,
        r#""debugContext":{{"debugData":{{"requestId":"aY{key:022x}","requestUri":"/idp/idx/challenge/answer","url":"/idp/idx/challenge/answer?""#
    );
    let program = matches!(event.device.system, super::device::System::Program);
    if !program {
        let token = hash(event.device.token, &[1]);
        let _ = write!(
            out,
            r#","dtHash":"{token:016x}{:016x}{:016x}{:016x}""#,
            token.rotate_left(9),
            token.rotate_left(23),
            token.rotate_left(41)
        );
    }
    let _ = write!(out, r#","threatSuspected":"{}""#, behaviours.suspected);
    match event.act {
        Act::SignIn(factor) => {
            write_behaviours(behaviours, out);
            out.push_str(r#","authMethodFirstType":"okta_password:password""#);
            if let Some(method) = factor.and_then(method) {
                let _ = write!(out, r#","authMethodSecondType":"{method}""#);
            }
        }
        Act::FactorFailed => out.push_str(r#","factor":"OKTA_VERIFY_PUSH""#),
        Act::Granted(_) => out.push_str(r#","privilegeGranted":"Super administrator""#),
        _ => {}
    }
    out.push_str("}},");
}

fn write_behaviours(b: Behaviours, out: &mut String) {
    let word = |positive: bool| if positive { "POSITIVE" } else { "NEGATIVE" };
    let _ = write!(
        out,
        r#","behaviors":"{{New Geo-Location={}, New Device={}, New IP={}, New State=NEGATIVE, New Country={}, Velocity={}, New City={}}}""#,
        word(b.place),
        word(b.device),
        word(b.address),
        word(b.country),
        word(b.velocity),
        word(b.place)
    );
    let reasons = [
        (b.device, "Anomalous Device"),
        (b.place, "Anomalous Location"),
        (b.velocity, "Velocity"),
        (b.suspected, "Threat Intelligence"),
    ];
    let reasons: Vec<&str> = reasons.into_iter().filter(|(positive, _)| *positive).map(|(_, reason)| reason).collect();
    let _ = match reasons.is_empty() {
        true => write!(out, r#","risk":"{{level={}}}""#, b.risk()),
        false => write!(out, r#","risk":"{{reasons={}, level={}}}""#, reasons.join(", "), b.risk()),
    };
}

const fn method(factor: Factor) -> Option<&'static str> {
    match factor {
        Factor::None => None,
        Factor::Push => Some("okta_verify:push"),
        Factor::Code => Some("google_otp:otp"),
        Factor::Message => Some("phone_number:sms"),
        Factor::Key => Some("webauthn:webauthn"),
        Factor::DeviceKey => Some("okta_verify:signed_nonce"),
    }
}

fn write_target(event: &Event, person: &Person, target: Option<&Person>, out: &mut String) {
    let whom = match event.act {
        Act::Granted(_) => target.unwrap_or(person),
        Act::FactorAdded => person,
        _ => return out.push_str("null"),
    };
    let _ = write!(
        out,
        r#"[{{"id":"{}","type":"User","alternateId":"{}","displayName":"Person {:05}","detailEntry":null}}"#,
        whom.id(),
        whom.login(),
        whom.number
    );
    if event.act == Act::FactorAdded {
        out.push_str(r#",{"id":"opf0000","type":"AuthenticatorEnrollment","alternateId":"unknown","displayName":"Okta Verify","detailEntry":{"methodTypeUsed":"Use Okta Verify Push"}}"#);
    }
    out.push(']');
}

/// A version-4 UUID from `key`.
pub fn uuid(key: u64) -> String {
    let low = hash(key, &[3]);
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        key >> 32,
        (key >> 16) & 0xffff,
        key & 0xfff,
        0x8000 | (low >> 50),
        low & 0xffff_ffff_ffff
    )
}
