//! What must hold of a configuration as a whole.

use super::{Config, Protocol, SecretRef, tree};
use crate::accounts::fit_name;
use crate::problem::tame;
use axum::http::Uri;
use ipnet::IpNet;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Faults as they are found, each with the path of its setting.
struct Found(Vec<(String, String)>);

impl Found {
    fn add(&mut self, path: impl Into<String>, what: impl Into<String>) {
        self.0.push((path.into(), what.into()));
    }

    fn add_if(&mut self, wrong: bool, path: &str, what: &str) {
        if wrong {
            self.add(path, what);
        }
    }
}

/// Everything that is wrong, as (path, what and what to do).
pub(super) fn faults(config: &Config, root: &Json) -> Vec<(String, String)> {
    let bounds = serde_json::to_value(config).map(|value| tree::out_of_bounds(&value, root)).unwrap_or_default();
    let mut found = Found(bounds);
    // JSON has no such number, so the bounds did not see it.
    found.add_if(!config.blind_sample_percent.is_finite(), "blind_sample_percent", "it is not a number");
    found.add_if(!config.traces.sampled_percent.is_finite(), "traces.sampled_percent", "it is not a number");
    directories(config, &mut found);
    http(config, &mut found);
    syslog(config, &mut found);
    sources(config, &mut found);
    let fewer = config.retention.decisions_days < config.retention.raw_days;
    found.add_if(fewer, "retention.decisions_days", "decisions are kept at least as long as the raw alerts that they explain");
    outside(config, &mut found);
    for (path, secret) in secrets(config) {
        if let Some(what) = secret.fault() {
            found.add(path, what);
        }
    }
    found.0
}

/// Every reference to a secret, with the path of its setting.
pub(super) fn secrets(config: &Config) -> Vec<(String, &SecretRef)> {
    let webhooks = config.webhooks.iter().enumerate();
    let mut secrets: Vec<_> = webhooks.map(|(nth, webhook)| (format!("webhooks[{nth}].secret"), &webhook.secret)).collect();
    secrets.extend(config.notify.webhook.iter().map(|webhook| ("notify.webhook.secret".to_owned(), &webhook.secret)));
    secrets.extend(config.notify.slack.iter().map(|slack| ("notify.slack.url".to_owned(), &slack.url)));
    let clicks = config.notify.slack.iter().filter_map(|slack| slack.signing_secret.as_ref());
    secrets.extend(clicks.map(|secret| ("notify.slack.signing_secret".to_owned(), secret)));
    let smtp = config.notify.smtp.iter().filter_map(|smtp| smtp.password.as_ref());
    secrets.extend(smtp.map(|password| ("notify.smtp.password".to_owned(), password)));
    secrets
}

fn directories(config: &Config, found: &mut Found) {
    let empty = |path: &std::path::Path| path.as_os_str().is_empty();
    found.add_if(empty(&config.data_dir), "data_dir", "name a directory");
    found.add_if(config.book_dir.as_deref().is_some_and(empty), "book_dir", "name a directory, or leave it out");
    found.add_if(config.context_dir.as_deref().is_some_and(empty), "context_dir", "name a directory, or leave it out");
    for (nth, folder) in config.folders.iter().enumerate() {
        found.add_if(empty(&folder.path), &format!("folders[{nth}].path"), "name a directory");
    }
}

fn http(config: &Config, found: &mut Found) {
    let http = &config.http;
    let mut seen = BTreeSet::new();
    for (nth, address) in http.listen.iter().enumerate() {
        let path = format!("http.listen[{nth}]");
        // Each listener on port 0 gets a free port of its own.
        if address.port() != 0 && !seen.insert(address) {
            found.add(&path, format!("`{address}` is there twice"));
        }
        if !address.ip().is_loopback() && http.tls.is_none() && !http.plain_http {
            let what = "others can reach it and there is no TLS: set `http.tls`, or say `http.plain_http = true` behind a proxy";
            found.add(&path, format!("`{address}`: {what}"));
        }
    }
    if let Some(tls) = &http.tls {
        found.add_if(tls.certificate.as_os_str().is_empty(), "http.tls.certificate", "name a file");
        found.add_if(tls.key.as_os_str().is_empty(), "http.tls.key", "name a file");
    }
}

fn syslog(config: &Config, found: &mut Found) {
    let mut seen = BTreeSet::new();
    for (nth, syslog) in config.syslog.iter().enumerate() {
        let (path, is_udp) = (format!("syslog[{nth}]"), syslog.protocol == Protocol::Udp);
        let is_taken = !seen.insert((is_udp, syslog.listen)) || (!is_udp && config.http.listen.contains(&syslog.listen));
        if is_taken && syslog.listen.port() != 0 {
            found.add(format!("{path}.listen"), format!("`{}` is taken by another listener", syslog.listen));
        }
        if syslog.protocol == Protocol::Tls && config.http.tls.is_none() {
            found.add(format!("{path}.protocol"), "it needs a certificate: set `http.tls`");
        }
        if !syslog.listen.ip().is_loopback() && syslog.senders.is_empty() {
            found.add(format!("{path}.listen"), "others can reach it and syslog knows no token: say in `senders` who may send");
        }
        for sender in syslog.senders.iter().filter(|sender| network(sender).is_none()) {
            found.add(format!("{path}.senders"), format!("`{}` is no network such as 10.1.0.0/16", tame(sender)));
        }
    }
}

/// The network that a setting names: `10.1.0.0/16`, or one address.
pub fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn sources(config: &Config, found: &mut Found) {
    let syslog = config.syslog.iter().enumerate().map(|(nth, one)| (format!("syslog[{nth}].source"), one.source.as_str()));
    let folders = config.folders.iter().enumerate();
    let folders = folders.filter_map(|(nth, one)| Some((format!("folders[{nth}].source"), one.source.as_deref()?)));
    let webhooks = config.webhooks.iter().enumerate();
    let webhooks = webhooks.map(|(nth, one)| (format!("webhooks[{nth}].source"), one.source.as_str()));
    for (path, source) in syslog.chain(folders).chain(webhooks) {
        if let Err(error) = fit_name(source) {
            found.add(path, error.to_string());
        }
    }
    let mut seen = BTreeSet::new();
    for (nth, webhook) in config.webhooks.iter().enumerate() {
        if !seen.insert(&webhook.source) {
            found.add(format!("webhooks[{nth}].source"), format!("`{}` is there twice", tame(&webhook.source)));
        }
    }
}

/// Everything that goes out.
fn outside(config: &Config, found: &mut Found) {
    let mut url = |path: &str, text: &str| {
        if let Some(what) = url_fault(text) {
            found.add(path, what);
        }
    };
    if let Some(webhook) = &config.notify.webhook {
        url("notify.webhook.url", &webhook.url);
    }
    if let Some(to) = &config.traces.url {
        url("traces.url", to);
    }
    if let Some(to) = &config.checkpoints.url {
        url("checkpoints.url", to);
    }
    if let Some(to) = &config.letters.url {
        url("letters.url", to);
    }
    letters(config, found);
    if let Some(server) = &config.checkpoints.syslog {
        let fit = is_host_port(server) && server.contains(':');
        found.add_if(!fit, "checkpoints.syslog", "write HOST:PORT");
    }
    if let Some(smtp) = &config.notify.smtp {
        found.add_if(!is_host_port(&smtp.server), "notify.smtp.server", "write HOST or HOST:PORT");
        found.add_if(!is_mailbox(&smtp.from), "notify.smtp.from", "write an address such as adjutant@corp.example");
        found.add_if(!smtp.to.iter().all(|to| is_mailbox(to)), "notify.smtp.to", "write addresses such as soc@corp.example");
        let half = smtp.user.is_some() != smtp.password.is_some();
        found.add_if(half, "notify.smtp.user", "`user` and `password` go together");
    }
}

fn letters(config: &Config, found: &mut Found) {
    let letters = &config.letters;
    let carried = letters.webhook.is_none() || config.notify.webhook.is_some();
    found.add_if(!carried, "letters.webhook", "it says what `notify.webhook` brings letters to: set that as well");
    let path = letters.url.as_deref().is_some_and(|url| url.contains(['?', '#']));
    found.add_if(path, "letters.url", "write how people reach this service, such as https://adjutant.corp.example");
    let mut seen = BTreeSet::new();
    for (nth, person) in letters.people.iter().enumerate() {
        let path = format!("letters.people[{nth}]");
        found.add_if(!is_mailbox(&person.mail), &format!("{path}.mail"), "write an address such as ana@corp.example");
        found.add_if(!seen.insert(&person.name), &format!("{path}.name"), "the same name stands here twice");
    }
}

/// https, or http to this machine; without name and password in it.
fn url_fault(text: &str) -> Option<&'static str> {
    let Ok(uri) = text.parse::<Uri>() else { return Some("it is no URL such as https://host.example/path") };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Some("it is no URL such as https://host.example/path");
    };
    let host = authority.host().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match scheme {
        _ if authority.as_str().contains('@') => Some("a URL here has no name and password in it"),
        "https" => None,
        "http" if is_here => None,
        _ => Some("only https, or http to this machine"),
    }
}

fn is_host_port(text: &str) -> bool {
    text.parse::<axum::http::uri::Authority>().is_ok_and(|authority| !authority.host().is_empty() && !text.contains('@'))
}

/// Enough that it cannot break out of a header or a command; the server says whether the mailbox exists.
pub(crate) fn is_mailbox(text: &str) -> bool {
    let parts = text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    parts && text.len() <= 254 && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>,;:\"\\()[]".contains(&byte))
}
