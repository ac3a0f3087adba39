//! Reads HTML as far as triage needs it: what a reader sees, what is hidden, and what can be clicked or sent.
//!
//! No tree is built, so that nothing can be nested too deeply.

use crate::limits::{LINKS_MAX, TEXT_BYTES_MAX, URL_BYTES_MAX};
use crate::markup::{Event, scan};

/// What a page comes to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    /// The text that a reader sees, words separated by single spaces.
    pub(crate) text: String,
    /// Letters and digits that a reader does not see.
    pub(crate) hidden: usize,
    /// Bytes of comments, but for those that speak to one program.
    pub(crate) comments: usize,
    /// Where one can go.
    pub(crate) links: Vec<Link>,
    /// Where forms send to; empty texts where they do not say.
    pub(crate) forms: Vec<String>,
    /// Fields for a password.
    pub(crate) passwords: usize,
    /// Pictures.
    pub(crate) images: usize,
    /// Pictures inside links.
    pub(crate) linked_images: usize,
    /// Where the page goes on by itself.
    pub(crate) refresh: Option<String>,
    /// What its scripts say.
    pub(crate) scripts: String,
    /// Not everything fitted.
    pub(crate) cut: bool,
}

/// Where one can go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    /// As it is written.
    pub(crate) target: String,
    /// The words that a reader sees on it.
    pub(crate) text: String,
    /// Whether there is a picture on it.
    pub(crate) image: bool,
}

/// Reads a page.
pub(crate) fn page(html: &str) -> Page {
    let mut reader = Reader::default();
    scan(html, |event| reader.event(event));
    reader.finish()
}

#[derive(Default)]
struct Reader {
    page: Page,
    tag: Vec<u8>,
    style: String,
    href: String,
    kind: String,
    content: String,
    equiv: String,
    action: String,
    source: String,
    hidden_attribute: bool,
    /// Tags that are open, with whether they hide what is inside; only the hiding ones are needed, so few are kept.
    hiding: Vec<(Vec<u8>, usize)>,
    link: Option<Link>,
    within: Within,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Within {
    #[default]
    Text,
    Script,
    Style,
}

const ATTRIBUTE_BYTES_MAX: usize = URL_BYTES_MAX;
const HIDING_MAX: usize = 64;

impl Reader {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Open(name) => self.begin(name),
            Event::Attribute(name, value) => self.attribute(name, value),
            Event::Opened => self.start_tag(),
            Event::End(name) => self.end_tag(name.to_ascii_lowercase().as_bytes()),
            Event::Text(text) => self.string(text),
            // Conditional comments are how honest senders speak to one program.
            Event::Comment(text) if text.trim_start().starts_with('[') => {}
            Event::Comment(text) => self.page.comments = self.page.comments.saturating_add(text.len()),
        }
    }

    fn begin(&mut self, name: &str) {
        self.tag = name.to_ascii_lowercase().into_bytes();
        let texts = [
            &mut self.style,
            &mut self.href,
            &mut self.kind,
            &mut self.content,
            &mut self.equiv,
            &mut self.action,
            &mut self.source,
        ];
        texts.into_iter().for_each(String::clear);
        self.hidden_attribute = false;
    }

    fn attribute(&mut self, name: &str, value: &str) {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let into = match () {
            () if is("style") => &mut self.style,
            () if is("href") => &mut self.href,
            () if is("type") => &mut self.kind,
            () if is("content") => &mut self.content,
            () if is("http-equiv") => &mut self.equiv,
            () if is("action") => &mut self.action,
            () if is("src") => &mut self.source,
            () => {
                self.hidden_attribute |= is("hidden");
                return;
            }
        };
        // Of an attribute that is there twice the first counts, as in browsers.
        if into.is_empty() {
            into.push_str(value.get(..value.floor_char_boundary(ATTRIBUTE_BYTES_MAX)).unwrap_or(""));
        }
    }

    fn start_tag(&mut self) {
        let tag = std::mem::take(&mut self.tag);
        let hides = self.hidden_attribute || hides(&self.style);
        match tag.as_slice() {
            b"a" | b"area" => self.open_link(),
            b"img" | b"v:imagedata" => self.image(),
            b"form" => self.form(),
            b"input" if self.kind.trim().eq_ignore_ascii_case("password") => self.page.passwords += 1,
            b"meta" if self.equiv.trim().eq_ignore_ascii_case("refresh") => self.refresh(),
            b"script" => self.within = Within::Script,
            b"style" | b"title" => self.within = Within::Style,
            b"iframe" | b"frame" | b"embed" if !self.source.is_empty() => self.add_link(self.source.clone()),
            _ => {}
        }
        self.nest(&tag, hides);
        if separates(&tag) {
            self.separate();
        }
        self.tag = tag;
    }

    /// Keeps count of the tags inside one that hides, so that its end is found.
    fn nest(&mut self, tag: &[u8], hides: bool) {
        if VOID.contains(&tag) {
            return;
        }
        if let Some((name, depth)) = self.hiding.last_mut().filter(|(name, _)| name == tag) {
            debug_assert_eq!(name, tag);
            *depth += 1;
        } else if hides && self.hiding.len() < HIDING_MAX {
            self.hiding.push((tag.to_vec(), 1));
        }
    }

    fn end_tag(&mut self, name: &[u8]) {
        match name {
            b"a" => self.close_link(),
            b"script" | b"style" | b"title" => self.within = Within::Text,
            _ => {}
        }
        if let Some((_, depth)) = self.hiding.last_mut().filter(|(tag, _)| tag == name) {
            *depth -= 1;
            if *depth == 0 {
                self.hiding.pop();
            }
        }
        if separates(name) {
            self.separate();
        }
    }

    fn string(&mut self, text: &str) {
        match self.within {
            Within::Style => {}
            Within::Script => {
                let room = TEXT_BYTES_MAX.saturating_sub(self.page.scripts.len());
                self.page.scripts.push_str(text.get(..text.floor_char_boundary(room)).unwrap_or(""));
            }
            Within::Text if !self.hiding.is_empty() => {
                let letters = text.chars().filter(|c| c.is_alphanumeric()).count();
                self.page.hidden = self.page.hidden.saturating_add(letters);
            }
            Within::Text => self.visible(text),
        }
    }

    fn visible(&mut self, text: &str) {
        for (number, word) in text.split(char::is_whitespace).enumerate() {
            if number > 0 {
                self.separate();
            }
            if self.page.text.len() + word.len() > TEXT_BYTES_MAX {
                self.page.cut = true;
                return;
            }
            self.page.text.push_str(word);
            if let Some(link) = self.link.as_mut().filter(|link| link.text.len() < ATTRIBUTE_BYTES_MAX) {
                link.text.push_str(word);
            }
        }
    }

    fn separate(&mut self) {
        let blank = |text: &mut String| {
            if !text.is_empty() && !text.ends_with(' ') {
                text.push(' ');
            }
        };
        blank(&mut self.page.text);
        if let Some(link) = &mut self.link {
            blank(&mut link.text);
        }
    }

    fn image(&mut self) {
        self.page.images += 1;
        if let Some(link) = &mut self.link {
            link.image = true;
            self.page.linked_images += 1;
        }
    }

    fn form(&mut self) {
        if self.page.forms.len() < LINKS_MAX {
            self.page.forms.push(self.action.clone());
        }
        if !self.action.is_empty() {
            self.add_link(self.action.clone());
        }
    }

    fn refresh(&mut self) {
        let lower = self.content.to_ascii_lowercase();
        let target = lower.find("url=").and_then(|at| self.content.get(at + 4..));
        self.page.refresh = Some(target.unwrap_or("").trim_matches(['\'', '"', ' ']).to_owned());
    }

    fn open_link(&mut self) {
        self.close_link();
        if !self.href.is_empty() {
            self.link = Some(Link { target: self.href.clone(), ..Link::default() });
        }
    }

    fn close_link(&mut self) {
        if let Some(mut link) = self.link.take() {
            link.text = link.text.trim().to_owned();
            self.push_link(link);
        }
    }

    fn add_link(&mut self, target: String) {
        self.push_link(Link { target, ..Link::default() });
    }

    fn push_link(&mut self, link: Link) {
        if self.page.links.len() >= LINKS_MAX {
            self.page.cut = true;
        } else if !self.page.links.contains(&link) {
            self.page.links.push(link);
        }
    }

    fn finish(mut self) -> Page {
        self.close_link();
        self.page
    }
}

/// Tags that have no end.
const VOID: [&[u8]; 10] = [b"img", b"br", b"hr", b"input", b"meta", b"link", b"area", b"base", b"col", b"wbr"];

/// Whether a tag begins or ends a word.
fn separates(tag: &[u8]) -> bool {
    const BLOCKS: [&[u8]; 18] = [
        b"p", b"div", b"br", b"td", b"tr", b"th", b"table", b"li", b"ul", b"ol", b"h1", b"h2", b"h3", b"h4", b"hr", b"center",
        b"img", b"title",
    ];
    BLOCKS.contains(&tag)
}

/// Whether a style hides what is inside.
fn hides(style: &str) -> bool {
    if style.is_empty() {
        return false;
    }
    let style: String = style.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect();
    style.split(';').filter_map(|rule| rule.split_once(':')).any(|(name, value)| {
        let value = value.trim_end_matches("!important");
        match name {
            "display" => value == "none",
            "visibility" => value == "hidden",
            "opacity" => matches!(value, "0" | "0.0" | "0%"),
            "mso-hide" => value == "all",
            "font-size" => matches!(value, "0" | "0px" | "1px" | "0pt" | "1pt" | "0em" | "0%"),
            "max-height" | "height" | "width" | "max-width" => matches!(value, "0" | "0px") && style.contains("overflow:hidden"),
            "color" => matches!(value, "transparent"),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_sees() {
        let page = page(
            "<p>Hello&nbsp;<b>you</b></p><div style='display: none'>secret <div>x</div> more</div><!-- c --><script>go()</script>end",
        );
        assert_eq!(page.text.trim(), "Hello you end");
        assert!(page.hidden == 11 && page.comments == 3 && page.scripts == "go()");
    }

    #[test]
    fn what_can_be_clicked() {
        let page = page(
            "<a href='https://evil.example/?a=1&amp;b=2'><img src=x> www.paypal.com</a><form action=/x><input type=password>",
        );
        assert_eq!(page.links.first().map(|link| link.target.as_str()), Some("https://evil.example/?a=1&b=2"));
        assert_eq!(page.links.first().map(|link| link.text.as_str()), Some("www.paypal.com"));
        assert!(page.linked_images == 1 && page.passwords == 1 && page.forms == ["/x"]);
    }

    #[test]
    fn broken_html_is_read_to_its_end() {
        let deep = "<div style=display:none>".repeat(100_000);
        assert!(page(&deep).text.is_empty());
        assert_eq!(page("<a href=x>never closed").links.len(), 1);
        assert!(page("<").text.len() <= 1 && page("<!--").links.is_empty());
    }
}
