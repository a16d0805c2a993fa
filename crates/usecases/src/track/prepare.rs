//! What can be worked out about the findings of a report before the commit that takes it in.

use std::collections::HashMap;

use certrail_domain::{
    FindingId, Time,
    facts::{AllFindings, FindingSeen, Level, Scan, ScanKind},
};
use certrail_ledger::{hex, sha256};
use certrail_store::{StoreError, tables::findings};

/// Findings as a reader hands them over, with the digest of all of them.
pub(crate) struct Gathered {
    hasher: aws_lc_rs::digest::Context,
    count: u64,
    /// Why one of them could not be hashed: then the digest is of none.
    failed: Option<String>,
    /// By fingerprint: the first of a kind in the order of the report, at its gravest.
    seen: Vec<FindingSeen>,
    by_fingerprint: HashMap<String, usize>,
}

impl Gathered {
    pub(crate) fn new() -> Self {
        Self {
            hasher: aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256),
            count: 0,
            failed: None,
            seen: Vec::new(),
            by_fingerprint: HashMap::new(),
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
        match self.by_fingerprint.get(&seen.fingerprint) {
            Some(&at) => {
                let known = &mut self.seen[at];
                known.level = known.level.max(seen.level);
                if seen.is_exploited() {
                    known.severity.known_exploited = Some(true);
                }
                // Left out at one place and not at another: it is there.
                if seen.suppressed.is_none() {
                    known.suppressed = None;
                }
            }
            None => {
                self.by_fingerprint.insert(seen.fingerprint.clone(), self.seen.len());
                self.seen.push(seen);
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
        Ok((self.count > 0).then_some(AllFindings { count: self.count, digest }))
    }

    /// Ready for the commit.
    ///
    /// # Errors
    /// When a finding cannot be written as JSON, which does not happen.
    pub(crate) fn prepare(
        self,
        scan: &Scan,
        product: &str,
        source: &str,
        occurred: Option<Time>,
    ) -> Result<Prepared, StoreError> {
        let mut list = Vec::with_capacity(self.seen.len());
        for seen in self.seen {
            list.push(Ready {
                key: key(product, &seen.fingerprint),
                level: seen.level,
                suppressed: seen.is_left_out(),
                document: findings::document(&seen)?,
                seen,
            });
        }
        Ok(Prepared {
            product: product.to_owned(),
            kind: scan.scan,
            scope: scan.answers_for(source),
            scan: Box::new(Scan { findings: Vec::new(), ..scan.clone() }),
            occurred,
            list,
        })
    }
}

/// The findings of a report, ready for the commit.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) product: String,
    pub(crate) kind: ScanKind,
    pub(crate) scope: String,
    /// The scan itself, without its findings.
    scan: Box<Scan>,
    /// When it was made, by its sender.
    occurred: Option<Time>,
    pub(crate) list: Vec<Ready>,
}

impl Prepared {
    /// Whether it closes what it does not see, received then.
    pub(crate) fn closes(&self, received: Time) -> bool {
        self.scan.closes(received, self.occurred)
    }

    /// When it was made, received then.
    pub(crate) fn made_at(&self, received: Time) -> Time {
        self.scan.made_at(received, self.occurred)
    }
}

/// One of them.
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
