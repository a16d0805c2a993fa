//! What follows what, and what reached which branch: the ranges of releases are worked out from it, so each row of it was
//! told by a signal, and what a signal told when a product listened is kept.

use std::collections::BTreeMap;

use certrail_domain::{Facts, Product, Signal};
use certrail_store::{StoreError, tables::audit};

use super::{Check, links::half};

/// Rows that signals told, by half of the digest of their key, and whether they are kept whatever else is known.
#[derive(Default)]
pub(super) struct History {
    rows: BTreeMap<[u8; 16], bool>,
    /// Products as of the entry that is looked at: a push is learned from by those whose branch it is.
    products: BTreeMap<String, Product>,
}

impl History {
    /// A product was put.
    pub(super) fn product(&mut self, document: &str) {
        if let Ok(product) = serde_json::from_str::<Product>(document) {
            self.products.insert(product.name.clone(), product);
        }
    }

    /// What a signal tells.
    pub(super) fn told(&mut self, signal: &Signal) {
        match &signal.facts {
            Facts::Push(push) => {
                let heard = self
                    .products
                    .values()
                    .any(|p| p.repositories.contains(&push.repository) && signal.reach.has(&p.name));
                for (child, parents, told) in crate::bind::history_of(push) {
                    for product in audit::kept_for(&signal.reach) {
                        let repository = signal.forge_repository().unwrap_or_default();
                        self.add(&edge(child, &parents, told as i64, product, repository), heard);
                    }
                }
                for commit in &push.commits {
                    for product in audit::kept_for(&signal.reach) {
                        self.add(&pushed(&commit.sha, &push.repository, &push.branch, product), heard);
                    }
                }
            }
            Facts::Manifest(manifest) => {
                let heard = self.products.contains_key(&manifest.product);
                for commit in manifest.range.iter().flatten() {
                    let Some(parents) = &commit.parents else { continue };
                    self.add(
                        &edge(
                            &commit.sha,
                            &parents.join(" "),
                            crate::bind::told_by(commit) as i64,
                            &manifest.product,
                            "",
                        ),
                        heard,
                    );
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, row: &[u8; 16], heard: bool) {
        *self.rows.entry(*row).or_default() |= heard;
    }

    /// Compares the rows that are kept with those that were told.
    pub(super) fn finish(mut self, check: &mut Check<'_>) -> Result<(), StoreError> {
        let mut after = audit::Edge::default();
        loop {
            let some = audit::edges(check.tx, &after, STEP)?;
            let Some(last) = some.last() else { break };
            after.clone_from(last);
            for row in some {
                if self.rows.remove(&edge(&row.child, &row.parents, row.told, &row.product, &row.repository)).is_none()
                {
                    check.report.fault(format!("What {} follows is kept otherwise than any signal tells.", row.child));
                }
            }
        }
        let mut after = audit::Pushed::default();
        loop {
            let some = audit::pushed(check.tx, &after, STEP)?;
            let Some(last) = some.last() else { break };
            after.clone_from(last);
            for (commit, repository, branch, product) in some {
                if self.rows.remove(&pushed(&commit, &repository, &branch, &product)).is_none() {
                    check.report.fault(format!("That {commit} reached {branch} is kept, and no push says so."));
                }
            }
        }
        let lost = self.rows.values().filter(|heard| **heard).count();
        if lost > 0 {
            check.report.fault(format!("{lost} things that pushes and checkouts told of commits are not kept."));
        }
        Ok(())
    }
}

const STEP: u64 = 1000;

fn edge(child: &str, parents: &str, told: i64, product: &str, repository: &str) -> [u8; 16] {
    half(&["edge", child, parents, &told.to_string(), product, repository])
}

fn pushed(commit: &str, repository: &str, branch: &str, product: &str) -> [u8; 16] {
    half(&["pushed", commit, repository, branch, product])
}
