//! Pre-flight against servers that are well, and against those that are ill in one way each.

use std::sync::Arc;

use lamb_load::chat::Endpoint;
use lamb_load::chat::preflight::{Diagnosis, run};
use lamb_load::chat::problem::{Problem, What};
use lamb_load::scenario::plan::{Case, Preflight, ServerKind};
use lamb_load::wire::{Proxy, Route, tls_config};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::row::row;
use super::script::{
    Ask, STOP, Script, USAGE, act, content, document, endpoint, endpoint_over, events, plain, read_request, shot,
    streamed, whole,
};

const JSON: &str = "Content-Type: application/json\r\n";
const LAMB: &str = r#"{"object":"list","data":[{"id":"m","object":"model","created":1,"owned_by":"lamb_v4"}]}"#;
const OTHERS: &str = r#"{"object":"list","data":[{"id":"a","owned_by":"x"},{"id":"b","owned_by":"x"}]}"#;
const BOTH: Preflight = Preflight { requests: 1, models: true };
const ONE: Preflight = Preflight { requests: 1, models: false };

/// Answers each request as told, over as many connections as come; the port.
async fn server(answer: impl Fn(&str) -> Script + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let mut first = [0];
                if stream.peek(&mut first).await.is_ok_and(|read| read > 0) {
                    let request = read_request(&mut stream).await;
                    act(stream, answer(&request)).await;
                }
            });
        }
    });
    port
}

/// The list of models, and what answers everything else.
fn with_models(models: &'static str, answer: Script) -> impl Fn(&str) -> Script + Send + Sync {
    move |request| match request.starts_with("GET /v1/models ") {
        true => document("application/json", models),
        false => answer.clone(),
    }
}

fn hello() -> Script {
    events(&[&content("Hi"), STOP, USAGE, "[DONE]"])
}

fn case_with(endpoint: &Endpoint, ask: &Ask, extra: Value) -> Arc<Case> {
    let mut case = Case::clone(&shot(endpoint, ask).brief.case);
    let mut request = (*case.request).clone();
    request.extra = extra.as_object().cloned().unwrap_or_else(Map::new);
    case.request = Arc::new(request);
    let mut target = (*case.target).clone();
    target.server = ask.kind;
    case.target = Arc::new(target);
    Arc::new(case)
}

async fn diagnose(port: u16, ask: Ask, what: Preflight) -> Diagnosis {
    let endpoint = endpoint(port);
    let case = case_with(&endpoint, &ask, json!({}));
    run(&endpoint, &case, what, &CancellationToken::new()).await
}

fn auto() -> Ask {
    Ask { kind: ServerKind::Auto, ..streamed() }
}

fn problem(diagnosis: Diagnosis) -> (What, String, String) {
    let Problem { what, sentence, hint } = diagnosis.problem.expect("a problem");
    (what, sentence, hint)
}

#[tokio::test]
async fn a_server_that_is_well_is_recognised_and_pinned() {
    let port = server(with_models(LAMB, hello())).await;
    let diagnosis = diagnose(port, auto(), BOTH).await;
    assert_eq!(diagnosis.problem, None);
    assert_eq!((diagnosis.server, diagnosis.notes.as_slice()), ("lamb", [].as_slice()));
    assert_eq!(diagnosis.address, Some(format!("127.0.0.1:{port}")));
    assert_eq!(diagnosis.served_model.as_deref(), Some("m"));
    assert!(diagnosis.include_usage && !diagnosis.learnt.finishes_without_reason);
    let rows: Vec<_> = diagnosis.samples.iter().map(row).collect();
    assert_eq!(rows, ["ok 200 stop | m | in 3 out 2 | 2 chars | 4 events | ttfe ttft ttfo latency"]);
    let sample = &diagnosis.samples[0];
    assert_eq!((sample.phase.name(), sample.round, sample.arrival.serial), ("preflight", 0, 0));
    let told = serde_json::to_value(&diagnosis).unwrap();
    assert_eq!(told["models"], json!([{ "id": "m", "owned_by": "lamb_v4", "created": 1 }]));
}

#[tokio::test]
async fn a_kind_that_the_scenario_names_is_not_guessed() {
    let port = server(with_models(LAMB, hello())).await;
    let diagnosis = diagnose(port, Ask { kind: ServerKind::OpenAi, ..streamed() }, BOTH).await;
    assert_eq!((diagnosis.server, diagnosis.learnt.kind), ("openai", ServerKind::OpenAi));
}

#[tokio::test]
async fn litellm_is_recognised_by_the_headers_of_its_answer() {
    let body = r#"{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
    let headers = format!("{JSON}x-litellm-version: 1.80\r\nx-ratelimit-limit-requests: 60\r\n");
    let port = server(move |_| plain("200 OK", &headers, body)).await;
    let diagnosis = diagnose(port, Ask { kind: ServerKind::Auto, ..whole() }, ONE).await;
    assert_eq!(diagnosis.server, "litellm");
    assert_eq!(diagnosis.notes, ["the server states a limit: x-ratelimit-limit-requests 60"]);
}

#[tokio::test]
async fn lambs_rate_limit_headers_are_constants_and_not_believed() {
    let body = r#"{"model":"m","choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
    let headers = format!("{JSON}X-RateLimit-Limit-Requests: 10000\r\nOpenAI-Processing-MS: 777\r\n");
    let port = server(move |_| plain("200 OK", &headers, body)).await;
    let diagnosis = diagnose(port, Ask { kind: ServerKind::Lamb, ..whole() }, ONE).await;
    assert_eq!(diagnosis.notes, Vec::<String>::new());
}

#[tokio::test]
async fn include_usage_that_is_refused_is_left_out_and_said() {
    let port = server(|request| match request.contains("stream_options") {
        true => plain("400 Bad Request", JSON, r#"{"error":"unknown field stream_options"}"#),
        false => events(&[&content("Hi"), STOP, "[DONE]"]),
    })
    .await;
    let diagnosis = diagnose(port, auto(), ONE).await;
    assert_eq!(diagnosis.problem, None);
    assert!(!diagnosis.include_usage && !diagnosis.learnt.include_usage);
    assert_eq!(
        diagnosis.notes,
        [
            "`stream_options.include_usage` is refused here, and was left out",
            "no token counts: columns that need them stay empty"
        ]
    );
    let outcomes: Vec<_> = diagnosis.samples.iter().map(|sample| sample.outcome.name()).collect();
    assert_eq!(outcomes, ["http_error", "ok"]);
}

#[tokio::test]
async fn a_stream_without_finish_reason_teaches_that_done_is_its_end() {
    let port = server(|_| events(&[&content("Hi"), "[DONE]"])).await;
    let diagnosis = diagnose(port, auto(), ONE).await;
    assert_eq!(diagnosis.problem, None);
    assert!(diagnosis.learnt.finishes_without_reason);
    assert!(diagnosis.notes.iter().any(|note| note.starts_with("answers have no finish_reason here")));
}

#[tokio::test]
async fn parameters_that_are_not_honoured_are_told() {
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":400}}"#;
    let port = server(move |_| events(&[&content("Hi"), STOP, usage, "[DONE]"])).await;
    let endpoint = endpoint(port);
    let ask = Ask { kind: ServerKind::Lamb, ..streamed() };
    let case = case_with(&endpoint, &ask, json!({ "max_tokens": 40, "seed": 1 }));
    let diagnosis = run(&endpoint, &case, ONE, &CancellationToken::new()).await;
    assert_eq!(
        diagnosis.notes,
        [
            "LAMB drops max_tokens, seed without a word: they have no effect",
            "asked max_tokens = 40 and got 400 tokens: the server does not honour it"
        ]
    );
}

#[tokio::test]
async fn another_model_a_whole_answer_and_a_held_back_stream_are_told() {
    let whole = r#"{"model":"gpt-4o-mini","choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
    let port = server(with_models(OTHERS, document("application/json", whole))).await;
    let diagnosis = diagnose(port, auto(), BOTH).await;
    assert_eq!(
        diagnosis.notes,
        [
            "the server does not list m; whether it answers is what counts",
            "m is answered by gpt-4o-mini",
            "a stream was asked for and a whole answer came: there is no time to a first token"
        ]
    );
    let token = content("a");
    let tokens = vec![token.as_str(); 30];
    let all = super::script::framed(&[tokens.as_slice(), &[STOP, USAGE, "[DONE]"]].concat()).concat();
    let port = server(move |_| document("text/event-stream", &all)).await;
    let diagnosis = diagnose(port, auto(), ONE).await;
    assert!(diagnosis.notes[0].starts_with("all 33 events came as good as at once"), "{:?}", diagnosis.notes);
}

#[tokio::test]
async fn further_requests_are_made_one_after_another() {
    let port = server(|_| hello()).await;
    let diagnosis = diagnose(port, auto(), Preflight { requests: 3, models: false }).await;
    assert_eq!(diagnosis.samples.iter().filter(|sample| sample.outcome.is_ok()).count(), 3);
}

#[tokio::test]
async fn each_broken_link_is_named() {
    let table: Vec<(&str, Script, What, &str, &str)> = vec![
        (
            LAMB,
            plain("401 Unauthorized", JSON, r#"{"detail":"Invalid API key"}"#),
            What::Key,
            "HTTP 401: Invalid API key",
            "api_key",
        ),
        (
            OTHERS,
            plain("422 Unprocessable Entity", JSON, r#"{"detail":"Traceback"}"#),
            What::Model,
            "HTTP 422: Traceback",
            "lamb-load models",
        ),
        (
            LAMB,
            plain("404 Not Found", JSON, r#"{"detail":"Not Found"}"#),
            What::Model,
            "HTTP 404: Not Found",
            "/v1/chat/completions",
        ),
        (
            LAMB,
            plain("400 Bad Request", JSON, r#"{"detail":"bad JSON"}"#),
            What::Body,
            "HTTP 400: bad JSON",
            "[request]",
        ),
        (LAMB, plain("500 Internal Server Error", JSON, "oops"), What::Answer, "HTTP 500: oops", "log"),
        (
            LAMB,
            document("text/html", "<html>"),
            What::Answer,
            "malformed: HTML where an answer was due: <html>",
            "web page",
        ),
        (
            LAMB,
            events(&[&content("[Ollama Error] Timeout"), STOP, "[DONE]"]),
            What::Answer,
            "error_in_body: [Ollama Error] Timeout",
            "OLLAMA_REQUEST_TIMEOUT",
        ),
        (LAMB, plain("429 Too Many Requests", "", ""), What::Answer, "rate_limited: HTTP 429", "fewer users"),
    ];
    for (models, answer, what, sentence, hint) in table {
        let port = server(with_models(models, answer)).await;
        let (found, told, advised) = problem(diagnose(port, auto(), BOTH).await);
        assert_eq!((found, told.as_str()), (what, sentence));
        assert!(advised.contains(hint), "{sentence}: {advised}");
    }
}

#[tokio::test]
async fn a_wrong_key_at_litellm_without_a_database_is_the_key() {
    let headers = format!("{JSON}x-litellm-call-id: 1\r\n");
    let port = server(move |_| plain("400 Bad Request", &headers, r#"{"error":{"message":"No connected db."}}"#)).await;
    let (what, sentence, hint) = problem(diagnose(port, auto(), BOTH).await);
    assert_eq!((what, sentence.as_str()), (What::Key, "HTTP 400: No connected db."));
    assert!(hint.starts_with("LiteLLM without a database"), "{hint}");
}

#[tokio::test]
async fn names_and_ports_where_nobody_is() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let diagnosis = diagnose(nobody, auto(), BOTH).await;
    let rows: Vec<_> = diagnosis.samples.iter().map(row).collect();
    assert_eq!(rows, ["connect_failed | the connection was refused: Connection refused (os error 111)"]);
    let (what, sentence, _) = problem(diagnosis);
    let expected = format!("nothing listens at 127.0.0.1:{nobody}: the connection was refused");
    assert_eq!((what, sentence), (What::Connection, expected));

    let endpoint = endpoint_over(Route::new("no-such-host.invalid", 80));
    let case = case_with(&endpoint, &auto(), json!({}));
    let (what, ..) = problem(run(&endpoint, &case, BOTH, &CancellationToken::new()).await);
    assert_eq!(what, What::Name);

    let mut route = Route::new("127.0.0.1", 80);
    route.proxy = Some(Proxy::parse(&format!("http://127.0.0.1:{nobody}")).unwrap());
    let endpoint = endpoint_over(route);
    let case = case_with(&endpoint, &auto(), json!({}));
    let (what, ..) = problem(run(&endpoint, &case, BOTH, &CancellationToken::new()).await);
    assert_eq!(what, What::Connection);
}

mod tls {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
    use rustls::ServerConfig;
    use rustls::crypto::ring;
    use rustls::pki_types::PrivateKeyDer;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    type Authority = (String, Issuer<'static, KeyPair>);

    fn authority(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        (certificate.pem(), Issuer::new(params, key))
    }

    /// A TLS server whose certificate is for `name` until `year`; its port.
    async fn serve(authority: &Authority, name: &str, year: i32) -> u16 {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority.1).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    use tokio::io::AsyncWriteExt as _;
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let request = read_request(&mut stream).await;
                    let answer = match request.starts_with("GET") {
                        true => document("application/json", LAMB),
                        false => hello(),
                    };
                    for act in answer.0 {
                        if let super::super::script::Act::Say(bytes) = act {
                            stream.write_all(&bytes).await.unwrap();
                        }
                    }
                    let _ = stream.shutdown().await;
                });
            }
        });
        port
    }

    async fn diagnose(port: u16, trusted: &Authority) -> Diagnosis {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &trusted.0).unwrap();
        let mut route = Route::new("localhost", port);
        route.addresses = vec![format!("127.0.0.1:{port}").parse().unwrap()];
        route.tls = Some(tls_config(Some(file.path()), false, false).unwrap());
        let endpoint = super::super::script::endpoint_at("localhost", true, route);
        let case = case_with(&endpoint, &auto(), json!({}));
        run(&endpoint, &case, BOTH, &CancellationToken::new()).await
    }

    /// A server that answers whatever it reads as plain HTTP servers do.
    async fn plain_http() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await;
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await;
        });
        port
    }

    #[tokio::test]
    async fn a_trusted_server_answers_over_tls_on_both_clients() {
        let authority = authority("ours");
        let port = serve(&authority, "localhost", 2999).await;
        let diagnosis = diagnose(port, &authority).await;
        assert_eq!((diagnosis.problem, diagnosis.server), (None, "lamb"));
        assert!(diagnosis.samples[0].connect.tls.is_some());
    }

    #[tokio::test]
    async fn each_way_to_fail_has_its_sentence() {
        let (ours, theirs) = (authority("ours"), authority("theirs"));
        let table = [
            (serve(&ours, "localhost", 2999).await, &theirs, "signed by an authority that this machine does not trust"),
            (serve(&ours, "elsewhere.example", 2999).await, &ours, "is for elsewhere.example, not for localhost"),
            (serve(&ours, "localhost", 2021).await, &ours, "has expired"),
            (plain_http().await, &ours, "does not speak TLS: plain HTTP on a port where `https://` was expected"),
        ];
        for (port, trusted, part) in table {
            let (what, sentence, hint) = problem(diagnose(port, trusted).await);
            assert_eq!(what, What::Tls, "{sentence}");
            assert!(sentence.contains(part) && !hint.is_empty(), "{sentence}");
        }
    }

    #[tokio::test]
    async fn http_to_a_tls_port_says_so() {
        let authority = authority("ours");
        let port = serve(&authority, "localhost", 2999).await;
        let (what, sentence, hint) = problem(super::diagnose(port, auto(), ONE).await);
        assert_eq!(what, What::Tls, "{sentence}");
        assert_eq!(hint, "write `https://` in `url`");
    }
}
