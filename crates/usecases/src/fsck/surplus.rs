//! Rows that nothing tells of, and a schema that is not the program's. A surplus row shows nowhere today; tomorrow an entry
//! takes its place and cannot be written, or a trigger changes what is.

use std::collections::BTreeSet;

use certrail_ledger::{hex, tile};
use certrail_store::{
    StoreError,
    tables::{audit, log},
};

use super::Check;

/// Names what is there and should not be.
pub(super) fn check(check: &mut Check<'_>) -> Result<(), StoreError> {
    let Some(head) = log::head(check.tx)? else { return Ok(()) };
    for object in certrail_store::foreign_objects(check.tx)? {
        check.report.fault(format!("The database has {object} otherwise than this program makes it."));
    }
    for (what, rows) in audit::surplus(check.tx, head.size)? {
        check.report.fault(format!("{rows} {what} are kept that nothing tells of."));
    }
    for (what, rows) in audit::contradictions(check.tx)? {
        check.report.fault(format!("{rows} {what} contradict the rows they belong to."));
    }
    let mut tiles = 0;
    let mut full = head.size / tile::WIDTH;
    while full > 0 {
        tiles += full;
        full /= tile::WIDTH;
    }
    let kept = audit::tiles(check.tx)?;
    if kept != tiles {
        check.report.fault(format!("The log has {tiles} full tiles, and {kept} are kept."));
    }
    files(check)
}

/// Files of the blob folder that no entry speaks of. A server that is killed between writing one and committing its entry
/// leaves it behind, so they are no fault; they are noted, since nobody would see them otherwise.
fn files(check: &mut Check<'_>) -> Result<(), StoreError> {
    let filed: BTreeSet<String> = audit::filed(check.tx)?.iter().map(|d| format!("{}.zst", hex(d))).collect();
    let stray = check.blobs.names()?.into_iter().filter(|name| !filed.contains(name)).count();
    if stray > 0 {
        let files = if stray == 1 { "1 file".to_owned() } else { format!("{stray} files") };
        check.report.notes.push(format!("In the blob folder: {files} that no entry speaks of."));
    }
    Ok(())
}
