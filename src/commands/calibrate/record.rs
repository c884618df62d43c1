//! What the endpoint's log says that a calibration needs: when a request came, and when each write left.

use serde::Deserialize;

/// One request of the log; instants in nanoseconds of the endpoint's clock.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Record {
    #[serde(default)]
    serial: Option<u64>,
    stream: bool,
    tokens: usize,
    first_byte_ns: u64,
    first_byte_kernel_ns: Option<u64>,
    writes: Vec<[u64; 3]>,
}

/// When something left, in microseconds since the request's first byte: not before the one, not after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) low_us: u64,
    pub(super) high_us: u64,
}

/// The chat completions of a log; a last line that is not whole yet is left out.
pub(super) fn read(log: &[u8]) -> anyhow::Result<Vec<Record>> {
    let whole = log.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let records = serde_json::Deserializer::from_slice(&log[..whole]).into_iter::<Record>();
    let records: Vec<Record> = records.collect::<Result<_, _>>()?;
    Ok(records.into_iter().filter(|record| record.serial.is_some()).collect())
}

impl Record {
    /// The answer's end.
    pub(super) fn end(&self) -> Option<Span> {
        self.writes.last().map(|write| self.span(write))
    }

    /// Each token of a stream; the head goes before the first one.
    pub(super) fn tokens(&self) -> Vec<Span> {
        if !self.stream {
            return Vec::new();
        }
        self.writes.iter().skip(1).take(self.tokens).map(|write| self.span(write)).collect()
    }

    /// How late each token was, in microseconds.
    pub(super) fn lateness_us(&self) -> impl Iterator<Item = u64> {
        let tokens = self.writes.iter().skip(1).take(self.tokens);
        tokens.map(|[due, begun, _]| begun.saturating_sub(*due) / 1_000)
    }

    fn span(&self, [_, begun, done]: &[u64; 3]) -> Span {
        let origin = self.first_byte_kernel_ns.unwrap_or(self.first_byte_ns).min(self.first_byte_ns);
        let us = |instant: &u64| instant.saturating_sub(origin) / 1_000;
        // A microsecond begun is one that the instant may lie in.
        Span { low_us: us(begun), high_us: us(done) + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"serial":1,"path":"/v1/chat/completions","stream":true,"tokens":2,"first_byte_ns":5000000,
        "first_byte_kernel_ns":4000000,"writes":[[0,4500000,4510000],[14000000,14003000,14020000],
        [24000000,24002000,24010500],[34000000,34001000,34009000]]}"#;

    #[test]
    fn a_log_tells_when_each_token_and_the_end_left() {
        let other =
            r#"{"serial":null,"stream":false,"tokens":0,"first_byte_ns":1,"first_byte_kernel_ns":null,"writes":[]}"#;
        let log = format!("{}\n{other}\n{{\"serial\":2,", LINE.replace('\n', ""));
        let records = read(log.as_bytes()).unwrap();
        let [record] = &records[..] else { panic!("one whole chat completion: {records:?}") };
        let span = |low_us, high_us| Span { low_us, high_us };
        assert_eq!(record.tokens(), [span(10_003, 10_021), span(20_002, 20_011)]);
        assert_eq!(record.end(), Some(span(30_001, 30_010)));
        assert_eq!(record.lateness_us().collect::<Vec<_>>(), [3, 2]);
    }

    #[test]
    fn the_endpoint_cannot_have_had_a_byte_before_its_kernel() {
        let line = LINE.replace("\"first_byte_kernel_ns\":4000000", "\"first_byte_kernel_ns\":6000000");
        let records = read(format!("{line}\n").replace("\n  ", "").as_bytes()).unwrap();
        assert_eq!(records[0].end(), Some(Span { low_us: 29_001, high_us: 29_010 }));
    }
}
