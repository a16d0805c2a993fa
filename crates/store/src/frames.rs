//! Bytes as they are kept: one zstd frame (RFC 8878) each, so that each can be read, and erased, by itself. Digests are over
//! the plain bytes. Any zstd reads a frame.

use std::cell::RefCell;

use crate::{Result, StoreError};

/// Of the levels that zstd has, the one that costs less than it spares at the pace of signals.
const LEVEL: i32 = 3;

thread_local! {
    /// A compressor keeps its tables from one frame to the next.
    static PACKER: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
}

/// Bytes as a frame.
///
/// # Errors
/// When there is no memory for it.
pub fn pack(bytes: &[u8]) -> Result<Vec<u8>> {
    let failed = |e| StoreError::io("compress", e);
    PACKER.with_borrow_mut(|packer| {
        let packer = match packer {
            Some(packer) => packer,
            None => packer.insert(zstd::bulk::Compressor::new(LEVEL).map_err(failed)?),
        };
        packer.compress(bytes).map_err(failed)
    })
}

/// The `size` bytes of a frame.
///
/// # Errors
/// When it is damaged, or holds another number of bytes.
pub(crate) fn unpack(frame: &[u8], size: u64) -> Result<Vec<u8>> {
    let damaged = |why: &str| StoreError::Damaged(format!("a frame of {size} bytes {why}"));
    let expected = usize::try_from(size).map_err(|_| damaged("does not fit into memory"))?;
    // A frame says how large it is; one that says otherwise is not given the memory.
    if zstd::zstd_safe::get_frame_content_size(frame).ok().flatten() != Some(size) {
        return Err(damaged("says that it has another size"));
    }
    let bytes = zstd::bulk::decompress(frame, expected).map_err(|e| damaged(&format!("cannot be read: {e}")))?;
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
            let frame = pack(&bytes).expect("packs");
            assert_eq!(unpack(&frame, bytes.len() as u64).expect("unpacks"), bytes);
            assert!(unpack(&frame, bytes.len() as u64 + 1).is_err(), "another size");
            assert!(unpack(&frame[..frame.len() - 1], bytes.len() as u64).is_err(), "cut off");
        }
        assert!(unpack(b"no frame", 8).is_err());
        assert!(unpack(&[], 0).is_err());
    }
}
