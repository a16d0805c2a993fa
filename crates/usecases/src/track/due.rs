//! When findings of a product are due: by the clocks of its criteria, and what people said of them.

use certrail_domain::{Assessment, Deadline, Graded, Limits, Time, facts::Level};
use certrail_store::{
    StoreError, Tx,
    tables::{
        finding_decisions,
        findings::{self, Standing},
        products,
    },
};

use crate::{
    criteria_sets::CriteriaSets,
    doubts::Doubts,
    engine::{Batch, Fault},
};

/// What due dates of a product's findings follow from, as known at a position.
pub(crate) struct Dues {
    limits: Limits,
    position: u64,
    doubts: Doubts,
    /// Somebody said something about a finding of the product at all.
    assessed: bool,
}

/// A finding as clocks look at it.
#[derive(Clone, Copy)]
pub(crate) struct Running {
    pub(crate) seq: i64,
    pub(crate) level: Level,
    pub(crate) exploited: bool,
    /// When its clock started.
    pub(crate) from: Time,
    /// The entry that started it.
    pub(crate) since: u64,
}

impl Running {
    pub(crate) const fn of(standing: &Standing) -> Self {
        let Standing { seq, level, exploited, clock_from: from, clock_entry: since, .. } = *standing;
        Self { seq, level, exploited, from, since }
    }
}

impl Dues {
    pub(crate) fn of(tx: &Tx<'_>, sets: &CriteriaSets, product: &str, position: u64) -> Result<Self, StoreError> {
        let limits = match products::get(tx, product)? {
            Some(product) => sets.in_force(tx, &product.criteria, position)?.0.limits(),
            None => Limits::default(),
        };
        Ok(Self {
            limits,
            position,
            doubts: Doubts::at(tx, position)?,
            assessed: finding_decisions::any_triage(tx, product)?,
        })
    }

    /// What every clock says, the earliest first.
    pub(crate) fn deadlines(&self, tx: &Tx<'_>, finding: Running) -> Result<Vec<Deadline>, StoreError> {
        let known = if self.assessed { assessed_at(tx, finding.seq, self.position)? } else { None };
        Ok(self.given(finding, known.as_ref()))
    }

    /// The same, were that what is known of it.
    pub(crate) fn given(&self, finding: Running, known: Option<&(Assessment, Time)>) -> Vec<Deadline> {
        let Running { level, exploited, from, since, .. } = finding;
        let detected = self.doubts.latest(since, from);
        self.limits.deadlines(&Graded { level, exploited, detected, assessed: known.map(|(a, at)| (a, *at)) })
    }

    /// When it is due.
    pub(crate) fn due(&self, tx: &Tx<'_>, finding: Running) -> Result<Option<Time>, StoreError> {
        Ok(self.deadlines(tx, finding)?.first().map(|d| d.at))
    }

    /// When something is due of which nobody can have said anything yet.
    pub(crate) fn due_new(&self, finding: Running) -> Option<Time> {
        self.given(finding, None).first().map(|d| d.at)
    }
}

/// What was known of a finding before a position beyond what scanners tell, and since when.
pub(crate) fn assessed_at(tx: &Tx<'_>, seq: i64, position: u64) -> Result<Option<(Assessment, Time)>, StoreError> {
    let told = finding_decisions::triaged_at(tx, seq, position)?.filter(|t| !t.assessment.is_empty());
    Ok(told.map(|t| (t.assessment, t.assessed_at.unwrap_or(t.at))))
}

/// Findings looked at again in one commit.
const CHUNK: u64 = 5_000;

/// Works out the due dates of a product's findings again, behind a row; returns where to go on, if there is more.
pub(crate) fn due_again(batch: &Batch<'_>, product: &str, after: i64) -> Result<Option<i64>, Fault> {
    let dues = Dues::of(batch.tx, batch.criteria, product, batch.next_index())?;
    let rows = findings::of_product(batch.tx, product, after, CHUNK)?;
    for seq in &rows {
        let standing = findings::standing_of(batch.tx, *seq)?;
        findings::set_due(batch.tx, *seq, dues.due(batch.tx, Running::of(&standing))?)?;
    }
    Ok(rows.last().copied().filter(|_| rows.len() as u64 == CHUNK))
}
