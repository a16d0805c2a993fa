//! What a check of the whole store compares with the log: tables as a whole, and rows by the entry that made them.

use crate::{Result, Tx};

/// A table whose rows are told by entries of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Captured signals.
    Signal,
    /// Which delivery became which entry.
    Delivery,
    /// What signals are about.
    Subject,
    /// Every state of every product.
    Product,
    /// Every state of every person.
    Person,
    /// Criteria sets.
    Criteria,
    /// Every state of every exception.
    Exception,
    /// Every time a gate was asked.
    GateAsk,
    /// Decisions.
    Decision,
    /// Dossiers handed out.
    Dossier,
    /// Tokens that were made for somebody or something; sessions and links come and go.
    Token,
    /// Releases.
    Release,
}

impl Table {
    /// What its rows are, for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signal => "signals",
            Self::Delivery => "deliveries",
            Self::Subject => "subjects of signals",
            Self::Product => "states of products",
            Self::Person => "states of people",
            Self::Criteria => "criteria sets",
            Self::Exception => "states of exceptions",
            Self::GateAsk => "questions to gates",
            Self::Decision => "decisions",
            Self::Dossier => "dossiers",
            Self::Token => "tokens",
            Self::Release => "releases",
        }
    }
}

/// How many rows a table has.
///
/// # Errors
/// When the database fails.
pub fn rows(tx: &Tx<'_>, of: Table) -> Result<u64> {
    let sql = match of {
        Table::Signal => "SELECT COUNT(*) FROM signal",
        Table::Delivery => "SELECT COUNT(*) FROM delivery",
        Table::Subject => "SELECT COUNT(*) FROM subject",
        Table::Product => "SELECT COUNT(*) FROM product_version",
        Table::Person => "SELECT COUNT(*) FROM person",
        Table::Criteria => "SELECT COUNT(*) FROM criteria",
        Table::Exception => "SELECT COUNT(*) FROM exception",
        Table::GateAsk => "SELECT COUNT(*) FROM gate_ask",
        Table::Decision => "SELECT COUNT(*) FROM decision",
        Table::Dossier => "SELECT COUNT(*) FROM dossier",
        Table::Token => "SELECT COUNT(*) FROM token WHERE kind = 'token'",
        Table::Release => "SELECT COUNT(*) FROM release",
    };
    Ok(tx.first(sql, &[], |r| r.uint(0))?.unwrap_or(0))
}

/// The document of the row that an entry made, of a table that keeps one: products, people, exceptions.
///
/// # Errors
/// When the database fails.
pub fn document(tx: &Tx<'_>, of: Table, log_index: u64) -> Result<Option<String>> {
    let sql = match of {
        Table::Product => "SELECT document FROM product_version WHERE from_index = ?1",
        Table::Person => "SELECT document FROM person WHERE log_index = ?1",
        Table::Exception => "SELECT document FROM exception WHERE log_index = ?1",
        _ => return Ok(None),
    };
    tx.first(sql, &[log_index.into()], |r| r.text(0))
}

/// The entry whose state of the same product, person or exception follows that of `log_index`; of a product, the
/// name tells which. `None` while it stands. What the table itself says of that, where it says so.
///
/// # Errors
/// When the database fails.
pub fn ended_at(tx: &Tx<'_>, of: Table, log_index: u64) -> Result<Option<u64>> {
    let sql = match of {
        Table::Person => "SELECT to_index FROM person WHERE log_index = ?1",
        Table::Exception => "SELECT to_index FROM exception WHERE log_index = ?1",
        _ => return Ok(None),
    };
    Ok(tx.first(sql, &[log_index.into()], |r| r.opt_int(0))?.flatten().and_then(|n| u64::try_from(n).ok()))
}

/// Kind and source of a signal, as its own columns say.
///
/// # Errors
/// When the database fails.
pub fn columns(tx: &Tx<'_>, log_index: u64) -> Result<Option<(String, String)>> {
    tx.first("SELECT kind, source FROM signal WHERE log_index = ?1", &[log_index.into()], |r| {
        Ok((r.text(0)?, r.text(1)?))
    })
}

/// Whether a signal is noted as being about a key.
///
/// # Errors
/// When the database fails.
pub fn is_about(tx: &Tx<'_>, key: &str, log_index: u64) -> Result<bool> {
    let found = tx.first(
        "SELECT 1 FROM subject WHERE key = ?1 AND log_index = ?2",
        &[key.into(), log_index.into()],
        |_| Ok(()),
    );
    Ok(found?.is_some())
}

/// Up to `limit` links behind the one from `source` to `target`, in order: source, target, rank of the rule.
///
/// # Errors
/// When the database fails.
pub fn links(tx: &Tx<'_>, source: &str, target: &str, limit: u64) -> Result<Vec<(String, String, i64)>> {
    tx.query(
        "SELECT source, target, rule FROM link WHERE (source, target) > (?1, ?2) ORDER BY source, target LIMIT ?3",
        &[source.into(), target.into(), limit.into()],
        |r| Ok((r.text(0)?, r.text(1)?, r.int(2)?)),
    )
}

/// The releases, by number: number, version and state as their own columns say.
///
/// # Errors
/// When the database fails.
pub fn release_columns(tx: &Tx<'_>) -> Result<Vec<(i64, String, String)>> {
    tx.query("SELECT seq, version, state FROM release ORDER BY seq", &[], |r| Ok((r.int(0)?, r.text(1)?, r.text(2)?)))
}
