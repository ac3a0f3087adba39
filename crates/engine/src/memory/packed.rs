//! How counters and sets are written in a snapshot of memory. There are hundreds of thousands, nearly all of them nearly empty, and
//! everybody waits meanwhile: number after number, they would take twice as long.

/// Counts by hour: those that are not zero.
pub(super) mod hours {
    use serde::de::Error as _;
    use serde::ser::SerializeSeq as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(in super::super) fn serialize<S: Serializer, const N: usize>(counts: &[u16; N], to: S) -> Result<S::Ok, S::Error> {
        let some = || (0_u8..).zip(counts).filter(|(_, count)| **count > 0);
        let mut seq = to.serialize_seq(Some(some().count()))?;
        some().try_for_each(|pair| seq.serialize_element(&pair))?;
        seq.end()
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(from: D) -> Result<[u16; N], D::Error> {
        let mut counts = [0; N];
        for (hour, count) in Vec::<(u8, u16)>::deserialize(from)? {
            *counts.get_mut(usize::from(hour)).ok_or_else(|| D::Error::custom("an hour that no day has"))? = count;
        }
        Ok(counts)
    }
}

/// What was seen, with its first and last time: 24 bytes each, little-endian.
pub(super) mod seen {
    use adjutant_model::Time;
    use serde::de::{SeqAccess, Visitor};
    use serde::{Deserializer, Serializer};
    use smallvec::SmallVec;

    type Item = (u64, Time, Time);

    const ITEM: usize = 24;

    pub(in super::super) fn serialize<S: Serializer>(items: &[Item], to: S) -> Result<S::Ok, S::Error> {
        let mut bytes = SmallVec::<[u8; 8 * ITEM]>::new();
        for (item, Time(first), Time(last)) in items {
            bytes.extend_from_slice(&item.to_le_bytes());
            bytes.extend_from_slice(&first.to_le_bytes());
            bytes.extend_from_slice(&last.to_le_bytes());
        }
        to.serialize_bytes(&bytes)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Item>, D::Error> {
        from.deserialize_byte_buf(Items)
    }

    struct Items;

    impl<'de> Visitor<'de> for Items {
        type Value = Vec<Item>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("24 bytes for each thing that was seen")
        }

        fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
            let (items, rest) = bytes.as_chunks::<ITEM>();
            if !rest.is_empty() {
                return Err(E::invalid_length(bytes.len(), &self));
            }
            let number = |item: &[u8; ITEM], nth: usize| {
                item.as_chunks::<8>().0.get(nth).map_or(0, |bytes| u64::from_le_bytes(*bytes))
            };
            let time = |item: &[u8; ITEM], nth: usize| Time(number(item, nth).cast_signed());
            Ok(items.iter().map(|item| (number(item, 0), time(item, 1), time(item, 2))).collect())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut bytes = Vec::new();
            while let Some(byte) = seq.next_element()? {
                bytes.push(byte);
            }
            self.visit_bytes(&bytes)
        }
    }
}
