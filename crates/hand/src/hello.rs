//! How brain and hand prove to each other who they are, before anything is asked: each signs what both drew, with a key that
//! the other knows.
//!
//! The system's word on the user at the other end says less where both run as one user. What is signed also names both
//! processes by their numbers, each as the other sees it: a third process that passes everything on between them has a number
//! of its own, and is found out.
//!
//! ```text
//! adjutant hello
//! hand                  whoever signs
//! 1f8b08…  4bcb00…      what the brain drew, and the hand
//! 4711 4712             the number of the brain's process, and of the hand's
//! ```

use crate::protocol::{receive, send};
use crate::statement::nonce;
use adjutant_ledger::{Note, SigningKey, VerifierKey};
use rustix::net::sockopt::socket_peercred;
use serde::{Deserialize, Serialize};
use std::io::{self, BufReader};
use std::os::unix::net::UnixStream;

/// Nonces are no longer.
const NONCE_CHARS_MAX: usize = 64;

/// Which end of the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The process that decides.
    Brain,
    /// The process that acts.
    Hand,
}

impl End {
    /// Its word, which is also the name of its key.
    pub const fn name(self) -> &'static str {
        match self {
            End::Brain => "adjutant-brain",
            End::Hand => "adjutant-hand",
        }
    }
}

/// One end's key, and the other's.
#[derive(Debug)]
pub struct Identity {
    /// What this end signs with.
    pub own: SigningKey,
    /// Whom it takes for the other.
    pub other: VerifierKey,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hello {
    hello: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proof: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Proof {
    proof: String,
}

impl Identity {
    /// The brain's side: says hello, hears who listens, proves itself.
    ///
    /// # Errors
    /// Whoever listens is not the hand that is known, or is gone.
    pub(crate) fn greet(&self, stream: &UnixStream, from: &mut BufReader<&UnixStream>) -> io::Result<()> {
        let drawn = drawn()?;
        let numbers = [own_number(), number_of(stream)?];
        send(&mut &*stream, &Hello { hello: drawn.clone(), proof: None })?;
        let answer = receive::<Hello>(from).ok().flatten().filter(|answer| answer.hello.len() <= NONCE_CHARS_MAX);
        let answer = answer.ok_or_else(|| refused("who listens there does not prove that it is the hand"))?;
        let nonces = [drawn.as_str(), &answer.hello];
        if !answer.proof.is_some_and(|proof| self.proves(&proof, &text(End::Hand, nonces, numbers))) {
            return Err(refused("who listens there is not the hand that is known by its key"));
        }
        let proof = self.signed(&text(End::Brain, nonces, numbers))?;
        send(&mut &*stream, &Proof { proof })
    }

    /// The hand's side: proves itself to whoever says hello, and hears whether it is the brain.
    ///
    /// # Errors
    /// It is not, or is gone.
    pub(crate) fn admit(&self, stream: &UnixStream, from: &mut BufReader<&UnixStream>) -> io::Result<()> {
        let unknown = || refused("this hand knows the brain by its key, and whoever asks has none: only the service asks it");
        let drawn = drawn()?;
        let numbers = [number_of(stream)?, own_number()];
        let hello = receive::<Hello>(from).ok().flatten().filter(|hello| hello.hello.len() <= NONCE_CHARS_MAX);
        let hello = hello.ok_or_else(unknown)?;
        let nonces = [hello.hello.as_str(), &drawn];
        let proof = self.signed(&text(End::Hand, nonces, numbers))?;
        send(&mut &*stream, &Hello { hello: drawn.clone(), proof: Some(proof) })?;
        let proof = receive::<Proof>(from).ok().flatten().ok_or_else(unknown)?;
        if self.proves(&proof.proof, &text(End::Brain, nonces, numbers)) { Ok(()) } else { Err(unknown()) }
    }

    fn signed(&self, text: &str) -> io::Result<String> {
        Note::sign(text, &[&self.own]).map(|note| note.to_string()).map_err(io::Error::other)
    }

    fn proves(&self, proof: &str, text: &str) -> bool {
        let note = Note::parse(proof.as_bytes());
        note.is_ok_and(|note| note.text() == text && note.verify(std::slice::from_ref(&self.other)).is_ok())
    }
}

fn text(signer: End, [brain, hand]: [&str; 2], [of_brain, of_hand]: [u32; 2]) -> String {
    format!("adjutant hello\n{}\n{brain} {hand}\n{of_brain} {of_hand}\n", signer.name())
}

fn drawn() -> io::Result<String> {
    nonce().map_err(|error| io::Error::other(error.to_string()))
}

fn own_number() -> u32 {
    std::process::id()
}

/// The number of the process at the other end, as the system says.
fn number_of(stream: &UnixStream) -> io::Result<u32> {
    Ok(socket_peercred(stream)?.pid.as_raw_nonzero().get().unsigned_abs())
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, Write as _};

    fn key(end: End, seed: u8) -> SigningKey {
        SigningKey::from_seed(end.name(), &[seed; 32]).unwrap()
    }

    fn identity(end: End, own: u8, other: u8) -> Identity {
        let of_other = if end == End::Brain { End::Hand } else { End::Brain };
        Identity { own: key(end, own), other: key(of_other, other).verifier().clone() }
    }

    /// What both ends say of each other, over a pair of sockets.
    fn met(brain: &Identity, hand: &Identity) -> (io::Result<()>, io::Result<()>) {
        let (one, other) = UnixStream::pair().unwrap();
        std::thread::scope(|scope| {
            let admitting = scope.spawn(move || hand.admit(&other, &mut BufReader::new(&other)));
            let greeted = brain.greet(&one, &mut BufReader::new(&one));
            drop(one);
            (greeted, admitting.join().unwrap())
        })
    }

    #[test]
    fn who_has_the_key_is_heard_and_nobody_else() {
        let (brain, hand) = (identity(End::Brain, 1, 2), identity(End::Hand, 2, 1));
        let (greeted, admitted) = met(&brain, &hand);
        assert!(greeted.is_ok() && admitted.is_ok());
        let (greeted, admitted) = met(&identity(End::Brain, 9, 2), &hand);
        assert!(greeted.is_ok() && admitted.unwrap_err().to_string().contains("knows the brain by its key"));
        let (greeted, admitted) = met(&brain, &identity(End::Hand, 9, 1));
        assert!(greeted.unwrap_err().to_string().contains("not the hand that is known") && admitted.is_err());
    }

    #[test]
    fn what_was_proved_once_is_of_no_use_again_nor_for_the_other_end() {
        let brain = identity(End::Brain, 1, 2);
        let numbers = [1, 2];
        let proof = brain.signed(&text(End::Brain, ["a", "b"], numbers)).unwrap();
        let of_brain = identity(End::Hand, 2, 1);
        assert!(of_brain.proves(&proof, &text(End::Brain, ["a", "b"], numbers)));
        for (signer, nonces, numbers) in [
            (End::Hand, ["a", "b"], [1, 2]),
            (End::Brain, ["a", "c"], [1, 2]),
            (End::Brain, ["c", "b"], [1, 2]),
            (End::Brain, ["a", "b"], [3, 2]),
            (End::Brain, ["a", "b"], [1, 3]),
        ] {
            assert!(!of_brain.proves(&proof, &text(signer, nonces, numbers)), "{signer:?} {nonces:?} {numbers:?}");
        }
    }

    #[test]
    fn whoever_asks_without_a_hello_is_not_admitted() {
        let hand = identity(End::Hand, 2, 1);
        for line in
            ["{\"ask\":\"keys\"}\n", "{\"hello\":\"a\"}\n{\"proof\":\"\"}\n", "", "\n", "{\"hello\":\"", "{\"hello\":[]}\n"]
        {
            let (mut one, other) = UnixStream::pair().unwrap();
            one.write_all(line.as_bytes()).unwrap();
            one.shutdown(std::net::Shutdown::Write).unwrap();
            assert!(hand.admit(&other, &mut BufReader::new(&other)).is_err(), "{line}");
            drop(other);
            let mut said = String::new();
            BufReader::new(&one).read_line(&mut said).unwrap();
            assert!(!said.contains("keys"), "{said}");
        }
    }
}
