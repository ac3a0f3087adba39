//! One question over UDP, and over TCP where the answer is too long for that.

use crate::deadline::{from_now, left};
use adjutant_mail::dns::{Kind, Question};
use adjutant_mail::limits::RECORDS_MAX;
use simple_dns::rdata::{OPT, RData};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, RCODE, TYPE};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// What fits into one packet everywhere (DNS Flag Day 2020).
const UDP_BYTES: u16 = 1232;

/// How often a question is sent over UDP.
const TRIES: usize = 2;

/// Packets that are no answer to the question, for each try: somebody else's, or forged.
const STRAY_MAX: usize = 50;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// Nobody answered in time.
    #[error("the resolver does not answer")]
    Silent,
    /// It cannot say, and says so.
    #[error("the resolver says {0}")]
    Refused(String),
    /// Its answer is none.
    #[error("the resolver's answer cannot be read")]
    Unreadable,
    /// It cannot be asked.
    #[error("it cannot be asked: {0}")]
    Unasked(String),
}

/// A question, ready to be sent.
pub(super) struct Query {
    id: u16,
    name: String,
    kind: TYPE,
    bytes: Vec<u8>,
}

enum Told {
    Records(Vec<String>),
    /// The answer did not fit.
    Cut,
    /// This is no answer to the question.
    Stray,
}

const fn kind(kind: Kind) -> TYPE {
    match kind {
        Kind::Txt => TYPE::TXT,
        Kind::A => TYPE::A,
        Kind::Aaaa => TYPE::AAAA,
        Kind::Mx => TYPE::MX,
        Kind::Ptr => TYPE::PTR,
    }
}

impl Query {
    pub(super) fn new(question: &Question) -> Result<Self, Failure> {
        let unasked = |why: &dyn ToString| Failure::Unasked(why.to_string());
        let mut id = [0; 2];
        getrandom::fill(&mut id).map_err(|error| unasked(&error))?;
        let (id, kind) = (u16::from_be_bytes(id), kind(question.kind));
        let name = Name::new(&question.name).map_err(|error| unasked(&error))?;
        let mut packet = Packet::new_query(id);
        packet.set_flags(PacketFlag::RECURSION_DESIRED);
        packet.questions.push(simple_dns::Question::new(name, QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN), false));
        *packet.opt_mut() = Some(OPT { opt_codes: Vec::new(), udp_packet_size: UDP_BYTES, version: 0 });
        let bytes = packet.build_bytes_vec().map_err(|error| unasked(&error))?;
        Ok(Self { id, name: question.name.clone(), kind, bytes })
    }

    /// Asks the resolver at `address`, which has `patience` for each try.
    pub(super) fn ask(&self, address: SocketAddr, patience: Duration) -> Result<Vec<String>, Failure> {
        for _ in 0..TRIES {
            match self.over_udp(address, patience) {
                Ok(Some(Told::Records(records))) => return Ok(records),
                Ok(Some(_)) => return self.over_tcp(address, patience),
                Ok(None) => {}
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::Silent)
    }

    /// What came; none when nothing did.
    fn over_udp(&self, address: SocketAddr, patience: Duration) -> Result<Option<Told>, Failure> {
        let sent = || {
            let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
            // The system draws the port anew for each try, and hands on what this resolver sends alone.
            let socket = UdpSocket::bind((any, 0))?;
            socket.connect(address)?;
            socket.send(&self.bytes)?;
            Ok(socket)
        };
        let socket = sent().map_err(|error: io::Error| Failure::Unasked(error.to_string()))?;
        let until = from_now(patience);
        let mut buffer = [0; UDP_BYTES as usize];
        for _ in 0..STRAY_MAX {
            let received = wait(|span| socket.set_read_timeout(span), until).and_then(|()| socket.recv(&mut buffer));
            let Ok(length) = received else { return Ok(None) };
            match self.read(buffer.get(..length).unwrap_or(&[]))? {
                Told::Stray => {}
                told => return Ok(Some(told)),
            }
        }
        Ok(None)
    }

    fn over_tcp(&self, address: SocketAddr, patience: Duration) -> Result<Vec<String>, Failure> {
        let bytes = self.exchange(address, from_now(patience)).map_err(|_| Failure::Silent)?;
        match self.read(&bytes)? {
            Told::Records(records) => Ok(records),
            Told::Cut | Told::Stray => Err(Failure::Unreadable),
        }
    }

    /// Sends the question and reads what follows its length (RFC 1035, 4.2.2).
    fn exchange(&self, address: SocketAddr, until: Instant) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&address, left(until).max(Duration::from_millis(1)))?;
        stream.set_write_timeout(Some(left(until).max(Duration::from_millis(1))))?;
        let length = u16::try_from(self.bytes.len()).map_err(|_| io::Error::from(ErrorKind::InvalidInput))?;
        stream.write_all(&[&length.to_be_bytes()[..], &self.bytes].concat())?;
        let mut length = [0; 2];
        fill(&mut stream, &mut length, until)?;
        let mut bytes = vec![0; usize::from(u16::from_be_bytes(length))];
        fill(&mut stream, &mut bytes, until)?;
        Ok(bytes)
    }

    fn read(&self, bytes: &[u8]) -> Result<Told, Failure> {
        // Whatever is not told by its number may be anybody's, and is not worth an error.
        if bytes.first_chunk().map(|id| u16::from_be_bytes(*id)) != Some(self.id) {
            return Ok(Told::Stray);
        }
        let packet = Packet::parse(bytes).map_err(|_| Failure::Unreadable)?;
        let asked = |question: &simple_dns::Question<'_>| {
            question.qtype == QTYPE::TYPE(self.kind) && question.qname.to_string().eq_ignore_ascii_case(&self.name)
        };
        if !packet.has_flags(PacketFlag::RESPONSE) || !packet.questions.iter().all(asked) || packet.questions.len() != 1 {
            return Ok(Told::Stray);
        }
        match packet.rcode() {
            _ if packet.has_flags(PacketFlag::TRUNCATION) => Ok(Told::Cut),
            RCODE::NoError | RCODE::NameError => Ok(Told::Records(self.records(packet))),
            refused => Err(Failure::Refused(format!("{refused:?}"))),
        }
    }

    /// The records of the kind that was asked for; a name that stands for another one brings that one's.
    fn records(&self, packet: Packet<'_>) -> Vec<String> {
        let of_kind = packet.answers.into_iter().filter(|record| record.rdata.type_code() == self.kind);
        // One more than there may be, so that too many are seen as such.
        of_kind.filter_map(|record| text(record.rdata)).take(RECORDS_MAX + 1).collect()
    }
}

/// A record as text; none when it is none.
fn text(record: RData<'_>) -> Option<String> {
    match record {
        RData::TXT(txt) => String::try_from(txt).ok(),
        RData::A(a) => Some(Ipv4Addr::from(a.address).to_string()),
        RData::AAAA(aaaa) => Some(Ipv6Addr::from(aaaa.address).to_string()),
        RData::MX(mx) => Some(format!("{} {}", mx.preference, mx.exchange)),
        RData::PTR(ptr) => Some(ptr.0.to_string()),
        _ => None,
    }
}

/// Reads exactly so many bytes before `until`.
fn fill(stream: &mut TcpStream, mut into: &mut [u8], until: Instant) -> io::Result<()> {
    while !into.is_empty() {
        wait(|span| stream.set_read_timeout(span), until)?;
        match stream.read(into)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            read => into = into.split_at_mut_checked(read).map(|(_, rest)| rest).unwrap_or_default(),
        }
    }
    Ok(())
}

/// Sets how long the next read may take; fails when there is no time left.
fn wait(set: impl Fn(Option<Duration>) -> io::Result<()>, until: Instant) -> io::Result<()> {
    match left(until) {
        Duration::ZERO => Err(ErrorKind::TimedOut.into()),
        span => set(Some(span)),
    }
}
