//! One connection to a directory: opened, bound, and asked one thing at a time, each within its time.
//!
//! The library takes answers apart with assertions; one that is out of form makes it panic. That is caught here, and is an
//! answer that was lost.

use super::settings::{Fault, Settings};
use super::text::Form;
use super::trouble::{SIZE_LIMIT, Trouble};
use crate::trust::NoTrust;
use adjutant_model::Secret;
use ldap3::controls::{Assertion, Control, ControlType, MakeCritical, MatchedValues, PagedResults, RawControl};
use ldap3::exop::WhoAmI;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, Mod, Scope, SearchEntry, SearchOptions};
use rustls::ClientConfig;
use std::collections::HashSet;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

const ASSERTION: &str = "1.3.6.1.1.12";
const MATCHED_VALUES: &str = "1.2.826.0.1.3344810.2.3";
/// Entries of one page.
const PAGE: i32 = 500;
/// The longest text of a directory that a message repeats.
const SAYS_CHARS_MAX: usize = 200;

/// A bound connection.
pub(super) struct Link {
    room: Room,
    ldap: Ldap,
    request: Duration,
    asserts: bool,
    matches_values: bool,
    broken: bool,
}

/// What is searched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query<'a> {
    pub(super) base: &'a str,
    pub(super) scope: Scope,
    pub(super) filter: &'a str,
    pub(super) attributes: &'a [&'a str],
    pub(super) entries_max: i32,
    /// Of the attributes, the values alone that match this, where the server can tell them apart.
    pub(super) values: Option<&'a str>,
}

/// An entry that was found.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) dn: String,
    attributes: Vec<(String, Vec<Vec<u8>>)>,
}

/// A change of one attribute.
pub(super) type Change = Mod<Vec<u8>>;

/// Where a connection's tasks run. A name that is still being resolved does not hold up who gave up waiting for it.
struct Room(Option<Runtime>);

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Room {
    fn new() -> Result<Self, Trouble> {
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Self(Some(runtime.map_err(|error| Trouble::NotSent(format!("no connection can be made: {error}")))?)))
    }

    /// What `work` comes to within `limit`.
    fn within<T>(&self, limit: Duration, work: impl Future<Output = ldap3::result::Result<T>>) -> Result<T, Trouble> {
        let Some(runtime) = &self.0 else { return Err(Trouble::NotSent("the connection is closed".to_owned())) };
        let timed = || runtime.block_on(async { tokio::time::timeout(limit, work).await });
        match catch_unwind(AssertUnwindSafe(timed)) {
            Ok(Ok(done)) => done.map_err(trouble),
            Ok(Err(_)) => Err(Trouble::Lost(format!("the directory did not answer within {} s", limit.as_secs()))),
            Err(_) => Err(Trouble::Lost("the directory's answer is out of form".to_owned())),
        }
    }
}

impl Entry {
    /// The values of an attribute.
    pub(super) fn values(&self, attribute: &str) -> impl Iterator<Item = &[u8]> {
        let named = self.attributes.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(attribute));
        named.flat_map(|(_, values)| values.iter().map(Vec::as_slice))
    }

    /// The values of an attribute that are of the form.
    pub(super) fn texts(&self, attribute: &str, form: Form) -> Vec<String> {
        self.values(attribute).filter_map(|value| form.read(value)).collect()
    }

    /// The first value of an attribute, as text.
    pub(super) fn text(&self, attribute: &str) -> Option<String> {
        self.texts(attribute, Form::Text).into_iter().next()
    }
}

impl From<SearchEntry> for Entry {
    fn from(found: SearchEntry) -> Self {
        let texts = found.attrs.into_iter().map(|(name, values)| (name, values.into_iter().map(String::into_bytes).collect()));
        Self { dn: found.dn, attributes: texts.chain(found.bin_attrs).collect() }
    }
}

impl Link {
    /// Connects and binds.
    pub(super) fn open(settings: &Settings, tls: &Arc<ClientConfig>, password: &Secret) -> Result<Self, Trouble> {
        let room = Room::new()?;
        let how = LdapConnSettings::new().set_starttls(settings.starttls).set_config(tls.clone());
        let connect = async {
            let (connection, ldap) = LdapConnAsync::with_settings(how, &settings.url).await?;
            // It ends with the connection; why it did, each request learns by itself.
            tokio::spawn(async move { connection.drive().await.ok() });
            Ok(ldap)
        };
        let ldap = room.within(Duration::from_secs(settings.connect_seconds), connect).map_err(|trouble| match trouble {
            Trouble::Lost(why) => Trouble::NotSent(format!("`{}` cannot be reached: {why}", settings.url)),
            other => other.before(),
        })?;
        let request = Duration::from_secs(settings.request_seconds);
        let mut link = Self { room, ldap, request, asserts: false, matches_values: false, broken: false };
        let Self { room, ldap, .. } = &mut link;
        let bound = room.within(request, ldap.simple_bind(&settings.bind_dn, password.reveal()));
        bound.and_then(|result| taken(result, &[0])).map_err(Trouble::before)?;
        link.learn().map_err(Trouble::before)?;
        Ok(link)
    }

    /// What the server can do beyond the protocol; what it does not tell it cannot.
    fn learn(&mut self) -> Result<(), Trouble> {
        let about = Query {
            base: "",
            scope: Scope::Base,
            filter: "(objectClass=*)",
            attributes: &["supportedControl"],
            entries_max: 1,
            values: None,
        };
        let controls = match self.search(&about) {
            Ok(found) => found.iter().flat_map(|entry| entry.texts("supportedControl", Form::Text)).collect(),
            Err(Trouble::Refused { .. }) => Vec::new(),
            Err(other) => return Err(other),
        };
        self.asserts = controls.iter().any(|control| control == ASSERTION);
        self.matches_values = controls.iter().any(|control| control == MATCHED_VALUES);
        Ok(())
    }

    /// Whether nobody closed the connection while nothing was asked.
    pub(super) fn is_alive(&mut self) -> bool {
        let Self { room, ldap, broken, .. } = self;
        let seen = room.within(self.request, async {
            // Each turn looks at the socket once.
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
            Ok(!ldap.is_closed())
        });
        !*broken && seen == Ok(true)
    }

    /// Whether an answer was lost, so that the connection is of no more use.
    pub(super) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether a change can be made to depend on what the entry is.
    pub(super) const fn asserts(&self) -> bool {
        self.asserts
    }

    /// What is found, and no more than `entries_max` of it.
    pub(super) fn search(&mut self, query: &Query<'_>) -> Result<Vec<Entry>, Trouble> {
        let options = SearchOptions::new().sizelimit(query.entries_max).timelimit(self.request.as_secs() as i32);
        let values = query.values.filter(|_| self.matches_values).map(MatchedValues::new);
        let Self { room, ldap, .. } = self;
        ldap.with_search_options(options).with_controls(values.into_iter().collect::<Vec<RawControl>>());
        let work = async {
            let found = ldap.search(query.base, query.scope, query.filter, query.attributes).await?;
            Ok((found.0.into_iter().map(|entry| Entry::from(SearchEntry::construct(entry))).collect(), found.1))
        };
        let found = room.within(self.request, work);
        let found = found.and_then(|(entries, result): (Vec<Entry>, _)| {
            // Cut where we asked for it. A server that cuts by a limit of its own leaves out what nobody knows of.
            let full = entries.len() >= query.entries_max.max(0) as usize;
            taken(result, if full { &[0, SIZE_LIMIT] } else { &[0] }).map(|_| entries)
        });
        self.noted(found)
    }

    /// Everything that is found, page by page where the server cuts it into pages, and no more than `entries_max` of it. What a
    /// server leaves out by a limit of its own is an error.
    pub(super) fn search_all(&mut self, query: &Query<'_>, entries_max: usize) -> Result<Vec<Entry>, Trouble> {
        let (mut all, mut cookie) = (Vec::new(), Vec::new());
        loop {
            let (entries, next) = self.page(query, cookie)?;
            all.extend(entries);
            if all.len() > entries_max {
                return Err(Trouble::Never(format!("the directory has more than {entries_max} such entries")));
            }
            cookie = match next {
                Some(next) => next,
                None => return Ok(all),
            };
        }
    }

    fn page(&mut self, query: &Query<'_>, cookie: Vec<u8>) -> Result<(Vec<Entry>, Option<Vec<u8>>), Trouble> {
        let options = SearchOptions::new().timelimit(self.request.as_secs() as i32);
        let Self { room, ldap, .. } = self;
        let paged: RawControl = PagedResults { size: PAGE, cookie }.into();
        ldap.with_search_options(options).with_controls(vec![paged]);
        let work = async {
            let found = ldap.search(query.base, query.scope, query.filter, query.attributes).await?;
            let pages = found.1.ctrls.iter().filter_map(|control| match control {
                Control(Some(ControlType::PagedResults), raw) => Some(raw.parse::<PagedResults>().cookie),
                _ => None,
            });
            let next = pages.into_iter().next().filter(|cookie| !cookie.is_empty());
            let entries = found.0.into_iter().map(|entry| Entry::from(SearchEntry::construct(entry))).collect();
            Ok((entries, next, found.1))
        };
        let found = room.within(self.request, work);
        let found = found.and_then(|(entries, next, result)| taken(result, &[0]).map(|_| (entries, next)));
        self.noted(found)
    }

    /// Changes the entry; where the server can, only if it is as the filter `if_so` says.
    pub(super) fn modify(&mut self, dn: &str, changes: Vec<Change>, if_so: &str) -> Result<(), Trouble> {
        let condition = self.asserts.then(|| Assertion { filter: if_so }.critical().into());
        let Self { room, ldap, .. } = self;
        ldap.with_controls(condition.into_iter().collect::<Vec<RawControl>>());
        let done = room.within(self.request, ldap.modify(dn, changes)).and_then(|result| taken(result, &[0]));
        self.noted(done.map(drop))
    }

    /// As whom the directory sees us; none when it does not tell.
    pub(super) fn who_am_i(&mut self) -> Result<Option<String>, Trouble> {
        let Self { room, ldap, .. } = self;
        let answer = room.within(self.request, ldap.extended(WhoAmI));
        match self.noted(answer.and_then(|answer| taken(answer.1, &[0]).map(|_| answer.0.val))) {
            Ok(value) => Ok(value.and_then(|value| String::from_utf8(value).ok()).filter(|text| !text.is_empty())),
            Err(Trouble::Refused { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    fn noted<T>(&mut self, done: Result<T, Trouble>) -> Result<T, Trouble> {
        self.broken |= done.as_ref().err().is_some_and(|trouble| !trouble.leaves_connection());
        done
    }
}

impl Trouble {
    /// Of a request after which nothing that matters was sent yet.
    fn before(self) -> Self {
        match self {
            Trouble::Lost(why) => Trouble::NotSent(why),
            Trouble::Refused { .. } => match self.clone().of_reading() {
                adjutant_hand::connector::CallError::Permanent(why) => Trouble::Never(why),
                adjutant_hand::connector::CallError::Retry(why) | adjutant_hand::connector::CallError::Unclear(why) => {
                    Trouble::NotSent(why)
                }
            },
            other => other,
        }
    }
}

/// The set of one value, or of several.
pub(super) fn values<T: AsRef<str>>(texts: &[T]) -> HashSet<Vec<u8>> {
    texts.iter().map(|text| text.as_ref().as_bytes().to_vec()).collect()
}

/// Whom the server's certificate is believed from.
pub(super) fn trust(settings: &Settings) -> Result<Arc<ClientConfig>, Fault> {
    crate::trust::trust(settings.ca_file.as_deref()).map_err(|NoTrust { path, reason }| Fault::Authorities { path, reason })
}

fn taken(result: LdapResult, good: &[u32]) -> Result<LdapResult, Trouble> {
    if good.contains(&result.rc) {
        return Ok(result);
    }
    Err(Trouble::Refused { code: result.rc, says: result.text.trim().chars().take(SAYS_CHARS_MAX).collect() })
}

/// Whether it was sent, by what the library says. Its texts may repeat the request, and are not repeated.
fn trouble(error: LdapError) -> Trouble {
    match error {
        LdapError::Io { source } => match source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(why)) => {
                Trouble::Never(format!("the directory's certificate is not accepted: {why}"))
            }
            Some(why) => Trouble::Lost(format!("TLS fails: {why}")),
            None => Trouble::Lost(format!("the connection fails: {source}")),
        },
        LdapError::OpSend { .. } => Trouble::NotSent("the connection was closed".to_owned()),
        LdapError::LdapResult { result } => Trouble::Refused { code: result.rc, says: result.text },
        LdapError::DNSName { .. } | LdapError::UrlParsing { .. } | LdapError::UnknownScheme(_) | LdapError::EmptyUnixPath => {
            Trouble::Never("`url` names no server".to_owned())
        }
        LdapError::FilterParsing => Trouble::Never("the filter is out of form".to_owned()),
        LdapError::AddNoValues => Trouble::Never("nothing was given to add".to_owned()),
        _ => Trouble::Lost("the connection broke before the answer came".to_owned()),
    }
}
