//! How counts by hour are written in a snapshot of memory: those that are not zero. There are more than a hundred thousand such lists,
//! nearly all of them of one or two, and everybody waits meanwhile.

use serde::de::Error as _;
use serde::ser::SerializeSeq as _;
use serde::{Deserialize as _, Deserializer, Serializer};

pub(super) fn serialize<S: Serializer, const N: usize>(counts: &[u16; N], to: S) -> Result<S::Ok, S::Error> {
    let some = || (0_u8..).zip(counts).filter(|(_, count)| **count > 0);
    let mut seq = to.serialize_seq(Some(some().count()))?;
    some().try_for_each(|pair| seq.serialize_element(&pair))?;
    seq.end()
}

pub(super) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(from: D) -> Result<[u16; N], D::Error> {
    let mut counts = [0; N];
    for (hour, count) in Vec::<(u8, u16)>::deserialize(from)? {
        *counts.get_mut(usize::from(hour)).ok_or_else(|| D::Error::custom("an hour that no day has"))? = count;
    }
    Ok(counts)
}
