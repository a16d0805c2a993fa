//! What can be worked out about the findings of a report before the commit that takes it in.

use std::collections::{HashMap, hash_map::Entry};

use certrail_domain::{
    FindingId, Key, Time,
    facts::{AllFindings, BandPolicy, FindingSeen, Level, Scan, ScanKind},
};
use certrail_ledger::{hex, sha256};
use certrail_store::{StoreError, tables::findings};

/// What is known of a fingerprint that a report has once or more often.
struct Mark {
    /// The gravest.
    level: Level,
    exploited: bool,
    /// At one place at least it is not left out.
    shown: bool,
    /// It was handed on, on the second reading.
    given: bool,
}

/// What a report holds, by one reading of it: the digest of all of its findings, and how grave each fingerprint is.
pub(crate) struct Gathered {
    product: String,
    hasher: aws_lc_rs::digest::Context,
    count: u64,
    /// Why one of them could not be hashed: then the digest is of none.
    failed: Option<String>,
    marks: HashMap<[u8; 16], Mark>,
    /// The first of each kind in the order of the report, as long as they are no more than are held.
    few: Option<Vec<FindingSeen>>,
    hold: usize,
}

impl Gathered {
    /// Nothing yet, for a product. Of a report with more than `hold` fingerprints none is held.
    pub(crate) fn new(product: &str, hold: usize) -> Self {
        Self {
            product: product.to_owned(),
            hasher: aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256),
            count: 0,
            failed: None,
            marks: HashMap::new(),
            few: Some(Vec::new()),
            hold,
        }
    }

    /// Takes one. The same fingerprint again is the same finding at another place.
    pub(crate) fn take(&mut self, seen: FindingSeen) {
        self.count += 1;
        match serde_json::to_vec(&seen) {
            Ok(line) => {
                self.hasher.update(&line);
                self.hasher.update(b"\n");
            }
            Err(e) => self.failed = Some(e.to_string()),
        }
        let (level, exploited, shown) = (seen.level, seen.is_exploited(), seen.suppressed.is_none());
        match self.marks.entry(key(&self.product, &seen.fingerprint)) {
            Entry::Occupied(known) => {
                let known = known.into_mut();
                known.level = known.level.max(level);
                known.exploited |= exploited;
                // Left out at one place and not at another: it is there.
                known.shown |= shown;
            }
            Entry::Vacant(new) => {
                new.insert(Mark { level, exploited, shown, given: false });
                match &mut self.few {
                    Some(few) if few.len() < self.hold => few.push(seen),
                    many => *many = None,
                }
            }
        }
    }

    /// What commits the log to all of them.
    ///
    /// # Errors
    /// When one of them could not be hashed.
    pub(crate) fn all(&self) -> Result<Option<AllFindings>, StoreError> {
        if let Some(why) = &self.failed {
            return Err(StoreError::Damaged(why.clone()));
        }
        let digest = hex(self.hasher.clone().finish().as_ref());
        Ok((self.count > 0).then_some(AllFindings { count: self.count, different: self.marks.len() as u64, digest }))
    }

    /// Ready for the commit that takes the report in.
    ///
    /// # Errors
    /// When a finding cannot be written as JSON, which does not happen.
    pub(crate) fn prepare(
        mut self,
        scan: &Scan,
        sent: (&str, &[Key]),
        occurred: Option<Time>,
        policy: BandPolicy,
    ) -> Result<Prepared, StoreError> {
        let few = self.held().map(|few| few.into_iter().filter_map(|seen| self.give(seen).transpose()).collect());
        Ok(Prepared { few: few.transpose()?, ..Prepared::of(scan, &self.product, sent, occurred, policy) })
    }

    /// What is held, if it is all: to be handed on by [`Self::give`].
    pub(crate) fn held(&mut self) -> Option<Vec<FindingSeen>> {
        self.few.take()
    }

    /// The first of each kind on a second reading, at its gravest; nothing for what came before.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which does not happen.
    pub(crate) fn give(&mut self, mut seen: FindingSeen) -> Result<Option<Ready>, StoreError> {
        let key = key(&self.product, &seen.fingerprint);
        let Some(mark) = self.marks.get_mut(&key).filter(|mark| !mark.given) else { return Ok(None) };
        mark.given = true;
        seen.level = mark.level;
        if mark.exploited {
            seen.severity.known_exploited = Some(true);
        }
        if mark.shown {
            seen.suppressed = None;
        }
        let document = findings::document(&seen)?;
        Ok(Some(Ready { key, level: seen.level, suppressed: seen.is_left_out(), document, seen }))
    }
}

/// A scan of a product, ready for the commit.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) product: String,
    pub(crate) kind: ScanKind,
    pub(crate) scope: String,
    /// The scan itself, without its findings.
    scan: Box<Scan>,
    /// When it was made, by its sender.
    occurred: Option<Time>,
    /// What its sender named.
    named: Vec<Key>,
    /// What decided how grave its findings are.
    pub(crate) policy: BandPolicy,
    /// What it saw, where that is few.
    pub(crate) few: Option<Vec<Ready>>,
}

impl Prepared {
    /// What a scan of a product says of itself, sent from a source for what is named.
    pub(crate) fn of(
        scan: &Scan,
        product: &str,
        (source, named): (&str, &[Key]),
        occurred: Option<Time>,
        policy: BandPolicy,
    ) -> Self {
        Self {
            named: named.to_vec(),
            product: product.to_owned(),
            kind: scan.scan,
            scope: scan.answers_for(source),
            scan: Box::new(Scan { findings: Vec::new(), ..scan.clone() }),
            occurred,
            policy,
            few: None,
        }
    }

    /// Whether it closes what it does not see, received then.
    pub(crate) fn closes(&self, received: Time) -> bool {
        self.scan.closes(&self.named, received, self.occurred)
    }

    /// When it was made, received then.
    pub(crate) fn made_at(&self, received: Time) -> Time {
        self.scan.made_at(received, self.occurred)
    }
}

/// A finding of it.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) key: [u8; 16],
    pub(crate) level: Level,
    pub(crate) suppressed: bool,
    pub(crate) document: String,
    pub(crate) seen: FindingSeen,
}

/// The key in the id of a finding.
pub(crate) fn key_in(id: &FindingId) -> Result<[u8; 16], StoreError> {
    FindingId::key_in(id.as_str()).ok_or_else(|| StoreError::Damaged(format!("{id} is no id of a finding")))
}

/// The key of a finding: the first half of a digest of product and fingerprint.
pub(crate) fn key(product: &str, fingerprint: &str) -> [u8; 16] {
    let digest = sha256(format!("{product}\n{fingerprint}").as_bytes());
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    key
}
