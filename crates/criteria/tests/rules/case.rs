//! A release with its evidence, put together step by step.

use std::{collections::BTreeMap, sync::Arc};

use certrail_criteria::{
    Certification, Criteria, Evaluated, Evidence, Identities, InScan, Input, Receipt, Refusal, STANDARD, Tracked,
    TrackedFinding, evaluate,
};
use certrail_domain::{
    BindRule, Cause, Evaluation, EvidenceId, Facts, FindingDecision, FindingId, Key, Product, Release, Signal, Time,
    Verdict,
};
use serde_json::{Value, json};

pub(crate) const NOON: i64 = 1_770_000_000_000_000;
pub(crate) const HEAD: &str = "1111111111111111111111111111111111111111";
pub(crate) const OLD: &str = "2222222222222222222222222222222222222222";
pub(crate) const MERGE: &str = "3333333333333333333333333333333333333333";
pub(crate) const IMAGE: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// Minutes after noon.
pub(crate) fn at(minutes: i64) -> Time {
    Time::from_micros(NOON + minutes * 60 * Time::SECOND)
}

/// A release with its evidence, put together step by step.
pub(crate) struct Case {
    pub(crate) release: Release,
    pub(crate) product: Product,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) context: Vec<Evidence>,
    pub(crate) people: Vec<(String, String)>,
    pub(crate) certifications: Vec<Certification>,
    pub(crate) refusals: Vec<Refusal>,
    pub(crate) joined: BTreeMap<String, u64>,
    pub(crate) known: Vec<String>,
    pub(crate) now: Time,
    pub(crate) criteria: String,
    pub(crate) decisions: Vec<FindingDecision>,
}

impl Case {
    pub(crate) fn new() -> Self {
        let release = json!({
            "id": "rel_01", "product": "pay", "version": "2.4.1", "release_type": "normal", "state": "cut",
            "repository": "acme/pay", "branch": "main", "commit": MERGE, "previous": null, "digests": [IMAGE],
            "created_at": at(-600).to_string(), "cut_at": at(0).to_string(), "certified_at": null,
            "shipped_at": null, "planned_at": null, "range_partial": false, "ungated": false,
        });
        Self {
            release: serde_json::from_value(release).unwrap(),
            product: Product::new("pay", Some("acme/pay")),
            evidence: Vec::new(),
            context: Vec::new(),
            people: Vec::new(),
            certifications: Vec::new(),
            refusals: Vec::new(),
            joined: BTreeMap::new(),
            known: Vec::new(),
            now: at(600),
            criteria: STANDARD.to_owned(),
            decisions: Vec::new(),
        }
    }

    /// Evidence that happened at a minute and was received then.
    pub(crate) fn with(self, minute: i64, facts: Value) -> Self {
        self.told(minute, facts, BindRule::Commit, None)
    }

    pub(crate) fn told(mut self, minute: i64, facts: Value, rule: BindRule, by: Option<&str>) -> Self {
        let log_index = self.evidence.len() as u64;
        let facts: Facts = serde_json::from_value(facts).unwrap();
        let signal = Signal {
            source: "github:acme/pay".into(),
            name: String::new(),
            known: certrail_domain::HowKnown::Observed,
            reach: certrail_domain::Extent::All,
            repositories: certrail_domain::Extent::All,
            occurred_at: Some(at(minute)),
            actor: by.map(certrail_domain::Actor::human),
            fact: None,
            part: certrail_domain::EvidencePart::default(),
            facts,
            named: vec![Key::commit(MERGE), Key::digest(IMAGE)],
            warnings: vec![],
        };
        let mut tail = [0; 10];
        tail[9] = u8::try_from(log_index).unwrap();
        self.evidence.push(Evidence {
            id: EvidenceId::new(at(minute), tail),
            log_index,
            received: at(minute),
            rule,
            receipt: Receipt::Known,
            duplicate_of: None,
            signal: Arc::new(signal),
        });
        self
    }

    /// What concerns its repository as a whole.
    pub(crate) fn beside(mut self, minute: i64, facts: Value) -> Self {
        self = self.with(minute, facts);
        self.context.extend(self.evidence.pop());
        self
    }

    /// The same, where everything of a kind was only reported.
    pub(crate) fn reported(mut self, kind: &str) -> Self {
        for e in self.evidence.iter_mut().filter(|e| e.signal.facts.kind() == kind) {
            Arc::make_mut(&mut e.signal).known = certrail_domain::HowKnown::Reported;
        }
        self
    }

    pub(crate) fn person(mut self, person: &str, accounts: &[&str]) -> Self {
        self.people.extend(accounts.iter().map(|a| ((*a).to_owned(), person.to_owned())));
        self
    }

    /// The evaluation. Whatever the case, the clock alone changes no verdict until the evaluation says that it could.
    pub(crate) fn judged(&self) -> Evaluation {
        let Evaluated { evaluation, valid_until, .. } = self.judged_at(self.now);
        let verdicts = |e: &Evaluation| -> Vec<_> {
            e.requirements
                .iter()
                .map(|r| (r.id.clone(), r.verdict, r.cause, r.rows.iter().map(|row| row.verdict).collect::<Vec<_>>()))
                .collect()
        };
        let ahead = valid_until.map_or(10 * 365 * Time::DAY, |until| until.since(self.now) - 1);
        for later in [0, ahead / 1000, ahead / 7, ahead / 2, ahead] {
            let then = self.judged_at(self.now.plus(later)).evaluation;
            assert_eq!(verdicts(&then), verdicts(&evaluation), "{later} µs later, valid until {valid_until:?}");
        }
        evaluation
    }

    fn judged_at(&self, now: Time) -> Evaluated {
        let criteria = Criteria::parse(&self.criteria).unwrap();
        let identities = Identities::new(self.people.clone());
        evaluate(
            &criteria,
            "digest",
            &Input {
                release: &self.release,
                product: &self.product,
                evidence: &self.evidence,
                context: &self.context,
                exceptions: &[],
                findings: &self.tracked(),
                certifications: &self.certifications,
                refusals: &self.refusals,
                joined: &self.joined,
                known_versions: &self.known,
                twins: &[],
                identities: &identities,
                log_position: 1000,
                next: false,
                decision_time: now,
            },
        )
    }

    /// What a store would know of the findings in the evidence.
    fn tracked(&self) -> Tracked {
        let mut tracked = Tracked::default();
        let mut rows: BTreeMap<String, i64> = BTreeMap::new();
        for e in &self.evidence {
            let Facts::Scan(scan) = &e.signal.facts else { continue };
            let mut list = Vec::new();
            for f in &scan.findings {
                let next = rows.len() as i64 + 1;
                let row = *rows.entry(f.fingerprint.clone()).or_insert(next);
                let id = finding_id(&f.fingerprint);
                tracked.known.entry(row).or_insert_with(|| TrackedFinding {
                    id: id.clone(),
                    name: f.name(),
                    detected: e.at(),
                    assessed: None,
                });
                let (exploited, suppressed) = (f.is_exploited(), f.suppressed.is_some());
                list.push(InScan { finding: row, level: f.level, exploited, suppressed });
                tracked.decisions.extend(
                    self.decisions.iter().filter(|d| d.is_about(&id, &f.fingerprint)).map(|d| (id.clone(), d.clone())),
                );
            }
            tracked.scans.insert(e.log_index, list);
        }
        tracked.decisions.sort_by(|a, b| (&a.0, &a.1.id).cmp(&(&b.0, &b.1.id)));
        tracked
    }

    /// Asserts how a requirement stands.
    #[track_caller]
    pub(crate) fn gives(&self, requirement: &str, verdict: Verdict, cause: Cause) {
        let evaluation = self.judged();
        let found = evaluation.requirements.iter().find(|r| r.id == requirement).unwrap();
        assert_eq!((found.verdict, found.cause), (verdict, cause), "{}", found.sentence);
    }
}

/// The id a store would give.
pub(crate) fn finding_id(fingerprint: &str) -> FindingId {
    let mut key = [0; 16];
    for (to, from) in key.iter_mut().zip(fingerprint.bytes()) {
        *to = from;
    }
    FindingId::of_key(&key)
}
