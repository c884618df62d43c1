//! What servers do, byte by byte, and what must become of it.
//!
//! Each behaviour is a script that a little server plays over a real socket, and one line that tells every column it
//! must give: outcome, status, `finish_reason`, tokens, characters, which instants there are. A 200 that is no answer
//! is `ok` in none of them.

mod again;
mod clocks;
mod errors;
mod hostile;
mod http2;
mod preflight;
mod row;
mod script;
mod splits;
mod streams;
mod tricks;
mod wholes;

use row::row;
use script::{Ask, Script, play};

/// A behaviour and the row it must give.
struct Behaviour {
    /// What the server does, in words.
    name: &'static str,
    ask: Ask,
    script: Script,
    row: &'static str,
}

/// Plays every behaviour and compares whole rows; all differences are told at once.
async fn hold(behaviours: Vec<Behaviour>) {
    let mut wrong = Vec::new();
    for Behaviour { name, ask, script, row: expected } in behaviours {
        let sample = play(&ask, script).await;
        let got = row(&sample);
        if got != expected {
            wrong.push(format!("{name}\n  expected {expected}\n  got      {got}"));
        }
    }
    assert!(wrong.is_empty(), "{} behaviours differ:\n{}", wrong.len(), wrong.join("\n"));
}
