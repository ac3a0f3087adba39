//! Links and pictures of a PDF, found by a bounded scan and not by its structure: what a reader shows is what some stream holds, and a
//! hostile file's structure says what it likes.
//!
//! Streams that are packed with Flate are unpacked within a budget; what is encrypted, packed in another way or too large is unread.

use crate::limits::{FILE_BYTES_MAX, LINKS_MAX, PDF_STREAMS_MAX, PDF_UNPACKED_BYTES_MAX, PICTURE_PIXELS_MAX, URL_BYTES_MAX};
use crate::pictures::{Eye, Grey, grey};
use flate2::{Decompress, FlushDecompress, Status};
use memchr::memmem;

/// A stream's dictionary is looked for in so many bytes before it.
const DICTIONARY_BYTES_MAX: usize = 2 << 10;

/// Bytes of one stream that are unpacked.
const STREAM_BYTES_MAX: usize = 1 << 20;

/// What a PDF holds.
#[derive(Debug, Default)]
pub(crate) struct Pdf {
    /// Where its links go.
    pub(crate) links: Vec<String>,
    /// Whether everything in it that may hold links was read.
    pub(crate) whole: bool,
}

/// Reads a PDF; its pictures go to `eye`.
pub(crate) fn read(bytes: &[u8], eye: &mut Eye) -> Pdf {
    let cut = bytes.get(..FILE_BYTES_MAX).unwrap_or(bytes);
    let encrypted = memmem::find(cut, b"/Encrypt").is_some();
    let mut pdf = Pdf { links: Vec::new(), whole: cut.len() == bytes.len() && !encrypted };
    links(cut, &mut pdf.links);
    let mut budget = PDF_UNPACKED_BYTES_MAX;
    for (number, stream) in streams(cut).enumerate() {
        if number >= PDF_STREAMS_MAX {
            pdf.whole = false;
            break;
        }
        if stream.has(b"/Image") {
            picture(&stream, &mut budget, eye);
        } else if stream.has(b"/FlateDecode") || stream.has(b"/Fl ") {
            match unpacked(stream.data, STREAM_BYTES_MAX.min(budget)) {
                Some(text) => {
                    budget = budget.saturating_sub(text.len());
                    links(&text, &mut pdf.links);
                }
                // Fonts and colours are packed in other ways, too, and hold no links.
                None => pdf.whole &= !stream.has(b"/ObjStm"),
            }
        }
    }
    pdf
}

struct Stream<'p> {
    dictionary: &'p [u8],
    data: &'p [u8],
}

impl Stream<'_> {
    fn has(&self, word: &[u8]) -> bool {
        memmem::find(self.dictionary, word).is_some()
    }

    /// The number behind a name of the dictionary.
    fn number(&self, name: &[u8]) -> Option<usize> {
        let at = memmem::find(self.dictionary, name)? + name.len();
        let rest = self.dictionary.get(at..)?.trim_ascii_start();
        let digits = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        std::str::from_utf8(rest.get(..digits)?).ok()?.parse().ok()
    }
}

/// Every stream, with the dictionary before it.
fn streams(bytes: &[u8]) -> impl Iterator<Item = Stream<'_>> {
    let starts =
        memmem::find_iter(bytes, b"stream").filter(|at| !bytes.get(..*at).is_some_and(|before| before.ends_with(b"end")));
    starts.filter_map(|at| {
        let before = bytes.get(at.saturating_sub(DICTIONARY_BYTES_MAX)..at)?;
        // Its own dictionary begins behind the object's number.
        let begin = memmem::rfind(before, b" obj").map_or(0, |obj| obj + 4);
        let data = bytes.get(at + 6..)?;
        let data =
            data.strip_prefix(b"\r\n").or_else(|| data.strip_prefix(b"\n")).or_else(|| data.strip_prefix(b"\r")).unwrap_or(data);
        let end = memmem::find(data, b"endstream").unwrap_or(data.len());
        Some(Stream { dictionary: before.get(begin..)?, data: data.get(..end)? })
    })
}

/// At most `most` bytes of a packed stream; none when it is no such, or longer.
fn unpacked(packed: &[u8], most: usize) -> Option<Vec<u8>> {
    const STEP: usize = 16 << 10;
    let mut inflate = Decompress::new(true);
    let mut out = Vec::new();
    loop {
        let (read, written) = (inflate.total_in(), inflate.total_out());
        if out.len() >= most {
            return None;
        }
        out.reserve(STEP);
        let rest = packed.get(usize::try_from(read).ok()?..)?;
        match inflate.decompress_vec(rest, &mut out, FlushDecompress::None) {
            Ok(Status::StreamEnd) => return Some(out),
            Ok(_) if inflate.total_in() > read || inflate.total_out() > written => {}
            // Readers show what could be unpacked of a stream that breaks off.
            Ok(_) | Err(_) => return (!out.is_empty()).then_some(out),
        }
    }
}

/// Looks at a picture of the PDF.
fn picture(stream: &Stream<'_>, budget: &mut usize, eye: &mut Eye) {
    if stream.has(b"/DCTDecode") && !stream.has(b"/FlateDecode") {
        return eye.look(stream.data);
    }
    match raw(stream, *budget) {
        Some(grey) => {
            *budget = budget.saturating_sub(grey.pixels.len());
            eye.search(&grey);
        }
        None => eye.whole = false,
    }
}

/// A picture of plain samples, packed with Flate.
fn raw(stream: &Stream<'_>, budget: usize) -> Option<Grey> {
    let (width, height) = (stream.number(b"/Width")?, stream.number(b"/Height")?);
    let pixels = width.checked_mul(height).filter(|pixels| *pixels <= PICTURE_PIXELS_MAX)?;
    let plain = stream.has(b"/FlateDecode") && !stream.has(b"/Predictor") && !stream.has(b"/Indexed");
    let samples = unpacked(stream.data, (pixels * 4 + 1).min(budget)).filter(|_| plain)?;
    let channels = if stream.has(b"/DeviceRGB") { 3 } else { 1 };
    let pixels = match stream.number(b"/BitsPerComponent").unwrap_or(1) {
        8 => grey(&samples, channels),
        1 if channels == 1 => bits(&samples, width, height),
        _ => return None,
    };
    Some(Grey { width, height, pixels })
}

/// Rows of single bits, each beginning on a byte.
fn bits(samples: &[u8], width: usize, height: usize) -> Vec<u8> {
    let row = width.div_ceil(8);
    let bit = |x: usize, y: usize| samples.get(y * row + x / 8).is_none_or(|byte| byte >> (7 - x % 8) & 1 == 1);
    (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| if bit(x, y) { 255 } else { 0 }).collect()
}

/// Every address that a link action of `text` names.
fn links(text: &[u8], found: &mut Vec<String>) {
    for at in memmem::find_iter(text, b"/URI") {
        if found.len() >= LINKS_MAX {
            return;
        }
        let rest = text.get(at + 4..).unwrap_or(&[]).trim_ascii_start();
        let address = match rest {
            [b'(', rest @ ..] => literal(rest),
            [b'<', rest @ ..] if !rest.starts_with(b"<") => hexadecimal(rest),
            _ => continue,
        };
        let address = String::from_utf8_lossy(&address).into_owned();
        if !address.is_empty() && !found.contains(&address) {
            found.push(address);
        }
    }
}

/// A string in round brackets, with its escapes.
fn literal(bytes: &[u8]) -> Vec<u8> {
    let (mut text, mut depth, mut at) = (Vec::new(), 1, 0);
    while let (Some(byte), true) = (bytes.get(at), text.len() < URL_BYTES_MAX) {
        at += 1;
        match byte {
            b'\\' => {
                let digits: Vec<u8> =
                    bytes.iter().skip(at).take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).copied().collect();
                if digits.is_empty() {
                    text.extend(bytes.get(at).filter(|byte| !byte.is_ascii_whitespace()));
                    at += 1;
                } else {
                    at += digits.len();
                    text.push(digits.iter().fold(0_u32, |code, digit| code * 8 + u32::from(digit - b'0')) as u8);
                }
                continue;
            }
            b'(' => depth += 1,
            b')' if depth == 1 => break,
            b')' => depth -= 1,
            _ => {}
        }
        text.push(*byte);
    }
    text
}

/// A string in angle brackets.
fn hexadecimal(bytes: &[u8]) -> Vec<u8> {
    let digits = bytes.iter().take_while(|byte| **byte != b'>').filter_map(|byte| char::from(*byte).to_digit(16));
    let digits: Vec<u32> = digits.take(URL_BYTES_MAX * 2).collect();
    digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit) as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn with_stream(dictionary: &str, data: &[u8]) -> Vec<u8> {
        let head = format!("%PDF-1.7\n4 0 obj\n<< {dictionary} /Length {} >>\nstream\n", data.len());
        [head.as_bytes(), data, b"\nendstream\nendobj\n%%EOF"].concat()
    }

    fn found(bytes: &[u8]) -> (Vec<String>, bool) {
        let pdf = read(bytes, &mut Eye::default());
        (pdf.links, pdf.whole)
    }

    fn one(link: &str, whole: bool) -> (Vec<String>, bool) {
        (vec![link.to_owned()], whole)
    }

    #[test]
    fn links_are_found_however_they_are_written() {
        assert_eq!(found(b"%PDF /A << /S /URI /URI (https://a.example/x) >>"), one("https://a.example/x", true));
        assert_eq!(found(b"%PDF /URI(https://a.example/\\(1\\)(2))"), one("https://a.example/(1)(2)", true));
        assert_eq!(found(b"%PDF /URI (h\\164tps://a.example)"), one("https://a.example", true));
        assert_eq!(found(b"%PDF /URI <68747470733A2F2F612E6578616D706C65>"), one("https://a.example", true));
        assert_eq!(found(b"%PDF-1.7 /URI 5 0 R"), (Vec::new(), true));
        let inside = packed(b"<< /Type /Action /S /URI /URI (https://packed.example) >>");
        assert_eq!(found(&with_stream("/Type /ObjStm /Filter /FlateDecode", &inside)), one("https://packed.example", true));
    }

    #[test]
    fn what_is_encrypted_broken_or_a_bomb_is_unread() {
        assert_eq!(found(b"%PDF /Encrypt 7 0 R /URI (x)"), one("x", false));
        let bomb = packed(&vec![b' '; 64 << 20]);
        let (links, whole) = found(&with_stream("/Type /ObjStm /Filter /FlateDecode", &bomb));
        assert!(links.is_empty() && !whole);
        assert_eq!(found(&with_stream("/Type /ObjStm /Filter /FlateDecode", b"no such")), (Vec::new(), false));
        assert!(!found(&vec![b' '; FILE_BYTES_MAX + 1]).1);
        let many = b"1 0 obj << >> stream\nendstream ".repeat(PDF_STREAMS_MAX + 1);
        assert!(!found(&many).1);
    }

    #[test]
    fn any_bytes_end() {
        let text = with_stream("/Subtype /Image /Width 99999999999999999999 /Height 5 /Filter /FlateDecode", &packed(b"x"));
        for end in 0..text.len() {
            found(&text[..end]);
        }
        let mut eye = Eye::default();
        read(&text, &mut eye);
        assert!(!eye.whole);
        assert_eq!(literal(b"\\"), b"");
        assert_eq!(hexadecimal(b"4"), [4]);
    }
}
