//! Reads the header of a syslog line: RFC 5424, RFC 3164, and what devices make of the two.
//!
//! A header is a priority, a time, a host and a program, of which any may be missing; what cannot be
//! read as header stays in the message, so that nothing is lost.

use super::builder::Builder;

/// What stands before the message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header<'t> {
    /// Priority: facility × 8 + severity.
    pub(super) priority: Option<u8>,
    /// The time, as written.
    pub(super) time: &'t str,
    /// The host that sent it.
    pub(super) host: &'t str,
    /// The program.
    pub(super) app: &'t str,
    /// The process.
    pub(super) pid: &'t str,
    /// The kind of message (RFC 5424).
    pub(super) id: &'t str,
}

impl Header<'_> {
    /// Whether anything was there.
    pub(super) fn is_there(&self) -> bool {
        self.priority.is_some() || !self.time.is_empty()
    }

    /// Writes the header as the object `syslog`.
    pub(super) fn write(&self, builder: &mut Builder) {
        builder.key("syslog");
        builder.object();
        if let Some(priority) = self.priority {
            builder.key("severity");
            builder.fixed(u64::from(priority % 8).into());
            builder.key("facility");
            builder.fixed(u64::from(priority / 8).into());
        }
        let parts = [("time", self.time), ("host", self.host), ("app", self.app), ("pid", self.pid), ("id", self.id)];
        for (key, text) in parts {
            if !matches!(text, "" | "-") {
                builder.pair(key, text);
            }
        }
        builder.end();
    }
}

/// Splits `line` into its header and its message.
pub(super) fn split(line: &str) -> (Header<'_>, &str) {
    let mut header = Header::default();
    let rest = priority(line, &mut header);
    if header.priority.is_some()
        && let Some(message) = rest.strip_prefix("1 ").and_then(|rest| rfc5424(rest, &mut header))
    {
        return (header, message);
    }
    let message = rfc3164(rest, &mut header);
    (header, message)
}

fn priority<'t>(line: &'t str, header: &mut Header<'t>) -> &'t str {
    let number = line.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    match number.and_then(|(number, rest)| Some((number.parse::<u8>().ok().filter(|number| *number <= 191)?, rest))) {
        Some((number, rest)) => {
            header.priority = Some(number);
            rest.trim_start()
        }
        None => line,
    }
}

fn rfc5424<'t>(rest: &'t str, header: &mut Header<'t>) -> Option<&'t str> {
    let mut parts = rest.splitn(6, ' ');
    let (time, host, app, pid, id) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if time != "-" && !time.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    (header.time, header.host, header.app, header.pid, header.id) = (time, host, app, pid, id);
    let message = parts.next().unwrap_or("");
    let message = message.strip_prefix("- ").unwrap_or(message);
    Some(message.trim_start_matches('\u{feff}'))
}

/// `Mmm dd [yyyy] hh:mm:ss host tag[pid]: message`, or the same with an RFC 3339 time.
fn rfc3164<'t>(rest: &'t str, header: &mut Header<'t>) -> &'t str {
    let Some(time) = leading_time(rest) else { return rest };
    header.time = rest.get(..time).unwrap_or("").trim_end_matches(':');
    let after = rest.get(time..).unwrap_or("").trim_start_matches([':', ' ']);
    let after = priority_in_words(after);
    let Some((host, message)) = after.split_once(' ') else { return after };
    if host.ends_with(':') {
        // No host: the program follows the time at once.
        return tag(after, header);
    }
    header.host = host;
    tag(message.trim_start(), header)
}

/// Some devices write the priority in words, `<local0.info>`, behind the time.
fn priority_in_words(text: &str) -> &str {
    const LONGEST: usize = 24;
    let word = text.strip_prefix('<').and_then(|rest| rest.split_once('>')).filter(|(word, _)| word.len() <= LONGEST);
    word.map_or(text, |(_, rest)| rest.trim_start())
}

/// `tag[pid]: message`.
fn tag<'t>(rest: &'t str, header: &mut Header<'t>) -> &'t str {
    const TAG_MAX: usize = 64;
    let end = rest.bytes().take(TAG_MAX).position(|byte| matches!(byte, b':' | b' '));
    let Some((word, message)) = end.and_then(|end| rest.split_at_checked(end)) else { return rest };
    let Some(message) = message.strip_prefix(':') else { return rest };
    match word.split_once('[') {
        Some((app, pid)) => (header.app, header.pid) = (app, pid.trim_end_matches(']')),
        None => header.app = word,
    }
    message.trim_start()
}

/// How many bytes of `rest` are a time.
fn leading_time(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    if bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-') && bytes.iter().take(4).all(u8::is_ascii_digit) {
        let date_and_clock = bytes.get(10) == Some(&b' ') && bytes.get(13) == Some(&b':');
        let from = if date_and_clock { 11 } else { 0 };
        let len = bytes.iter().skip(from).position(|byte| *byte == b' ').map_or(bytes.len(), |len| len + from);
        return bytes.contains(&b':').then_some(len);
    }
    // A month word, a day, perhaps a year, a clock.
    let mut end = 0;
    let mut words = 0;
    for word in rest.split_inclusive(' ').take(6) {
        end += word.len();
        let word = word.trim_end();
        if word.is_empty() {
            continue;
        }
        words += 1;
        let month = words == 1 && word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_alphabetic());
        let number = words > 1 && word.bytes().all(|byte| byte.is_ascii_digit());
        let clock =
            words > 2 && word.len() >= 8 && word.as_bytes().get(2) == Some(&b':') && word.as_bytes().get(5) == Some(&b':');
        if clock {
            return Some(end);
        }
        if !(month || number) {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(line: &str) -> (Option<u8>, &str, &str, &str, &str, &str) {
        let (header, message) = split(line);
        (header.priority, header.time, header.host, header.app, header.pid, message)
    }

    #[test]
    fn the_published_examples() {
        // RFC 5424, 6.5 and RFC 3164, 5.4, shortened.
        assert_eq!(
            parts("<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - 'su root' failed"),
            (Some(34), "2003-10-11T22:14:15.003Z", "mymachine.example.com", "su", "-", "'su root' failed")
        );
        assert_eq!(
            parts("<34>Oct 11 22:14:15 mymachine su: 'su root' failed"),
            (Some(34), "Oct 11 22:14:15 ", "mymachine", "su", "", "'su root' failed")
        );
    }

    #[test]
    fn what_devices_write() {
        assert_eq!(parts("Oct 10 2018 12:34:56 fw app[9]: x").4, "9");
        assert_eq!(parts("2019-06-14T10:40:20.912134 host sudo: x").2, "host");
        assert_eq!(parts("<13>hello world"), (Some(13), "", "", "", "", "hello world"));
        assert_eq!(parts("hello world"), (None, "", "", "", "", "hello world"));
        assert_eq!(parts("Apr 15 2013 09:36:50: %ASA-4: x").3, "%ASA-4");
        assert_eq!(parts("<999>x").5, "<999>x");
        assert_eq!(parts("<>").5, "<>");
        assert_eq!(parts("").5, "");
    }
}
