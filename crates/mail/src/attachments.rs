//! What a message carries: the true type of each file against its name, and what in it can do harm.
//!
//! Nothing is unpacked or run. What cannot be seen without that, such as the inside of an encrypted archive, is unread.

use crate::container::{Type, Zip, zip};
use crate::finding::{Aspect, Notes};
use crate::html;
use crate::limits::FILE_BYTES_MAX;
use crate::message::File;
use crate::names::{is_invisible, turns};
use memchr::memmem;

/// Extensions that a double click runs, by what they are.
const DANGEROUS: [(&str, &[&str]); 6] = [
    ("executable", &["exe", "scr", "com", "pif", "cpl", "msi", "msix", "appx", "jar", "apk", "dll", "msc"]),
    ("script", &["js", "jse", "vbs", "vbe", "wsf", "wsh", "hta", "bat", "cmd", "ps1", "psm1", "sct", "reg", "jnlp", "py", "sh"]),
    ("shortcut", &["lnk", "url", "scf", "library-ms", "search-ms", "settingcontent-ms", "website", "rdp"]),
    ("disk-image", &["iso", "img", "vhd", "vhdx", "udf"]),
    ("onenote", &["one", "onepkg"]),
    ("macro", &["docm", "dotm", "xlsm", "xltm", "xlam", "xll", "pptm", "potm", "ppam", "ppsm", "sldm", "slk", "iqy"]),
];

const HARMLESS: [&str; 17] =
    ["pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "txt", "csv", "jpg", "jpeg", "png", "gif", "mp3", "mp4", "wav", "tif"];

const ARCHIVES: [&str; 12] = ["zip", "rar", "7z", "gz", "tar", "tgz", "cab", "ace", "arj", "bz2", "xz", "z"];

/// Looks at one attachment.
pub(crate) fn find(file: &File<'_>, notes: &mut Notes) {
    let place = format!("{} ({})", file.place, if file.name.is_empty() { "no name" } else { &file.name });
    let place = crate::finding::shown(&place);
    if file.media_type.starts_with("message/") {
        notes.find(Aspect::Attachment, "message", &file.name, &place);
        return;
    }
    let lower = file.name.to_lowercase();
    let extension = extension(&lower);
    name(&lower, file, &place, notes);
    if let Some((kind, _)) = DANGEROUS.iter().find(|(_, extensions)| extensions.contains(&extension)) {
        notes.find(Aspect::Attachment, kind, &file.name, &place);
    }
    if extension == "ics" || file.media_type == "text/calendar" {
        notes.find(Aspect::Attachment, "calendar", &file.name, &place);
    }
    let kind = Type::of(file.bytes);
    if is_other_type(kind, extension) {
        notes.find(Aspect::Attachment, "type-other", &format!("{} is {kind:?}", file.name), &place);
    }
    content(kind, extension, file, &place, notes);
}

fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension.trim())
}

fn name(lower: &str, file: &File<'_>, place: &str, notes: &mut Notes) {
    const PADDING: &str = "     ";
    if file.name.chars().any(|c| turns(c) || is_invisible(c)) || file.name.contains(PADDING) {
        notes.find(Aspect::Attachment, "name-disguised", &file.name, place);
    }
    let mut parts = lower.rsplit('.').map(str::trim);
    let (last, before) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let dangerous =
        DANGEROUS.iter().any(|(_, extensions)| extensions.contains(&last)) || matches!(last, "html" | "htm" | "shtml" | "svg");
    if dangerous && HARMLESS.contains(&before) {
        notes.find(Aspect::Attachment, "double-extension", &file.name, place);
    }
}

/// A dangerous content under the name of something else.
fn is_other_type(kind: Type, extension: &str) -> bool {
    match kind {
        Type::Program => !["exe", "scr", "com", "pif", "cpl", "dll", "sys", "ocx", ""].contains(&extension),
        Type::Shortcut => extension != "lnk",
        Type::OneNote => extension != "one",
        Type::Html => HARMLESS.contains(&extension) || ARCHIVES.contains(&extension),
        Type::Zip | Type::Rar | Type::SevenZip | Type::Cabinet => {
            ["pdf", "txt", "jpg", "jpeg", "png", "gif", "csv"].contains(&extension)
        }
        _ => false,
    }
}

fn content(kind: Type, extension: &str, file: &File<'_>, place: &str, notes: &mut Notes) {
    let bytes = file.bytes.get(..FILE_BYTES_MAX).unwrap_or(file.bytes);
    let mut note = |name, value: &str| notes.find(Aspect::Attachment, name, value, place);
    match kind {
        Type::Program => note("executable", &file.name),
        Type::Shortcut => note("shortcut", &file.name),
        Type::DiskImage => note("disk-image", &file.name),
        Type::OneNote => note("onenote", &file.name),
        Type::Zip => return archive(&zip(file.bytes), place, notes),
        Type::Rar | Type::SevenZip | Type::Gzip | Type::Cabinet => return packed(kind, bytes, place, notes),
        Type::Ole => ole(bytes, note),
        Type::Pdf => pdf(bytes, note),
        Type::Rtf if has(bytes, b"\\objdata") || has(bytes, b"\\objupdate") => note("rtf-object", &file.name),
        Type::Svg if has_any(bytes, &[b"<script", b"onload=", b"<foreignobject", b"javascript:"]) => {
            note("svg-script", &file.name)
        }
        _ => {}
    }
    let web = kind == Type::Html || matches!(extension, "html" | "htm" | "shtml" | "xhtml" | "mht" | "mhtml");
    if web {
        web_page(bytes, &file.name, place, notes);
    }
    if file.bytes.len() > FILE_BYTES_MAX && (web || matches!(kind, Type::Pdf | Type::Ole | Type::Rtf | Type::Svg)) {
        notes.cannot_read("large-attachment", place);
    }
}

/// Archives whose directory is not read here.
fn packed(kind: Type, bytes: &[u8], place: &str, notes: &mut Notes) {
    const RAR5_ENCRYPTED: &[u8] = b"Rar!\x1a\x07\x01\x00";
    let encrypted = match kind {
        // In RAR 5 a header of type 4 right after the signature says that even names are encrypted; in RAR 4 it is a flag.
        Type::Rar if bytes.starts_with(RAR5_ENCRYPTED) => bytes.get(13) == Some(&4),
        Type::Rar => bytes.get(10).is_some_and(|flags| flags & 0x80 != 0),
        // 7-Zip names AES in its header where that is not encrypted itself.
        Type::SevenZip => memmem::find(bytes, b"\x06\xf1\x07\x01").is_some(),
        _ => false,
    };
    if encrypted {
        notes.find(Aspect::Attachment, "archive-encrypted", &format!("{kind:?}"), place);
    }
    notes.cannot_read("archive", place);
}

fn archive(zip: &Zip, place: &str, notes: &mut Notes) {
    let mut note = |name, value: &str| notes.find(Aspect::Attachment, name, value, place);
    if zip.encrypted {
        note("archive-encrypted", zip.names.first().map_or("", String::as_str));
    }
    for name in &zip.names {
        let lower = name.to_lowercase();
        let extension = extension(&lower);
        if DANGEROUS.iter().any(|(_, extensions)| extensions.contains(&extension)) {
            note("archive-executable", name);
        }
        if ARCHIVES.contains(&extension) {
            note("archive-in-archive", name);
        }
        if matches!(extension, "html" | "htm" | "svg") && !zip.names.iter().any(|name| name == "[Content_Types].xml") {
            note("archive-web-page", name);
        }
        if lower.ends_with("vbaproject.bin") || lower.contains("xl/macrosheets/") {
            note("macro", name);
        }
    }
    if zip.unread {
        notes.cannot_read("archive", place);
    } else if zip.encrypted {
        notes.cannot_read("encrypted", place);
    }
}

fn ole(bytes: &[u8], mut note: impl FnMut(&'static str, &str)) {
    let wide = |text: &str| text.bytes().flat_map(|byte| [byte, 0]).collect::<Vec<u8>>();
    if has(bytes, &wide("_VBA_PROJECT")) || has(bytes, &wide("Macros")) {
        note("macro", "VBA");
    }
    if has(bytes, &wide("EncryptedPackage")) {
        note("document-encrypted", "");
    }
}

fn pdf(bytes: &[u8], mut note: impl FnMut(&'static str, &str)) {
    if has_any(bytes, &[b"/JavaScript", b"/JS ", b"/JS(", b"/Launch", b"/EmbeddedFile"]) {
        note("pdf-script", "");
    }
    if has(bytes, b"/Encrypt") {
        note("document-encrypted", "");
    }
}

fn has(bytes: &[u8], word: &[u8]) -> bool {
    memmem::find(bytes, word).is_some()
}

fn has_any(bytes: &[u8], words: &[&[u8]]) -> bool {
    words.iter().any(|word| has(bytes, word))
}

fn web_page(bytes: &[u8], name: &str, place: &str, notes: &mut Notes) {
    let text = String::from_utf8_lossy(bytes);
    let page = html::page(&text);
    let mut note = |name, value: &str| notes.find(Aspect::Attachment, name, value, place);
    note("html", name);
    if page.passwords > 0 {
        note("html-form", page.forms.first().map_or("", String::as_str));
    }
    if let Some(target) = page.refresh.as_deref().or_else(|| redirects(&page.scripts)) {
        note("html-redirect", target);
    }
    if let Some(way) = smuggles(&page.scripts, &text) {
        note("smuggling", way);
    }
}

fn redirects(scripts: &str) -> Option<&'static str> {
    ["location.href", "location.replace", "window.location", "location.assign"].into_iter().find(|way| scripts.contains(way))
}

/// How a page builds a file or another page by itself, if it does.
fn smuggles(scripts: &str, page: &str) -> Option<&'static str> {
    const LONG: usize = 1_000;
    let compact: String = scripts.chars().filter(|c| !c.is_whitespace()).collect();
    let builds = ["newBlob(", "createObjectURL", "msSaveOrOpenBlob", "msSaveBlob", ".download="]
        .into_iter()
        .find(|way| compact.contains(way));
    let decodes = ["atob(", "unescape(", "fromCharCode(", "charCodeAt(", "decodeURIComponent(", "Uint8Array("]
        .into_iter()
        .find(|way| compact.contains(way));
    let writes = ["document.write(", "eval(", "Function(", "innerHTML="].into_iter().find(|way| compact.contains(way));
    let packed = longest_code(page) >= LONG;
    match (builds, decodes, writes) {
        (Some(way), Some(_), _) => Some(way),
        (Some(way), ..) if packed => Some(way),
        (_, Some(_), Some(way)) => Some(way),
        _ => None,
    }
}

/// The longest run of letters as base64 has them.
fn longest_code(text: &str) -> usize {
    let (mut longest, mut run) = (0, 0);
    for byte in text.bytes() {
        run = if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=') { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::tests::zipped;

    fn names(name: &str, bytes: &[u8]) -> Vec<&'static str> {
        let mut notes = Notes::default();
        let file = File { place: "part 1".into(), name: name.into(), media_type: String::new(), bytes };
        find(&file, &mut notes);
        notes.found.iter().map(|found| found.name).collect()
    }

    #[test]
    fn the_true_type_counts() {
        assert_eq!(names("invoice.pdf", b"MZ\x90"), ["type-other", "executable"]);
        assert_eq!(names("invoice.pdf.exe", b"MZ\x90"), ["double-extension", "executable"]);
        assert_eq!(names("a.docx", &zipped(&["[Content_Types].xml", "word/vbaProject.bin"], false)), ["macro"]);
        assert_eq!(names("a.zip", &zipped(&["b.lnk"], true)), ["archive-encrypted", "archive-executable"]);
        assert_eq!(names("photo.jpg", b"\xff\xd8\xff"), Vec::<&str>::new());
        assert_eq!(names("inv\u{202e}fdp.js", b"x"), ["name-disguised", "script"]);
        assert_eq!(names("a.pdf", b"%PDF-1.7 /OpenAction /JavaScript (x) /URI (http://e)"), ["pdf-script"]);
    }

    #[test]
    fn pages_that_build_files() {
        let page = b"<html><script>var b=new Blob([Uint8Array.from(atob(x))]);a.download='x.iso'</script>";
        assert_eq!(names("scan.html", page), ["html", "smuggling"]);
        assert_eq!(names("scan.htm", b"<form action=https://e.example><input type=password>"), ["html", "html-form"]);
        assert_eq!(names("report.html", b"<html><p>Totals</p></html>"), ["html"]);
    }

    #[test]
    fn what_is_closed_is_unread() {
        let mut notes = Notes::default();
        let file = File { place: "part 1".into(), name: "a.rar".into(), media_type: String::new(), bytes: b"Rar!\x1a\x07\x00" };
        find(&file, &mut notes);
        assert_eq!(notes.unread.first().map(|unread| unread.why), Some("archive"));
    }
}
