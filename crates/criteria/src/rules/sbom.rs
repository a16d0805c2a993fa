//! T18: each artefact has a bill of materials of its own.

use certrail_domain::{Cause, Facts, Key, Row, Subject, Verdict, facts::Sbom};

use super::{
    Found, Scope,
    scan::{called, short_digest},
};
use crate::Evidence;

pub(super) fn check(scope: &Scope<'_>) -> Found {
    let sboms: Vec<(&Evidence, &Sbom)> = scope
        .newest_first()
        .filter_map(|e| match &e.signal.facts {
            Facts::Sbom(s) => Some((e, s)),
            _ => None,
        })
        .collect();
    if scope.input.release.digests.is_empty() {
        return Found::nothing(
            Verdict::Missing,
            Cause::NoSubjects,
            "The release names no artefact, so there is nothing to list the parts of.",
        );
    }
    let rows = scope
        .input
        .release
        .digests
        .iter()
        .map(|digest| {
            let key = Key::digest(digest);
            let name = format!("artefact {}", short_digest(digest));
            let own = sboms.iter().find(|(e, s)| s.subjects.contains(digest) || e.signal.named.contains(&key));
            let elsewhere = own.and_then(|(_, s)| {
                let subjects: Vec<Key> = s.subjects.iter().map(|d| Key::digest(d)).collect();
                Key::elsewhere(&subjects, std::slice::from_ref(&key))
            });
            let (verdict, cause, sentence) = match own {
                None if sboms.is_empty() => {
                    (Verdict::Missing, Cause::Absent, format!("We hold no bill of materials of {name}."))
                }
                None => (
                    Verdict::Missing,
                    Cause::WrongSubject,
                    format!("The bills of materials we hold are of other artefacts than {name}."),
                ),
                Some(_) if elsewhere.is_some() => {
                    let other = elsewhere.as_ref().map(called).unwrap_or_default();
                    let sentence = format!(
                        "The bill of materials names {other}, and its sender {name}; send one that names {name}."
                    );
                    (Verdict::Indeterminate, Cause::WrongSubject, sentence)
                }
                Some((_, s)) if s.components == 0 => {
                    (Verdict::Indeterminate, Cause::Empty, format!("The bill of materials of {name} lists nothing."))
                }
                Some((_, s)) => (
                    Verdict::Passed,
                    Cause::Satisfied,
                    format!("{} {} lists {} components of {name}.", s.format, s.spec_version, s.components),
                ),
            };
            Row {
                subject: Subject { id: key.to_string(), name },
                verdict,
                cause,
                sentence,
                inputs: own.iter().map(|(e, _)| e.id.clone()).collect(),
                exception: None,
            }
        })
        .collect();
    Found::rows(rows)
}
