//! The body of a request: unpacked within limits, and cut into records exactly as a file of the same bytes is.
//!
//! A packed body is unpacked as `Content-Encoding` says or, without that, as its first bytes do. It is refused as a whole when it
//! is larger than a limit, so that nobody has to guess which part was taken; what is wrong inside is a fault beside its neighbours.

use super::{Fault, Incoming, Piece};
use adjutant_runtime::read;
use bytes::{Buf, Bytes};
use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufRead, ErrorKind, Read};
use zstd::stream::read::Decoder;

/// What one request may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The body as it comes.
    pub packed_bytes_max: usize,
    /// The body unpacked.
    pub unpacked_bytes_max: usize,
    /// How many times its packed size a body may grow, once it is larger than [`RATIO_FREE_BYTES`].
    pub unpacked_ratio_max: usize,
    /// Records and faults in one body.
    pub records_max: usize,
}

/// As much may any body grow to: a short one of all the same letters is no bomb.
pub const RATIO_FREE_BYTES: usize = 1 << 20;

/// A larger Zstandard window is refused, as RFC 9659 has it: 8 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// As much is unpacked between two looks at the limits.
const STEP_BYTES: usize = 64 << 10;

impl Default for Limits {
    fn default() -> Self {
        Self { packed_bytes_max: 16 << 20, unpacked_bytes_max: 64 << 20, unpacked_ratio_max: 200, records_max: 20_000 }
    }
}

/// Why a whole request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is larger than it may be, packed or not.
    #[error("the body is larger than {max} bytes {how}; send it in parts")]
    TooLarge {
        /// The limit.
        max: usize,
        /// `as sent` or `unpacked`.
        how: &'static str,
    },
    /// It grows as only a bomb does.
    #[error("the body grows to more than {max} times its size when it is unpacked; send it in parts, or not packed")]
    Bomb {
        /// The limit.
        max: usize,
    },
    /// It holds more records than one request may.
    #[error("the body holds more than {max} records; send it in parts")]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// It is packed in a way that is not known here.
    #[error("the content encoding `{encoding}` is not known; use `gzip`, `zstd` or none")]
    Encoding {
        /// What the request says.
        encoding: String,
    },
    /// It is not what its encoding says.
    #[error("the {packing} data cannot be unpacked: {why}")]
    Damaged {
        /// How it is packed.
        packing: &'static str,
        /// What the decoder says.
        why: String,
    },
}

impl Refused {
    /// The HTTP status that says so.
    pub fn status(&self) -> u16 {
        match self {
            Refused::TooLarge { .. } | Refused::Bomb { .. } | Refused::TooMany { .. } => 413,
            Refused::Encoding { .. } => 415,
            Refused::Damaged { .. } => 400,
        }
    }

    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Refused::TooLarge { .. } => "body-too-large",
            Refused::Bomb { .. } => "body-bomb",
            Refused::TooMany { .. } => "body-too-many-records",
            Refused::Encoding { .. } => "body-encoding-unknown",
            Refused::Damaged { .. } => "body-damaged",
        }
    }
}

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// A body, unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// Its bytes.
    pub bytes: Bytes,
    /// Why there are no more of them, where the packed data breaks off or is damaged: a stable code and a sentence.
    pub broken: Option<(&'static str, String)>,
}

impl Unpacked {
    /// The bytes of a body that makes sense only as a whole.
    ///
    /// # Errors
    /// The packed data breaks off or is damaged.
    pub fn whole(self) -> Result<Bytes, Refused> {
        match self.broken {
            None => Ok(self.bytes),
            Some((_, why)) => Err(Refused::Damaged { packing: "packed", why }),
        }
    }
}

/// Unpacks `body`, of which the request's `Content-Encoding` is `encoding`.
///
/// # Errors
/// It is too large, a bomb, packed in an unknown way, or not packed as the request says.
pub fn unpack(body: Bytes, encoding: Option<&str>, limits: &Limits) -> Result<Unpacked, Refused> {
    if body.len() > limits.packed_bytes_max {
        return Err(Refused::TooLarge { max: limits.packed_bytes_max, how: "as sent" });
    }
    let packing = match encoding.map(str::trim) {
        None | Some("") => sniff(&body),
        Some(name) if name.eq_ignore_ascii_case("identity") => sniff(&body),
        Some(name) if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => Packing::Gzip,
        Some(name) if name.eq_ignore_ascii_case("zstd") => Packing::Zstd,
        Some(name) => return Err(Refused::Encoding { encoding: name.chars().take(64).collect() }),
    };
    let growth = Growth::new(body.len(), limits);
    match packing {
        Packing::Plain if body.len() > limits.unpacked_bytes_max => Err(growth.too_large()),
        Packing::Plain => Ok(Unpacked { bytes: body, broken: None }),
        Packing::Gzip => pour(MultiGzDecoder::new(body.reader()), "gzip", &growth),
        Packing::Zstd => {
            let decoder = zstd_decoder(body.reader()).map_err(|error| damaged("Zstandard", &error))?;
            pour(decoder, "Zstandard", &growth)
        }
    }
}

/// Cuts a body into records and faults, in order: as many as there are, or none of them.
///
/// # Errors
/// As [`unpack`], and when there are too many records.
pub fn pieces(body: Bytes, encoding: Option<&str>, limits: &Limits) -> Result<Vec<Piece>, Refused> {
    let Unpacked { bytes, broken } = unpack(body, encoding, limits)?;
    cut(&bytes, broken, limits)
}

/// Cuts what is unpacked into records and faults, in order.
///
/// # Errors
/// There are too many.
pub fn cut(bytes: &Bytes, broken: Option<(&'static str, String)>, limits: &Limits) -> Result<Vec<Piece>, Refused> {
    let text = read::cut(bytes, broken, limits.records_max.saturating_add(1));
    if text.len() > limits.records_max {
        return Err(Refused::TooMany { max: limits.records_max });
    }
    let mut pieces = Vec::with_capacity(text.len());
    let mut faults = text.faults().iter().peekable();
    for (number, record) in text.records().iter().enumerate() {
        while let Some(fault) = faults.next_if(|fault| fault.before <= number) {
            pieces.push(Piece::Fault(Fault::from(fault)));
        }
        pieces.push(Piece::Record(Incoming::new(bytes.slice(record.range()), record.line)));
    }
    pieces.extend(faults.map(|fault| Piece::Fault(Fault::from(fault))));
    Ok(pieces)
}

impl From<&read::Fault> for Fault {
    fn from(fault: &read::Fault) -> Self {
        Self { line: fault.line, code: fault.code, detail: fault.detail.clone() }
    }
}

fn sniff(body: &[u8]) -> Packing {
    match body {
        [0x1f, 0x8b, ..] => Packing::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zstd,
        _ => Packing::Plain,
    }
}

fn zstd_decoder<R: BufRead>(packed: R) -> io::Result<Decoder<'static, R>> {
    let mut decoder = Decoder::with_buffer(packed)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(decoder)
}

fn damaged(packing: &'static str, error: &io::Error) -> Refused {
    Refused::Damaged { packing, why: error.to_string() }
}

/// How large a body may become.
struct Growth {
    bytes_max: usize,
    ratio_max: usize,
    by_ratio_max: usize,
}

impl Growth {
    fn new(packed: usize, limits: &Limits) -> Self {
        let by_ratio_max = packed.saturating_mul(limits.unpacked_ratio_max).max(RATIO_FREE_BYTES);
        Self { bytes_max: limits.unpacked_bytes_max, ratio_max: limits.unpacked_ratio_max, by_ratio_max }
    }

    fn too_large(&self) -> Refused {
        Refused::TooLarge { max: self.bytes_max, how: "unpacked" }
    }

    fn check(&self, len: usize) -> Result<(), Refused> {
        if len > self.by_ratio_max {
            return Err(Refused::Bomb { max: self.ratio_max });
        }
        if len > self.bytes_max { Err(self.too_large()) } else { Ok(()) }
    }
}

/// Reads all of `unpacking`. What cannot be unpacked after some bytes is told beside them; after none, the whole is refused.
fn pour(mut unpacking: impl Read, packing: &'static str, growth: &Growth) -> Result<Unpacked, Refused> {
    let mut bytes = Vec::new();
    let broken = loop {
        match unpacking.by_ref().take(STEP_BYTES as u64).read_to_end(&mut bytes) {
            Ok(0) => break None,
            Ok(_) => growth.check(bytes.len())?,
            Err(error) if bytes.is_empty() => return Err(damaged(packing, &error)),
            Err(error) => {
                growth.check(bytes.len())?;
                break Some(told(packing, &error));
            }
        }
    };
    Ok(Unpacked { bytes: bytes.into(), broken })
}

/// Why unpacking stopped, as the reader of files says it.
fn told(packing: &str, error: &io::Error) -> (&'static str, String) {
    if error.kind() == ErrorKind::UnexpectedEof || error.to_string().contains("incomplete frame") {
        return ("input-truncated", format!("the {packing} data breaks off here: the body is cut short"));
    }
    ("input-damaged", format!("the {packing} data cannot be unpacked from here on: {error}"))
}

#[cfg(test)]
mod tests;
