//! Where the body of an HTTP/1.1 answer ends: by its length, in chunks, or with the connection.
//!
//! Pure and incremental: bytes go in as they were read, cut anywhere; what is body among them comes out in place, so
//! that nothing is copied and nothing kept. It knows no socket and no clock. Source: RFC 9112, sections 6 and 7.

use std::ops::Range;

/// The most bytes of chunk extensions and trailers of one answer, together.
const BESIDE: u32 = 16 << 10;

/// How far a body has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes are still to come.
    Length(u64),
    /// In chunks; so many bytes of extensions and trailers so far.
    Chunked(Chunk, u32),
    /// Until the connection ends.
    UntilClosed,
}

/// Where in a chunk we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunk {
    /// In its size; of how many digits so far.
    Size(u64, u8),
    /// Behind the size: blanks, or an extension once there was a semicolon.
    Extension(u64, bool),
    /// A CR has ended the line of the size.
    SizeEnd(u64),
    /// In its data, of which so much is to come.
    Data(u64),
    /// Behind its data: CR, then LF.
    DataCr,
    DataLf,
    /// At the start of a line behind the last chunk, in one, and behind its CR.
    TrailerStart,
    Trailer,
    TrailerEnd,
    /// Behind the CR of the blank line that ends the body.
    LastLf,
    /// The body has ended.
    Over,
}

/// Chunks that are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotChunked {
    #[error("a chunk does not begin with its size")]
    Size,
    #[error("a chunk is larger than any could be")]
    Large,
    #[error("a chunk does not end where its size says")]
    End,
    #[error("a chunk's extensions or the fields behind the last one are too many")]
    Beside,
}

impl Framing {
    /// Chunks, from the first one on.
    pub(super) fn chunked() -> Framing {
        Framing::Chunked(Chunk::Size(0, 0), 0)
    }

    /// Whether the body has ended by its framing.
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Framing::Length(0) | Framing::Chunked(Chunk::Over, _))
    }

    /// What is missing where the connection ends here, in words.
    pub(super) fn missing(&self) -> &'static str {
        match self {
            Framing::Length(_) => "its length is not reached",
            Framing::Chunked(..) => "its last chunk did not come",
            Framing::UntilClosed => "its end did not come",
        }
    }

    /// Looks at `bytes`: how many it has passed, and which of those are the next part of the body (none where all that
    /// was passed is framing). Beyond that part nothing is looked at.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Result<(usize, Range<usize>), NotChunked> {
        match self {
            Framing::UntilClosed => Ok((bytes.len(), 0..bytes.len())),
            Framing::Length(left) => {
                let taken = take(left, bytes.len());
                Ok((taken, 0..taken))
            }
            Framing::Chunked(chunk, beside) => {
                let mut at = 0;
                while at < bytes.len() && *chunk != Chunk::Over {
                    if let Chunk::Data(left) = chunk {
                        let taken = take(left, bytes.len() - at);
                        if *left == 0 {
                            *chunk = Chunk::DataCr;
                        }
                        return Ok((at + taken, at..at + taken));
                    }
                    *chunk = chunk.after(bytes[at], beside)?;
                    at += 1;
                }
                Ok((at, at..at))
            }
        }
    }
}

/// How many of `there` belong to what is `left`.
fn take(left: &mut u64, there: usize) -> usize {
    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(there);
    *left -= taken as u64;
    taken
}

impl Chunk {
    /// Where we are behind this byte of framing.
    fn after(self, byte: u8, beside: &mut u32) -> Result<Chunk, NotChunked> {
        let mut aside = |next| {
            *beside += 1;
            if *beside > BESIDE { Err(NotChunked::Beside) } else { Ok(next) }
        };
        match (self, byte) {
            (Chunk::Size(size, digits), _) => match (byte as char).to_digit(16) {
                Some(_) if digits == 16 => Err(NotChunked::Large),
                Some(digit) => Ok(Chunk::Size(size << 4 | u64::from(digit), digits + 1)),
                None if digits == 0 => Err(NotChunked::Size),
                None => Chunk::Extension(size, false).after(byte, beside),
            },
            (Chunk::Extension(size, _), b'\r') => Ok(Chunk::SizeEnd(size)),
            (Chunk::Extension(size, false), b' ' | b'\t') => aside(Chunk::Extension(size, false)),
            (Chunk::Extension(size, false), b';') => aside(Chunk::Extension(size, true)),
            (Chunk::Extension(_, false), _) | (Chunk::Extension(_, true), b'\n') => Err(NotChunked::Size),
            (Chunk::Extension(size, true), _) => aside(Chunk::Extension(size, true)),
            (Chunk::SizeEnd(0), b'\n') => Ok(Chunk::TrailerStart),
            (Chunk::SizeEnd(size), b'\n') => Ok(Chunk::Data(size)),
            (Chunk::SizeEnd(_), _) => Err(NotChunked::Size),
            (Chunk::DataCr, b'\r') => Ok(Chunk::DataLf),
            (Chunk::DataLf, b'\n') => Ok(Chunk::Size(0, 0)),
            (Chunk::DataCr | Chunk::DataLf, _) => Err(NotChunked::End),
            (Chunk::TrailerStart, b'\r') => Ok(Chunk::LastLf),
            (Chunk::LastLf, b'\n') => Ok(Chunk::Over),
            (Chunk::LastLf, _) => Err(NotChunked::End),
            (Chunk::Trailer, b'\r') => aside(Chunk::TrailerEnd),
            (Chunk::TrailerEnd, b'\n') => aside(Chunk::TrailerStart),
            (Chunk::TrailerStart | Chunk::Trailer | Chunk::TrailerEnd, _) => aside(Chunk::Trailer),
            // Data is no framing, and behind the end nothing is looked at.
            (Chunk::Data(_) | Chunk::Over, _) => Ok(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The body in these reads, how much of them is left behind its end, and whether it ended.
    fn read(mut framing: Framing, reads: &[&[u8]]) -> Result<(String, usize, bool), NotChunked> {
        let (mut body, mut left) = (Vec::new(), 0);
        for read in reads {
            let mut rest = *read;
            while !rest.is_empty() && !framing.is_over() {
                let (passed, part) = framing.next(rest)?;
                body.extend_from_slice(&rest[part]);
                rest = &rest[passed..];
            }
            left += rest.len();
        }
        Ok((String::from_utf8_lossy(&body).into_owned(), left, framing.is_over()))
    }

    fn chunked(bytes: &[u8]) -> Result<(String, usize, bool), NotChunked> {
        read(Framing::chunked(), &[bytes])
    }

    #[test]
    fn a_length_ends_after_so_many_bytes_and_a_connection_never_by_itself() {
        assert_eq!(read(Framing::Length(5), &[b"hel", b"lo!"]), Ok(("hello".to_owned(), 1, true)));
        assert_eq!(read(Framing::Length(5), &[b"hell"]), Ok(("hell".to_owned(), 0, false)));
        assert_eq!(read(Framing::Length(0), &[]), Ok((String::new(), 0, true)));
        assert_eq!(read(Framing::UntilClosed, &[b"hel", b"lo"]), Ok(("hello".to_owned(), 0, false)));
    }

    #[test]
    fn chunks_with_extensions_and_trailers_are_read_and_what_follows_is_left() {
        let bytes = b"5;a=\"b\"\r\nhello\r\n000A \t\r\n, everyone\r\n0\r\nx-trailer: 1\r\ny: 2\r\n\r\nHTTP";
        assert_eq!(chunked(bytes), Ok(("hello, everyone".to_owned(), 4, true)));
    }

    #[test]
    fn a_body_that_breaks_off_has_not_ended() {
        let whole = b"5\r\nhello\r\n0\r\nx: 1\r\n\r\n";
        for cut in 0..whole.len() {
            assert!(!chunked(&whole[..cut]).unwrap().2, "{cut}");
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused_with_the_reason() {
        let wrong: [(&[u8], NotChunked); 9] = [
            (b"xyz\r\n", NotChunked::Size),
            (b"\r\n", NotChunked::Size),
            (b"5\nhello", NotChunked::Size),
            (b"5 5\r\n", NotChunked::Size),
            (b"5\r\rhello", NotChunked::Size),
            (b"11111111111111111\r\n", NotChunked::Large),
            (b"00000000000000005\r\n", NotChunked::Large),
            (b"5\r\nhello!\r\n", NotChunked::End),
            (b"0\r\n\rX", NotChunked::End),
        ];
        for (bytes, why) in wrong {
            assert_eq!(chunked(bytes), Err(why), "{}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(chunked(b"ffffffffffffffff\r\nx"), Ok(("x".to_owned(), 0, false)));
    }

    #[test]
    fn extensions_and_trailers_without_end_are_too_many() {
        let long = "x".repeat(BESIDE as usize);
        assert_eq!(chunked(format!("1;{long}").as_bytes()), Err(NotChunked::Beside));
        assert_eq!(chunked(format!("0\r\n{long}x").as_bytes()), Err(NotChunked::Beside));
        assert_eq!(chunked("0\r\na: b\r\n".repeat(2000).as_bytes()), Err(NotChunked::Beside));
    }

    proptest! {
        #[test]
        fn reads_may_end_anywhere(chunks in prop::collection::vec("[ab\r\n]{1,20}", 0..6), cut in 0usize..200) {
            let mut bytes: String = chunks.iter().map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len())).collect();
            bytes.push_str("0\r\n\r\n");
            let (first, second) = bytes.as_bytes().split_at(cut.min(bytes.len()));
            prop_assert_eq!(read(Framing::chunked(), &[first, second]), Ok((chunks.concat(), 0, true)));
        }

        #[test]
        fn nothing_that_a_server_sends_makes_it_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = chunked(&bytes);
        }
    }
}
