//! A request like any other: streamed, answered, nothing unknown that is usually known.

use std::time::Duration;

use lamb_load::sample::{Arrival, Instants, Outcome, Phase, Sample, TokenSource, Tokens};

/// The `number`-th request of a round (from 0), answered after some hundred milliseconds, no two alike.
pub(crate) fn answered(number: u64) -> Sample {
    // Multiplied by an odd number and cut: spread out, and the same every time.
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44;
    let after = |base: u64| Some(Duration::from_micros(number * 90 + base + spread));
    let arrival = Arrival {
        request: number + 1,
        user: 1 + (number % 50) as u32,
        turn: 1,
        due: Duration::from_micros(number * 90),
        prompt: 0,
        serial: number,
    };
    let at = Instants {
        issued: Some(arrival.due),
        sent: Some(arrival.due + Duration::from_micros(17)),
        headers: after(50_000),
        first_event: after(50_100),
        first_token: after(60_000),
        first_visible: after(60_000),
        last_token: after(250_000),
        finish: after(250_050),
        end: arrival.due + Duration::from_micros(250_400 + spread),
        ..Instants::default()
    };
    Sample {
        status: Some(200),
        at,
        reused: true,
        streamed: true,
        max_gap: Some(Duration::from_micros(9_000 + spread % 1_000)),
        read_lag_max: Some(Duration::from_micros(40)),
        events: 24,
        reads: 22,
        token_reads: 20,
        tokens: Tokens {
            input: Some(12),
            cached: Some(0),
            output: Some(20),
            source: TokenSource::Usage,
            ..Tokens::default()
        },
        finish_reason: Some("stop".into()),
        served_model: Some("gpt-4o-mini-2024-07-18".into()),
        fingerprint: Some("fp_44709d6fcb".into()),
        request_id: Some("req_0123456789abcdef".into()),
        bytes_in: 5_400,
        answer_chars: Some(110),
        answer_hash: Some(spread),
        remote: Some(([127, 0, 0, 1], 8_080).into()),
        ..Sample::unsent(arrival, Phase::Load, 1, Outcome::Ok, at.end)
    }
}
