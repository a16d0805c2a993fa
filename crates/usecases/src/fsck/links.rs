//! Links: whoever owns one key owns another. Each was told by a signal, and each that a signal told is kept.

use std::collections::BTreeMap;

use certrail_domain::{BindRule, Facts, Key, Signal, normal_version};
use certrail_ledger::sha256;
use certrail_store::{StoreError, tables::audit};

use super::Check;

/// Links that signals told, by the first half of the digest of both ends: millions of them have to fit.
#[derive(Default)]
pub(super) struct Links(BTreeMap<[u8; 16], Told>);

/// What was told of a link.
struct Told {
    rank: i64,
    /// It is kept whatever else is known; others are kept only if the release they speak of was cut there.
    surely: bool,
}

impl Links {
    /// What a signal tells.
    pub(super) fn told(&mut self, signal: &Signal) {
        let products = audit::kept_for(&signal.reach);
        let repository = signal.forge_repository().unwrap_or_default();
        for link in signal.links() {
            for product in &products {
                let ends = (link.from.as_str(), link.to.as_str());
                self.add(ends, (product, repository), link.rule, true);
            }
        }
        if let Facts::Manifest(manifest) = &signal.facts {
            let own = Key::release(&manifest.product, normal_version(&manifest.version));
            for digest in &manifest.digests {
                self.add((own.as_str(), Key::digest(digest).as_str()), ("", ""), BindRule::Digest, false);
            }
            for told in manifest.range.iter().flatten() {
                self.add(("range:", Key::commit(&told.sha).as_str()), ("", ""), BindRule::Commit, false);
            }
        }
    }

    fn add(&mut self, (from, to): (&str, &str), (product, repository): (&str, &str), rule: BindRule, surely: bool) {
        let told = self.0.entry(half(&[from, to, product, repository])).or_insert(Told { rank: rule.rank(), surely });
        told.rank = told.rank.min(rule.rank());
        told.surely |= surely;
    }

    /// Compares the links that are kept with those that were told.
    pub(super) fn finish(mut self, check: &mut Check<'_>) -> Result<(), StoreError> {
        let mut after = audit::KeptLink::default();
        loop {
            let some = audit::links(check.tx, &after, 1000)?;
            let Some(last) = some.last() else { break };
            after.clone_from(last);
            for audit::KeptLink { source, target, product, repository, rank } in some {
                let known = match source.starts_with("range:") {
                    // A range is told once for each release that is cut there.
                    true => self.0.get(&half(&["range:", &target, &product, &repository])).map(|told| told.rank),
                    false => self.0.remove(&half(&[&source, &target, &product, &repository])).map(|told| told.rank),
                };
                if known != Some(rank) {
                    check.report.fault(format!("That {source} leads to {target} is kept, and no signal says so."));
                }
            }
        }
        let lost = self.0.values().filter(|told| told.surely).count();
        if lost > 0 {
            check.report.fault(format!("{lost} links that signals told are not kept."));
        }
        Ok(())
    }
}

/// The first half of the digest of a row's key.
pub(super) fn half(key: &[&str]) -> [u8; 16] {
    certrail_ledger::half(&sha256(key.join("\0").as_bytes()))
}
