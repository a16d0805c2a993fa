//! Bytes as they are kept: one zstd frame (RFC 8878) each, so that each can be read, and erased, by itself. Digests are over
//! the plain bytes. Small ones, bodies and leaves of a commit, are packed with a dictionary that ships with the program; their
//! frames name it. Any zstd reads a frame, given that dictionary.

use std::{cell::RefCell, sync::LazyLock};

use zstd::{
    bulk::{Compressor, Decompressor},
    dict::{DecoderDictionary, EncoderDictionary},
};

use crate::{Result, StoreError};

/// Of the levels that zstd has, the one that costs less than it spares at the pace of signals.
const LEVEL: i32 = 3;
/// The same for bodies from [`LARGER`] on, which come one by one and are packed beside the commit.
const LEVEL_LARGER: i32 = 9;
const LARGER: usize = 4 * 1024;

/// The dictionary that is packed with today. One that was shipped stays as it is, for what was packed with it; a newer one comes
/// before it, and `unpack` tells them apart by the number in the frame. `scripts/train-dictionary` makes them.
const DICTIONARY: &[u8] = include_bytes!("../dictionaries/1.zdict");

static PACKING: LazyLock<EncoderDictionary<'static>> = LazyLock::new(|| EncoderDictionary::copy(DICTIONARY, LEVEL));
static PACKING_LARGER: LazyLock<EncoderDictionary<'static>> =
    LazyLock::new(|| EncoderDictionary::copy(DICTIONARY, LEVEL_LARGER));
static UNPACKING: LazyLock<DecoderDictionary<'static>> = LazyLock::new(|| DecoderDictionary::copy(DICTIONARY));

thread_local! {
    // They keep their tables from one frame to the next.
    static PACKER: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static PACKER_LARGER: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// A body as a frame, with the dictionary.
///
/// # Errors
/// When there is no memory for it.
pub fn pack(bytes: &[u8]) -> Result<Vec<u8>> {
    if bytes.len() < LARGER {
        return pack_quickly(bytes);
    }
    PACKER_LARGER.with_borrow_mut(|packer| pack_with(packer, &PACKING_LARGER, bytes))
}

/// The same where others wait.
///
/// # Errors
/// When there is no memory for it.
pub(crate) fn pack_quickly(bytes: &[u8]) -> Result<Vec<u8>> {
    PACKER.with_borrow_mut(|packer| pack_with(packer, &PACKING, bytes))
}

fn pack_with(
    packer: &mut Option<Compressor<'static>>,
    dictionary: &'static EncoderDictionary<'static>,
    bytes: &[u8],
) -> Result<Vec<u8>> {
    let failed = |e| StoreError::io("compress", e);
    let packer = match packer {
        Some(packer) => packer,
        None => packer.insert(Compressor::with_prepared_dictionary(dictionary).map_err(failed)?),
    };
    packer.compress(bytes).map_err(failed)
}

/// Large bytes as a frame that any zstd reads by itself.
///
/// # Errors
/// When there is no memory for it.
pub(crate) fn pack_alone(bytes: &[u8]) -> Result<Vec<u8>> {
    zstd::bulk::compress(bytes, LEVEL).map_err(|e| StoreError::io("compress", e))
}

/// The `size` bytes of a frame.
///
/// # Errors
/// When it is damaged, holds another number of bytes, or names a dictionary that this program does not have.
pub(crate) fn unpack(frame: &[u8], size: u64) -> Result<Vec<u8>> {
    let damaged = |why: &str| StoreError::Damaged(format!("a frame of {size} bytes {why}"));
    let expected = usize::try_from(size).map_err(|_| damaged("does not fit into memory"))?;
    // A frame says how large it is; one that says otherwise is not given the memory.
    if zstd::zstd_safe::get_frame_content_size(frame).ok().flatten() != Some(size) {
        return Err(damaged("says that it has another size"));
    }
    let read = match zstd::zstd_safe::get_dict_id_from_frame(frame) {
        None => zstd::bulk::decompress(frame, expected),
        own if own == zstd::zstd_safe::get_dict_id_from_dict(DICTIONARY) => UNPACKER.with_borrow_mut(|unpacker| {
            let unpacker = match unpacker {
                Some(unpacker) => unpacker,
                None => unpacker.insert(Decompressor::with_prepared_dictionary(&UNPACKING)?),
            };
            unpacker.decompress(frame, expected)
        }),
        Some(other) => return Err(damaged(&format!("was packed with dictionary {other}, which is not here"))),
    };
    let bytes = read.map_err(|e| damaged(&format!("cannot be read: {e}")))?;
    if bytes.len() == expected { Ok(bytes) } else { Err(damaged("is cut off")) }
}

/// The plain bytes of a frame, as they are read.
///
/// # Errors
/// When there is no memory for it.
pub(crate) fn reader(
    frame: std::fs::File,
) -> std::io::Result<zstd::Decoder<'static, std::io::BufReader<std::fs::File>>> {
    Ok(zstd::Decoder::new(frame)?.single_frame())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_back_and_what_was_changed_does_not() {
        for bytes in [Vec::new(), b"x".to_vec(), vec![7; 100_000], (0..=255).cycle().take(70_000).collect()] {
            for frame in [pack(&bytes).expect("packs"), pack_alone(&bytes).expect("packs")] {
                assert_eq!(unpack(&frame, bytes.len() as u64).expect("unpacks"), bytes);
                assert!(unpack(&frame, bytes.len() as u64 + 1).is_err(), "another size");
                assert!(unpack(&frame[..frame.len() - 1], bytes.len() as u64).is_err(), "cut off");
            }
        }
        assert!(unpack(b"no frame", 8).is_err());
        assert!(unpack(&[], 0).is_err());
    }

    /// What was packed once needs its dictionary for ever: its number and bytes stay.
    #[test]
    fn the_dictionary_is_the_one_that_was_shipped() {
        assert_eq!(zstd::zstd_safe::get_dict_id_from_dict(DICTIONARY).map(u32::from), Some(40_001));
        let sum = DICTIONARY.iter().fold(0_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        assert_eq!(
            (DICTIONARY.len(), sum),
            (49_152, 9_913_287_760_422_124_510),
            "what was shipped is never changed: make another"
        );
        let frame = pack(b"{\"repository\":").expect("packs");
        let mut other = frame.clone();
        let at = frame.windows(2).position(|two| two == 40_001_u16.to_le_bytes()).expect("it names its dictionary");
        other[at] ^= 1;
        let why = unpack(&other, 14).expect_err("it is not here").to_string();
        assert!(why.contains("dictionary 40000"), "{why}");
    }
}
