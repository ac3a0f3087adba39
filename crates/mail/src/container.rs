//! What is in an archive, by its directory alone: nothing is ever unpacked, so that no archive can be a bomb.

use crate::limits::ENTRIES_MAX;
use memchr::memmem;

/// What a ZIP archive says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Zip {
    /// The names of its entries.
    pub(crate) names: Vec<String>,
    /// At least one entry is encrypted.
    pub(crate) encrypted: bool,
    /// The directory could not be read, or has more entries than are looked at.
    pub(crate) unread: bool,
}

const ENTRY: &[u8] = b"PK\x01\x02";
const ENTRY_BYTES: usize = 46;
const END: &[u8] = b"PK\x05\x06";
const NAME_BYTES_MAX: usize = 512;

/// Reads the central directory of a ZIP archive.
pub(crate) fn zip(bytes: &[u8]) -> Zip {
    let mut zip = Zip::default();
    let Some(mut at) = directory(bytes) else { return Zip { unread: true, ..zip } };
    while let Some(entry) = bytes.get(at..).filter(|rest| rest.starts_with(ENTRY)).and_then(|rest| rest.get(..ENTRY_BYTES)) {
        if zip.names.len() >= ENTRIES_MAX {
            zip.unread = true;
            break;
        }
        let name_bytes = number16(entry, 28);
        let name = bytes.get(at + ENTRY_BYTES..at + ENTRY_BYTES + name_bytes.min(NAME_BYTES_MAX)).unwrap_or(&[]);
        zip.names.push(String::from_utf8_lossy(name).into_owned());
        zip.encrypted |= number16(entry, 8) & 1 == 1;
        at += ENTRY_BYTES + name_bytes + number16(entry, 30) + number16(entry, 32);
    }
    zip.unread |= zip.names.is_empty();
    zip
}

/// Where the directory begins, as the end of the archive says.
fn directory(bytes: &[u8]) -> Option<usize> {
    const END_BYTES_MAX: usize = 22 + 65_535;
    let tail = bytes.get(bytes.len().saturating_sub(END_BYTES_MAX)..)?;
    let end = tail.get(memmem::rfind(tail, END)?..)?;
    let offset = end.get(16..20)?;
    let offset = u32::from_le_bytes(offset.try_into().ok()?);
    usize::try_from(offset).ok()
}

fn number16(bytes: &[u8], at: usize) -> usize {
    bytes.get(at..at + 2).and_then(|two| two.try_into().ok()).map_or(0, |two| usize::from(u16::from_le_bytes(two)))
}

/// What a file is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Program,
    Zip,
    Rar,
    SevenZip,
    Gzip,
    Cabinet,
    Shortcut,
    DiskImage,
    OneNote,
    Ole,
    Pdf,
    Rtf,
    Html,
    Svg,
    Image,
    Other,
}

impl Type {
    /// Reads the first bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        const MAGIC: [(&[u8], Type); 20] = [
            (b"MZ", Type::Program),
            (b"\x7fELF", Type::Program),
            (b"\xcf\xfa\xed\xfe", Type::Program),
            (b"PK\x03\x04", Type::Zip),
            (b"PK\x05\x06", Type::Zip),
            (b"Rar!\x1a\x07", Type::Rar),
            (b"7z\xbc\xaf\x27\x1c", Type::SevenZip),
            (b"\x1f\x8b", Type::Gzip),
            (b"MSCF", Type::Cabinet),
            (b"L\x00\x00\x00\x01\x14\x02\x00", Type::Shortcut),
            (b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", Type::OneNote),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Type::Ole),
            (b"%PDF-", Type::Pdf),
            (b"{\\rt", Type::Rtf),
            (b"\x89PNG", Type::Image),
            (b"\xff\xd8\xff", Type::Image),
            (b"GIF8", Type::Image),
            (b"BM", Type::Image),
            (b"vhdxfile", Type::DiskImage),
            (b"conectix", Type::DiskImage),
        ];
        const ISO: usize = 0x8001;
        if bytes.get(ISO..ISO + 5) == Some(b"CD001") {
            return Type::DiskImage;
        }
        if let Some((_, known)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return *known;
        }
        Self::of_text(bytes)
    }

    fn of_text(bytes: &[u8]) -> Self {
        const BEGINNING: usize = 1_024;
        let start = bytes.get(..BEGINNING).unwrap_or(bytes).to_ascii_lowercase();
        let has = |word: &[u8]| memmem::find(&start, word).is_some();
        match () {
            () if memmem::find(bytes.get(..BEGINNING).unwrap_or(bytes), b"%PDF-").is_some() => Type::Pdf,
            () if has(b"<svg") => Type::Svg,
            () if has(b"<html") || has(b"<!doctype html") || has(b"<script") || has(b"<body") => Type::Html,
            () => Type::Other,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A ZIP archive that holds empty entries of these names.
    pub(crate) fn zipped(names: &[&str], encrypted: bool) -> Vec<u8> {
        let mut bytes = b"PK\x03\x04".to_vec();
        let start = u32::try_from(bytes.len()).unwrap();
        for name in names {
            let mut entry = vec![0_u8; ENTRY_BYTES];
            entry[..4].copy_from_slice(ENTRY);
            entry[8] = u8::from(encrypted);
            entry[28..30].copy_from_slice(&u16::try_from(name.len()).unwrap().to_le_bytes());
            bytes.extend(entry);
            bytes.extend(name.as_bytes());
        }
        let mut end = vec![0_u8; 22];
        end[..4].copy_from_slice(END);
        end[16..20].copy_from_slice(&start.to_le_bytes());
        bytes.extend(end);
        bytes
    }

    #[test]
    fn directories_are_read_and_nothing_is_unpacked() {
        let read = zip(&zipped(&["a.exe", "b/c.txt"], true));
        assert_eq!(read, Zip { names: vec!["a.exe".into(), "b/c.txt".into()], encrypted: true, unread: false });
        assert!(zip(b"PK\x03\x04 no directory").unread && zip(b"").unread);
        let many: Vec<String> = (0..2_000).map(|number| number.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(zip(&zipped(&many, false)).unread);
    }
}
