//! What was found, under a fixed name, and where.

use crate::limits::{FINDINGS_MAX, VALUE_CHARS_MAX};
use serde::Serialize;

/// What a finding is about; the book's families follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Aspect {
    /// How the message is put together.
    Structure,
    /// Who it says it is from.
    Identity,
    /// Where its links go.
    Link,
    /// What it carries.
    Attachment,
    /// What it asks for.
    Content,
    /// Whether the conversation it continues is plausible.
    Thread,
    /// What it says about being sent to many.
    Bulk,
}

impl Aspect {
    /// Every aspect.
    pub const ALL: [Aspect; 7] =
        [Aspect::Structure, Aspect::Identity, Aspect::Link, Aspect::Attachment, Aspect::Content, Aspect::Thread, Aspect::Bulk];
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about.
    pub aspect: Aspect,
    /// What it is: one of [`KNOWN`].
    pub name: &'static str,
    /// The words, address or name that show it.
    pub value: String,
    /// Where in the message they stand.
    pub place: String,
}

/// Something that could not be read, so that nothing is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// A stable code, such as `too-many-parts`.
    pub why: &'static str,
    /// Where in the message it is.
    pub place: String,
}

/// What the aspects write into.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) found: Vec<Finding>,
    pub(crate) unread: Vec<Unread>,
}

impl Notes {
    /// Notes `name`, once for each value.
    pub(crate) fn find(&mut self, aspect: Aspect, name: &'static str, value: &str, place: &str) {
        debug_assert!(KNOWN.iter().any(|known| known.0 == aspect && known.1 == name), "{name} is not in KNOWN");
        if self.found.len() >= FINDINGS_MAX {
            return self.cannot_read("too-many-findings", "message");
        }
        let value = shown(value);
        if self.found.iter().any(|found| found.aspect == aspect && found.name == name && found.value == value) {
            return;
        }
        self.found.push(Finding { aspect, name, value, place: place.to_owned() });
    }

    /// Notes that something could not be read, once for each place.
    pub(crate) fn cannot_read(&mut self, why: &'static str, place: &str) {
        let known = self.unread.iter().any(|unread| unread.why == why && unread.place == place);
        if !known && self.unread.len() < FINDINGS_MAX {
            self.unread.push(Unread { why, place: place.to_owned() });
        }
    }
}

/// `text` on one line, without control characters, at most [`VALUE_CHARS_MAX`] characters.
pub(crate) fn shown(text: &str) -> String {
    let visible = text.chars().map(|c| if c.is_control() || c.is_whitespace() { ' ' } else { c });
    visible.take(VALUE_CHARS_MAX).collect::<String>().trim().to_owned()
}

macro_rules! known {
    ($($aspect:ident { $($name:literal $about:literal)+ })+) => {
        /// Every finding there is: its aspect, its name, and what it means.
        pub const KNOWN: &[(Aspect, &str, &str)] = &[$($((Aspect::$aspect, $name, $about),)+)+];
    };
}

known! {
    Structure {
        "html-only" "The text is there as HTML only."
        "image-only" "There are images, hardly any text, and something to click on."
        "hidden-text" "Text that a reader does not see: no size, no colour, not displayed."
        "comment-padding" "HTML comments longer than the visible text."
        "zero-width" "Invisible characters stand inside words."
        "direction-override" "A character turns the direction of writing around."
        "mixed-letters" "Words mix letters of several scripts that look alike."
        "encoded-text" "Plain ASCII text is written in base64."
        "padding" "Many empty lines, and then more text."
        "no-recipient" "Nobody is named as recipient."
        "to-sender" "The sender is the only recipient."
        "no-message-id" "There is no Message-ID."
        "no-date" "There is no date that can be read."
        "date-off" "The date is more than two days from the time of arrival."
        "broken-mime" "A part's encoding is broken."
        "empty" "There is nothing to read."
    }
    Identity {
        "no-sender" "There is no sender address."
        "malformed-sender" "The From field has names or texts without an address beside the address."
        "several-senders" "There are several sender addresses."
        "name-has-address" "The name shown is an address of another domain."
        "name-is-brand" "The name shown is a brand's, the address is not."
        "name-is-role" "The name shown is an office (support, billing), not a person or firm."
        "name-is-recipient" "The name shown is the recipient's own domain's."
        "name-disguised" "The name shown has letters of several scripts, or invisible ones."
        "brand-in-address" "The address has a brand's name in it, the domain is not the brand's."
        "own-domain" "The domain is a recipient's own."
        "lookalike" "The domain is one letter from a brand's or the recipient's, or looks the same."
        "encoded-domain" "The domain has letters beyond ASCII (IDN)."
        "bad-domain" "The domain is no valid name."
        "random-domain" "The domain looks made by a program."
        "random-address" "What stands before the @ looks made by a program."
        "deep-domain" "The domain has three or more labels below the registered one."
        "reply-elsewhere" "Answers go to another registered domain."
        "returns-elsewhere" "Bounces go to another registered domain."
        "returns-random" "The address for bounces looks made by a program."
        "sender-elsewhere" "The Sender field names another registered domain."
        "id-elsewhere" "The Message-ID is of another registered domain."
        "id-without-domain" "The Message-ID has no domain."
        "helo-unnamed" "The server that delivered it gave no full name."
    }
    Link {
        "address-as-host" "A link goes to an IP address."
        "number-as-host" "A link's host is a number in disguise."
        "user-in-link" "Something stands before an @ in front of the host."
        "encoded-host" "A host has letters beyond ASCII (IDN)."
        "bad-host" "A host is no valid name."
        "lookalike-host" "A host is one letter from a brand's, or looks the same."
        "brand-in-host" "A host has a brand's name in it, the domain is not the brand's."
        "brand-in-path" "A path has a brand's domain in it, the domain is not the brand's."
        "random-host" "A host looks made by a program."
        "random-path" "A path on a host that is not the sender's looks made by a program."
        "deep-host" "A host has three or more labels below the registered domain."
        "odd-port" "A link names a port that is not the usual one."
        "redirect" "A link carries another link to go on to."
        "recipient-in-link" "A link carries the recipient's address."
        "recipient-encoded" "A link carries the recipient's address, encoded."
        "text-other" "The text of a link names one site, the link goes to another."
        "zero-width-link" "Invisible or turning characters stand in a link."
        "escaped-host" "A host is written with percent signs."
        "data-link" "A link holds its page itself."
        "script-link" "A link runs a script."
        "long-link" "A link is longer than 400 characters."
        "form" "The message has a form."
        "password-form" "The message has a form that asks for a password."
        "refresh" "The message sends the reader on by itself."
        "sender-absent" "No link goes to the sender's own domain."
        "one-target" "Several links, all to one and the same address."
        "page-name" "The path ends in the name of a sign-in or verification page."
        "code-link" "A code in a picture or PDF leads to a web page."
        "backslash" "A link is written with backslashes or without its slashes."
    }
    Attachment {
        "executable" "A program."
        "script" "A script that a double click runs."
        "shortcut" "A shortcut."
        "disk-image" "A disk image."
        "onenote" "A OneNote section."
        "macro" "A document with macros."
        "html" "A web page as attachment."
        "smuggling" "A web page that builds a file by itself."
        "html-form" "A web page as attachment that asks for a password."
        "html-redirect" "A web page as attachment that goes on elsewhere by itself."
        "svg-script" "A drawing with a script."
        "double-extension" "A harmless extension before the real one."
        "type-other" "The content is of another type than the name says."
        "name-disguised" "The name turns the direction of writing around, or is padded."
        "archive-encrypted" "An archive that is encrypted."
        "archive-in-archive" "An archive inside an archive."
        "archive-executable" "An archive with a program, script or shortcut in it."
        "archive-web-page" "An archive with a web page in it."
        "document-encrypted" "A document that is encrypted."
        "pdf-script" "A PDF with a script or a program to start."
        "pdf-link" "A PDF with links."
        "rtf-object" "A text with an embedded object."
        "message" "A message as attachment."
        "calendar" "An invitation."
    }
    Content {
        "credential" "Asks to sign in, or to confirm an account or a password."
        "threat" "Threatens with loss of access, suspension or expiry."
        "urgency" "Presses for time."
        "payment" "Asks for a payment, or says that one failed."
        "invoice" "Is about an invoice or order."
        "bank-change" "Says that bank details have changed."
        "payroll" "Asks to change where a salary is paid."
        "gift-card" "Asks for gift cards."
        "callback" "Asks to call a number about a charge."
        "phone" "Gives a telephone number and no link."
        "extortion" "Threatens to publish, and asks for money."
        "crypto" "Is about crypto-currency."
        "advance-fee" "Offers somebody else's money."
        "prize" "Says that the reader has won, or is given something."
        "delivery" "Is about a parcel that waits."
        "document" "Is about a document, fax or voice message that waits."
        "mailbox" "Is about the reader's mailbox: full, expiring, held messages."
        "secrecy" "Asks to be discreet."
        "task" "Asks whether the reader is there, for a favour."
        "elsewhere" "Asks to go on by another channel."
        "code" "Asks to scan a code."
        "greeting" "Greets nobody by name."
        "refund" "Promises money back."
        "subscription" "Says that a subscription renews or ends."
        "spam" "Sells what bulk mail sells: pills, loans, cures, dates."
        "lure-subject" "The subject is one of these."
        "subject-token" "The subject ends in a random token."
        "subject-recipient" "The subject has the recipient's address in it."
        "subject-decorated" "The subject is decorated with symbols or written with spaces between the letters."
        "brand" "Speaks of a brand that is not the sender's."
        "wallet" "Has the address of a crypto-currency wallet."
    }
    Thread {
        "reply-without-thread" "Says it is an answer, and names nothing that it answers."
        "forward-without-message" "Says it is forwarded, and holds nothing that was."
        "thread-elsewhere" "Quotes a conversation with a domain that looks like the sender's and is not."
        "thread-new-sender" "Continues a conversation in which the sender's domain does not occur."
    }
    Bulk {
        "list" "Says which list it is of."
        "unsubscribe" "Says how to unsubscribe."
        "one-click" "Lets the reader unsubscribe with one click."
        "precedence" "Says that it is bulk mail."
        "automatic" "Says that it was sent by a program."
    }
}
