//! Each check on recorded facts: once so that it fires, once so that it stays silent.

use super::*;
use crate::facts::{Lag, Limit, Moves, ReadLag};
use crate::sample::{Outcome, Sample};
use crate::stats::testing::{answer, burst, facts, failure, ms, subject, summary, tally};

fn lag(p99_ms: f64) -> Lag {
    Lag { n: 100, p50_ms: p99_ms / 2.0, p90_ms: p99_ms / 2.0, p99_ms, max_ms: p99_ms }
}

/// What a check makes of the good burst with the samples and facts changed.
fn found(id: &str, spoil: impl FnOnce(&mut Vec<Sample>, &mut ClientFacts)) -> CheckLabel {
    let (mut samples, mut facts) = (burst(), facts());
    spoil(&mut samples, &mut facts);
    let validity = Validity::of(&summary(&samples), &facts);
    validity.check(id).unwrap_or_else(|| panic!("no check {id}")).label
}

#[test]
fn a_good_burst_is_valid_and_every_check_is_silent() {
    let validity = Validity::of(&summary(&burst()), &facts());
    assert_eq!(validity.fired(), Vec::<&Check>::new());
    assert_eq!(validity.label, Label::Valid);
    assert!(validity.metrics.values().all(|metric| metric.label == Label::Valid), "{:?}", validity.metrics);
    let names: Vec<&str> = validity.metrics.keys().map(String::as_str).collect();
    assert_eq!(names, ["gap", "latency", "latency_from_due", "max_gap", "tpot", "ttfo", "ttft"]);
}

#[test]
fn send_lag_fires_when_requests_left_late() {
    assert_eq!(found("send_lag", |samples, _| samples[7] = answer(8, 13.0, 1200.0)), CheckLabel::Note);
}

#[test]
fn send_lag_is_silent_within_one_percent_of_the_median() {
    assert_eq!(found("send_lag", |samples, _| samples[7] = answer(8, 11.0, 1200.0)), CheckLabel::Silent);
}

#[test]
fn skew_fires_when_a_burst_became_a_wave() {
    assert_eq!(found("skew", |samples, _| samples[7] = answer(8, 140.0, 1200.0)), CheckLabel::Degraded);
}

#[test]
fn skew_is_silent_up_to_a_tenth_of_the_median() {
    assert_eq!(found("skew", |samples, _| samples[7] = answer(8, 110.0, 1200.0)), CheckLabel::Silent);
}

#[test]
fn simultaneity_is_invalid_when_we_sent_too_slowly_for_the_server() {
    let label = found("simultaneity", |samples, _| {
        samples[6] = answer(7, 0.1, 300.0);
        samples[7] = answer(8, 400.0, 1200.0);
    });
    assert_eq!(label, CheckLabel::Invalid);
}

#[test]
fn simultaneity_is_a_note_when_the_server_answers_faster_than_a_burst_can_be_sent() {
    assert_eq!(found("simultaneity", |samples, _| samples[6] = answer(7, 0.1, 2.0)), CheckLabel::Note);
}

#[test]
fn simultaneity_is_a_note_when_the_server_refused_some() {
    let refused = failure(3, Outcome::RateLimited, 1.0);
    assert_eq!(found("simultaneity", |samples, _| samples[2] = refused), CheckLabel::Note);
}

#[test]
fn simultaneity_is_silent_when_all_were_in_the_air_together() {
    assert_eq!(found("simultaneity", |_, _| ()), CheckLabel::Silent);
}

#[test]
fn simultaneity_says_nothing_where_users_start_one_after_the_other() {
    let mut spread = subject();
    spread.spread_ms = 5000.0;
    let validity = Validity::of(&Summary::of(spread, &tally(&burst())), &facts());
    assert_eq!(validity.check("simultaneity").unwrap().label, CheckLabel::Unknown);
}

#[test]
fn control_stream_fires_when_a_stream_of_known_timing_came_late() {
    assert_eq!(found("control_stream", |_, facts| facts.control_stream = Some(lag(13.0))), CheckLabel::Note);
}

#[test]
fn control_stream_is_silent_within_the_limit() {
    assert_eq!(found("control_stream", |_, facts| facts.control_stream = Some(lag(12.0))), CheckLabel::Silent);
}

#[test]
fn read_lag_fires_when_correction_leaves_too_much() {
    let left = ReadLag { uncorrected: lag(40.0), left: lag(13.0), without_kernel_time: 0 };
    assert_eq!(found("read_lag", |_, facts| facts.read_lag = Some(left)), CheckLabel::Note);
}

#[test]
fn read_lag_is_silent_when_it_was_corrected_however_large_it_was() {
    let left = ReadLag { uncorrected: lag(400.0), left: lag(0.1), without_kernel_time: 0 };
    assert_eq!(found("read_lag", |_, facts| facts.read_lag = Some(left)), CheckLabel::Silent);
}

#[test]
fn runtime_lag_fires_above_five_milliseconds() {
    assert_eq!(found("runtime_lag", |_, facts| facts.runtime_lag = Some(lag(5.1))), CheckLabel::Note);
}

#[test]
fn runtime_lag_is_silent_at_five_milliseconds() {
    assert_eq!(found("runtime_lag", |_, facts| facts.runtime_lag = Some(lag(5.0))), CheckLabel::Silent);
}

#[test]
fn client_cpu_fires_above_seventy_percent() {
    assert_eq!(found("client_cpu", |_, facts| facts.cpu_share_max = Some(0.71)), CheckLabel::Note);
}

#[test]
fn client_cpu_is_silent_at_seventy_percent() {
    assert_eq!(found("client_cpu", |_, facts| facts.cpu_share_max = Some(0.7)), CheckLabel::Silent);
}

#[test]
fn throttled_fires_at_one_stopped_period() {
    assert_eq!(found("throttled", |_, facts| facts.throttled_periods = Some(1)), CheckLabel::Note);
}

#[test]
fn throttled_is_silent_without_a_stopped_period() {
    assert_eq!(found("throttled", |_, facts| facts.throttled_periods = Some(0)), CheckLabel::Silent);
}

#[test]
fn steal_fires_above_five_percent() {
    assert_eq!(found("steal", |_, facts| facts.steal_share_max = Some(0.06)), CheckLabel::Note);
}

#[test]
fn steal_is_silent_at_five_percent() {
    assert_eq!(found("steal", |_, facts| facts.steal_share_max = Some(0.05)), CheckLabel::Silent);
}

#[test]
fn memory_fires_at_one_major_fault() {
    assert_eq!(found("memory", |_, facts| facts.major_faults = Some(1)), CheckLabel::Note);
}

#[test]
fn memory_is_silent_without_major_faults() {
    assert_eq!(found("memory", |_, facts| facts.major_faults = Some(0)), CheckLabel::Silent);
}

#[test]
fn limits_fire_when_the_plan_needs_more_than_there_is() {
    let limit = Limit { needed: 1025, available: 1024 };
    assert_eq!(found("limits", |_, facts| facts.descriptors = Some(limit)), CheckLabel::Note);
}

#[test]
fn limits_are_silent_when_the_plan_just_fits() {
    let limit = Limit { needed: 1024, available: 1024 };
    assert_eq!(found("limits", |_, facts| facts.descriptors = Some(limit)), CheckLabel::Silent);
}

#[test]
fn connect_fires_at_one_repeated_syn() {
    assert_eq!(found("connect", |samples, _| samples[3].connect.syn_retransmits = Some(1)), CheckLabel::Note);
}

#[test]
fn connect_fires_when_connects_gather_at_the_kernels_retry_steps() {
    let label = found("connect", |samples, _| {
        for sample in &mut samples[..3] {
            sample.connect.syn_retransmits = None;
            sample.connect.total = Some(ms(1030.0));
        }
    });
    assert_eq!(label, CheckLabel::Note);
}

#[test]
fn connect_is_silent_when_two_connects_took_a_second_by_chance() {
    let label = found("connect", |samples, _| {
        samples[..2].iter_mut().for_each(|sample| sample.connect.total = Some(ms(1030.0)));
    });
    assert_eq!(label, CheckLabel::Silent);
}

#[test]
fn stale_fires_when_a_request_met_a_closed_connection() {
    let stale = failure(3, Outcome::StaleConnection, 1.0);
    assert_eq!(found("stale", |samples, _| samples[2] = stale), CheckLabel::Degraded);
}

#[test]
fn clock_fires_when_the_wall_clock_was_set() {
    assert_eq!(found("clock", |_, facts| facts.clock_set_ms = Some(3.0)), CheckLabel::Degraded);
    let mut facts = facts();
    facts.clock_set_ms = Some(3.0);
    let validity = Validity::of(&summary(&burst()), &facts);
    assert!(validity.metrics.values().all(|metric| metric.label == Label::Degraded), "{:?}", validity.metrics);
}

#[test]
fn clock_is_silent_when_it_only_ran() {
    assert_eq!(found("clock", |_, facts| facts.clock_set_ms = Some(0.0)), CheckLabel::Silent);
}

#[test]
fn stale_is_silent_when_a_closed_connection_was_replaced_before_the_barrier() {
    assert_eq!(found("stale", |_, facts| facts.stale_replaced = 3), CheckLabel::Silent);
}

#[test]
fn conservation_is_broken_by_one_lost_row() {
    assert_eq!(found("conservation", |_, facts| facts.rows = 49), CheckLabel::Invalid);
}

#[test]
fn conservation_holds_when_every_plan_has_its_row() {
    assert_eq!(found("conservation", |_, _| ()), CheckLabel::Silent);
}

#[test]
fn client_failed_makes_the_measurement_invalid() {
    let ours = failure(3, Outcome::ClientFailed, 1.0);
    assert_eq!(found("client_failed", |samples, _| samples[2] = ours), CheckLabel::Invalid);
}

#[test]
fn client_failed_is_silent_when_only_the_server_failed() {
    let theirs = failure(3, Outcome::HttpError, 900.0);
    assert_eq!(found("client_failed", |samples, _| samples[2] = theirs), CheckLabel::Silent);
}

#[test]
fn identity_fires_when_the_model_changed_since_pre_flight() {
    let label = found("identity", |_, facts| facts.preflight_model = Some("model-b".into()));
    assert_eq!(label, CheckLabel::NotComparable);
}

#[test]
fn identity_fires_when_two_fingerprints_answered() {
    let label = found("identity", |samples, _| {
        samples[0].fingerprint = Some("fp_1".into());
        samples[1].fingerprint = Some("fp_2".into());
    });
    assert_eq!(label, CheckLabel::NotComparable);
}

#[test]
fn identity_is_silent_when_one_model_answered_or_none_was_named() {
    assert_eq!(found("identity", |_, _| ()), CheckLabel::Silent);
    let nameless = |samples: &mut Vec<Sample>, _: &mut ClientFacts| {
        samples.iter_mut().for_each(|sample| sample.served_model = None);
    };
    assert_eq!(found("identity", nameless), CheckLabel::Silent);
}

#[test]
fn caching_fires_at_cached_tokens_and_at_equal_long_answers() {
    assert_eq!(found("caching", |samples, _| samples[0].tokens.cached = Some(16)), CheckLabel::Note);
    assert_eq!(found("caching", |samples, _| samples[0].answer_hash = samples[1].answer_hash), CheckLabel::Note);
}

#[test]
fn caching_is_silent_when_short_answers_are_equal() {
    let label = found("caching", |samples, _| {
        for sample in samples {
            sample.answer_hash = Some(1);
            sample.answer_chars = Some(6);
        }
    });
    assert_eq!(label, CheckLabel::Silent);
}

#[test]
fn buffered_fires_when_streams_came_at_once_and_degrades_what_a_stream_tells() {
    let mut samples = burst();
    samples[..5].iter_mut().for_each(|sample| sample.reads = 1);
    let validity = Validity::of(&summary(&samples), &facts());
    assert_eq!(validity.check("buffered").unwrap().label, CheckLabel::Degraded);
    let labels = ["latency", "ttft", "gap"].map(|name| validity.metrics[name].label);
    assert_eq!(labels, [Label::Valid, Label::Degraded, Label::Degraded]);
    assert_eq!(validity.label, Label::Degraded);
}

#[test]
fn buffered_is_silent_when_short_streams_came_at_once() {
    let label = found("buffered", |samples, _| {
        for sample in &mut samples[..5] {
            sample.reads = 1;
            sample.events = 20;
        }
    });
    assert_eq!(label, CheckLabel::Silent);
}

#[test]
fn length_limited_fires_when_answers_were_cut_unasked() {
    assert_eq!(
        found("length_limited", |samples, _| samples[0].finish_reason = Some("length".into())),
        CheckLabel::Note
    );
}

#[test]
fn length_limited_is_silent_when_the_scenario_asks_for_a_length() {
    let mut samples = burst();
    samples[0].finish_reason = Some("length".into());
    let mut asked = subject();
    asked.length_asked = true;
    let validity = Validity::of(&Summary::of(asked, &tally(&samples)), &facts());
    assert_eq!(validity.check("length_limited").unwrap().label, CheckLabel::Silent);
}

#[test]
fn the_error_of_each_metric_is_made_of_what_can_spoil_it() {
    let mut facts = facts();
    facts.read_lag = Some(ReadLag { uncorrected: lag(9.0), left: lag(0.5), without_kernel_time: 0 });
    let [ttft_ms, ttfo_ms, tpot_ms, gap_ms, max_gap_ms] = [3.0, 4.0, 0.02, 30.0, 31.0].map(Some);
    facts.moves = Moves { ttft_ms, ttfo_ms, tpot_ms, gap_ms, max_gap_ms };
    let validity = Validity::of(&summary(&burst()), &facts);
    let told = validity.metrics.iter().map(|(name, metric)| (name.as_str(), metric.error_ms.unwrap(), metric.label));
    let expected = [
        ("gap", 30.5, Label::Invalid),
        ("latency", 0.5, Label::Valid),
        // Sent up to 5 ms after the barrier: that is our error of what a user waited.
        ("latency_from_due", 5.5, Label::Valid),
        ("max_gap", 31.5, Label::Invalid),
        ("tpot", 1.0 / 99.0 + 0.02, Label::Valid),
        ("ttfo", 4.5, Label::Degraded),
        ("ttft", 3.5, Label::Degraded),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    // The headline is valid, so the measurement is usable; that something is not is said in its first line.
    assert_eq!((validity.label, validity.broken()), (Label::Degraded, None));
}

#[test]
fn without_kernel_time_the_control_stream_is_the_error() {
    let mut facts = facts();
    facts.read_lag = None;
    facts.control_stream = Some(lag(80.0));
    let validity = Validity::of(&summary(&burst()), &facts);
    assert_eq!(validity.metrics["latency"].error_ms, Some(80.0));
    assert_eq!((validity.metrics["latency"].label, validity.label), (Label::Invalid, Label::Invalid));
}

#[test]
fn an_error_that_nothing_tells_degrades_and_a_metric_without_answers_has_no_label() {
    let mut facts = facts();
    (facts.read_lag, facts.control_stream) = (None, None);
    let failed: Vec<Sample> = (1..=50).map(|user| failure(user, Outcome::HttpError, 900.0)).collect();
    assert_eq!(Validity::of(&summary(&burst()), &facts).metrics["latency"].label, Label::Degraded);
    assert_eq!(Validity::of(&summary(&failed), &facts).metrics, BTreeMap::new());
}
