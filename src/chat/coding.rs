//! Bodies that come compressed though `accept-encoding: identity` was sent: some proxies do, and an answer is an answer.
//!
//! gzip is unpacked a little at a time, so that a small body that unpacks into a huge one is refused when it outgrows
//! its bound and is never held. It may come in several members, and what stands behind them is passed over, as other
//! clients do. Other codings are not known.

use std::io::{self, Write as _};

use flate2::write::GzDecoder;

/// So many packed bytes at a time: they unpack into a megabyte at the most.
const STEP: usize = 1024;

/// How a body is coded.
pub(super) enum Coding {
    /// As it is.
    Identity,
    /// gzip, so far.
    Gzip(Box<Gunzip>),
}

/// The members of a gzip body.
pub(super) struct Gunzip {
    /// The current member, and what it said that was not handed over yet.
    member: GzDecoder<Vec<u8>>,
    /// A member before it was whole.
    later: bool,
    /// What follows is no member.
    over: bool,
}

impl Coding {
    /// Reads a `content-encoding`; `None` for one that is not known.
    pub(super) fn parse(value: &str) -> Option<Coding> {
        match value.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Coding::Identity),
            "gzip" | "x-gzip" => Some(Coding::Gzip(Box::new(Gunzip::new()))),
            _ => None,
        }
    }

    /// Hands over what these bytes of the body say, in pieces, until `take` fails.
    ///
    /// The outer error is of the coding, the inner one of `take`.
    pub(super) fn decode<E>(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> io::Result<Result<(), E>> {
        let Coding::Gzip(gunzip) = self else { return Ok(take(bytes)) };
        for step in bytes.chunks(STEP) {
            gunzip.write(step)?;
            let plain = std::mem::take(gunzip.member.get_mut());
            if !plain.is_empty()
                && let Err(error) = take(&plain)
            {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }

    /// Whether the coding, too, came to its end.
    pub(super) fn is_whole(&mut self) -> bool {
        match self {
            Coding::Identity => true,
            Coding::Gzip(gunzip) => gunzip.over || gunzip.member.try_finish().is_ok() || gunzip.is_between(),
        }
    }
}

impl Gunzip {
    fn new() -> Gunzip {
        Gunzip { member: GzDecoder::new(Vec::new()), later: false, over: false }
    }

    /// Members were whole, and no other has begun.
    fn is_between(&self) -> bool {
        self.later && self.member.header().is_none()
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() && !self.over {
            match self.member.write(bytes) {
                // The member is whole, and these bytes are not its own.
                Ok(0) => {
                    self.member.try_finish()?;
                    let plain = std::mem::take(self.member.get_mut());
                    self.member = GzDecoder::new(plain);
                    self.later = true;
                }
                Ok(taken) => bytes = &bytes[taken..],
                Err(_) if self.is_between() => self.over = true,
                Err(error) => return Err(error),
            }
        }
        if self.over { Ok(()) } else { self.member.flush() }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(bytes: &[u8], size: usize) -> (io::Result<Vec<u8>>, bool) {
        let mut coding = Coding::parse("GZIP").unwrap();
        let mut plain = Vec::new();
        for part in bytes.chunks(size) {
            let step = coding.decode(part, |bytes| {
                plain.extend_from_slice(bytes);
                Ok::<(), Infallible>(())
            });
            if let Err(error) = step {
                return (Err(error), false);
            }
        }
        (Ok(plain), coding.is_whole())
    }

    #[test]
    fn gzip_is_unpacked_however_it_is_cut_and_each_read_gives_what_it_holds() {
        let text = b"data: hello\n\n".repeat(1000);
        for size in [1, 7, 1 << 20] {
            let (plain, whole) = unpacked(&packed(&text), size);
            assert_eq!((plain.unwrap(), whole), (text.clone(), true));
        }
    }

    #[test]
    fn several_members_are_one_body_and_what_follows_them_is_passed_over() {
        let members = [packed(b"Hel"), packed(b"lo")].concat();
        let padded = [members.clone(), vec![0; 3000]].concat();
        let begun = [members.clone(), packed(b"!")[..5].to_vec()].concat();
        for bytes in [&members, &padded, &begun] {
            for size in [1, 7, 1 << 20] {
                let (plain, whole) = unpacked(bytes, size);
                assert_eq!((plain.unwrap(), whole), (b"Hello".to_vec(), true));
            }
        }
        let torn = [packed(b"Hel"), packed(b"lo")[..14].to_vec()].concat();
        assert!(!unpacked(&torn, 100).1);
    }

    #[test]
    fn gzip_that_breaks_off_or_is_none_is_told() {
        let bytes = packed(b"hello hello hello");
        assert!(!unpacked(&bytes[..bytes.len() - 4], 100).1);
        assert!(unpacked(b"not gzip at all, and long enough", 100).0.is_err());
    }

    #[test]
    fn a_bomb_is_refused_step_by_step() {
        let bomb = packed(&vec![0; 8 << 20]);
        let mut coding = Coding::parse("gzip").unwrap();
        let (mut seen, mut largest) = (0, 0);
        let refused = coding.decode(&bomb, |bytes| {
            seen += bytes.len();
            largest = largest.max(bytes.len());
            if seen > 2 << 20 { Err(()) } else { Ok(()) }
        });
        assert_eq!(refused.unwrap(), Err(()));
        assert!(largest < 2 << 20 && seen < 4 << 20, "{largest} {seen}");
    }

    #[test]
    fn other_codings_are_not_known() {
        assert!(Coding::parse("br").is_none() && Coding::parse("gzip, br").is_none());
        assert!(matches!(Coding::parse("identity"), Some(Coding::Identity)));
    }
}
