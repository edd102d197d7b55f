//! One bit for each grant (Token Status List section 4): packed, compressed, and written as text.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::InvalidStatusList;

/// Bits by index, the first in the lowest bit of the first byte (section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusBits(Vec<u8>);

impl StatusBits {
    /// `size` bits, all unset; rounded up to whole bytes.
    #[must_use]
    pub fn unset(size: usize) -> Self {
        Self(vec![0; size.div_ceil(8)])
    }

    /// Sets a bit. One beyond the end is no one's.
    pub fn set(&mut self, index: u64) {
        if let Some((byte, mask)) = place(index)
            && let Some(byte) = self.0.get_mut(byte)
        {
            *byte |= mask;
        }
    }

    /// `None`: beyond the end.
    #[must_use]
    pub fn is_set(&self, index: u64) -> Option<bool> {
        let (byte, mask) = place(index)?;
        self.0.get(byte).map(|byte| byte & mask != 0)
    }

    /// How many bits there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.len() * 8
    }

    /// The member `lst` (section 4.2): DEFLATE in the zlib format, in base64url.
    #[must_use]
    pub fn to_lst(&self) -> String {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        // Writing into memory does not fail.
        let _ = encoder.write_all(&self.0);
        URL_SAFE_NO_PAD.encode(encoder.finish().unwrap_or_default())
    }

    /// Reads `lst`. What inflates to more than `limit` bytes is refused before it takes the memory.
    pub fn from_lst(lst: &str, limit: usize) -> Result<Self, InvalidStatusList> {
        let packed = URL_SAFE_NO_PAD.decode(lst).map_err(|_| InvalidStatusList::Malformed)?;
        let mut bits = Vec::new();
        let end = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let read = ZlibDecoder::new(packed.as_slice()).take(end).read_to_end(&mut bits);
        read.map_err(|_| InvalidStatusList::Malformed)?;
        if bits.len() > limit { Err(InvalidStatusList::TooLarge) } else { Ok(Self(bits)) }
    }
}

fn place(index: u64) -> Option<(usize, u8)> {
    Some((usize::try_from(index / 8).ok()?, 1 << (index % 8)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The example of section 4.1: 16 bits, of which 0, 3, 4, 5, 7, 8, 9, 13 and 15 are set.
    #[test]
    fn the_bits_lie_as_in_the_draft() {
        let mut bits = StatusBits::unset(16);
        for index in [0, 3, 4, 5, 7, 8, 9, 13, 15] {
            bits.set(index);
        }
        assert_eq!(bits.0, [0xb9, 0xa3]);
        assert_eq!(StatusBits::from_lst("eNrbuRgAAhcBXQ", 16).unwrap(), bits);
    }

    #[test]
    fn an_index_beyond_the_end_is_nobodys() {
        let mut bits = StatusBits::unset(9);
        bits.set(u64::MAX);
        assert_eq!((bits.size(), bits.is_set(15), bits.is_set(16)), (16, Some(false), None));
    }

    #[test]
    fn a_list_that_inflates_beyond_bounds_is_refused() {
        let bomb = StatusBits::unset(8 * 1024 * 1024).to_lst();
        assert!(bomb.len() < 4096);
        assert_eq!(StatusBits::from_lst(&bomb, 64 * 1024), Err(InvalidStatusList::TooLarge));
        assert_eq!(StatusBits::from_lst("x", 10), Err(InvalidStatusList::Malformed));
        assert_eq!(StatusBits::from_lst("!", 10), Err(InvalidStatusList::Malformed));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(indices in proptest::collection::btree_set(0_u64..4096, 0..200)) {
            let mut bits = StatusBits::unset(4096);
            for index in &indices {
                bits.set(*index);
            }
            let read = StatusBits::from_lst(&bits.to_lst(), 512).unwrap();
            for index in 0..4096 {
                prop_assert_eq!(read.is_set(index), Some(indices.contains(&index)));
            }
        }
    }
}
