//! The sentence, the fraction and the order of blockers: one function for every face (law 9).

use crate::{Evaluation, RangeBase, Release, ReleaseState, RequirementResult, Summary, Verdict};

/// Blocking requirements that are not met, worst first, then in the order of the criteria.
/// Those that are merely not due yet come last.
#[must_use]
pub fn open_items(evaluation: &Evaluation) -> Vec<&RequirementResult> {
    let mut open: Vec<&RequirementResult> =
        evaluation.requirements.iter().filter(|r| r.blocking && !r.verdict.opens_gate()).collect();
    open.sort_by_key(|r| (r.pending, std::cmp::Reverse(r.verdict)));
    open
}

/// `2.4.1 is 85% certified — missing QA sign-off.`
///
/// A percentage never stands alone: what is in the way is named, at most two things and a count.
#[must_use]
pub fn sentence(release: &Release, evaluation: &Evaluation) -> String {
    let s = evaluation.summary;
    let version = &release.version;
    if s.counted == 0 {
        return format!("{version} has no requirements to meet, so nothing can be certified.");
    }
    let open = open_items(evaluation);
    let blocking: Vec<&&RequirementResult> = open.iter().filter(|r| !r.pending).collect();
    let mut text = if blocking.is_empty() {
        let exceptions = match s.excepted {
            0 => String::new(),
            n => format!(", {n} by exception"),
        };
        let waiting = match s.pending {
            0 => String::new(),
            _ => format!(" before deployment; {} comes after it", names(&open)),
        };
        let ready = match (&release.decided_against, release.certified_at) {
            (Some(_), _) => "not certified",
            (None, Some(_)) => "certified",
            (None, None) => "ready to certify",
        };
        format!("{version} is {ready} — {} of {} requirements met{exceptions}{waiting}.", s.met, s.counted)
    } else {
        let owned: Vec<&RequirementResult> = blocking.iter().map(|r| **r).collect();
        format!("{version} is {}% certified — {}.", s.percent, names(&owned))
    };
    if let Some(against) = &release.decided_against {
        text.push_str(if against.withdrew { " Its certification was withdrawn." } else { " It was rejected." });
    }
    if release.ungated {
        text.push_str(" It reached production without a valid decision.");
    }
    if release.state == ReleaseState::RolledBack {
        text.push_str(" It was taken back out of production.");
    }
    text
}

/// Where the range of a release ends; nothing for one that is not cut.
///
/// `Its range ends at 2.4.0, which is certified.`
#[must_use]
pub fn range(release: &Release) -> Option<String> {
    release.commit.as_ref()?;
    let ends: Vec<String> = release.bases.iter().map(RangeBase::words).collect();
    let ends = ends.join(", and at ");
    let includes = match release.includes.as_slice() {
        [] => String::new(),
        some => format!(" It includes what {} brought, on which nobody had decided.", some.join(", ")),
    };
    let range = match (release.range_partial, ends.is_empty()) {
        (false, true) => match &release.previous {
            Some(previous) => format!("Its range ends at {previous}, as a checkout told it."),
            None => "Its range reaches back to the beginning of the history.".to_owned(),
        },
        (false, false) => format!("Its range ends at {ends}."),
        (true, true) => {
            "Its range could not be followed to a release that was judged before, or to a baseline.".to_owned()
        }
        (true, false) => format!("Its range ends at {ends}; elsewhere it could not be followed to its end."),
    };
    Some(range + &includes)
}

/// `missing QA sign-off, failed dependency scan and 2 more`.
fn names(items: &[&RequirementResult]) -> String {
    let word = |r: &RequirementResult| match (r.pending, r.verdict) {
        (true, _) => "",
        (_, Verdict::Failed) => "failed ",
        (_, Verdict::Indeterminate) => "could not tell ",
        _ => "missing ",
    };
    // One leading word serves the items behind it until the word changes.
    let mut parts: Vec<String> = Vec::new();
    let mut last = None;
    for item in items.iter().take(2) {
        let lead = word(item);
        let title = lower_first(&item.title);
        parts.push(if last == Some(lead) { title } else { format!("{lead}{title}") });
        last = Some(lead);
    }
    match (parts.len(), items.len().saturating_sub(2)) {
        (2, 0) => parts.join(" and "),
        (_, 0) => parts.concat(),
        (_, more) => format!("{} and {more} more", parts.join(", ")),
    }
}

/// `Code review` → `code review`, and `QA sign-off` stays as it is.
fn lower_first(title: &str) -> String {
    let mut chars = title.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            format!("{}{}", first.to_lowercase(), &title[first.len_utf8()..])
        }
        _ => title.to_owned(),
    }
}

/// `17 of 20 requirements met (1 by exception) · 1 missing · 1 failed`.
#[must_use]
pub fn fraction(s: &Summary) -> String {
    let mut text = format!("{} of {} requirements met", s.met, s.counted);
    if s.excepted > 0 {
        text.push_str(&format!(" ({} by exception)", s.excepted));
    }
    for (count, word) in
        [(s.missing, "missing"), (s.failed, "failed"), (s.indeterminate, "could not tell"), (s.pending, "not due yet")]
    {
        if count > 0 {
            text.push_str(&format!(" · {count} {word}"));
        }
    }
    text
}

/// The standing printed on the cover of a dossier (compliance §5.1, section 0).
#[must_use]
pub const fn standing(release: &Release, conditions: bool) -> &'static str {
    match release.state {
        ReleaseState::Certified | ReleaseState::Shipped | ReleaseState::RolledBack
            if release.certified_at.is_some() =>
        {
            if conditions {
                "Certified with exceptions"
            } else {
                "Certified"
            }
        }
        _ if release.decided_against.is_some() => "Rejected",
        _ => "Not certified",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cause, ExceptionId, ReleaseId, ReleaseType, Snapshot, Time};

    fn release() -> Release {
        Release {
            id: ReleaseId::from_stored("rel_1"),
            product: "payments-api".into(),
            version: "2.4.1".into(),
            release_type: ReleaseType::Normal,
            state: ReleaseState::Cut,
            repository: None,
            branch: None,
            commit: None,
            previous: None,
            digests: vec![],
            created_at: Time::default(),
            cut_at: None,
            certified_at: None,
            shipped_at: None,
            planned_at: None,
            range_partial: false,
            bases: Vec::new(),
            includes: Vec::new(),
            ungated: false,
            emergency: None,
            decided_against: None,
            looked_back: Vec::new(),
        }
    }

    fn evaluation(items: &[(&str, Verdict, bool)]) -> Evaluation {
        let requirements: Vec<RequirementResult> = items
            .iter()
            .map(|(title, verdict, pending)| RequirementResult {
                id: title.to_lowercase(),
                title: (*title).to_owned(),
                verdict: *verdict,
                cause: Cause::Satisfied,
                sentence: String::new(),
                fix: String::new(),
                blocking: true,
                pending: *pending,
                rows: vec![],
            })
            .collect();
        Evaluation {
            schema: Evaluation::SCHEMA.into(),
            snapshot: Snapshot {
                release: ReleaseId::from_stored("rel_1"),
                log_position: 1,
                decision_time: Time::default(),
                criteria: "standard".into(),
                criteria_version: "1".into(),
                criteria_digest: String::new(),
                evaluator: String::new(),
                exceptions: Vec::<ExceptionId>::new(),
                evidence_count: 0,
                next: false,
            },
            summary: Evaluation::summarise(&requirements),
            requirements,
            rules: vec![],
        }
    }

    #[test]
    fn the_sentence_names_what_is_in_the_way() {
        use Verdict::{Excepted, Failed, Indeterminate, Missing, NotApplicable, Passed};
        let check = |items: &[(&str, Verdict, bool)], expected: &str| {
            assert_eq!(sentence(&release(), &evaluation(items)), expected);
        };
        check(
            &[("Tests", Passed, false), ("QA sign-off", Missing, false)],
            "2.4.1 is 50% certified — missing QA sign-off.",
        );
        check(
            &[("Tests", Passed, false), ("Code review", Missing, false), ("Work items", Failed, false)],
            "2.4.1 is 33% certified — failed work items and missing code review.",
        );
        check(
            &[("One", Missing, false), ("Two", Missing, false), ("Six", Missing, false), ("Ten", Indeterminate, false)],
            "2.4.1 is 0% certified — missing one, two and 2 more.",
        );
        check(
            &[("Tests", Passed, false), ("Dast", Excepted, false), ("Iac", NotApplicable, false)],
            "2.4.1 is ready to certify — 2 of 2 requirements met, 1 by exception.",
        );
        check(
            &[("Tests", Passed, false), ("Check after deployment", Missing, true)],
            "2.4.1 is ready to certify — 1 of 2 requirements met before deployment; check after deployment comes after it.",
        );
        check(&[], "2.4.1 has no requirements to meet, so nothing can be certified.");
    }

    #[test]
    fn what_was_certified_and_taken_back_says_both() {
        let taken_back =
            Release { state: ReleaseState::RolledBack, certified_at: Some(Time::from_micros(0)), ..release() };
        assert_eq!(
            sentence(&taken_back, &evaluation(&[("Tests", Verdict::Passed, false)])),
            "2.4.1 is certified — 1 of 1 requirements met. It was taken back out of production."
        );
    }

    #[test]
    fn percent_is_rounded_down_and_full_only_when_all_is_met() {
        let mut items = vec![("Tests", Verdict::Passed, false); 199];
        items.push(("Last", Verdict::Missing, false));
        assert_eq!(evaluation(&items).summary.percent, 99);
    }

    #[test]
    fn an_evaluation_without_requirements_opens_nothing() {
        assert!(!evaluation(&[]).opens(true));
    }
}
