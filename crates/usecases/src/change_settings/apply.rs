//! A change of settings takes effect: when it is decided, from the time on that it names, or after a day where nobody else is there.

use std::sync::Arc;

use certrail_domain::{ChangedSettings, Problem, SettingsChange, SettingsState};
use certrail_store::{
    StoreError,
    tables::{people, products, settings_changes},
};

use super::{admins, person_behind, record, weaker};
use crate::{
    engine::{Batch, Engine, Fault},
    jobs, products as settings,
};

/// Puts a change in effect; returns it with the products whose jobs follow.
pub(super) fn apply(
    batch: &mut Batch<'_>,
    mut change: SettingsChange,
    by: &str,
) -> Result<(SettingsChange, Vec<String>), Fault> {
    (change.state, change.decided_by, change.decided_at) =
        (SettingsState::Applied, Some(by.to_owned()), Some(batch.now));
    record(batch, &change, by)?;
    let follow = match &change.settings {
        ChangedSettings::Criteria { text, .. } => settings::keep_criteria(batch, text, by)?,
        ChangedSettings::Product { before, after } => {
            let now = products::get(batch.tx, &after.name)?
                .ok_or_else(|| StoreError::Damaged(format!("product {} is not there", after.name)))?;
            let product = weaker::merged(&now, before, after);
            settings::keep_product(batch, &product, Some(&now), by)?;
            vec![product.name]
        }
    };
    Ok((change, follow))
}

/// Puts what is due in effect: what was approved for a time that has come, and what a sole admin asked for a day ago. Returns how
/// many. As long as the clock is in doubt, nothing is due.
///
/// # Errors
/// When the store fails.
pub async fn apply_due_settings(engine: &Arc<Engine>) -> Result<u64, Problem> {
    if engine.clock_doubt().is_some() || engine.read(settings_changes::open)?.is_empty() {
        return Ok(0);
    }
    let ((applied, follow), _) = engine
        .write(|batch| {
            let (mut applied, mut follow) = (0, Vec::new());
            for mut change in settings_changes::open(batch.tx)? {
                let by = match is_due(batch, &change)? {
                    Due::No => continue,
                    Due::Decided => change.decided_by.clone().unwrap_or_default(),
                    Due::Alone => {
                        change.alone = true;
                        change.requester.clone()
                    }
                };
                if weaker::of(batch, &change.settings)? != change.weaker {
                    // It is not what somebody read any more.
                    let own = super::PROGRAM;
                    (change.state, change.decided_by, change.decided_at) =
                        (SettingsState::Rejected, Some(own.to_owned()), Some(batch.now));
                    record(batch, &change, own)?;
                    continue;
                }
                applied += 1;
                follow.extend(apply(batch, change, &by)?.1);
            }
            Ok::<_, Fault>((applied, follow))
        })
        .await?;
    jobs::follow(engine, follow).await?;
    Ok(applied)
}

/// Whether a change is due.
enum Due {
    No,
    /// Somebody approved it.
    Decided,
    /// Whoever asked is the only admin, and was when they asked.
    Alone,
}

fn is_due(batch: &Batch<'_>, change: &SettingsChange) -> Result<Due, Fault> {
    if change.state == SettingsState::Approved {
        return Ok(if change.from.is_none_or(|from| from <= batch.now) { Due::Decided } else { Due::No });
    }
    let Some(own) = person_behind(batch.tx, &change.requester)? else { return Ok(Due::No) };
    if batch.now < change.alone_from() {
        return Ok(Due::No);
    }
    // Whoever sends the other admin away for the moments that are looked at is not alone.
    let then = settings_changes::asked_in(batch.tx, change.id.as_str())?;
    for position in people::changes(batch.tx, then)?.into_iter().map(|index| index + 1).chain([then]) {
        if admins(batch.tx, &change.settings, position)?.is_none_or(|all| all != [own.clone()]) {
            return Ok(Due::No);
        }
    }
    Ok(Due::Alone)
}
