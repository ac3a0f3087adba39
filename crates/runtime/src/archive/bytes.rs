//! Numbers and texts as bytes, and back: little-endian, with small numbers short (LEB128, zigzag).
//!
//! Reading never trusts what it reads: beyond the end there is only [`Damaged`].

/// The bytes are not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored bytes are damaged")]
pub(crate) struct Damaged;

/// Appends to `out`.
pub(crate) trait Put {
    fn put_byte(&mut self, byte: u8);
    fn put_slice(&mut self, bytes: &[u8]);

    fn put_uint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.put_byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.put_byte(number as u8);
    }
    fn put_int(&mut self, number: i64) {
        self.put_uint(((number << 1) ^ (number >> 63)) as u64);
    }
    fn put_bytes(&mut self, bytes: &[u8]) {
        self.put_uint(bytes.len() as u64);
        self.put_slice(bytes);
    }
    /// A number or none, as the number plus one or zero.
    fn put_option(&mut self, number: Option<u16>) {
        self.put_uint(number.map_or(0, |number| u64::from(number) + 1));
    }
}

impl Put for Vec<u8> {
    fn put_byte(&mut self, byte: u8) {
        self.push(byte);
    }
    fn put_slice(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Takes from the front of some bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Take<'a>(pub(crate) &'a [u8]);

impl<'a> Take<'a> {
    pub(crate) fn byte(&mut self) -> Result<u8, Damaged> {
        let (byte, rest) = self.0.split_first().ok_or(Damaged)?;
        self.0 = rest;
        Ok(*byte)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Damaged)?;
        self.0 = rest;
        Ok(*array)
    }

    pub(crate) fn slice(&mut self, len: usize) -> Result<&'a [u8], Damaged> {
        let (slice, rest) = self.0.split_at_checked(len).ok_or(Damaged)?;
        self.0 = rest;
        Ok(slice)
    }

    #[inline]
    pub(crate) fn uint(&mut self) -> Result<u64, Damaged> {
        let first = self.byte()?;
        if first < 0x80 { Ok(u64::from(first)) } else { self.long_uint(first) }
    }

    fn long_uint(&mut self, first: u8) -> Result<u64, Damaged> {
        let mut number = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Damaged)
    }

    pub(crate) fn int(&mut self) -> Result<i64, Damaged> {
        let number = self.uint()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// An unsigned number that must fit the type asked for.
    pub(crate) fn small<T: TryFrom<u64>>(&mut self) -> Result<T, Damaged> {
        T::try_from(self.uint()?).map_err(|_| Damaged)
    }

    pub(crate) fn option(&mut self) -> Result<Option<u16>, Damaged> {
        match self.uint()? {
            0 => Ok(None),
            number => u16::try_from(number - 1).map(Some).map_err(|_| Damaged),
        }
    }

    /// A count of things that take at least one byte each, so that a damaged count cannot ask for memory.
    pub(crate) fn count(&mut self) -> Result<usize, Damaged> {
        let count = self.small::<usize>()?;
        if count > self.0.len() { Err(Damaged) } else { Ok(count) }
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Damaged> {
        let len = self.small()?;
        self.slice(len)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Damaged> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        let mut bytes = Vec::new();
        let numbers = [0, 1, -1, 63, -64, 64, 127, 128, 300, -300, i64::MAX, i64::MIN];
        for number in numbers {
            bytes.put_int(number);
            bytes.put_uint(number as u64);
        }
        let mut take = Take(&bytes);
        for number in numbers {
            assert_eq!(take.int(), Ok(number));
            assert_eq!(take.uint(), Ok(number as u64));
        }
        assert_eq!(take.uint(), Err(Damaged));
    }

    #[test]
    fn what_is_cut_short_is_damaged() {
        assert_eq!(Take(&[0x80]).uint(), Err(Damaged));
        assert_eq!(Take(&[0xff; 11]).uint(), Err(Damaged));
        assert_eq!(Take(&[5, b'a']).text(), Err(Damaged));
        assert_eq!(Take(&[1, 0xff]).text(), Err(Damaged));
        assert_eq!(Take(&[200, 1, 0]).count(), Err(Damaged));
    }
}
