//! What the state of a work item says, in a tracker's words: the work is wanted, it is not, or it may be either.

use certrail_domain::plain;

/// The work is not wanted. Letters alone, of one word or of some that stand together, anywhere in a state.
const REFUSED: [&str; 31] = [
    "rejected",
    "declined",
    "denied",
    "refused",
    "disapproved",
    "notapproved",
    "notaccepted",
    "notauthorised",
    "notauthorized",
    "notplanned",
    "notwanted",
    "nogo",
    "cancelled",
    "canceled",
    "abandoned",
    "withdrawn",
    "revoked",
    "removed",
    "stopped",
    "invalid",
    "duplicate",
    "wontdo",
    "wontfix",
    "willnotdo",
    "willnotfix",
    "cannotreproduce",
    "obsolete",
    "deferred",
    "outofscope",
    "unauthorised",
    "unauthorized",
];

/// The work is wanted, from its authorisation to its end.
const WANTED: [&str; 47] = [
    "authorised",
    "authorized",
    "approved",
    "accepted",
    "agreed",
    "open",
    "new",
    "todo",
    "ready",
    "selected",
    "scheduled",
    "planned",
    "assigned",
    "triaged",
    "active",
    "doing",
    "started",
    "inprogress",
    "development",
    "implementing",
    "implement",
    "review",
    "codereview",
    "peerreview",
    "underreview",
    "test",
    "testing",
    "qa",
    "uat",
    "verified",
    "fixed",
    "merged",
    "resolved",
    "done",
    "complete",
    "completed",
    "closed",
    "released",
    "deployed",
    "shipped",
    "live",
    "implemented",
    "delivered",
    "finished",
    "validated",
    "validation",
    "verification",
];

/// What may stand beside it and changes nothing. Whatever else does may change everything.
const BESIDE: [&str; 22] = [
    "in",
    "for",
    "to",
    "on",
    "at",
    "and",
    "the",
    "with",
    "release",
    "version",
    "prod",
    "production",
    "staging",
    "deploy",
    "deployment",
    "passed",
    "dev",
    "as",
    "merge",
    "ship",
    "code",
    "integration",
];

/// Words that are looked at together: `won't do`, `out of scope`.
const TOGETHER: usize = 4;

/// The words of a state: case, look-alikes and apostrophes tell none apart.
fn words(status: &str) -> Vec<String> {
    let plain = plain(status).replace(['\'', '’', '`'], "");
    plain.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Whether it says no, wherever it does: `Closed - Won't Do`, `Rejected by CAB`.
pub(super) fn is_refused(status: &str) -> bool {
    let words = words(status);
    let phrases = (0..words.len()).flat_map(|from| (1..=TOGETHER).map(move |n| (from, n)));
    let mut said = phrases.filter_map(|(from, n)| Some(words.get(from..from + n)?.concat()));
    said.any(|phrase| REFUSED.contains(&phrase.as_str()))
        || words.first().is_some_and(|first| REFUSED.iter().any(|no| first.starts_with(no)))
}

/// Whether it says yes and nothing that could take it back. Who it says did so, after `by` and up to the next sign, is for people
/// to read.
pub(super) fn is_wanted(status: &str) -> bool {
    if is_refused(status) {
        return false;
    }
    let clauses = status.split([',', ';', ':', '(', ')', '/', '|']).flat_map(|clause| clause.split(" - "));
    let said: Vec<bool> = clauses.filter(|clause| !clause.trim().is_empty()).map(is_yes).collect();
    said.iter().any(|yes| *yes) && said.iter().all(|yes| *yes)
}

fn is_yes(clause: &str) -> bool {
    let words = words(clause);
    let mut left: &[String] = words.split(|word| word == "by").next().unwrap_or_default();
    let mut any = false;
    while !left.is_empty() {
        let wanted = (1..=TOGETHER.min(left.len())).rev().find(|n| WANTED.contains(&left[..*n].concat().as_str()));
        let number = left[0].chars().all(|c| c.is_ascii_digit());
        any |= wanted.is_some();
        match wanted {
            Some(n) => left = &left[n..],
            None if number || BESIDE.contains(&left[0].as_str()) => left = &left[1..],
            None => return false,
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_says_yes_no_or_neither() {
        for wanted in [
            "Open",
            "To Do",
            "In Progress",
            "in-progress",
            "Ready for QA",
            "Ready for Prod",
            "Deployed",
            "In UAT",
            "QA passed",
            "Closed - Done",
            "Done (released)",
            "Fixed in 2.4.1",
            "Peer review",
            "Under review",
            "Approved by CAB",
            "Selected for development",
            "In Validation",
            "Closed as completed",
            "Ready to merge",
            "Code complete",
            "Integration testing",
            "RESOLVED",
        ] {
            assert!(is_wanted(wanted) && !is_refused(wanted), "{wanted}");
        }
        for refused in [
            "Rejected",
            "Won’t do",
            "wont-fix",
            "Closed - Won't Do",
            "Closed (rejected)",
            "Resolved: Won't Fix",
            "Not accepted",
            "Not authorised",
            "No go",
            "Stopped",
            "Rejected by CAB",
            "RejectedByCAB",
            "Done - duplicate",
            "Approved, then revoked",
            "Closed as out of scope",
        ] {
            assert!(is_refused(refused) && !is_wanted(refused), "{refused}");
        }
        for neither in [
            "",
            "?",
            "On hold",
            "Blocked",
            "Backlog",
            "To be approved",
            "Waiting for review",
            "Not done",
            "Not yet approved",
            "Partially approved",
            "Рейджектед",
            "Closed as spam",
            "by Tom",
            "Approved by the board, not by Tom",
            "Approved by dev, awaiting CAB",
            "Done by vendor, on hold",
            "7",
        ] {
            assert!(!is_refused(neither) && !is_wanted(neither), "{neither}");
        }
    }
}
