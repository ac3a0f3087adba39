//! Login, own account, tokens and users over HTTP.

use super::{Token, User, tag};
use crate::body::Input;
use crate::cursor::Position;
use crate::filter::{Page, Query};
use crate::gate::{Caller, Endpoint, Gate, NewToken, Open, Peer, Permission, Role, Routes};
use crate::problem::{Kind, Problem};
use crate::secret::Secret;
use adjutant_model::{Digest, Time};
use axum::Json;
use axum::extract::{FromRef, Path, RawQuery, State};
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Where tokens and users are listed.
const TOKENS: &str = "/v1/tokens";
const USERS: &str = "/v1/users";

/// How long a token lives when nobody says.
const TOKEN_DAYS: u32 = 90;

/// Name and password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    /// The user's name.
    name: String,
    /// The user's password.
    password: Secret,
}

/// A session that was begun.
#[derive(Serialize, JsonSchema)]
struct Session {
    /// Send it as `Authorization: Bearer TOKEN`. It is shown only here.
    token: String,
    /// When it ends by itself.
    expires: String,
    /// The user's roles.
    roles: Vec<Role>,
}

/// Who the caller is.
#[derive(Serialize, JsonSchema)]
struct Me {
    /// What a ledger entry names.
    id: String,
    /// What people call it.
    name: String,
    /// Whether it is a person who logged in.
    person: bool,
    /// Its roles.
    roles: Vec<Role>,
    /// What it may do.
    permissions: Vec<Permission>,
    /// The only source for which it may send.
    source: Option<String>,
}

/// A password to change.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OwnPassword {
    /// The password so far.
    current: Secret,
    /// The password from now on.
    new: Secret,
}

/// A token to make for a tool.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TokenWanted {
    /// What it is for.
    name: String,
    /// Its role.
    role: Role,
    /// Narrows the role to these permissions; leave it out for all of the role.
    #[serde(default)]
    scopes: Option<Vec<Permission>>,
    /// The only source for which it may send alerts.
    #[serde(default)]
    source: Option<String>,
    /// After how many days it ends.
    #[serde(default = "token_days")]
    days: u32,
}

fn token_days() -> u32 {
    TOKEN_DAYS
}

/// A token that was made.
#[derive(Serialize, JsonSchema)]
struct TokenGiven {
    /// Its public name, by which it is revoked.
    id: String,
    /// Its text, shown only here.
    token: String,
    /// When it ends by itself.
    expires: String,
}

/// A token as it is listed: without its text.
#[derive(Serialize, JsonSchema)]
struct TokenView {
    /// Its public name.
    id: String,
    /// What it is for.
    name: String,
    /// Its roles.
    roles: Vec<Role>,
    /// What it may do.
    scopes: Option<Vec<Permission>>,
    /// The only source for which it may send.
    source: Option<String>,
    /// Its last four characters.
    last_four: String,
    /// Who made it.
    made_by: String,
    /// When it was made.
    made: String,
    /// When it ends by itself.
    expires: String,
    /// When it was revoked.
    revoked: Option<String>,
}

/// A user as listed.
#[derive(Serialize, JsonSchema)]
struct UserView {
    /// The name.
    name: String,
    /// The roles.
    roles: Vec<Role>,
    /// Whether a password is set.
    has_password: bool,
    /// When the user was made.
    made: String,
    /// Since when the user has no access.
    disabled: Option<String>,
}

/// A user to make.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UserWanted {
    /// The name.
    name: String,
    /// At least one role; never `source`.
    roles: Vec<Role>,
    /// Without one nobody can log in with this name.
    #[serde(default)]
    password: Option<Secret>,
}

/// A user's roles.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RolesWanted {
    /// All roles from now on.
    roles: Vec<Role>,
}

/// A user's password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PasswordWanted {
    /// The password from now on.
    password: Secret,
}

/// A user's access.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AccessWanted {
    /// Whether the user can log in.
    enabled: bool,
}

impl From<&Token> for TokenView {
    fn from(token: &Token) -> Self {
        Self {
            id: token.id.clone(),
            name: token.name.clone(),
            roles: token.roles.clone(),
            scopes: token.scopes.clone(),
            source: token.source.clone(),
            last_four: token.last_four.clone(),
            made_by: token.made_by.clone(),
            made: token.made.to_string(),
            expires: token.expires.to_string(),
            revoked: token.revoked.map(|at| at.to_string()),
        }
    }
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            name: user.name.clone(),
            roles: user.roles.clone(),
            has_password: user.password.is_some(),
            made: user.made.to_string(),
            disabled: user.disabled.map(|at| at.to_string()),
        }
    }
}

/// Adds the routes of accounts.
pub fn routes<S>(routes: Routes<S>) -> Routes<S>
where
    S: Clone + Send + Sync + 'static,
    Arc<Gate>: FromRef<S>,
{
    use Permission::{MakeTokens, ManageUsers, ReadAccounts, UseAccount};
    routes
        .add(Endpoint::post("/v1/login", Open).says("Begins a session.").takes::<Login>().answers::<Session>(), log_in)
        .add(Endpoint::post("/v1/logout", UseAccount).says("Ends the session, or revokes the token that is shown."), log_out)
        .add(Endpoint::get("/v1/me", UseAccount).says("Says who the caller is.").answers::<Me>(), me)
        .add(
            Endpoint::put("/v1/me/password", UseAccount)
                .says("Changes the caller's password and ends all of the caller's sessions.")
                .takes::<OwnPassword>(),
            own_password,
        )
        .add(
            Endpoint::get(TOKENS, ReadAccounts)
                .says("Lists tools' tokens, the oldest first.")
                .lists(&[])
                .answers::<Page<TokenView>>(),
            tokens,
        )
        .add(
            Endpoint::post(TOKENS, MakeTokens).says("Makes a token for a tool.").takes::<TokenWanted>().answers::<TokenGiven>(),
            make_token,
        )
        .add(Endpoint::delete("/v1/tokens/{id}", MakeTokens).says("Revokes a token or ends a session."), revoke_token)
        .add(
            Endpoint::get(USERS, ReadAccounts).says("Lists users, the oldest first.").lists(&[]).answers::<Page<UserView>>(),
            users,
        )
        .add(Endpoint::post(USERS, ManageUsers).says("Makes a user.").takes::<UserWanted>(), make_user)
        .add(
            Endpoint::put("/v1/users/{name}/roles", ManageUsers)
                .says("Sets another user's roles and ends the user's sessions.")
                .takes::<RolesWanted>(),
            set_roles,
        )
        .add(
            Endpoint::put("/v1/users/{name}/password", ManageUsers)
                .says("Sets a user's password and ends the user's sessions.")
                .takes::<PasswordWanted>(),
            set_password,
        )
        .add(
            Endpoint::put("/v1/users/{name}/access", ManageUsers)
                .says("Takes a user's access away, or gives it back.")
                .takes::<AccessWanted>(),
            set_access,
        )
}

type At = State<Arc<Gate>>;
type Done = Result<StatusCode, Problem>;

async fn log_in(State(gate): At, peer: Peer, Input(login): Input<Login>) -> Result<Json<Session>, Problem> {
    let begun = gate.log_in(&login.name, login.password, peer.address()).await?;
    let token = begun.token.reveal().to_owned();
    Ok(Json(Session { token, expires: begun.expires.to_string(), roles: begun.roles }))
}

async fn log_out(State(gate): At, caller: Caller) -> Done {
    gate.revoke_token(caller.id(), caller.token_id()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn me(caller: Caller) -> Json<Me> {
    Json(Me {
        id: caller.id().to_owned(),
        name: caller.name().to_owned(),
        person: caller.person().is_some(),
        roles: caller.roles().to_vec(),
        permissions: caller.grants().list(),
        source: caller.source().map(str::to_owned),
    })
}

async fn own_password(State(gate): At, caller: Caller, peer: Peer, Input(wanted): Input<OwnPassword>) -> Done {
    let Some(name) = caller.person() else {
        return Err(Problem::new(Kind::Forbidden, "a tool's token has no password"));
    };
    gate.check_password(name, wanted.current, peer.address()).await?;
    gate.set_password(name, name, wanted.new).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A place in a listing: when it was made, then what of a name is a number.
fn place(made: Time, name: &str) -> Position {
    Position { rank: made.0, seq: tag(&Digest::of(name.as_bytes())) }
}

/// The page of `rows` that `query` asks for. What is made meanwhile comes behind them.
fn page<'a, T: 'a, V: From<&'a T>>(
    query: &Query,
    rows: impl Iterator<Item = &'a T>,
    place: impl Fn(&T) -> Position,
) -> Json<Page<V>> {
    let order = |place: Position| (place.rank, place.seq);
    let after = query.after.map(order);
    let mut rows: Vec<&T> = rows.filter(|row| after.is_none_or(|after| order(place(row)) > after)).collect();
    rows.sort_by_key(|row| order(place(row)));
    rows.truncate(query.limit as usize + 1);
    let Page { items, next } = query.page(rows, |row| place(row));
    Json(Page { items: items.into_iter().map(V::from).collect(), next })
}

async fn tokens(State(gate): At, RawQuery(query): RawQuery) -> Result<Json<Page<TokenView>>, Problem> {
    let query = Query::read(TOKENS, query.as_deref(), &[])?;
    Ok(page(&query, gate.accounts().tokens(), |token| place(token.made, &token.id)))
}

async fn make_token(State(gate): At, caller: Caller, Input(wanted): Input<TokenWanted>) -> Result<Json<TokenGiven>, Problem> {
    let expires = gate.expiry(wanted.days);
    let TokenWanted { name, role, scopes, source, .. } = wanted;
    let (id, text) = gate.make_token(caller.id(), NewToken { name, role, scopes, source, expires }).await?;
    Ok(Json(TokenGiven { id, token: text.reveal().to_owned(), expires: expires.to_string() }))
}

async fn revoke_token(State(gate): At, caller: Caller, Path(id): Path<String>) -> Done {
    gate.revoke_token(caller.id(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn users(State(gate): At, RawQuery(query): RawQuery) -> Result<Json<Page<UserView>>, Problem> {
    let query = Query::read(USERS, query.as_deref(), &[])?;
    Ok(page(&query, gate.accounts().users(), |user| place(user.made, &user.name)))
}

async fn make_user(State(gate): At, caller: Caller, Input(wanted): Input<UserWanted>) -> Done {
    gate.make_user(caller.id(), &wanted.name, wanted.roles, wanted.password).await?;
    Ok(StatusCode::CREATED)
}

async fn set_roles(State(gate): At, caller: Caller, Path(name): Path<String>, Input(wanted): Input<RolesWanted>) -> Done {
    gate.set_roles(&caller, &name, wanted.roles).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_password(State(gate): At, caller: Caller, Path(name): Path<String>, Input(wanted): Input<PasswordWanted>) -> Done {
    gate.set_password(caller.id(), &name, wanted.password).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_access(State(gate): At, caller: Caller, Path(name): Path<String>, Input(wanted): Input<AccessWanted>) -> Done {
    gate.set_access(caller.id(), &name, wanted.enabled).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests;
