//! Where a change came from: what merging squashed or rebased is in no range, and whoever pushed it wrote it all the same.

use std::collections::BTreeSet;

use certrail_domain::{Facts, Key, Product, facts::Push};
use certrail_store::{StoreError, Tx, tables::signals};

/// Pushes that are followed back from one head: a branch that lives for years is no change.
const MOST: usize = 50;

/// What led to the heads of changes.
#[derive(Default)]
pub(super) struct Sources {
    /// Where pushes to their branches ended, one after the other.
    pub(super) tips: BTreeSet<String>,
    /// Where no push is known that ended there: whatever is told of one of these is reason to look again.
    pub(super) unknown: BTreeSet<String>,
}

impl Sources {
    /// Follows a head back, push by push, on the branch it was pushed to: to where that began, or is known.
    pub(super) fn follow(&mut self, tx: &Tx<'_>, product: &Product, seq: i64, head: &str) -> Result<(), StoreError> {
        let (mut tip, mut branch) = (head.to_owned(), None);
        for _ in 0..MOST {
            if self.tips.contains(&tip) || self.unknown.contains(&tip) {
                return Ok(());
            }
            // The head of another change that was merged: what led there is that one's.
            if tip != head && is_merged_head(tx, &tip, seq)? {
                return Ok(());
            }
            let ended = ended_at(tx, product, &tip, branch.as_deref())?;
            let Some(push) = ended else {
                self.unknown.insert(tip);
                return Ok(());
            };
            self.tips.insert(tip);
            // What was replaced by force is part of it no more, and whoever pushed it wrote some of it all the same.
            let Some(before) = push.before else { return Ok(()) };
            (tip, branch) = (before, Some(push.branch));
        }
        Ok(())
    }
}

/// Whether a change was merged with a commit as its head.
fn is_merged_head(tx: &Tx<'_>, commit: &str, seq: i64) -> Result<bool, StoreError> {
    let links = signals::links_from(tx, &Key::commit(commit), seq)?;
    Ok(links.iter().any(|(key, _)| key.parts().0 == "change"))
}

/// The first push that is known to have ended at a commit, on another branch than the one that releases are cut from.
fn ended_at(tx: &Tx<'_>, product: &Product, tip: &str, branch: Option<&str>) -> Result<Option<Push>, StoreError> {
    for index in signals::pushes_about(tx, &Key::commit(tip))? {
        let Some(stored) = signals::get(tx, index)? else { continue };
        if let Facts::Push(push) = &stored.signal.facts
            && push.after.as_deref() == Some(tip)
            && push.branch != product.branch
            && branch.is_none_or(|branch| branch == push.branch)
            && product.repositories.contains(&push.repository)
        {
            return Ok(Some(push.clone()));
        }
    }
    Ok(None)
}
