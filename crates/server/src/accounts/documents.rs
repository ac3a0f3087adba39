//! The port through which changes of access become durable.
//!
//! In the product one commit is one transaction of the driver: the change as a ledger entry, and the documents that
//! a restart reads.

use super::{Accounts, Change, Token, User, Write};
use std::future::Future;
use std::pin::Pin;

/// A small document: kind, id and JSON body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// [`Document::USER`] or [`Document::TOKEN`].
    pub kind: &'static str,
    /// Unique in its kind.
    pub id: String,
    /// JSON; none removes the document.
    pub body: Option<String>,
}

impl Document {
    /// The kind of users' documents.
    pub const USER: &'static str = "user";
    /// The kind of tokens' documents, sessions included.
    pub const TOKEN: &'static str = "token";
}

/// Everything that one change writes: all of it, or none.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Who asked for it: a user's name or a token's id.
    pub by: String,
    /// The ledger entry: the change as JSON, without any secret.
    pub entry: String,
    /// The documents as they are after it.
    pub documents: Vec<Document>,
}

/// Documents cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store cannot be used: {0}")]
pub struct DocumentsError(pub String);

/// What a commit returns.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Keeps documents.
pub trait Documents: Send + Sync {
    /// Every document of a kind, as (id, body).
    ///
    /// # Errors
    /// The store cannot be read.
    fn all(&self, kind: &str) -> Result<Vec<(String, String)>, DocumentsError>;

    /// Writes the entry and its documents in one transaction; durable when this returns.
    ///
    /// # Errors
    /// The store cannot be written; nothing of it was.
    fn commit(&self, commit: Commit) -> Pending<'_, Result<(), DocumentsError>>;
}

impl Commit {
    /// What `writes` of `change` put into the store.
    pub(crate) fn of(by: &str, change: &Change, writes: &[Write]) -> Result<Self, DocumentsError> {
        let document = |write: &Write| {
            let (kind, id, body) = match write {
                Write::User(user) => (Document::USER, &user.name, Some(serde_json::to_string(user))),
                Write::Token(token) => (Document::TOKEN, &token.id, Some(serde_json::to_string(token))),
                Write::NoToken(id) => (Document::TOKEN, id, None),
            };
            Ok(Document { kind, id: id.clone(), body: body.transpose().map_err(unwritable)? })
        };
        let documents = writes.iter().map(document).collect::<Result<_, DocumentsError>>()?;
        Ok(Self { by: by.to_owned(), entry: serde_json::to_string(change).map_err(unwritable)?, documents })
    }
}

fn unwritable(error: serde_json::Error) -> DocumentsError {
    DocumentsError(error.to_string())
}

impl Accounts {
    /// Reads the state that the documents hold.
    ///
    /// # Errors
    /// The store cannot be read, or a document is not what was written: nobody gets in by a document that is
    /// understood in part.
    pub fn read(documents: &dyn Documents) -> Result<Self, DocumentsError> {
        let mut accounts = Self::default();
        for (id, body) in documents.all(Document::USER)? {
            let user: User = parse(Document::USER, &id, &body)?;
            accounts.apply(vec![Write::User(user)]);
        }
        for (id, body) in documents.all(Document::TOKEN)? {
            let token: Token = parse(Document::TOKEN, &id, &body)?;
            accounts.apply(vec![Write::Token(token)]);
        }
        Ok(accounts)
    }
}

fn parse<T: serde::de::DeserializeOwned>(kind: &str, id: &str, body: &str) -> Result<T, DocumentsError> {
    // Position only: a parser's own text may quote the document.
    let unreadable =
        |error: serde_json::Error| DocumentsError(format!("{kind} `{id}` cannot be read at column {}", error.column()));
    serde_json::from_str(body).map_err(unreadable)
}
