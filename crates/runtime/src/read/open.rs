//! Opens an input and unpacks it as its first bytes say: gzip, Zstandard or plain.
//!
//! What is not text (archives, executables, other compressions) is refused by its content, with what
//! to do about it. An error says what failed, in words for the person who gave the file.

use super::{Input, Progress, pipe};
use flate2::bufread::MultiGzDecoder;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Cursor, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Why an input cannot be read: a stable code and a sentence.
pub(super) type Refused = (&'static str, String);

/// As many of the first bytes as are looked at to tell what they are.
pub(super) const SNIFF_BYTES: usize = 4096;

/// Packed data is unpacked in pieces of this many bytes, however many are asked for: of the piece in which it turns out to be
/// damaged nothing is given out.
const UNPACK_BYTES: usize = 16 << 10;

type Bytes = Box<dyn Read + Send>;
type Source = BufReader<io::Chain<Cursor<Vec<u8>>, Bytes>>;

/// An input, unpacked.
pub(super) struct Opened {
    read: Bytes,
    packing: Packing,
    live: bool,
}

/// How the bytes were packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Opened {
    /// Whether the bytes come from a pipe, whose writer may pause.
    pub(super) fn is_live(&self) -> bool {
        self.live
    }

    /// What a failed read means.
    pub(super) fn explain(&self, error: &io::Error) -> Refused {
        let packed = match self.packing {
            Packing::Plain => return ("input-unreadable", format!("reading failed here: {error}")),
            Packing::Gzip => "gzip",
            Packing::Zstd => "Zstandard",
        };
        if error.kind() == ErrorKind::UnexpectedEof || error.to_string().contains("incomplete frame") {
            return ("input-truncated", format!("the {packed} data breaks off here: the file is cut short"));
        }
        ("input-damaged", format!("the {packed} data cannot be unpacked from here on: {error}"))
    }
}

impl Read for Opened {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.read.read(to)
    }
}

/// Gives out bytes as they were unpacked.
struct Unpacked(BufReader<Bytes>);

impl Read for Unpacked {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        // A reader with a buffer goes around it when more is asked for than fits in.
        let most = to.len().min(UNPACK_BYTES - 1);
        self.0.read(&mut to[..most])
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("packing", &self.packing).field("live", &self.live).finish_non_exhaustive()
    }
}

/// Opens `input` and tells by its first bytes how to read it.
pub(super) fn open(input: &Input, progress: &Arc<Progress>, stop: &Arc<AtomicBool>) -> Result<Opened, Refused> {
    let (bytes, live) = open_bytes(input, stop)?;
    let counted: Bytes = Box::new(Counted { bytes, progress: Arc::clone(progress) });
    let (start, source) = sniff(counted).map_err(|error| unreadable(&error))?;
    let (packing, read): (Packing, Bytes) = match start.as_slice() {
        [0x1f, 0x8b, ..] => (Packing::Gzip, Box::new(MultiGzDecoder::new(source))),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let decoder = zstd::stream::read::Decoder::with_buffer(source).map_err(|error| unreadable(&error))?;
            (Packing::Zstd, Box::new(decoder))
        }
        _ => {
            refuse_what_is_no_text(&start)?;
            return Ok(Opened { read: Box::new(source), packing: Packing::Plain, live });
        }
    };
    unpack(read, packing)
}

/// Looks at the first bytes of what was packed; what cannot be unpacked at all is told when it is read.
fn unpack(read: Bytes, packing: Packing) -> Result<Opened, Refused> {
    let unpacked = Unpacked(BufReader::with_capacity(UNPACK_BYTES, read));
    let (start, source) = match sniff(Box::new(unpacked)) {
        Ok(sniffed) => sniffed,
        Err(error) => {
            let failed = Opened { read: Box::new(io::empty()), packing, live: false };
            return Err(failed.explain(&error));
        }
    };
    refuse_what_is_no_text(&start)?;
    Ok(Opened { read: Box::new(source), packing, live: false })
}

fn open_bytes(input: &Input, stop: &Arc<AtomicBool>) -> Result<(Bytes, bool), Refused> {
    let path = match input {
        Input::Stdin => return Ok((Box::new(pipe::pump(io::stdin(), Arc::clone(stop))), true)),
        Input::Bundled(_, bytes) => return Ok((Box::new(*bytes), false)),
        Input::Path(path) => path,
    };
    let meta = std::fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => ("input-missing", "there is no such file".to_owned()),
        _ => unreadable(&error),
    })?;
    if meta.is_dir() {
        return Err(("input-directory", "this is a directory; name its files instead, such as DIR/*.jsonl".into()));
    }
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    if meta.is_file() { Ok((Box::new(file), false)) } else { Ok((Box::new(pipe::pump(file, Arc::clone(stop))), true)) }
}

fn unreadable(error: &io::Error) -> Refused {
    ("input-unreadable", format!("it cannot be read: {error}"))
}

/// The first bytes, and all bytes again from the start. A read that fails after some bytes fails again later.
fn sniff(mut bytes: Bytes) -> io::Result<(Vec<u8>, Source)> {
    let mut start = vec![0; SNIFF_BYTES];
    let mut len = 0;
    // Four bytes tell how it is packed; waiting for more would hold a live pipe's first alert back.
    while len < 4 {
        match bytes.read(&mut start[len..]) {
            Ok(0) => break,
            Ok(count) => len += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    start.truncate(len);
    Ok((start.clone(), BufReader::with_capacity(64 << 10, Cursor::new(start).chain(bytes))))
}

/// Refuses what no alert can be in.
pub(super) fn refuse_what_is_no_text(start: &[u8]) -> Result<(), Refused> {
    const KNOWN: [(&[u8], &str); 12] = [
        (b"PK\x03\x04", "a ZIP archive; unpack it first"),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it first"),
        (b"\xfd7zXZ\x00", "compressed with xz; unpack it first (xz -dc FILE | adjutant triage -)"),
        (b"BZh", "compressed with bzip2; unpack it first (bzip2 -dc FILE | adjutant triage -)"),
        (b"\x04\x22\x4d\x18", "compressed with lz4; unpack it first (lz4 -dc FILE | adjutant triage -)"),
        (b"PAR1", "a Parquet file; export it as JSON Lines first"),
        (b"SQLite format 3\x00", "an SQLite database; export its rows as JSON Lines first"),
        (b"\x7fELF", "a program, not alerts"),
        (b"%PDF-", "a PDF document, not alerts"),
        (b"ElfFile\x00", "a Windows event log (EVTX); export it as JSON or XML first"),
        (b"\xff\xfe", "text in UTF-16; convert it to UTF-8 first (iconv -f utf-16 -t utf-8 FILE | adjutant triage -)"),
        (b"\xfe\xff", "text in UTF-16; convert it to UTF-8 first (iconv -f utf-16 -t utf-8 FILE | adjutant triage -)"),
    ];
    if let Some((_, what)) = KNOWN.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Err(("input-binary", format!("this is {what}")));
    }
    if start.get(257..262) == Some(b"ustar") {
        return Err(("input-binary", "this is a tar archive; unpack it first".into()));
    }
    // Control characters that logs do carry: tab, line feed, form feed, carriage return, escape, record separator.
    let control = |byte: &&u8| **byte < 0x20 && !matches!(byte, b'\t' | b'\n' | 0x0c | b'\r' | 0x1b | 0x1e);
    let strange = start.iter().filter(control).count();
    if strange * 16 > start.len() {
        return Err(("input-binary", "this is not text: too many control characters".into()));
    }
    Ok(())
}

/// Counts the bytes that are read.
struct Counted {
    bytes: Bytes,
    progress: Arc<Progress>,
}

impl Read for Counted {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(to)?;
        self.progress.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
