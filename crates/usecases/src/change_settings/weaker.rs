//! What becomes weaker by a change of settings, in words.

use certrail_criteria::{Criteria, own_environment, weaker};
use certrail_domain::{
    ChangedSettings, Product,
    facts::{BandPolicy, same_environment},
};
use certrail_store::{
    StoreError,
    tables::{criteria, products},
};

use crate::engine::{Batch, Fault};

/// What a change weakens of what is in force now.
pub(crate) fn of(batch: &Batch<'_>, settings: &ChangedSettings) -> Result<Vec<String>, Fault> {
    match settings {
        ChangedSettings::Criteria { name, text, .. } => {
            let position = batch.next_index() + 1;
            let Some(known) = criteria::in_force(batch.tx, name, position)? else { return Ok(Vec::new()) };
            let new = Criteria::parse(text).map_err(|e| StoreError::Damaged(e.to_string()))?;
            Ok(match Criteria::parse(&known.text) {
                Ok(before) => weaker(&before, &new),
                // What cannot be read cannot be compared.
                Err(_) => {
                    vec![format!("What is in force of {name} cannot be read by this program, and so not be compared.")]
                }
            })
        }
        ChangedSettings::Product { before, after } => {
            let known = products::get(batch.tx, &after.name)?;
            let known = known.as_ref().unwrap_or(before);
            of_product(batch, known, &merged(known, before, after))
        }
    }
}

/// What becomes weaker of a product.
pub(crate) fn of_product(batch: &Batch<'_>, before: &Product, after: &Product) -> Result<Vec<String>, Fault> {
    let mut out = Vec::new();
    for environment in before.production.iter().filter(|e| !after.calls_production(e)) {
        out.push(format!("`{environment}` counts as production no more."));
    }
    let known = |name: &&String| {
        before.environments.iter().any(|other| same_environment(other, name)) || before.calls_production(name)
    };
    let new = after.environments.iter().filter(|name| !known(name) && !after.calls_production(name));
    out.extend(new.map(|name| own_environment(name)));
    if before.branch != after.branch {
        out.push(format!("Releases are cut from `{}` instead of `{}`.", after.branch, before.branch));
    }
    for repository in before.repositories.iter().filter(|r| !after.repositories.contains(r)) {
        out.push(format!("What comes from {repository} belongs to it no more."));
    }
    if before.severity != after.severity && after.severity != BandPolicy::Highest {
        let (was, is) = (before.severity.name(), after.severity.name());
        out.push(format!("How grave a finding is follows `{is}` instead of `{was}`."));
    }
    if after.sole_decider && !before.sole_decider {
        out.push("One person may make and decide everything.".to_owned());
    }
    if before.criteria != after.criteria {
        let position = batch.next_index() + 1;
        let set = |name: &str| {
            let known = criteria::in_force(batch.tx, name, position)?;
            Ok::<_, StoreError>(known.and_then(|known| Criteria::parse(&known.text).ok()))
        };
        let title = format!("It is judged by the criteria {} instead of {}", after.criteria, before.criteria);
        match (set(&before.criteria)?, set(&after.criteria)?) {
            (Some(was), Some(is)) => out.extend(weaker(&was, &is).into_iter().map(|what| format!("{title}: {what}"))),
            _ => out.push(format!("{title}, which cannot be compared.")),
        }
    }
    Ok(out)
}

/// A product as it is now, with what differs between two states of it.
pub(super) fn merged(now: &Product, before: &Product, after: &Product) -> Product {
    let mut product = now.clone();
    let Product {
        name: _,
        repositories,
        branch,
        tag_pattern,
        production,
        environments,
        criteria,
        severity,
        accepts_reported: _,
        sole_decider,
        baselines: _,
        production_before: _,
    } = after.clone();
    if repositories != before.repositories {
        product.repositories = repositories;
    }
    if branch != before.branch {
        product.branch = branch;
    }
    if tag_pattern != before.tag_pattern {
        product.tag_pattern = tag_pattern;
    }
    if production != before.production {
        product.production = production;
    }
    if environments != before.environments {
        product.environments = environments;
    }
    if criteria != before.criteria {
        product.criteria = criteria;
    }
    if severity != before.severity {
        product.severity = severity;
    }
    if sole_decider != before.sole_decider {
        product.sole_decider = sole_decider;
    }
    product
}
