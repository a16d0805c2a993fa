//! Deployments to production that began and are not known to have succeeded.

use certrail_criteria::{Certification, Refusal};
use certrail_domain::{Cause, Verdict};

use super::{
    case::{Case, IMAGE, at},
    change, deployed,
};

fn tried(states: &[(i64, &str)]) -> Case {
    states
        .iter()
        .fold(change(Case::new()), |case, (minute, state)| case.with(*minute, deployed("production", "1", state, true)))
}

#[test]
fn what_began_without_a_decision_leaves_a_trace_however_it_ended() {
    let ask = "certified-first";
    tried(&[(60, "requested")]).gives(ask, Verdict::Missing, Cause::NotYet);
    let silent = tried(&[(60, "requested"), (61, "started")]);
    silent.gives(ask, Verdict::Failed, Cause::Absent);
    tried(&[(60, "started"), (70, "failed")]).gives(ask, Verdict::Failed, Cause::Absent);
    tried(&[(70, "failed")]).gives(ask, Verdict::Failed, Cause::Absent);
    // Called off before it began.
    tried(&[(60, "requested"), (70, "failed")]).gives(ask, Verdict::Missing, Cause::NotYet);
    let mut under_way = tried(&[(60, "started")]);
    under_way.now = at(100);
    under_way.gives(ask, Verdict::Missing, Cause::NotYet);
    // The honest twin: it was certified before it began, and then failed or is still under way.
    let mut certified = tried(&[(60, "started"), (70, "failed")]);
    certified.certifications.push(Certification {
        log_index: 500,
        at: at(30),
        passed: true,
        digests: vec![IMAGE.into()],
    });
    certified.gives(ask, Verdict::Missing, Cause::NotYet);
}

#[test]
fn a_gate_that_said_no_stopped_what_ended_then() {
    let ask = "certified-first";
    let refused = |minute: i64, environment: &str, states: &[(i64, &str)]| {
        let mut case = tried(states);
        case.refusals.push(Refusal { environment: environment.into(), at: at(minute) });
        case
    };
    let ended = [(60, "started"), (70, "failed")];
    refused(65, "Production", &ended).gives(ask, Verdict::Missing, Cause::NotYet);
    // Of another place or time it stopped nothing, and what did not end was not stopped.
    refused(65, "staging", &ended).gives(ask, Verdict::Failed, Cause::Absent);
    refused(20, "production", &ended).gives(ask, Verdict::Failed, Cause::Absent);
    refused(90, "production", &ended).gives(ask, Verdict::Failed, Cause::Absent);
    refused(65, "production", &[(60, "started")]).gives(ask, Verdict::Failed, Cause::Absent);
}
