//! Who answers what: chat completions by draw and fault, everything else by the kind of server.

use std::time::Duration;

use super::ask::{Ask, Unclear};
use super::draw::Draw;
use super::faults::{self, Fault};
use super::house::House;
use super::kinds::Reply;
use super::log::Record;
use super::request::Request;
use super::script::{Scene, Script};
use super::settings::Kind;

/// A model called so shows the fault of that name, always.
const FAULT_MODEL: &str = "fault.";

/// Tokens of all choices together: an answer is written into memory before it is sent.
const MOST_TOKENS: u64 = 1_000_000;

/// A script, the draws that it is performed with, and what it changes about its connection.
pub(super) struct Answer {
    pub(super) script: Script,
    pub(super) draw: Draw,
    /// Silence after which the connection is closed from now on.
    pub(super) idle_close: Option<Duration>,
}

/// The answer to a request; what is learnt of the request goes into the record.
pub(super) fn answer(house: &House, request: &Request, record: &mut Record) -> Answer {
    let plain = |reply: Reply| Answer {
        script: Script::reply(house.kind(), reply),
        draw: Draw::new(&house.settings, 0),
        idle_close: None,
    };
    let path = request.path.as_str();
    match request.method.as_str() {
        "POST" if path.ends_with("/chat/completions") => match completion(house, request, record) {
            Ok(answer) => answer,
            Err(reply) => plain(reply),
        },
        "GET" if path.ends_with("/models") => plain(models(house, request)),
        "GET" | "HEAD" => {
            let page = house.kind().page(path, &house.models);
            plain(page.unwrap_or_else(|| house.kind().not_found("GET", path)))
        }
        method => plain(house.kind().not_found(method, path)),
    }
}

fn models(house: &House, request: &Request) -> Reply {
    let refused = wrong_key(house, request).filter(|_| house.kind().habits().models_need_key);
    refused.unwrap_or_else(|| house.kind().models(&house.models, house.created))
}

fn wrong_key(house: &House, request: &Request) -> Option<Reply> {
    let wanted = house.settings.api_key.as_ref()?;
    let given = request.bearer.as_deref();
    if given == Some(wanted.0.as_str()) { None } else { Some(house.kind().wrong_key(given)) }
}

fn completion(house: &House, request: &Request, record: &mut Record) -> Result<Answer, Reply> {
    let serial = house.next_serial();
    record.serial = Some(serial);
    if let Some(refused) = wrong_key(house, request) {
        return Err(refused);
    }
    let kind = house.kind();
    let mut ask = Ask::parse(&request.body).map_err(|why| unclear(kind, why))?;
    record.model = Some(ask.model.clone());
    record.stream = ask.stream;
    record.marker = std::mem::take(&mut ask.marker);
    let draw = Draw::new(&house.settings, serial);
    if u64::from(draw.tokens) * u64::from(ask.n) > MOST_TOKENS {
        return Err(kind.error(400, "invalid_request_error", None, "n times the tokens of an answer is too much"));
    }
    let fault = fault(house, &ask.model, draw.fault)?;
    let scene = Scene {
        kind,
        ask: &ask,
        models: &house.models,
        bearer: request.bearer.as_deref(),
        old: request.old,
        created: house.created,
        full_tokens: draw.tokens,
    };
    let mut script = Script::answer(&scene, &draw);
    if let (1, Some(delay)) = (serial, house.settings.cold_start) {
        script.delay = delay;
    }
    if let Some(fault) = fault {
        record.fault = Some(fault.name);
        (fault.play)(&mut script, &scene);
    }
    Ok(Answer { script, draw, idle_close: fault.and_then(|fault| fault.idle_close) })
}

fn fault(house: &House, model: &str, drawn: f64) -> Result<Option<&'static Fault>, Reply> {
    if let Some(name) = model.strip_prefix(FAULT_MODEL) {
        let unknown = || format!("the embedded endpoint has no fault named {name:?}{}", faults::hint(name));
        let fault = faults::find(name)
            .ok_or_else(|| house.kind().error(404, "invalid_request_error", Some("model_not_found"), &unknown()))?;
        return Ok(Some(fault));
    }
    let mut sum = 0.0;
    let hit = house.settings.faults.iter().find(|(_, share)| {
        sum += share.0;
        drawn < sum
    });
    Ok(hit.and_then(|(name, _)| faults::find(name)))
}

fn unclear(kind: Kind, why: Unclear) -> Reply {
    let slug = "invalid_request_error";
    match (kind, why) {
        (Kind::Lamb, Unclear::NoMessages) => {
            kind.error(500, slug, None, "Internal server error: list index out of range")
        }
        (_, Unclear::NotJson(why)) => kind.error(400, slug, None, &format!("could not parse the JSON body: {why}")),
        (_, Unclear::NoMessages) => kind.error(400, slug, None, "messages must not be empty"),
        (_, Unclear::Invalid(why)) => kind.error(400, slug, None, why),
    }
}
