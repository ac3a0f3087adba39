//! How much of a message is looked at. All of these are about sizes and numbers, so that the same bytes always give the
//! same facts; together they keep memory under three times a message's size, and two megabytes; where pictures are looked at, sixteen more.

/// Header fields of all parts together. A message with more is read as its first headers only.
pub const HEADER_FIELDS_MAX: usize = 4_000;

/// Lines that may be MIME boundaries. A message with more is read as its first headers only.
pub const BOUNDARY_LINES_MAX: usize = 4_000;

/// Messages inside messages. A message with more is read as its first headers only.
pub const NESTED_MAX: usize = 50;

/// Bytes of the first headers, where a message is read as these only.
pub const HEADER_BYTES_MAX: usize = 64 << 10;

/// A header's value is looked at up to this many bytes.
pub const VALUE_BYTES_MAX: usize = 8 << 10;

/// Parts with text that are looked at.
pub const BODIES_MAX: usize = 32;

/// Bytes of a part with text that are looked at.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// Bytes of visible text that are kept of all parts together.
pub const TEXT_BYTES_MAX: usize = 128 << 10;

/// Links that are looked at.
pub const LINKS_MAX: usize = 400;

/// A longer address of a link is cut.
pub const URL_BYTES_MAX: usize = 4 << 10;

/// Attachments that are looked at.
pub const FILES_MAX: usize = 64;

/// Bytes of an attachment, from its beginning, that are searched.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// Entries of an archive that are looked at.
pub const ENTRIES_MAX: usize = 1_000;

/// Recipients that are kept.
pub const RECIPIENTS_MAX: usize = 50;

/// Findings that are kept.
pub const FINDINGS_MAX: usize = 300;

/// Characters of a finding's value.
pub const VALUE_CHARS_MAX: usize = 200;

/// Results of authentication that are kept.
pub const RESULTS_MAX: usize = 20;

/// Pictures that are searched for codes.
pub const PICTURES_MAX: usize = 8;

/// A larger file is not decoded.
pub const PICTURE_BYTES_MAX: usize = 2 << 20;

/// A picture of more pixels is not decoded.
pub const PICTURE_PIXELS_MAX: usize = 2_100_000;

/// Pixels of all pictures together.
pub const PIXELS_MAX: usize = 4_000_000;

/// Codes that are kept.
pub const CODES_MAX: usize = 16;

/// Streams of a PDF that are looked at.
pub const PDF_STREAMS_MAX: usize = 500;

/// Bytes that are unpacked of one PDF.
pub const PDF_UNPACKED_BYTES_MAX: usize = 4 << 20;

/// Signatures of domains (DKIM) that are verified, from the top; whether one of those below holds is unknown.
pub const SIGNATURES_MAX: usize = 10;

/// Header fields that a signature may cover.
pub const SIGNED_FIELDS_MAX: usize = 256;

/// Bytes of header fields that a signature or seal may cover.
pub const SIGNED_BYTES_MAX: usize = 1 << 20;

/// Terms of a policy of SPF. Every one that can be written in the 450 bytes that such a policy should have (RFC 7208, 3.4).
pub const SPF_TERMS_MAX: usize = 150;

/// Questions to DNS about one message.
pub const QUESTIONS_MAX: usize = 64;

/// Answers of DNS about one message that are looked at.
pub const ANSWERS_MAX: usize = 256;

/// Records of one answer. One with more is unknown.
pub const RECORDS_MAX: usize = 200;

/// Bytes of one record; a key of RSA with 8,192 bits takes 1,400. An answer with a longer one is unknown.
pub const RECORD_BYTES_MAX: usize = 8 << 10;
