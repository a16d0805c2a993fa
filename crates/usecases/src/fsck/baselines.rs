//! What the baselines of products contain: nothing but what their commits follow, and from the entries on that stated them.

use std::collections::{BTreeMap, BTreeSet};

use certrail_store::{
    StoreError,
    tables::{products, range_bases},
};

use super::Check;
use crate::state_baseline;

/// Compares what is kept of baselines with what commits follow.
pub(super) fn finish(check: &mut Check<'_>) -> Result<(), StoreError> {
    let mut names: BTreeSet<String> = range_bases::products_with_baselines(check.tx)?.into_iter().collect();
    names.extend(products::names(check.tx)?);
    for name in names {
        // A product that cannot be read is reported where its record is compared.
        let Ok(product) = products::get(check.tx, &name) else { continue };
        let mut kept: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
        for (since, commit) in range_bases::baselines_of(check.tx, &name)? {
            kept.entry(since).or_default().insert(commit);
        }
        for baseline in product.iter().flat_map(|p| &p.baselines) {
            let Some(since) = baseline.since else { continue };
            let contains = kept.remove(&since).unwrap_or_default();
            // More may have been told since.
            let follows = state_baseline::contains(check.tx, &name, &baseline.commit, usize::MAX)?;
            if !contains.contains(&baseline.commit) || !contains.is_subset(&follows) {
                check
                    .report
                    .fault(format!("What the baseline {} of {name} contains is not kept rightly.", baseline.commit));
            }
        }
        if !kept.is_empty() {
            check.report.fault(format!("A baseline of {name} is kept that nobody stated."));
        }
    }
    Ok(())
}
