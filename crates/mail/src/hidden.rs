//! Links that stand where a filter of text does not look: in codes of pictures, and inside PDFs.

use crate::container::Type;
use crate::finding::{Aspect, Notes};
use crate::html::Link;
use crate::message::File;
use crate::pdf;
use crate::pictures::Eye;

/// Links by where they stand, and what codes say.
#[derive(Default)]
pub(crate) struct Hidden {
    pub(crate) links: Vec<(String, Vec<Link>)>,
    /// What the codes say; none when some picture or PDF could not be read and no code was found in the others.
    pub(crate) codes: Option<Vec<String>>,
}

/// Looks into pictures and PDFs, within the budget of a message.
pub(crate) fn find(files: &[File<'_>], notes: &mut Notes) -> Hidden {
    let (mut eye, mut hidden, mut whole) = (Eye::default(), Hidden::default(), true);
    for file in files {
        let before = eye.codes.len();
        let name = if file.name.is_empty() { "no name" } else { &file.name };
        let place = crate::finding::shown(&format!("{} ({name})", file.place));
        match Type::of(file.bytes) {
            Type::Pdf => {
                let pdf = pdf::read(file.bytes, &mut eye);
                whole &= pdf.whole;
                if let Some(first) = pdf.links.first() {
                    notes.find(Aspect::Attachment, "pdf-link", first, &place);
                    hidden.links.push((place.clone(), linked(pdf.links)));
                }
            }
            Type::Image => eye.look(file.bytes),
            _ if file.media_type.starts_with("image/") && !file.media_type.contains("svg") => eye.look(file.bytes),
            _ => {}
        }
        let web: Vec<String> = eye.codes.iter().skip(before).filter(|code| is_web(code)).cloned().collect();
        if let Some(first) = web.first() {
            notes.find(Aspect::Link, "code-link", first, &place);
            hidden.links.push((format!("code in {place}"), linked(web)));
        }
    }
    hidden.codes = (whole && eye.whole || !eye.codes.is_empty()).then_some(eye.codes);
    hidden
}

/// Whether a telephone offers to open it as a page.
fn is_web(code: &str) -> bool {
    let start: String = code.trim_start().chars().take(8).collect::<String>().to_ascii_lowercase();
    ["http://", "https://", "www."].iter().any(|begin| start.starts_with(begin))
}

fn linked(targets: Vec<String>) -> Vec<Link> {
    targets.into_iter().map(|target| Link { target, ..Link::default() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8]) -> (Option<Vec<String>>, usize) {
        let file = File { place: "part 1".into(), name: "a".into(), media_type: "image/png".into(), bytes };
        let hidden = find(&[file], &mut Notes::default());
        (hidden.codes, hidden.links.len())
    }

    #[test]
    fn what_could_not_be_read_is_unknown_and_never_no_code() {
        assert_eq!(found(b"%PDF-1.7 /URI (https://a.example)"), (Some(Vec::new()), 1));
        assert_eq!(found(b"%PDF-1.7 /Encrypt"), (None, 0));
        assert_eq!(found(b"RIFF....WEBP"), (None, 0));
        assert_eq!(find(&[], &mut Notes::default()).codes, Some(Vec::new()));
        assert!(is_web("HTTPS://A.example") && is_web("www.a.example") && !is_web("WIFI:S:x;;") && !is_web("0034"));
    }
}
