//! Who a request comes from, as handlers see it.

use super::{Grants, Permission, Role};
use crate::accounts::Token;
use crate::problem::{Kind, Problem};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The one whom the gate let in. Only the gate makes it, and cloning it costs a count.
#[derive(Clone, Debug)]
pub struct Caller(Arc<Known>);

#[derive(Debug)]
struct Known {
    token_id: String,
    name: Arc<str>,
    user: Option<String>,
    roles: Vec<Role>,
    grants: Grants,
    source: Option<String>,
}

impl Caller {
    pub(crate) fn of(token: &Token, grants: Grants) -> Self {
        Self(Arc::new(Known {
            token_id: token.id.clone(),
            name: token.user.as_deref().unwrap_or(&token.name).into(),
            user: token.user.clone(),
            roles: token.roles.clone(),
            grants,
            source: token.source.clone(),
        }))
    }

    /// Whoever signs requests for this source.
    pub(super) fn signer(source: &str) -> Self {
        let roles = vec![Role::Source];
        Self(Arc::new(Known {
            token_id: format!("signature:{source}"),
            name: source.into(),
            user: None,
            grants: Grants::new(&roles, None),
            roles,
            source: Some(source.to_owned()),
        }))
    }

    /// What a ledger entry names: the user's name, or for a tool the token's id.
    pub fn id(&self) -> &str {
        self.0.user.as_deref().unwrap_or(&self.0.token_id)
    }

    /// What people call it: the user's name, or the token's.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The same for what is kept with each alert.
    pub fn sender(&self) -> &Arc<str> {
        &self.0.name
    }

    /// The person, if it is one who logged in.
    pub fn person(&self) -> Option<&str> {
        self.0.user.as_deref()
    }

    /// Its roles.
    pub fn roles(&self) -> &[Role] {
        &self.0.roles
    }

    /// What it may do.
    pub fn grants(&self) -> Grants {
        self.0.grants
    }

    /// Whether it may do this.
    pub fn may(&self, permission: Permission) -> bool {
        self.0.grants.allow(permission)
    }

    /// The only source for which it may send, if it is bound to one.
    pub fn source(&self) -> Option<&str> {
        self.0.source.as_deref()
    }

    /// The token that was shown.
    pub fn token_id(&self) -> &str {
        &self.0.token_id
    }

    /// The source of what it sends: the one that was asked for, or the one that it is bound to.
    ///
    /// # Errors
    /// It is bound to another.
    pub fn source_for<'a>(&'a self, asked: Option<&'a str>) -> Result<Option<&'a str>, Problem> {
        match (self.source(), asked) {
            (Some(bound), Some(asked)) if bound != asked => {
                Err(Problem::new(Kind::Forbidden, format!("this token is for the source `{bound}` only")))
            }
            (Some(bound), _) => Ok(Some(bound)),
            (None, asked) => Ok(asked),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Caller>().cloned();
        caller.ok_or_else(|| Problem::new(Kind::Internal, "an open route asks who the caller is"))
    }
}

/// The address at the other end of the connection. What a request says of itself (`X-Forwarded-For`) is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

impl Peer {
    /// The address without its port.
    pub fn address(self) -> IpAddr {
        self.0.ip()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<Peer>().copied();
        peer.ok_or_else(|| Problem::new(Kind::Internal, "the connection has no address"))
    }
}
