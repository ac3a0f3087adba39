//! Layers over each other, and every fault with its place.

use super::*;
use std::collections::BTreeSet;

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn load(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let (environment, flags) = (pairs(environment), pairs(flags));
    let layers = Layers { file: Some(("adjutant.toml", file)), environment: &environment, flags: &flags };
    Config::load(&layers).map_err(|faults| faults.0.iter().map(Fault::to_string).collect())
}

fn faults(file: &str) -> Vec<String> {
    load(file, &[], &[]).unwrap_err()
}

#[test]
fn nothing_is_a_configuration() {
    let config = Config::load(&Layers::default()).unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.http.listen, ["127.0.0.1:8080".parse().unwrap()]);
    assert_eq!(config.blind_sample_percent, 2.0);
}

const WHOLE: &str = r#"
data_dir = "/var/lib/adjutant"
book_dir = "/etc/adjutant/book"
context_dir = "/etc/adjutant/context"
blind_sample_percent = 0.5
silent_source_minutes = 30

[http]
listen = ["[::]:8443", "127.0.0.1:8080"]
tls = { certificate = "/etc/adjutant/tls.crt", key = "/etc/adjutant/tls.key" }

[[syslog]]
protocol = "tls"
listen = "0.0.0.0:6514"
source = "suricata"
senders = ["10.1.0.0/16", "fd00::/8"]

[[folders]]
path = "/srv/drop"

[[webhooks]]
source = "okta"
secret = { credential = "okta" }

[limits]
body_bytes_max = 4_194_304

[notify.webhook]
url = "https://chat.example/hook"
secret = { env = "ADJUTANT_CHAT_KEY" }

[notify.smtp]
server = "mail.corp.example:587"
from = "adjutant@corp.example"
to = ["soc@corp.example"]
user = "adjutant"
password = { file = "/run/secrets/smtp" }

[checkpoints]
every_seconds = 30
file = "/mnt/other/checkpoints"
url = "https://witness.example/add"
syslog = "log.corp.example:514"
"#;

#[test]
fn a_file_may_say_everything() {
    let config = load(WHOLE, &[("ADJUTANT_CHAT_KEY", "x"), ("PATH", "/bin"), ("ADJUTANT_CONFIG", "x")], &[]).unwrap();
    assert_eq!(config.webhooks[0].secret, SecretRef::Credential("okta".into()));
    assert_eq!((config.blind_sample_percent, config.limits.body_bytes_max), (0.5, 4 << 20));
    assert_eq!(config.syslog[0].protocol, Protocol::Tls);
    let again = toml::to_string(&config).unwrap();
    assert_eq!(load(&again, &[], &[]).unwrap(), config, "what is shown can be read");
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file = "silent_source_minutes = 1\n[commit]\nalerts_max = 1\nwait_ms_max = 1";
    let environment = [("ADJUTANT_COMMIT_ALERTS_MAX", "2"), ("ADJUTANT_COMMIT_WAIT_MS_MAX", "2")];
    let config = load(file, &environment, &[("commit.wait_ms_max", "3")]).unwrap();
    assert_eq!((config.silent_source_minutes, config.commit.alerts_max, config.commit.wait_ms_max), (1, 2, 3));
}

#[test]
fn text_from_the_environment_is_read_as_the_setting_wants_it() {
    let environment = [
        ("ADJUTANT_DATA_DIR", "12"),
        ("ADJUTANT_HTTP_LISTEN", "127.0.0.1:1, [::1]:2"),
        ("ADJUTANT_HTTP_PLAIN_HTTP", "true"),
        ("ADJUTANT_BLIND_SAMPLE_PERCENT", "5"),
        ("ADJUTANT_WEBHOOKS", r#"[{ source = "okta", secret = { env = "OKTA" } }]"#),
        ("ADJUTANT_NOTIFY_WEBHOOK_URL", "https://chat.example/"),
        ("ADJUTANT_NOTIFY_WEBHOOK_SECRET", "file:/run/secrets/chat"),
    ];
    let config = load("", &environment, &[]).unwrap();
    assert_eq!(config.data_dir.to_str(), Some("12"));
    assert_eq!(config.http.listen.len(), 2);
    assert!(config.http.plain_http);
    assert_eq!((config.blind_sample_percent, config.webhooks.len()), (5.0, 1));
    assert_eq!(config.notify.webhook.unwrap().secret, SecretRef::File("/run/secrets/chat".into()));
}

#[test]
fn every_unknown_name_is_a_fault_with_its_place_and_what_was_meant() {
    let file = "data_dri = \"x\"\n\n[http]\n  listn = []\n[[syslog]]\nprotocol = \"udp\"\nlisten = \"127.0.0.1:514\"\nsource = \"s\"\nsoruce = \"t\"\n[zzz]";
    assert_eq!(
        faults(file),
        [
            "adjutant.toml:1:1: `data_dri`: there is no such setting; did you mean `data_dir`?",
            "adjutant.toml:4:3: `http.listn`: there is no such setting; did you mean `http.listen`?",
            "adjutant.toml:9:1: `syslog[0].soruce`: there is no such setting; did you mean `syslog[0].source`?",
            "adjutant.toml:10:2: `zzz`: there is no such setting",
        ]
    );
    let slip = load("", &[("ADJUTANT_DATADIR", "x")], &[("http.lisen", "x")]).unwrap_err();
    assert_eq!(
        slip,
        [
            "flag http.lisen: `http.lisen`: there is no such setting; did you mean `http.listen`?",
            "environment ADJUTANT_DATADIR: there is no such setting; did you mean `ADJUTANT_DATA_DIR`?",
        ]
    );
}

#[test]
fn a_value_of_the_wrong_type_is_a_fault_with_its_place() {
    assert_eq!(faults("silent_source_minutes = \"soon\""), ["adjutant.toml:1:25: invalid type: string \"soon\", expected u32"]);
    assert!(faults("a = = b")[0].starts_with("adjutant.toml:1:5: it is not TOML: "), "{:?}", faults("a = = b"));
    let wrong = load("", &[("ADJUTANT_COMMIT_ALERTS_MAX", "many"), ("ADJUTANT_HTTP_LISTEN", "here")], &[]).unwrap_err();
    assert_eq!(wrong[0], "environment ADJUTANT_COMMIT_ALERTS_MAX: `commit.alerts_max`: the text is no value of this setting");
    assert!(wrong[1].starts_with("environment ADJUTANT_HTTP_LISTEN: `http.listen`: invalid"), "{wrong:?}");
}

#[test]
fn a_secret_in_the_configuration_is_refused_and_not_repeated() {
    for file in [
        "[[webhooks]]\nsource = \"okta\"\nsecret = \"hunter2\"",
        "[[webhooks]]\nsource = \"okta\"\nsecret = { value = \"hunter2\" }",
        "[[webhooks]]\nsource = \"okta\"\nsecret = { env = \"A\", file = \"hunter2\" }",
    ] {
        let faults = faults(file).join("\n");
        assert!(faults.starts_with("adjutant.toml:3:") && faults.contains("{ env = "), "{faults}");
        assert!(!faults.contains("hunter2"), "{faults}");
    }
    let wrong = load("", &[("ADJUTANT_NOTIFY_WEBHOOK_SECRET", "hunter2")], &[]).unwrap_err().join("\n");
    assert!(!wrong.contains("hunter2"), "{wrong}");
}

#[test]
fn all_that_does_not_hold_is_said_at_once_each_with_its_place() {
    let file = r#"blind_sample_percent = 0.05
silent_source_minutes = 0
[http]
listen = ["0.0.0.0:80", "127.0.0.1:81"]
[retention]
raw_days = 30
decisions_days = 29
[[syslog]]
protocol = "tls"
listen = "0.0.0.0:6514"
source = "a b"
[[webhooks]]
source = "okta"
secret = { credential = "../okta" }
[checkpoints]
url = "http://witness.example"
[notify.smtp]
server = "mail"
from = "x"
to = []
user = "x"
"#;
    let found = faults(file);
    for (line, path) in [
        (1, "blind_sample_percent"),
        (2, "silent_source_minutes"),
        (4, "http.listen[0]"),
        (7, "retention.decisions_days"),
        (9, "syslog[0].protocol"),
        (10, "syslog[0].listen"),
        (11, "syslog[0].source"),
        (14, "webhooks[0].secret"),
        (16, "checkpoints.url"),
        (19, "notify.smtp.from"),
        (20, "notify.smtp.to"),
        (21, "notify.smtp.user"),
    ] {
        let fits = |fault: &&String| fault.starts_with(&format!("adjutant.toml:{line}:")) && fault.contains(&format!("`{path}`"));
        assert_eq!(found.iter().filter(fits).count(), 1, "{line} {path} in {found:#?}");
    }
    assert_eq!(found.len(), 12, "{found:#?}");
}

#[test]
fn a_fault_of_an_override_is_placed_there() {
    let found = load("blind_sample_percent = 2", &[("ADJUTANT_BLIND_SAMPLE_PERCENT", "0")], &[]).unwrap_err();
    assert_eq!(found, ["environment ADJUTANT_BLIND_SAMPLE_PERCENT: `blind_sample_percent`: `0` is not from 0.1 to 100"]);
    let found = load("", &[], &[("http.listen", "192.0.2.1:80")]).unwrap_err();
    assert!(found[0].starts_with("flag http.listen: `http.listen[0]`: `192.0.2.1:80`: others can reach it"), "{found:?}");
}

#[test]
fn the_review_sample_cannot_be_switched_off() {
    for percent in ["0", "0.0", "0.09", "-1", "nan", "inf", "100.1"] {
        assert!(load(&format!("blind_sample_percent = {percent}"), &[], &[]).is_err(), "{percent}");
    }
    for percent in ["0.1", "2", "100"] {
        assert!(load(&format!("blind_sample_percent = {percent}"), &[], &[]).is_ok(), "{percent}");
    }
}

#[test]
fn what_others_can_reach_has_tls_unless_said_otherwise() {
    let with = |more: &str| load(&format!("[http]\nlisten = [\"0.0.0.0:80\"]\n{more}"), &[], &[]);
    assert!(with("").is_err() && with("plain_http = false").is_err());
    assert!(with("plain_http = true").is_ok());
    assert!(with("tls = { certificate = \"c\", key = \"k\" }").is_ok());
    assert!(with("tls = { certificate = \"\", key = \"k\" }").is_err());
    assert!(with("tls = { certificate = \"c\" }").is_err());
    assert!(load("[http]\nlisten = []", &[], &[]).is_err());
    assert!(load("[http]\nlisten = [\"[::1]:80\", \"127.9.9.9:80\"]", &[], &[]).is_ok());
}

#[test]
fn urls_go_out_by_tls_and_without_credentials() {
    let with = |url: &str| load(&format!("[checkpoints]\nurl = {url:?}"), &[], &[]).is_ok();
    for good in ["https://log.example/v1", "http://localhost:4318", "http://127.0.0.1", "http://[::1]:1/x"] {
        assert!(with(good), "{good}");
    }
    for bad in
        ["", "log", "/x", "ftp://x", "http://log.example", "https://u:p@x.example", "http://localhost.example", "https://a b"]
    {
        assert!(!with(bad), "{bad}");
    }
}

#[test]
fn what_is_no_text_or_too_much_of_it_is_a_fault() {
    assert_eq!(faults(&"# x\n".repeat(400_000)), ["adjutant.toml:1:1: it has more than 1048576 bytes"]);
    let deep = format!("a = {}", "[".repeat(100_000));
    assert_eq!(faults(&deep).len(), 1);
    assert!(!faults("\u{1b}[31m = 1")[0].contains('\u{1b}'));
}

#[test]
fn every_setting_has_one_name_in_the_environment_and_a_description() {
    let names = environment_names();
    let unique: BTreeSet<_> = names.iter().map(|(name, _)| name).collect();
    assert_eq!(unique.len(), names.len());
    assert!(names.contains(&("ADJUTANT_LIMITS_QUEUE_ALERTS_MAX".into(), "limits.queue_alerts_max".into())));
    assert!(names.contains(&("ADJUTANT_HTTP_TLS_KEY".into(), "http.tls.key".into())));
    for (_, path) in &names {
        assert!(tree::schema_at(&schema(), path).is_some(), "{path}");
    }
    assert_eq!(schema()["properties"]["data_dir"]["description"].as_str().unwrap().lines().count(), 1);
}

#[test]
fn free_ports_are_others_each_time_and_a_network_that_nobody_can_read_is_a_fault() {
    let syslog =
        |address: &str, more: &str| format!("[[syslog]]\nprotocol = \"tcp\"\nlisten = \"{address}\"\nsource = \"fw\"\n{more}\n");
    let two = |address: &str| syslog(address, "").repeat(2);
    assert!(load(&two("127.0.0.1:0"), &[], &[]).is_ok());
    assert_eq!(faults(&two("127.0.0.1:514")).len(), 1);
    // What the check lets through and the listener cannot read would leave the door open to everybody.
    for sender in ["10.1.0.0/+8", "10.1.0.0/33", "10.1/16", "fd00::/200", "host", ""] {
        assert_eq!(faults(&syslog("0.0.0.0:514", &format!("senders = [\"{sender}\"]"))).len(), 1, "{sender}");
    }
    for sender in ["10.1.0.0/16", "10.1.2.3", "fd00::/8", "::1"] {
        assert!(load(&syslog("0.0.0.0:514", &format!("senders = [\"{sender}\"]")), &[], &[]).is_ok(), "{sender}");
    }
}
