//! When findings of a product are due: by the clocks of its criteria, and what people said of them.

use std::collections::HashMap;

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
    engine::{Batch, Fault},
};

/// What due dates of a product's findings follow from.
pub(crate) struct Dues {
    limits: Limits,
    assessed: HashMap<i64, (Assessment, Time)>,
}

impl Dues {
    /// As known at a position.
    pub(crate) fn of(tx: &Tx<'_>, sets: &CriteriaSets, product: &str, position: u64) -> Result<Self, StoreError> {
        let limits = match products::get(tx, product)? {
            Some(product) => sets.in_force(tx, &product.criteria, position)?.0.limits(),
            None => Limits::default(),
        };
        Ok(Self { limits, assessed: assessed_at(tx, product, position)? })
    }

    /// Takes in what was said of a finding just now.
    pub(crate) fn assess(&mut self, seq: i64, assessment: Assessment, at: Time) {
        self.assessed.insert(seq, (assessment, at));
    }

    /// What every clock says, the earliest first.
    pub(crate) fn deadlines(&self, seq: i64, level: Level, exploited: bool, detected: Time) -> Vec<Deadline> {
        let assessed = self.assessed.get(&seq).map(|(a, at)| (a, *at));
        self.limits.deadlines(&Graded { level, exploited, detected, assessed })
    }

    /// When it is due.
    pub(crate) fn due(&self, seq: i64, level: Level, exploited: bool, detected: Time) -> Option<Time> {
        self.deadlines(seq, level, exploited, detected).first().map(|d| d.at)
    }

    /// When a finding is due that stands like this.
    pub(crate) fn due_of(&self, standing: &Standing) -> Option<Time> {
        self.due(standing.seq, standing.level, standing.exploited, standing.clock_from)
    }
}

/// What was said last of each finding of a product before a position.
pub(crate) fn assessed_at(
    tx: &Tx<'_>,
    product: &str,
    position: u64,
) -> Result<HashMap<i64, (Assessment, Time)>, StoreError> {
    let told = finding_decisions::triaged_at(tx, product, position)?;
    Ok(told.into_iter().filter(|(_, t)| !t.assessment.is_empty()).map(|(seq, t)| (seq, (t.assessment, t.at))).collect())
}

/// Findings looked at again in one commit.
const CHUNK: u64 = 5_000;

/// Works out the due dates of a product's findings again, behind a row; returns where to go on, if there is more.
pub(crate) fn due_again(batch: &Batch<'_>, product: &str, after: i64) -> Result<Option<i64>, Fault> {
    let dues = Dues::of(batch.tx, batch.criteria, product, batch.next_index())?;
    let rows = findings::of_product(batch.tx, product, after, CHUNK)?;
    for seq in &rows {
        let standing = findings::standing_of(batch.tx, *seq)?;
        findings::set_due(batch.tx, *seq, dues.due_of(&standing))?;
    }
    Ok(rows.last().copied().filter(|_| rows.len() as u64 == CHUNK))
}
