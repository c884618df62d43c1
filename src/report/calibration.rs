//! A calibration, shown: what each shape of load carried, and a picture of how the error grew.

use std::io::{self, Write};

use super::numbers::{digits, time};
use crate::stats::calibration::{Calibration, Ended, LIMITS_MS, Ladder, Shape};

/// A decade of error is so many columns wide.
const DECADE: f64 = 8.0;
/// The picture's left end, in milliseconds, and its width in decades: 0.001 to 1000 ms.
const LEAST_MS: f64 = 0.001;
const DECADES: f64 = 6.0;

/// Writes the table and the pictures.
///
/// # Errors
/// Those of `out`.
pub fn render(calibration: &Calibration, out: &mut dyn Write) -> io::Result<()> {
    let width = calibration.ladders.iter().map(|ladder| name(ladder.shape).chars().count()).max().unwrap_or(0);
    writeln!(out, "{:width$}  {:>16}  {:>16}", "", "within 1 ms", "within 5 ms")?;
    for ladder in &calibration.ladders {
        let [fine, coarse] = LIMITS_MS.map(|limit| carried(ladder, limit));
        writeln!(out, "{:width$}  {fine:>16}  {coarse:>16}  {}", name(ladder.shape), why(ladder))?;
    }
    for ladder in calibration.ladders.iter().filter(|ladder| !ladder.steps.is_empty()) {
        writeln!(out)?;
        picture(ladder, out)?;
    }
    Ok(())
}

/// The shape in words.
pub fn name(shape: Shape) -> String {
    match shape {
        Shape::Streams { events_per_s } => format!("streams, {events_per_s} events/s each"),
        Shape::Burst => "burst, one second of service".to_owned(),
    }
}

/// `1600`, `10000 or more`, `none`.
fn carried(ladder: &Ladder, limit_ms: f64) -> String {
    match ladder.carried(limit_ms) {
        None => "none".to_owned(),
        Some(users) if ladder.is_bounded(limit_ms) => users.to_string(),
        Some(users) => format!("{users} or more"),
    }
}

fn why(ladder: &Ladder) -> &'static str {
    match ladder.ended {
        Ended::Beyond | Ended::Most => "",
        Ended::Endpoint => "(the endpoint could not send any faster)",
        Ended::Time => "(the time was up)",
    }
}

/// One bar a load: error on a scale of decades, the two limits as marks.
fn picture(ladder: &Ladder, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", name(ladder.shape))?;
    for step in &ladder.steps {
        let full = column(step.error_ms);
        let bar: String = (0..=column(LIMITS_MS[1]).max(full))
            .map(|at| match at {
                _ if at < full => '█',
                _ if LIMITS_MS.iter().any(|limit| at == column(*limit)) => '┊',
                _ => ' ',
            })
            .collect();
        let sent = if ladder.shape == Shape::Burst {
            format!(", sent within {}", time(step.spread_ms))
        } else {
            String::new()
        };
        writeln!(out, "  {:>6} {bar} {}{sent}", step.users, time(step.error_ms))?;
    }
    let [fine, coarse] = LIMITS_MS.map(column);
    let [first, second] = LIMITS_MS.map(digits);
    writeln!(out, "  {:>6} {first:>at$}{second:>further$} ms", "", at = fine + 1, further = coarse - fine)
}

fn column(error_ms: f64) -> usize {
    ((error_ms / LEAST_MS).max(1.0).log10().min(DECADES) * DECADE).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::calibration::Step;

    #[test]
    fn a_calibration_is_a_table_and_a_picture() {
        let steps = |steps: &[(u32, f64)]| {
            steps
                .iter()
                .map(|(users, error_ms)| Step { users: *users, error_ms: *error_ms, spread_ms: 339.193 })
                .collect()
        };
        let calibration = Calibration {
            ladders: vec![
                Ladder {
                    shape: Shape::Streams { events_per_s: 100 },
                    steps: steps(&[(50, 0.004), (500, 0.31), (1_000, 2.4), (2_000, 38.0)]),
                    ended: Ended::Beyond,
                },
                Ladder { shape: Shape::Burst, steps: steps(&[(10_000, 0.02)]), ended: Ended::Time },
                Ladder { shape: Shape::Streams { events_per_s: 10 }, steps: steps(&[]), ended: Ended::Time },
            ],
        };
        let mut out = Vec::new();
        render(&calibration, &mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
