//! A VEX document taking shape.

use certrail_domain::{
    Facts, Time,
    facts::{Vex, VexStatement, VexStatus},
};

use crate::{Format, Reading, Validity, base::clip, definition::Context, out::notes::Notes};

/// A statement as a reader hands it over.
#[derive(Default)]
pub(super) struct Said {
    pub(super) vulnerability: String,
    pub(super) aliases: Vec<String>,
    pub(super) products: Vec<String>,
    /// The parts of the products that are spoken of.
    pub(super) subcomponents: Vec<String>,
    pub(super) justification: Option<String>,
    pub(super) statement: Option<String>,
    pub(super) at: Option<Time>,
}

/// A VEX document taking shape.
pub(super) struct VexReport {
    pub(super) vex: Vex,
    pub(super) faults: Notes,
    pub(super) warnings: Notes,
    pub(super) counts: std::collections::BTreeMap<&'static str, u64>,
    format: Format,
}

impl VexReport {
    pub(super) fn new(context: &Context<'_>, format: &str) -> Self {
        Self {
            vex: Vex {
                format: format.to_owned(),
                id: None,
                author: None,
                issued_at: None,
                total: 0,
                statements: Vec::new(),
            },
            faults: Notes::default(),
            warnings: Notes::default(),
            counts: std::collections::BTreeMap::new(),
            format: context.format,
        }
    }

    pub(super) const fn total(&self) -> u64 {
        self.vex.total
    }

    /// Takes a statement. A word that is none of the four is a fault, and the statement says nothing.
    pub(super) fn say(&mut self, status: Option<VexStatus>, mut said: Said) {
        let Some(status) = status else {
            self.faults.add(format!("A statement on {} has a status that is none of the four.", said.vulnerability));
            return;
        };
        if said.vulnerability.is_empty() {
            self.faults.add("A statement names no vulnerability.");
        }
        if status == VexStatus::NotAffected && said.justification.is_none() && said.statement.is_none() {
            self.faults.add(format!("{} is not affected, and no reason is given.", said.vulnerability));
        }
        self.vex.total += 1;
        *self.counts.entry(status.name()).or_default() += 1;
        if self.vex.statements.len() < Vex::MAX_STATEMENTS {
            said.products.truncate(Vex::MAX_PRODUCTS);
            said.subcomponents.truncate(Vex::MAX_PRODUCTS);
            self.vex.statements.push(VexStatement {
                vulnerability: clip(&said.vulnerability),
                aliases: said.aliases,
                products: said.products,
                subcomponents: said.subcomponents,
                status,
                justification: said.justification,
                statement: said.statement,
                at: said.at,
            });
        }
    }

    pub(super) fn finish(mut self) -> Reading {
        if self.vex.total == 0 {
            self.warnings.add("It states nothing.");
        }
        if self.vex.total > self.vex.statements.len() as u64 {
            self.warnings.add(format!("The first {} statements are listed; all are counted.", Vex::MAX_STATEMENTS));
        }
        self.counts.insert("statements", self.vex.total);
        let subjects = self.vex.id.iter().cloned().collect();
        Reading {
            format: self.format,
            valid: Validity::of(true, &self.faults),
            faults: self.faults.into_vec(),
            facts: Facts::Vex(self.vex),
            counts: self.counts,
            subjects,
            warnings: self.warnings.into_vec(),
        }
    }
}
