//! Asks a resolver what is needed to verify who sent a message, and nothing else.
//!
//! One resolver, the configured one; five kinds of records; a bounded number of questions, each within its time. The names stand
//! in the message, so whoever wrote it may learn that somebody asked, as from every server that mail passes. What a resolver does
//! not answer is written down as that, and stays unknown.

mod wire;

use adjutant_mail::dns::{Answer, Answers, Question};
use adjutant_mail::limits::QUESTIONS_MAX;
use adjutant_mail::questions;
use adjutant_model::Time;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The port of resolvers (RFC 1035, 4.2).
const PORT: u16 = 53;

/// How long one try may take. Resolvers answer what they hold within milliseconds, and give up on others after a few seconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// Answers lead to questions so often at most: a policy of SPF may point on ten times (RFC 7208, 4.6.4).
const ROUNDS_MAX: usize = 14;

/// After so many questions without any answer, nobody is there, and no more are asked.
const SILENT_MAX: usize = 2;

/// What is wrong with a resolver's address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address of a resolver, such as `127.0.0.53` or `[::1]:5353`")]
pub struct NoAddress(String);

/// A resolver, while it is asked about some messages.
#[derive(Debug)]
pub struct Resolver {
    address: SocketAddr,
    patience: Duration,
    silent: usize,
}

impl Resolver {
    /// The resolver at `address`: an IP address, with a port or without. Nothing is sent yet.
    ///
    /// # Errors
    /// It is none.
    pub fn at(address: &str) -> Result<Self, NoAddress> {
        let plain = address.parse().map(|ip: IpAddr| SocketAddr::new(ip, PORT));
        let address = plain.or_else(|_| address.parse()).map_err(|_| NoAddress(address.to_owned()))?;
        Ok(Self { address, patience: PATIENCE, silent: 0 })
    }

    /// The same, waiting so long for each answer.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// What DNS says that is needed to verify `message`, `now`.
    pub fn answers(&mut self, message: &[u8], now: Time) -> Answers {
        let mut answers = Answers { at: now.to_string(), answers: Vec::new() };
        for _ in 0..ROUNDS_MAX {
            let left = QUESTIONS_MAX.saturating_sub(answers.answers.len());
            let wanted = questions(message, &answers);
            if wanted.is_empty() || left == 0 {
                break;
            }
            answers.answers.extend(wanted.into_iter().take(left).map(|question| self.answer(question)));
        }
        answers
    }

    fn answer(&mut self, question: Question) -> Answer {
        let asked = if self.silent < SILENT_MAX { self.ask(&question) } else { Err(wire::Failure::Silent) };
        match &asked {
            Err(wire::Failure::Silent) => self.silent = self.silent.saturating_add(1),
            _ => self.silent = 0,
        }
        let (records, failed) = match asked {
            Ok(records) => (records, None),
            Err(failure) => (Vec::new(), Some(failure.to_string())),
        };
        Answer { name: question.name, kind: question.kind, records, failed }
    }

    fn ask(&self, question: &Question) -> Result<Vec<String>, wire::Failure> {
        let query = wire::Query::new(question)?;
        query.ask(self.address, self.patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port_or_none() {
        let at = |text: &str| Resolver::at(text).map(|resolver| resolver.address.to_string());
        assert_eq!(at("127.0.0.53").as_deref(), Ok("127.0.0.53:53"));
        assert_eq!(at("192.0.2.1:5353").as_deref(), Ok("192.0.2.1:5353"));
        assert_eq!(at("::1").as_deref(), Ok("[::1]:53"));
        assert_eq!(at("[::1]:54").as_deref(), Ok("[::1]:54"));
        for none in ["", "resolver.example", "127.0.0.1:", "::1:x"] {
            assert!(at(none).is_err(), "{none}");
        }
    }
}
