//! What of a criteria set becomes weaker with another one in its place, in words: whoever approves the other one reads this.

use certrail_domain::facts::{ScanKind, same_environment};

use crate::{APPROVAL_DAYS, Criteria, Requirement, Rule};

/// What `after` asks for less than `before`, a sentence each, in the order of `before`. What cannot be compared, since something
/// else is checked, counts as weaker: nobody but a person can tell.
#[must_use]
pub fn weaker(before: &Criteria, after: &Criteria) -> Vec<String> {
    let mut out = Vec::new();
    for was in &before.requirements {
        match after.requirements.iter().find(|is| is.id == was.id) {
            None => out.push(format!("{} (`{}`) is asked for no more.", was.title, was.id)),
            Some(is) => out.extend(of_requirement(was, is).into_iter().map(|what| format!("`{}` {what}", was.id))),
        }
    }
    let new = after.requirements.iter().filter(|is| before.requirements.iter().all(|was| was.id != is.id));
    out.extend(new.filter_map(|is| asks_less(before, is)));
    out.extend(
        named(after).filter(|name| !named(before).any(|known| same_environment(known, name))).map(own_environment),
    );
    out
}

/// The environments that a set names besides production.
fn named(set: &Criteria) -> impl Iterator<Item = &str> {
    let names = set.requirements.iter().filter_map(|r| r.check.environment());
    names.filter(|name| !same_environment(name, Rule::PRODUCTION))
}

/// What follows where an environment is named that was none so far: what nobody names is asked as production.
#[must_use]
pub fn own_environment(name: &str) -> String {
    format!("`{name}` is asked as an environment of its own, and was asked as production so far, if at all.")
}

/// What a requirement that is new lets through that the gate itself asks where the criteria say nothing.
fn asks_less(before: &Criteria, is: &Requirement) -> Option<String> {
    let none = |what: fn(&Rule) -> bool| before.requirements.iter().all(|was| !what(&was.check));
    let Requirement { id, check, applies, .. } = is;
    match check {
        Rule::Approval { environment, validity_days } => {
            let of_it = |was: &Requirement| {
                was.check.is_approval() && was.check.environment().is_some_and(|of| same_environment(of, environment))
            };
            let longer = *validity_days > APPROVAL_DAYS || applies.is_some();
            (longer && !before.requirements.iter().any(of_it)).then(|| {
                format!("`{id}` is asked for in place of an approval of {APPROVAL_DAYS} days for every release.")
            })
        }
        check if check.is_about_quality() && none(Rule::is_about_quality) => {
            Some(format!("With `{id}` the gate `quality`, which was closed as nothing was asked, may open."))
        }
        _ => None,
    }
}

fn of_requirement(was: &Requirement, is: &Requirement) -> Vec<String> {
    let mut out = Vec::new();
    // Dossiers say what was met by its title.
    if was.title != is.title {
        out.push(format!("is called “{}”, and was called “{}”.", is.title, was.title));
    }
    if was.blocking && !is.blocking {
        out.push("keeps no gate closed any more.".to_owned());
    }
    match (&was.applies, &is.applies) {
        (was, is) if was == is => {}
        (_, None) => {}
        (None, Some(is)) => out.push(format!("applies only where {is}.")),
        (Some(was), Some(is)) => out.push(format!("applies where {is}, and applied where {was}.")),
    }
    out.extend(of_check(&was.check, &is.check));
    let served = was.controls.iter().filter(|control| !is.controls.contains(control));
    out.extend(served.map(|control| format!("serves the control {control} no more.")));
    out
}

fn of_check(was: &Rule, is: &Rule) -> Vec<String> {
    let mut said = Said::default();
    match (was, is) {
        (Rule::WorkItem, Rule::WorkItem)
        | (Rule::Sbom, Rule::Sbom)
        | (Rule::RollbackTarget, Rule::RollbackTarget)
        | (Rule::Exceptions, Rule::Exceptions)
        | (Rule::CertifiedFirst, Rule::CertifiedFirst) => {}
        (Rule::Review { approvals: was }, Rule::Review { approvals: is }) => said.at_least("approvals", *was, *is),
        (
            Rule::BranchProtection { reviews: was, max_gap_days: was_gap },
            Rule::BranchProtection { reviews: is, max_gap_days: gap },
        ) => {
            said.at_least("reviews required by the forge", *was, *is);
            said.at_most("days without a word on protection", *was_gap, *gap);
        }
        (Rule::Tests { suites: was }, Rule::Tests { suites: is }) => {
            for suite in was.iter().filter(|suite| !is.contains(suite)) {
                said.other(format!("asks for the suite {suite} no more."));
            }
            if was.is_empty() && !is.is_empty() {
                said.other(format!("looks at {} alone; every suite that ran had to pass.", is.join(", ")));
            }
        }
        (Rule::Coverage { lines_percent: was }, Rule::Coverage { lines_percent: is }) => {
            said.at_least("lines covered in a hundred", *was, *is);
        }
        (
            Rule::Scan {
                of: was_of,
                target: was_target,
                max_age_days: was_age,
                max_database_age_days: was_base,
                max_findings: was_most,
            },
            Rule::Scan { of, target, max_age_days, max_database_age_days, max_findings },
        ) => {
            let names = |kinds: &[ScanKind]| kinds.iter().map(|k| k.name()).collect::<Vec<_>>().join(", ");
            // One kind more is another way to meet it; one less hides what that kind found.
            if of.iter().any(|kind| !was_of.contains(kind)) || was_of.iter().any(|kind| !of.contains(kind)) {
                said.other(format!("is met by {}, and was met by {}.", names(of), names(was_of)));
            }
            if target != was_target {
                said.other("looks at another object.".to_owned());
            }
            said.at_most("days of age of a scan", *was_age, *max_age_days);
            said.at_most("days of age of its database", *was_base, *max_database_age_days);
            match (was_most, max_findings) {
                (Some(was), Some(is)) => said.at_most("findings", *was, *is),
                (Some(was), None) => said.other(format!("limits the number of findings no more; {was} were allowed.")),
                (None, _) => {}
            }
        }
        (Rule::Findings { .. }, Rule::Findings { .. }) => {
            if let (Some(was), Some(is)) = (was.limits(), is.limits()) {
                for clock in was.clocks.iter().filter(|clock| !is.clocks.contains(clock)) {
                    said.other(format!("holds findings to the clock `{}` no more.", clock.name()));
                }
                said.at_most("days for critical findings", was.own.critical, is.own.critical);
                said.at_most("days for high findings", was.own.high, is.own.high);
                said.at_most("days for medium findings", was.own.medium, is.own.medium);
                said.at_most("days for low findings", was.own.low, is.own.low);
            }
        }
        (Rule::SignOff { meaning: was }, Rule::SignOff { meaning: is }) => {
            if was != is {
                said.other(format!("asks for a sign-off of `{is}` instead of `{was}`."));
            }
        }
        (
            Rule::Approval { environment: was_at, validity_days: was },
            Rule::Approval { environment, validity_days: is },
        ) => {
            said.environment(was_at, environment);
            said.at_most("days for which an approval holds", *was, *is);
        }
        (
            Rule::Validation { environment: was_at, within_hours: was },
            Rule::Validation { environment, within_hours: is },
        ) => {
            said.environment(was_at, environment);
            said.at_most("hours until it has to be checked", *was, *is);
        }
        (Rule::Evidence { of: was_of, r#where: was }, Rule::Evidence { of, r#where: is }) => {
            if (was_of, was) != (of, is) {
                said.other(format!("is met by a `{of}` where {is}, and was met by a `{was_of}` where {was}."));
            }
        }
        _ => said.other("checks something else.".to_owned()),
    }
    said.0
}

/// What was said so far of one requirement.
#[derive(Default)]
struct Said(Vec<String>);

impl Said {
    fn other(&mut self, what: String) {
        self.0.push(what);
    }

    /// A number of which more is stricter.
    fn at_least(&mut self, what: &str, was: u64, is: u64) {
        if is < was {
            self.0.push(format!("asks for fewer {what}: {is} instead of {was}."));
        }
    }

    /// A number of which less is stricter.
    fn at_most<N: PartialOrd + Copy + std::fmt::Display>(&mut self, what: &str, was: N, is: N) {
        if is > was {
            self.0.push(format!("allows more {what}: {is} instead of {was}."));
        }
    }

    fn environment(&mut self, was: &str, is: &str) {
        if was != is {
            self.0.push(format!("is about {is} instead of {was}."));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::STANDARD;

    fn becomes(replacements: &[(&str, &str)]) -> Vec<String> {
        let text = replacements.iter().fold(STANDARD.to_owned(), |text, (was, is)| {
            assert!(text.contains(was), "{was}");
            text.replacen(was, is, 1)
        });
        let set = |text: &str| Criteria::parse(text).expect("admitted");
        weaker(&set(STANDARD), &set(&text))
    }

    #[test]
    fn what_is_stricter_or_only_said_otherwise_is_not_weaker() {
        assert_eq!(becomes(&[]), Vec::<String>::new());
        assert_eq!(
            becomes(&[("approvals: 1", "approvals: 2"), ("high_days: 30", "high_days: 14")]),
            Vec::<String>::new()
        );
        assert_eq!(becomes(&[("why: ", "why: Since ")]), Vec::<String>::new());
    }

    #[test]
    fn an_environment_that_is_named_is_production_no_more() {
        let said = becomes(&[("kind: validation, environment: production,", "kind: validation, environment: live,")]);
        assert!(said.iter().any(|what| what.starts_with("`live` is asked as an environment of its own")), "{said:?}");
        let longer = |environment: &str| {
            let of = format!("kind: approval, environment: {environment}, validity_days: 30000");
            becomes(&[("kind: approval, environment: production, validity_days: 7", &of)])
        };
        assert!(!longer("production").is_empty());
    }

    #[test]
    fn what_asks_for_less_is_named() {
        for (was, is, says) in [
            ("approvals: 1", "approvals: 0", "`code-review` asks for fewer approvals: 0 instead of 1."),
            ("high_days: 30", "high_days: 60", "allows more days for high findings: 60 instead of 30."),
            ("lines_percent: 80", "lines_percent: 60", "asks for fewer lines covered in a hundred: 60 instead of 80."),
            ("kind: sbom", "kind: exceptions", "checks something else."),
            ("title: Certified before", "title: Certified twice before", "is called “Certified twice before"),
            ("suites: []", "suites: [smoke]", "looks at smoke alone; every suite that ran had to pass."),
            ("of: [sca, container]", "of: [sca]", "is met by sca, and was met by sca, container."),
        ] {
            let said = becomes(&[(was, is)]);
            assert!(said.len() == 1 && said[0].contains(says), "{was}: {said:?}");
        }
        let set = Criteria::parse(STANDARD).expect("admitted");
        let without = Criteria { requirements: set.requirements[1..].to_vec(), ..set.clone() };
        assert!(weaker(&set, &without)[0].ends_with("is asked for no more."));
        let mut free = set.clone();
        free.requirements[0].blocking = false;
        free.requirements[1].applies = Some("release.type == 'major'".to_owned());
        free.requirements[1].controls.clear();
        let said = weaker(&set, &free);
        assert!(
            said[0].ends_with("keeps no gate closed any more.") && said[1].contains("applies only where"),
            "{said:?}"
        );
        assert!(said.iter().any(|s| s.contains("serves the control")), "{said:?}");
    }
}
