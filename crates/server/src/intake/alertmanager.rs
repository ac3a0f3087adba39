//! Prometheus Alertmanager's webhook, version 4: each alert of a notification is a record, firing or resolved.
//!
//! What the notification says about all of them is put around each, so that the book can read it:
//! `{"alertmanager":{"version","receiver","groupKey","groupLabels","commonLabels","commonAnnotations","externalURL"},"alert":{…}}`,
//! where `alert` is the alert's own bytes. The group's status is left out: the alert has its own.
//! <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>

use super::body::Limits;
use super::{Fault, Incoming, Piece};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// What is put around each alert is no longer than this, since it is repeated for each.
pub const GROUP_BYTES_MAX: usize = 64 << 10;

/// The whole notification is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is no notification.
    #[error("this is no notification of Alertmanager: {why}")]
    Other {
        /// What the parser says.
        why: String,
    },
    /// Another version of the format.
    #[error("version `{version}` of Alertmanager's webhook is not known; version 4 is")]
    Version {
        /// What it says.
        version: String,
    },
    /// What is said about all alerts is too long.
    #[error("the labels and annotations of the group are longer than {GROUP_BYTES_MAX} bytes; group by fewer labels")]
    Group,
    /// It holds more alerts than one request may.
    #[error("the notification holds more than {max} alerts; set `max_alerts`")]
    TooMany {
        /// The limit.
        max: usize,
    },
}

impl Malformed {
    /// The HTTP status that says so.
    pub fn status(&self) -> u16 {
        match self {
            Malformed::Other { .. } | Malformed::Version { .. } => 400,
            Malformed::Group | Malformed::TooMany { .. } => 413,
        }
    }
}

/// A notification.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group<'a> {
    #[serde(borrow)]
    version: Cow<'a, str>,
    #[serde(borrow)]
    receiver: Option<&'a RawValue>,
    #[serde(borrow)]
    group_key: Option<&'a RawValue>,
    #[serde(default)]
    truncated_alerts: u64,
    #[serde(borrow)]
    group_labels: Option<&'a RawValue>,
    #[serde(borrow)]
    common_labels: Option<&'a RawValue>,
    #[serde(borrow)]
    common_annotations: Option<&'a RawValue>,
    #[serde(borrow, rename = "externalURL")]
    external_url: Option<&'a RawValue>,
    #[serde(borrow)]
    alerts: Vec<&'a RawValue>,
}

/// Cuts a notification into its alerts. Alerts that Alertmanager itself left out are a fault.
///
/// # Errors
/// It is no notification of version 4, or a limit is passed.
pub fn records(body: &Bytes, limits: &Limits) -> Result<Vec<Piece>, Malformed> {
    let group: Group<'_> = serde_json::from_slice(body).map_err(|error| Malformed::Other { why: error.to_string() })?;
    if group.version != "4" {
        return Err(Malformed::Version { version: group.version.chars().take(32).collect() });
    }
    if group.alerts.len() > limits.records_max {
        return Err(Malformed::TooMany { max: limits.records_max });
    }
    let around = group.around().ok_or(Malformed::Group)?;
    let mut pieces: Vec<Piece> = group.alerts.iter().map(|alert| piece(&around, alert.get())).collect();
    if group.truncated_alerts > 0 {
        let detail = format!("Alertmanager left {} alerts of the group out; raise `max_alerts`", group.truncated_alerts);
        pieces.push(Piece::Fault(Fault { line: 0, code: "alerts-left-out", detail }));
    }
    Ok(pieces)
}

impl Group<'_> {
    /// The beginning of each record, up to the alert.
    fn around(&self) -> Option<String> {
        let members = [
            ("receiver", self.receiver),
            ("groupKey", self.group_key),
            ("groupLabels", self.group_labels),
            ("commonLabels", self.common_labels),
            ("commonAnnotations", self.common_annotations),
            ("externalURL", self.external_url),
        ];
        let mut around = String::from(r#"{"alertmanager":{"version":"4""#);
        for (name, value) in members.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            if value.get().len() > GROUP_BYTES_MAX {
                return None;
            }
            around.extend([",\"", name, "\":", value.get()]);
        }
        around.push_str(r#"},"alert":"#);
        (around.len() <= GROUP_BYTES_MAX).then_some(around)
    }
}

fn piece(around: &str, alert: &str) -> Piece {
    if !alert.starts_with('{') {
        return Piece::Fault(Fault {
            line: 1,
            code: "not-an-object",
            detail: "an alert of the notification is no object".into(),
        });
    }
    Piece::Record(Incoming::new([around, alert, "}"].concat().into(), 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn notification(alerts: &str, more: &str) -> String {
        format!(
            r#"{{"version":"4","groupKey":"{{}}:{{alertname=\"X\"}}","truncatedAlerts":0,"status":"firing","receiver":"adjutant",
            "groupLabels":{{"alertname":"X"}},"commonLabels":{{"alertname":"X"}},"commonAnnotations":{{}},
            "externalURL":"http://am:9093","alerts":[{alerts}]{more}}}"#
        )
    }

    fn cut(body: &str) -> Result<Vec<Piece>, Malformed> {
        records(&Bytes::copy_from_slice(body.as_bytes()), &Limits::default())
    }

    #[test]
    fn each_alert_is_a_record_with_its_group() {
        let alerts = r#"{"status":"firing", "labels":{"a":"1"}},{"status":"resolved"}"#;
        let pieces = cut(&notification(alerts, "")).unwrap();
        let [Piece::Record(first), Piece::Record(second)] = pieces.as_slice() else { panic!("{pieces:?}") };
        let value: Value = serde_json::from_slice(&first.bytes).unwrap();
        let group = json!({
            "version": "4", "receiver": "adjutant", "groupKey": "{}:{alertname=\"X\"}", "groupLabels": { "alertname": "X" },
            "commonLabels": { "alertname": "X" }, "commonAnnotations": {}, "externalURL": "http://am:9093"
        });
        assert_eq!(value["alertmanager"], group);
        assert!(first.bytes.ends_with(br#""alert":{"status":"firing", "labels":{"a":"1"}}}"#), "its bytes are unchanged");
        assert!(second.bytes.ends_with(br#""alert":{"status":"resolved"}}"#));
    }

    #[test]
    fn what_is_left_out_is_told() {
        let body = notification("{}, 7", "").replace("\"truncatedAlerts\":0", "\"truncatedAlerts\":12");
        let pieces = cut(&body).unwrap();
        let codes: Vec<&str> =
            pieces.iter().filter_map(|piece| if let Piece::Fault(fault) = piece { Some(fault.code) } else { None }).collect();
        assert_eq!(codes, ["not-an-object", "alerts-left-out"]);
        assert_eq!(cut(&notification("", "")).unwrap(), [], "a test notification");
    }

    #[test]
    fn what_is_no_notification_is_refused() {
        let other = |body: &str| assert!(matches!(cut(body), Err(Malformed::Other { .. })), "{body}");
        let whole = notification("{}", "");
        ["", "[]", "{}", "{\"version\":\"4\"}", "{\"version\":4,\"alerts\":[]}", "\0", "no"].into_iter().for_each(other);
        (0..whole.len()).for_each(|end| other(&whole[..end]));
        other(&notification("{}", "}"));
        assert_eq!(cut("{\"version\":\"5\",\"alerts\":[]}"), Err(Malformed::Version { version: "5".into() }));
        assert!(records(&Bytes::from_static(b"{\"version\":\"4\",\"alerts\":[{\"\xff\":1}]}"), &Limits::default()).is_err());
    }

    #[test]
    fn a_group_cannot_multiply() {
        let long = notification("{},{}", &format!(",\"x\":\"{}\"", "y".repeat(GROUP_BYTES_MAX)));
        assert_eq!(cut(&long).unwrap().len(), 2, "what is not repeated may be long");
        let long = long.replace("http://am:9093", &"y".repeat(GROUP_BYTES_MAX));
        assert_eq!(cut(&long), Err(Malformed::Group));
        let limits = Limits { records_max: 1, ..Limits::default() };
        let two = Bytes::from(notification("{},{}", ""));
        assert_eq!(records(&two, &limits), Err(Malformed::TooMany { max: 1 }));
    }
}
