//! A resolved scenario, run again as it is, is the same plan.

use std::fs;

use lamb_load::scenario::file::{self, Exclude, PromptOrder, ScenarioFile, Target};
use lamb_load::scenario::mock_table::{Bimodal, Delay, Distribution, Lognormal, Mock, Tokens};
use lamb_load::scenario::plan::{CacheBust, Connections, Place, Plan, ServerKind};
use lamb_load::scenario::prompts::PromptEntry;
use lamb_load::scenario::units::{Count, Share, Time, format_share, format_time, parse_share, parse_time};
use lamb_load::scenario::{Overrides, load, resolve_file};
use proptest::option;
use proptest::prelude::*;
use serde_json::json;
use std::time::Duration;

fn time() -> impl Strategy<Value = Time> {
    prop_oneof![(1..600_000u64).prop_map(Duration::from_millis), (1..50_000_000u64).prop_map(Duration::from_nanos)]
        .prop_map(Time)
}

fn share() -> impl Strategy<Value = Share> {
    (0..=1000u32)
        .prop_map(|permille| parse_share(&format!("{}.{}%", permille / 10, permille % 10)).unwrap())
        .prop_map(Share)
}

fn delay() -> impl Strategy<Value = Delay> {
    let lognormal = (time(), 0.0..10.0f64).prop_map(|(median, sigma)| Lognormal { median, sigma });
    let bimodal = (time(), time(), share()).prop_map(|(fast, slow, share)| Bimodal { fast, slow, share });
    prop_oneof![
        time().prop_map(Delay::Constant),
        time().prop_map(|time| Delay::Drawn(Distribution { constant: Some(time), ..Distribution::default() })),
        lognormal.prop_map(|it| Delay::Drawn(Distribution { lognormal: Some(it), ..Distribution::default() })),
        bimodal.prop_map(|it| Delay::Drawn(Distribution { bimodal: Some(it), ..Distribution::default() })),
    ]
}

fn mock_target() -> impl Strategy<Value = Target> {
    (option::of(delay()), option::of(delay()), option::of(1..100u64), option::of(1..99u64), option::of(share()))
        .prop_map(|(first_token, per_token, tokens, slots, fault)| Target {
            mock: Some(Mock {
                first_token,
                per_token,
                tokens: tokens.map(|tokens| Tokens::Fixed(Count(tokens))),
                slots: slots.map(Count),
                faults: fault.map(|share| [("status_429".to_owned(), share)].into()),
                ..Mock::default()
            }),
            ..Target::default()
        })
}

fn url_target() -> impl Strategy<Value = Target> {
    let url = prop_oneof![
        Just("http://localhost:9099"),
        Just("https://lamb.example.edu/api/v2/"),
        Just("https://[::1]:8443/x/chat/completions"),
    ];
    let server = prop_oneof![Just(ServerKind::Auto), Just(ServerKind::Lamb), Just(ServerKind::LlamaCpp)];
    let connections = prop_oneof![Just(Connections::Warm), Just(Connections::Cold)];
    (url, option::of(server), option::of(connections), any::<bool>(), any::<bool>()).prop_map(
        |(url, server, connections, path, headers)| Target {
            url: Some(url.into()),
            path: path.then(|| "/creator/assistant/58/chat/completions?x=1".to_owned()),
            headers: headers.then(|| [("x-org".to_owned(), "uni \"q\" \\".into())].into_iter().collect()),
            server,
            connections,
            http2: Some(path),
            ..Target::default()
        },
    )
}

fn request() -> impl Strategy<Value = file::Request> {
    let bust =
        prop_oneof![Just(CacheBust::Suffix), Just(CacheBust::Prefix), Just(CacheBust::User), Just(CacheBust::Off)];
    let extra = prop_oneof![
        Just(json!({})),
        Just(json!({ "response_format": { "type": "json_object" }, "temperature": 0.25, "stop": ["a", "b"] })),
        Just(json!({ "tools": [{ "type": "function", "function": { "name": "f" } }], "seed": 7, "user": "é\n\"" })),
    ];
    (option::of(any::<bool>()), option::of(".{0,20}"), option::of(bust), option::of(1..9999u64), extra).prop_map(
        |(stream, system, cache_bust, max_tokens, extra)| file::Request {
            stream,
            system,
            cache_bust,
            max_tokens: max_tokens.map(Count),
            extra: extra.as_object().cloned().unwrap_or_default(),
        },
    )
}

prop_compose! {
    fn scenario()(
        models in prop::collection::hash_set("[a-z0-9/:._-]{1,12}", 1..4),
        users in prop::collection::hash_set(1..2000u64, 1..4),
        prompts in option::of(prop::collection::vec("[^\\p{C}]{0,10}[a-zA-Z$\\\\\"'{}][^\\p{C}]{0,10}", 1..4)),
        order in option::of(prop_oneof![Just(PromptOrder::Sequential), Just(PromptOrder::Shuffled), Just(PromptOrder::Each)]),
        here in mock_target(), there in url_target(), both in any::<bool>(),
        request in option::of(request()),
        (repeat, pause, total, seed) in (option::of(1..9u64), option::of(time()), option::of(time()), option::of(0..u64::MAX / 2)),
        (spread, notes, drop) in (option::of(time()), option::of("(?s).{0,30}"), any::<bool>()),
    ) -> ScenarioFile {
        let mut targets = indexmap::IndexMap::from([("demo".to_owned(), here)]);
        if both {
            targets.insert("server-1.x".to_owned(), there);
        }
        let users: Vec<_> = users.into_iter().map(Count).collect();
        let exclude = (drop && users.len() > 1).then(|| vec![Exclude { users: Some(Count(users[0].0)), ..Exclude::default() }]);
        ScenarioFile {
            models: Some(models.into_iter().collect()), users: Some(users), exclude,
            prompts: prompts.map(|prompts| prompts.into_iter().map(PromptEntry::Text).collect()),
            order, targets: Some(targets), request, repeat: repeat.map(Count), pause, notes,
            timeouts: total.map(|total| file::Timeouts { total: Some(total), ..file::Timeouts::default() }),
            seed: seed.map(Count), burst: spread.map(|spread| file::Burst { spread: Some(spread) }),
            ..ScenarioFile::default()
        }
    }
}

/// Everything of a plan that does not tell where it was read.
fn told(plan: &Plan) -> String {
    let plan = Plan { source: None, scenario_hash: String::new(), ..plan.clone() };
    let mocks = plan.targets.iter().map(|target| match &target.place {
        Place::Mock(settings) => settings.to_string(),
        Place::Url(_) => String::new(),
    });
    format!("{plan:#?}{:?}", mocks.collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_resolved_scenario_run_again_is_the_same_plan(file in scenario()) {
        let first = resolve_file(&file, "again", &Overrides::default(), &|_| None);
        let first = first.unwrap_or_else(|problems| panic!("{problems}")).plan;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("again.toml");
        fs::write(&path, &first.toml).unwrap();
        let second = load(&path, &Overrides::default(), &|_| None);
        let second = second.unwrap_or_else(|problems| panic!("{problems}\n{}", first.toml)).plan;
        prop_assert_eq!(told(&first), told(&second));
    }

    #[test]
    fn every_time_is_read_as_it_was_written(nanos in 0..2_592_000_000_000_000u64, scale in prop_oneof![Just(1u64), Just(1_000), Just(1_000_000), Just(1_000_000_000)]) {
        let time = Duration::from_nanos(nanos / scale * scale);
        prop_assert_eq!(parse_time(&format_time(time)), Ok(time));
    }

    #[test]
    fn every_share_is_read_as_it_was_written(digits in 0..=100_000_000u64) {
        let share = parse_share(&format!("{}.{:06}%", digits / 1_000_000, digits % 1_000_000)).unwrap();
        prop_assert_eq!(parse_share(&format_share(share)), Ok(share));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(?s).{0,200}", toml in "(models|users|\\[targets\\.t\\]|url|prompts|=|\\[|\\]|\\{|\\}|\"|'|\\$|[0-9]|\n| ){0,60}") {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("any.toml");
        for text in [text, toml] {
            fs::write(&path, &text).unwrap();
            if let Err(problems) = load(&path, &Overrides { set: vec![text], ..Overrides::default() }, &|_| None) {
                prop_assert!(!problems.to_string().is_empty());
            }
        }
    }
}
