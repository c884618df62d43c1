//! Gzip without compression, for bodies that are compressed unasked; and a bomb, which is all compression.

use std::sync::LazyLock;

/// A gzip stream in the making: one stored block for each part.
pub(super) struct Gzip {
    crc: u32,
    length: u32,
    begun: bool,
}

const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

impl Gzip {
    pub(super) fn new() -> Gzip {
        Gzip { crc: !0, length: 0, begun: false }
    }

    /// The next part, readable as soon as it is there.
    pub(super) fn part(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = if self.begun { Vec::new() } else { HEADER.to_vec() };
        self.begun = true;
        for block in bytes.chunks(0xffff) {
            stored(block, 0, &mut out);
        }
        self.crc = bytes.iter().fold(self.crc, |crc, byte| crc_step(crc, *byte));
        self.length = self.length.wrapping_add(bytes.len() as u32);
        out
    }

    /// What closes the stream.
    pub(super) fn end(mut self) -> Vec<u8> {
        let mut out = if self.begun { Vec::new() } else { self.part(&[]) };
        stored(&[], 1, &mut out);
        out.extend_from_slice(&(!self.crc).to_le_bytes());
        out.extend_from_slice(&self.length.to_le_bytes());
        out
    }

    /// A whole body.
    pub(super) fn all(mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = self.part(bytes);
        out.extend(self.end());
        out
    }
}

fn stored(block: &[u8], last: u8, out: &mut Vec<u8>) {
    let length = block.len() as u16;
    out.push(last);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&(!length).to_le_bytes());
    out.extend_from_slice(block);
}

fn crc_step(crc: u32, byte: u8) -> u32 {
    (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
}

/// A gzip stream of 1 MiB that is some 160 MiB of zeros; it has no end: whoever inflates it wants to stop before.
///
/// One block with fixed codes: a literal zero, then matches of length 258 at distance 1, 13 bits each (code 285 is
/// 11000101, distance code 0 is 00000), so that every 13 bytes repeat.
pub(super) fn bomb() -> &'static [u8] {
    const OPENING: [u8; 11] = [1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0];
    const MATCH: [u8; 13] = [1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0];
    static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut bits = OPENING.into_iter().chain(MATCH.into_iter().cycle());
        let mut out = HEADER.to_vec();
        out.extend((0..1 << 20).map(|_| (0..8).fold(0, |byte, place| byte | (bits.next().unwrap_or(0) << place))));
        out
    });
    &BOMB
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_gzips() {
        let crc = !b"123456789".iter().fold(!0, |crc, byte| crc_step(crc, *byte));
        assert_eq!(crc, 0xcbf4_3926);
    }

    #[test]
    fn parts_are_stored_blocks_between_header_and_checksum() {
        let mut gzip = Gzip::new();
        let mut out = gzip.part(b"ab");
        out.extend(gzip.part(b"c"));
        out.extend(gzip.end());
        let mut wanted = HEADER.to_vec();
        wanted.extend_from_slice(b"\x00\x02\x00\xfd\xffab\x00\x01\x00\xfe\xffc\x01\x00\x00\xff\xff");
        wanted.extend_from_slice(&0x3524_41c2_u32.to_le_bytes());
        wanted.extend_from_slice(&3_u32.to_le_bytes());
        assert_eq!(out, wanted);
    }
}
