//! `adjutant token` and `adjutant user`. A password is read from standard input, never from an argument.

use super::{Client, Rows, escaped, minutes, nothing};
use crate::args::service::{Shape, Token, TokenCommand, User, UserCommand};
use crate::exit::Exit;
use crate::term;
use adjutant_engine::explain::style::{Line, Paint};
use anyhow::Context;
use serde::Deserialize;
use serde_json::json;
use std::io::{IsTerminal, Read};

/// A longer password is refused by the service anyway.
const PASSWORD_BYTES_MAX: u64 = 4096;

#[derive(Deserialize)]
struct Given {
    id: String,
    token: String,
    expires: String,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    name: String,
    roles: Vec<String>,
    source: Option<String>,
    made_by: String,
    expires: String,
    revoked: Option<String>,
}

#[derive(Deserialize)]
struct Person {
    name: String,
    roles: Vec<String>,
    has_password: bool,
    made: String,
    disabled: Option<String>,
}

#[derive(Deserialize)]
struct Session {
    token: String,
}

pub(crate) fn token(args: &Token) -> anyhow::Result<Exit> {
    let client = Client::new(&args.remote)?;
    match &args.command {
        TokenCommand::Create { role, source, name, days } => {
            let own = || source.as_ref().map_or_else(|| role.clone(), |source| format!("{role}-{source}"));
            let name = name.clone().unwrap_or_else(own);
            let body = json!({ "name": name, "role": role, "source": source, "days": days });
            client.show(&client.post("/v1/tokens", &body)?, given)
        }
        TokenCommand::List => client.show_list(("/v1/tokens", ""), u32::MAX, |all, _| tokens(all)),
        TokenCommand::Revoke { id } => {
            client.delete(&format!("/v1/tokens/{}", escaped(id)))?;
            done(&client, &format!("revoked {id}"))
        }
    }
}

fn given(given: Given) -> Vec<Line> {
    let Given { id, token, expires } = given;
    let note = format!("{id}, until {}; it is shown this once", minutes(&expires));
    vec![Line::new().plain(token), Line::new().with(Paint::Dim, note)]
}

fn tokens(tokens: Vec<Listed>) -> Vec<Line> {
    let mut rows = Rows::new(&["id", "name", "roles", "source", "made by", "until"], &["name", "made by", "source"]);
    let mut some = false;
    for token in tokens.into_iter().filter(|token| token.revoked.is_none()) {
        let (source, roles) = (token.source.unwrap_or_default(), token.roles.join(", "));
        rows.add(Paint::Plain, [token.id, token.name, roles, source, token.made_by, minutes(&token.expires)]);
        some = true;
    }
    if some { rows.lines() } else { nothing("no token is in force") }
}

pub(crate) fn user(args: &User) -> anyhow::Result<Exit> {
    match &args.command {
        UserCommand::Create { name, role } => {
            let client = Client::new(&args.remote)?;
            client.post("/v1/users", &json!({ "name": name, "roles": role, "password": password()? }))?;
            done(&client, &format!("made {name}"))
        }
        UserCommand::List => {
            let client = Client::new(&args.remote)?;
            client.show_list(("/v1/users", ""), u32::MAX, |all, _| users(all))
        }
        UserCommand::Login { name } => {
            let client = Client::without_token(&args.remote)?;
            let body = client.post("/v1/login", &json!({ "name": name, "password": password()? }))?;
            // Alone on its line, so that a shell can take it: ADJUTANT_TOKEN=$(adjutant user login ana < password)
            client.show(&body, |session: Session| vec![Line::new().plain(session.token)])
        }
    }
}

fn users(users: Vec<Person>) -> Vec<Line> {
    if users.is_empty() {
        return nothing("there is no user");
    }
    let mut rows = Rows::new(&["name", "roles", "password", "made", "state"], &["roles"]);
    for user in users {
        let password = if user.has_password { "set" } else { "none" };
        let state = user.disabled.map_or_else(|| "enabled".into(), |at| format!("disabled since {}", minutes(&at)));
        rows.add(Paint::Plain, [user.name, user.roles.join(", "), password.into(), minutes(&user.made), state]);
    }
    rows.lines()
}

/// The first line of standard input.
fn password() -> anyhow::Result<String> {
    let input = std::io::stdin().lock();
    if input.is_terminal() {
        anyhow::bail!("the password is read from standard input, and a terminal would show it; write `… < FILE`");
    }
    let mut text = String::new();
    input.take(PASSWORD_BYTES_MAX).read_to_string(&mut text).context("the password cannot be read from standard input")?;
    let password = text.lines().next().unwrap_or_default();
    if password.is_empty() {
        anyhow::bail!("standard input holds no password; write `… < FILE`");
    }
    Ok(password.to_owned())
}

/// Says that something without an answer was done.
fn done(client: &Client, what: &str) -> anyhow::Result<Exit> {
    let text = match client.shape {
        Shape::Json => "{\"result\":\"done\"}".into(),
        Shape::Text => term::safe(what),
    };
    term::output((text + "\n").as_bytes())?;
    Ok(Exit::Ok)
}
