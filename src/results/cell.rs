//! One cell of a CSV file, to bytes and back: numbers without a detour over `String`, text that no spreadsheet runs.
//!
//! Durations are whole microseconds here and decimal milliseconds in the file, as short as they are exact. It knows
//! nothing of columns or samples.

use std::borrow::Cow;

use jiff::Timestamp;

/// The most digits of a `u64`.
const DIGITS: usize = 20;

/// Appends a whole number.
pub fn push_number(out: &mut Vec<u8>, value: u64) {
    // Many numbers of a row have one digit.
    match value {
        0..=9 => out.push(b'0' + value as u8),
        _ => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
    }
}

/// Appends microseconds as decimal milliseconds: `1500` is `1.5`, `12` is `0.012`, `3000` is `3`.
pub fn push_ms(out: &mut Vec<u8>, micros: u64) {
    push_number(out, micros / 1000);
    let rest = micros % 1000;
    if rest == 0 {
        return;
    }
    let digits = [b'.', b'0' + (rest / 100) as u8, b'0' + (rest / 10 % 10) as u8, b'0' + (rest % 10) as u8];
    let spare = match rest {
        _ if rest.is_multiple_of(100) => 2,
        _ if rest.is_multiple_of(10) => 1,
        _ => 0,
    };
    out.extend_from_slice(&digits);
    out.truncate(out.len() - spare);
}

/// No time of a run is as long as this, 30 years in microseconds, and sums of such times overflow nothing.
const LONGEST_US: u64 = 1_000_000_000_000_000;

/// Decimal milliseconds as microseconds; a finer fraction is rounded. `None` for anything that is not a number ≥ 0.
pub fn parse_ms(cell: &[u8]) -> Option<u64> {
    let (whole, fraction) = match cell.iter().position(|byte| *byte == b'.') {
        Some(dot) => (&cell[..dot], &cell[dot + 1..]),
        None => (cell, &[][..]),
    };
    let exact = fraction.len() <= 3 && fraction.iter().all(u8::is_ascii_digit);
    match parse_number(whole) {
        Some(whole) if exact => {
            let scaled = fraction.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
            let micros = scaled * 10_u64.pow(3 - fraction.len() as u32);
            whole.checked_mul(1000)?.checked_add(micros).filter(|micros| *micros < LONGEST_US)
        }
        // What a spreadsheet makes of it: `1.2E+03`, more digits than there were.
        _ => {
            let ms: f64 = std::str::from_utf8(cell).ok()?.trim().parse().ok()?;
            let micros = (ms * 1000.0).round();
            (0.0..LONGEST_US as f64).contains(&micros).then_some(micros as u64)
        }
    }
}

/// A whole number; `None` for anything else.
pub fn parse_number(cell: &[u8]) -> Option<u64> {
    if cell.is_empty() || cell.len() >= DIGITS || !cell.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(cell.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

/// A whole number that fits its type; `None` for anything else.
pub fn parse_count<N: TryFrom<u64>>(cell: &[u8]) -> Option<N> {
    N::try_from(parse_number(cell)?).ok()
}

/// Appends 16 hexadecimal digits.
pub fn push_hash(out: &mut Vec<u8>, hash: u64) {
    for place in (0..16).rev() {
        out.push(b"0123456789abcdef"[(hash >> (place * 4) & 15) as usize]);
    }
}

/// 16 hexadecimal digits as the number they are.
pub fn parse_hash(cell: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(cell).ok().filter(|text| text.len() == 16)?;
    u64::from_str_radix(text, 16).ok()
}

/// Appends text: quoted where CSV wants it, and with a leading `'` where a spreadsheet would take it for a formula.
///
/// The text has no control characters: [`printable`] saw to it.
pub fn push_text(out: &mut Vec<u8>, text: &str) {
    let guard = is_dangerous(text.as_bytes());
    if !text.bytes().any(|byte| matches!(byte, b'"' | b',' | b'\n' | b'\r')) {
        if guard {
            out.push(b'\'');
        }
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    if guard {
        out.push(b'\'');
    }
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Appends a comma, and a whole number where there is one.
pub fn push_opt_number(out: &mut Vec<u8>, value: Option<u64>) {
    out.push(b',');
    if let Some(value) = value {
        push_number(out, value);
    }
}

/// Appends a comma, and milliseconds where there are some.
pub fn push_opt_ms(out: &mut Vec<u8>, micros: Option<u64>) {
    out.push(b',');
    if let Some(micros) = micros {
        push_ms(out, micros);
    }
}

/// Appends a comma, and text where there is some.
pub fn push_opt_text(out: &mut Vec<u8>, text: Option<&str>) {
    out.push(b',');
    if let Some(text) = text {
        push_text(out, text);
    }
}

/// Appends a comma, and text that is safe as it is: nothing in it means anything to CSV or to a spreadsheet.
pub fn push_word(out: &mut Vec<u8>, word: &str) {
    out.push(b',');
    out.extend_from_slice(word.as_bytes());
}

/// The text of a cell; `None` where it is empty.
pub fn parse_opt_text(cell: &[u8]) -> Option<Cow<'_, str>> {
    (!cell.is_empty()).then(|| parse_text(cell))
}

/// The text of a cell, its guarding `'` removed, invalid UTF-8 replaced and control characters escaped.
pub fn parse_text(cell: &[u8]) -> Cow<'_, str> {
    let text = match cell.strip_prefix(b"'") {
        Some(rest) if is_dangerous(rest) => rest,
        _ => cell,
    };
    match String::from_utf8_lossy(text) {
        Cow::Borrowed(text) => printable(text),
        Cow::Owned(text) => Cow::Owned(printable(&text).into_owned()),
    }
}

/// Whether a spreadsheet would compute text that begins like this, whatever apostrophes stand before it.
fn is_dangerous(text: &[u8]) -> bool {
    let first = text.iter().find(|byte| **byte != b'\'');
    first.is_some_and(|first| matches!(first, b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r'))
}

/// The text with everything escaped that could move a cursor, hide or reorder what a person sees. Idempotent.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.bytes().fold(true, |plain, byte| plain & (0x20..0x7f).contains(&byte)) || !text.chars().any(is_unprintable)
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        match char {
            '\n' | '\r' | '\t' => out.extend(char.escape_default()),
            char if is_unprintable(char) => out.extend(char.escape_unicode()),
            char => out.push(char),
        }
    }
    Cow::Owned(out)
}

/// Control characters, line and paragraph separators, and the marks that turn the direction of writing or show nothing.
fn is_unprintable(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{2028}' | '\u{2029}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(char, '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{61c}' | '\u{180e}')
}

/// Appends instants as `2026-11-23T23:31:04.123456Z`; remembers the second, since neighbours share it.
#[derive(Debug, Default)]
pub struct UtcPen {
    second: Option<i64>,
    text: String,
}

impl UtcPen {
    /// Appends the instant, given in microseconds since the epoch; nothing where there is no such instant.
    pub fn push(&mut self, out: &mut Vec<u8>, micros: i64) {
        let second = micros.div_euclid(1_000_000);
        if self.second != Some(second) {
            let Ok(stamp) = Timestamp::from_second(second) else { return };
            self.text = stamp.strftime("%Y-%m-%dT%H:%M:%S").to_string();
            self.second = Some(second);
        }
        out.extend_from_slice(self.text.as_bytes());
        let rest = micros.rem_euclid(1_000_000);
        out.push(b'.');
        for power in [100_000, 10_000, 1000, 100, 10, 1] {
            out.push(b'0' + (rest / power % 10) as u8);
        }
        out.push(b'Z');
    }
}

/// An instant as microseconds since the epoch.
pub fn parse_utc(cell: &[u8]) -> Option<i64> {
    if let Some(micros) = as_written(cell) {
        return Some(micros);
    }
    // What a spreadsheet or another program makes of it.
    let stamp: Timestamp = std::str::from_utf8(cell).ok()?.parse().ok()?;
    Some(stamp.as_microsecond())
}

/// The instant of a cell that has exactly the form of [`UtcPen`]: `2026-11-23T23:31:04.123456Z`.
fn as_written(cell: &[u8]) -> Option<i64> {
    const FORM: &[u8; 27] = b"0000-00-00T00:00:00.000000Z";
    let fits = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
    if cell.len() != FORM.len() || !cell.iter().zip(FORM).all(fits) {
        return None;
    }
    let number =
        |from: usize, to: usize| cell[from..to].iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_of = |month: i64| match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let is_real = (1..=12).contains(&month) && (1..=days_of(month)).contains(&day) && hour < 24 && minute < 60;
    if !is_real || second > 59 || year < 1970 {
        return None;
    }
    // Days since 1970-01-01: whole years with their leap days, then whole months.
    let before = year - 1;
    let leaps = before / 4 - before / 100 + before / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
    let days = (year - 1970) * 365 + leaps + (1..month).map(days_of).sum::<i64>() + day - 1;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + number(20, 26))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn milliseconds_are_as_short_as_they_are_exact() {
        let shown: Vec<String> = [0, 1, 10, 120, 1000, 1500, 1_234_567, 90_000_000]
            .into_iter()
            .map(|micros| written(|out| push_ms(out, micros)))
            .collect();
        assert_eq!(shown, ["0", "0.001", "0.01", "0.12", "1", "1.5", "1234.567", "90000"]);
    }

    #[test]
    fn what_a_spreadsheet_makes_of_a_number_is_still_read() {
        assert_eq!(parse_ms(b"1.500"), Some(1500));
        assert_eq!(parse_ms(b"1.23456789"), Some(1235));
        assert_eq!(parse_ms(b"1.2E+03"), Some(1_200_000));
        assert_eq!(parse_ms(b".5"), Some(500));
        assert_eq!(parse_ms(b""), None);
        assert_eq!(parse_ms(b"-1"), None);
        assert_eq!(parse_ms(b"NaN"), None);
        assert_eq!(parse_ms(b"inf"), None);
        assert_eq!(parse_ms(b"1.5 ms"), None);
        assert_eq!(parse_ms(b"99999999999999999999999"), None);
    }

    #[test]
    fn a_spreadsheet_finds_no_formula() {
        let shown: Vec<String> = ["=cmd()", "+1", "-1", "@x", "'=x", "''-", "'plain", "plain", "a=b", "=\"a\",b"]
            .into_iter()
            .map(|text| written(|out| push_text(out, text)))
            .collect();
        assert_eq!(
            shown,
            ["'=cmd()", "'+1", "'-1", "'@x", "''=x", "'''-", "'plain", "plain", "a=b", "\"'=\"\"a\"\",b\""]
        );
    }

    #[test]
    fn a_guard_before_a_raw_tab_or_return_is_removed_and_the_character_escaped() {
        assert_eq!(parse_text(b"'\tx"), "\\tx");
        assert_eq!(parse_text(b"'\rx"), "\\rx");
        assert_eq!(parse_text(b"'x"), "'x");
    }

    #[test]
    fn nothing_that_moves_a_cursor_is_kept() {
        assert_eq!(printable("\u{1b}[2Ja\nb\u{9b}\u{202e}c\u{7f}é"), "\\u{1b}[2Ja\\nb\\u{9b}\\u{202e}c\\u{7f}é");
    }

    #[test]
    fn an_instant_is_written_to_the_microsecond() {
        let mut pen = UtcPen::default();
        let text = written(|out| pen.push(out, 1_795_476_664_000_042));
        assert_eq!(text, "2026-11-23T23:31:04.000042Z");
        assert_eq!(parse_utc(text.as_bytes()), Some(1_795_476_664_000_042));
    }

    #[test]
    fn an_instant_that_does_not_exist_is_none_and_other_forms_are_read_too() {
        for wrong in ["2026-02-29T00:00:00.000000Z", "2026-13-01T00:00:00.000000Z", "2026-01-01T24:00:00.000000Z", ""] {
            assert_eq!(parse_utc(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(parse_utc(b"1969-12-31T23:59:59.000000Z"), Some(-1_000_000));
        assert_eq!(parse_utc(b"2026-11-23 23:31:04Z"), parse_utc(b"2026-11-23T23:31:04.000000Z"));
    }

    proptest! {
        #[test]
        fn every_instant_comes_back(micros in 0..=253_402_000_000_000_000_i64) {
            let text = written(|out| UtcPen::default().push(out, micros));
            prop_assert_eq!(as_written(text.as_bytes()), Some(micros));
            prop_assert_eq!(parse_utc(text.as_bytes()), Some(micros));
        }

        #[test]
        fn a_time_that_no_run_can_have_is_none(micros in LONGEST_US..u64::MAX / 1000) {
            prop_assert_eq!(parse_ms(written(|out| push_ms(out, micros)).as_bytes()), None);
        }

        #[test]
        fn every_duration_comes_back(micros in 0..LONGEST_US) {
            prop_assert_eq!(parse_ms(written(|out| push_ms(out, micros)).as_bytes()), Some(micros));
        }

        #[test]
        fn every_number_and_hash_comes_back(value: u64) {
            prop_assert_eq!(parse_number(written(|out| push_number(out, value / 10)).as_bytes()), Some(value / 10));
            prop_assert_eq!(parse_hash(written(|out| push_hash(out, value)).as_bytes()), Some(value));
        }

        #[test]
        fn every_text_comes_back_through_a_csv_reader(text in "('|=|@|-|\\PC|\\s|\"|,){0,20}") {
            let clean = printable(&text).into_owned();
            let mut line = b"x,".to_vec();
            push_text(&mut line, &clean);
            line.push(b'\n');
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_slice());
            let record = reader.byte_records().next().unwrap().unwrap();
            prop_assert_eq!(parse_text(&record[1]), clean.as_str());
            prop_assert!(!clean.chars().any(char::is_control));
        }
    }
}
