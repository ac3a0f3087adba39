//! Codes in pictures, and where they lead: QR codes in PNG, JPEG and GIF, within a budget for the whole message.
//!
//! Pictures come from whoever attacks. Sizes are asked for before anything is decoded, only so many are looked at, and a decoder that
//! gives up, in whatever way, has read nothing: what is unread is never taken for a picture without a code.

use crate::limits::{CODES_MAX, PICTURE_BYTES_MAX, PICTURE_PIXELS_MAX, PICTURES_MAX, PIXELS_MAX, URL_BYTES_MAX};
use rqrr::PreparedImage;
use std::panic::{AssertUnwindSafe, catch_unwind};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;

/// A smaller picture holds no code: the smallest has 21 modules.
const SIDE_MIN: usize = 21;

/// A picture in shades of grey.
pub(crate) struct Grey {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Row after row, 0 is black.
    pub(crate) pixels: Vec<u8>,
}

/// What is left to look at pictures with, and whether all were read.
#[derive(Debug)]
pub(crate) struct Eye {
    pictures: usize,
    pixels: usize,
    /// What the codes say.
    pub(crate) codes: Vec<String>,
    /// Whether every picture was read.
    pub(crate) whole: bool,
}

impl Default for Eye {
    fn default() -> Self {
        Self { pictures: PICTURES_MAX, pixels: PIXELS_MAX, codes: Vec::new(), whole: true }
    }
}

impl Eye {
    /// Looks at a picture file.
    pub(crate) fn look(&mut self, bytes: &[u8]) {
        let small = || size(bytes).is_some_and(|(width, height)| width < SIDE_MIN || height < SIDE_MIN);
        if small() {
            return;
        }
        let grey = self.may_look(bytes).and_then(|()| catch_unwind(|| decoded(bytes)).ok().flatten());
        match grey {
            Some(grey) => self.search(&grey),
            None => self.whole = false,
        }
    }

    /// Looks at a picture that was decoded.
    pub(crate) fn search(&mut self, grey: &Grey) {
        let pixels = grey.width.saturating_mul(grey.height);
        if self.pixels < pixels || grey.pixels.len() < pixels {
            self.whole = false;
            return;
        }
        self.pixels -= pixels;
        // A code may be light on dark as well: telephones read both.
        let found = catch_unwind(AssertUnwindSafe(|| {
            let found = codes(grey, |pixel| pixel);
            if found.texts.is_empty() && !found.unread { codes(grey, |pixel| 255 - pixel) } else { found }
        }));
        let Ok(found) = found else {
            self.whole = false;
            return;
        };
        self.whole &= !found.unread;
        self.codes.extend(found.texts.into_iter().take(CODES_MAX.saturating_sub(self.codes.len())));
    }

    /// Takes a picture's share of the budget.
    fn may_look(&mut self, bytes: &[u8]) -> Option<()> {
        let (width, height) = size(bytes)?;
        let pixels = width.checked_mul(height)?;
        let fits = pixels <= PICTURE_PIXELS_MAX && bytes.len() <= PICTURE_BYTES_MAX && pixels <= self.pixels;
        self.pictures = self.pictures.checked_sub(1).filter(|_| fits)?;
        Some(())
    }
}

/// Width and height, as the first headers say; none for what is not decoded here.
fn size(bytes: &[u8]) -> Option<(usize, usize)> {
    catch_unwind(|| match bytes {
        [0x89, b'P', b'N', b'G', ..] => {
            let number = |at: usize| bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_be_bytes);
            Some((number(16)? as usize, number(20)? as usize))
        }
        [0xff, 0xd8, ..] => {
            let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options());
            decoder.decode_headers().ok()?;
            decoder.info().map(|info| (usize::from(info.width), usize::from(info.height)))
        }
        [b'G', b'I', b'F', b'8', _, _, w0, w1, h0, h1, ..] => {
            Some((usize::from(u16::from_le_bytes([*w0, *w1])), usize::from(u16::from_le_bytes([*h0, *h1]))))
        }
        _ => None,
    })
    .ok()
    .flatten()
}

fn options() -> DecoderOptions {
    DecoderOptions::default()
        .set_strict_mode(false)
        .set_use_unsafe(false)
        .set_max_width(PICTURE_PIXELS_MAX / SIDE_MIN)
        .set_max_height(PICTURE_PIXELS_MAX / SIDE_MIN)
        .inflate_set_limit(PICTURE_PIXELS_MAX * 8)
        .png_set_strip_to_8bit(true)
        .png_set_decode_animated(false)
        .jpeg_set_out_colorspace(ColorSpace::Luma)
}

fn decoded(bytes: &[u8]) -> Option<Grey> {
    let (width, height) = size(bytes)?;
    let pixels = match bytes {
        [0x89, ..] => {
            let mut decoder = zune_png::PngDecoder::new_with_options(ZCursor::new(bytes), options());
            let raw = decoder.decode_raw().ok()?;
            grey(&raw, raw.len() / width.checked_mul(height)?)
        }
        [0xff, ..] => zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options()).decode().ok()?,
        _ => return gif(bytes),
    };
    (pixels.len() == width * height).then_some(Grey { width, height, pixels })
}

/// Samples of so many channels as shades of grey; what is transparent is on white.
pub(crate) fn grey(samples: &[u8], channels: usize) -> Vec<u8> {
    let luma = |r: u8, g: u8, b: u8| ((u32::from(r) * 77 + u32::from(g) * 150 + u32::from(b) * 29) >> 8) as u8;
    let over_white = |luma: u8, alpha: u8| (255 - (u32::from(255 - luma) * u32::from(alpha) / 255)) as u8;
    let one = |pixel: &[u8]| match pixel {
        [luma] => *luma,
        [luma, alpha] => over_white(*luma, *alpha),
        [r, g, b] => luma(*r, *g, *b),
        [r, g, b, alpha, ..] => over_white(luma(*r, *g, *b), *alpha),
        [] => 255,
    };
    samples.chunks_exact(channels.clamp(1, 4)).map(one).collect()
}

/// The first frame of a GIF.
fn gif(bytes: &[u8]) -> Option<Grey> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let limit = std::num::NonZeroU64::new(PICTURE_PIXELS_MAX as u64 * 4)?;
    options.set_memory_limit(gif::MemoryLimit::Bytes(limit));
    let mut decoder = options.read_info(bytes).ok()?;
    let frame = decoder.read_next_frame().ok()??;
    let (width, height) = (usize::from(frame.width), usize::from(frame.height));
    Some(Grey { width, height, pixels: grey(&frame.buffer, 4) })
}

#[derive(Default)]
struct Found {
    texts: Vec<String>,
    /// There is a code that could not be read.
    unread: bool,
}

fn codes(grey: &Grey, shade: impl Fn(u8) -> u8) -> Found {
    let pixel = |x: usize, y: usize| shade(grey.pixels.get(y * grey.width + x).copied().unwrap_or(255));
    let mut image = PreparedImage::prepare_from_greyscale(grey.width, grey.height, pixel);
    let mut found = Found::default();
    for grid in image.detect_grids().into_iter().take(CODES_MAX) {
        match grid.decode() {
            Ok((_, text)) => found.texts.push(text.get(..text.floor_char_boundary(URL_BYTES_MAX)).unwrap_or("").to_owned()),
            Err(_) => found.unread = true,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an eye reads of one file.
    fn read(bytes: &[u8]) -> (Vec<String>, bool) {
        let mut eye = Eye::default();
        eye.look(bytes);
        (eye.codes, eye.whole)
    }

    #[test]
    fn what_cannot_be_decoded_is_unread_and_what_is_tiny_has_no_code() {
        let webp = b"RIFF\x00\x00\x00\x00WEBPVP8 ";
        for hostile in [&webp[..], b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"BM1234"] {
            assert_eq!(read(hostile), (Vec::new(), false), "{hostile:?}");
        }
        let pixel = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";
        assert_eq!(read(pixel), (Vec::new(), true));
        let huge = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x01\x00\x00\x00\x01\x00\x00\x08\x00\x00\x00\x00";
        assert_eq!(read(huge), (Vec::new(), false), "asked before it is decoded");
    }

    #[test]
    fn only_so_many_pictures_are_looked_at() {
        let grey = Grey { width: 1_000, height: 1_000, pixels: vec![255; 1_000_000] };
        let mut eye = Eye::default();
        (0..PIXELS_MAX / 1_000_000).for_each(|_| eye.search(&grey));
        assert!(eye.whole && eye.codes.is_empty());
        eye.search(&grey);
        assert!(!eye.whole);
    }

    #[test]
    fn what_is_transparent_is_on_white() {
        assert_eq!(grey(&[0, 0, 0, 0, 0, 0, 0, 255], 4), [255, 0]);
        assert_eq!((grey(&[10, 255], 2), grey(&[255, 255, 255], 3), grey(&[7], 1)), (vec![10], vec![255], vec![7]));
    }
}
