//! Writes events as Microsoft 365 audit records (Office 365 Management Activity API).
//!
//! Shape after the public schema reference; every value is invented.

use super::event::{Act, Event, Rule};
use super::okta::uuid;
use super::people::Person;
use super::random::hash;
use std::fmt::Write as _;

const TENANT: &str = "6a1c0d5e-3b7f-4c52-9d10-7e2f4b8a9c03";

/// Appends the record of `event` of `person` to `out`.
pub fn write(event: &Event, person: &Person, out: &mut String) {
    let key = hash(event.time_ms as u64, &[u64::from(event.person), 2]);
    let published = event.published();
    let created = published.split('.').next().unwrap_or_default();
    let login = person.login();
    let _ = write!(
        out,
        r#"{{"CreationTime":"{created}","Id":"{}","OrganizationId":"{TENANT}","UserId":"{login}","UserKey":"{}","UserType":0,"Version":1,"#,
        uuid(key),
        person.id()
    );
    match event.act {
        Act::InboxRule(rule) => write_rule(event, &login, rule, out),
        _ => write_consent(event, &login, matches!(event.act, Act::Consented(true)), out),
    }
}

fn write_rule(event: &Event, login: &str, rule: Rule, out: &mut String) {
    let port = 20_000 + hash(event.time_ms as u64, &[4]) % 40_000;
    let (name, does) = match rule {
        Rule::Files => {
            ("Newsletters", r#"{"Name":"SubjectContainsWords","Value":"newsletter"},{"Name":"MoveToFolder","Value":"Reading"}"#)
        }
        Rule::Deletes => {
            ("old", r#"{"Name":"SubjectContainsWords","Value":"invoice;payment"},{"Name":"DeleteMessage","Value":"True"}"#)
        }
        Rule::Forwards => ("copy", r#"{"Name":"ForwardTo","Value":"smtp:archive.box@freemail.example"}"#),
    };
    let _ = write!(
        out,
        r#""Operation":"New-InboxRule","RecordType":1,"ResultStatus":"True","Workload":"Exchange","ClientIP":"{}:{port}","ObjectId":"{login}\\{name}","ExternalAccess":false,"OrganizationName":"corp.example","OriginatingServer":"AM0PR00MB0001","Parameters":[{{"Name":"AlwaysDeleteOutlookRulesBlob","Value":"False"}},{{"Name":"Force","Value":"False"}},{{"Name":"Name","Value":"{name}"}},{does}],"SessionId":"{}"}}"#,
        event.origin.address(),
        uuid(hash(event.device.token, &[event.day() as u64]))
    );
}

fn write_consent(event: &Event, login: &str, mail: bool, out: &mut String) {
    let (application, scope) = match mail {
        true => ("Mail Sync", "offline_access Mail.ReadWrite Mail.Send"),
        false => ("Meeting Notes", "openid profile User.Read"),
    };
    let _ = write!(
        out,
        r#""Operation":"Consent to application.","RecordType":8,"ResultStatus":"Success","Workload":"AzureActiveDirectory","ClientIP":"{ip}","ActorIpAddress":"{ip}","ObjectId":"{object}","AzureActiveDirectoryEventType":1,"ExtendedProperties":[{{"Name":"additionalDetails","Value":"{{\"User-Agent\":\"{agent}\"}}"}}],"ModifiedProperties":[{{"Name":"ConsentContext.IsAdminConsent","NewValue":"False","OldValue":""}},{{"Name":"ConsentAction.Permissions","NewValue":"[] => [[Id: 1, ClientId: 2, PrincipalId: 3, ResourceId: 4, ConsentType: Principal, Scope: {scope}]]","OldValue":""}}],"Actor":[{{"ID":"{login}","Type":5}}],"Target":[{{"ID":"{application}","Type":1}}]}}"#,
        ip = event.origin.address(),
        object = uuid(hash(u64::from(mail), &[6])),
        agent = event.device.agent(event.day()),
    );
}
