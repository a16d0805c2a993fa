//! What a check of the whole store compares with the log: tables as a whole, and rows by the entry that made them.

use certrail_domain::Extent;

use crate::{Result, Tx, Val};

/// A table whose rows are told by entries of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Captured signals.
    Signal,
    /// Which delivery became which entry.
    Delivery,
    /// Which signal brought some bytes first.
    Content,
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
    /// Every state of every change of settings.
    SettingsChange,
    /// Every time a gate was asked.
    GateAsk,
    /// Decisions.
    Decision,
    /// Dossiers handed out.
    Dossier,
    /// Tokens, sign-in keys, sessions and links.
    Token,
    /// Releases.
    Release,
    /// Which release is cut where: one place each.
    Cut,
    /// Names that releases used to have: none, as long as no version is renamed.
    Alias,
    /// Which product owns which repository.
    Repository,
    /// Findings.
    Finding,
    /// Steps in the lives of findings.
    FindingMove,
    /// Every state of every decision about findings.
    FindingDecision,
    /// What people said of findings.
    FindingTriage,
    /// Scans.
    Scan,
    /// What they saw, in pieces.
    ScanFound,
    /// Every state of every connector.
    Connector,
    /// The names of their secrets.
    ConnectorSecret,
    /// What forges called their repositories.
    RepositoryName,
}

impl Table {
    /// Every one of them.
    pub const ALL: [Self; 26] = [
        Self::Signal,
        Self::Delivery,
        Self::Content,
        Self::Subject,
        Self::Product,
        Self::Person,
        Self::Criteria,
        Self::Exception,
        Self::SettingsChange,
        Self::GateAsk,
        Self::Decision,
        Self::Dossier,
        Self::Token,
        Self::Release,
        Self::Cut,
        Self::Alias,
        Self::Repository,
        Self::Finding,
        Self::FindingMove,
        Self::FindingDecision,
        Self::FindingTriage,
        Self::Scan,
        Self::ScanFound,
        Self::Connector,
        Self::ConnectorSecret,
        Self::RepositoryName,
    ];

    /// What its rows are, for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signal => "signals",
            Self::Delivery => "deliveries",
            Self::Content => "contents",
            Self::Subject => "subjects of signals",
            Self::Product => "states of products",
            Self::Person => "states of people",
            Self::Criteria => "criteria sets",
            Self::Exception => "states of exceptions",
            Self::SettingsChange => "states of changes of settings",
            Self::GateAsk => "questions to gates",
            Self::Decision => "decisions",
            Self::Dossier => "dossiers",
            Self::Token => "tokens",
            Self::Release => "releases",
            Self::Cut => "cuts of releases",
            Self::Alias => "former names of releases",
            Self::Repository => "repositories of products",
            Self::Finding => "findings",
            Self::FindingMove => "steps of findings",
            Self::FindingDecision => "states of decisions about findings",
            Self::FindingTriage => "words about findings",
            Self::Scan => "scans",
            Self::ScanFound => "lists of scans",
            Self::Connector => "states of connectors",
            Self::ConnectorSecret => "secrets of connectors",
            Self::RepositoryName => "names of repositories",
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
        Table::Content => "SELECT COUNT(*) FROM content",
        Table::Subject => "SELECT COUNT(*) FROM subject",
        Table::Product => "SELECT COUNT(*) FROM product_version",
        Table::Person => "SELECT COUNT(*) FROM person",
        Table::Criteria => "SELECT COUNT(*) FROM criteria",
        Table::Exception => "SELECT COUNT(*) FROM exception",
        Table::SettingsChange => "SELECT COUNT(*) FROM settings_change",
        Table::GateAsk => "SELECT COUNT(*) FROM gate_ask",
        Table::Decision => "SELECT COUNT(*) FROM decision",
        Table::Dossier => "SELECT COUNT(*) FROM dossier",
        Table::Token => "SELECT COUNT(*) FROM token",
        Table::Release => "SELECT COUNT(*) FROM release",
        Table::Cut => "SELECT COUNT(*) FROM cut",
        Table::Alias => "SELECT COUNT(*) FROM release_alias",
        Table::Repository => "SELECT COUNT(*) FROM product_repository",
        Table::Finding => "SELECT COUNT(*) FROM finding",
        Table::FindingMove => "SELECT COUNT(*) FROM finding_move",
        Table::FindingDecision => "SELECT COUNT(*) FROM finding_decision",
        Table::FindingTriage => "SELECT COUNT(*) FROM finding_triage",
        Table::Scan => "SELECT COUNT(*) FROM scan",
        Table::ScanFound => "SELECT COUNT(*) FROM scan_found",
        Table::Connector => "SELECT COUNT(*) FROM connector",
        Table::ConnectorSecret => "SELECT COUNT(*) FROM connector_secret",
        Table::RepositoryName => "SELECT COUNT(*) FROM repository_name",
    };
    Ok(tx.first(sql, &[], |r| r.uint(0))?.unwrap_or(0))
}

/// A row that keeps a document, as its own columns say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// What it is the state of.
    pub id: String,
    /// The release it belongs to; empty for what belongs to none.
    pub release: String,
    /// The document.
    pub document: String,
    /// The entry whose state follows, where the table says so.
    pub ended_at: Option<u64>,
}

/// The state that an entry made, of a table that keeps documents: products, people, exceptions.
///
/// # Errors
/// When the database fails.
pub fn state(tx: &Tx<'_>, of: Table, log_index: u64) -> Result<Option<State>> {
    let sql = match of {
        Table::Product => "SELECT name, '', document, NULL FROM product_version WHERE from_index = ?1",
        Table::Person => "SELECT id, '', document, to_index FROM person WHERE log_index = ?1",
        Table::Exception => "SELECT id, release, document, to_index FROM exception WHERE log_index = ?1",
        Table::SettingsChange => "SELECT id, changes, document, to_index FROM settings_change WHERE log_index = ?1",
        Table::FindingDecision => "SELECT id, product, document, to_index FROM finding_decision WHERE log_index = ?1",
        Table::FindingTriage => "SELECT '', product, document, NULL FROM finding_triage WHERE log_index = ?1",
        Table::Connector => "SELECT id, '', document, NULL FROM connector WHERE log_index = ?1",
        _ => return Ok(None),
    };
    tx.first(sql, &[log_index.into()], |r| {
        Ok(State { id: r.text(0)?, release: r.text(1)?, document: r.text(2)?, ended_at: r.opt_uint(3)? })
    })
}

/// The digests of the secrets of tokens, by id.
///
/// # Errors
/// When the database fails.
pub fn secrets(tx: &Tx<'_>) -> Result<Vec<(String, [u8; 32])>> {
    tx.query("SELECT id, digest FROM token", &[], |r| Ok((r.text(0)?, r.hash(1)?)))
}

/// What the columns of a signal say that its facts say, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalColumns {
    /// Its kind.
    pub kind: String,
    /// Its source.
    pub source: String,
    /// How it is known.
    pub known: String,
    /// When it happened.
    pub occurred: Option<i64>,
}

/// The columns of a signal.
///
/// # Errors
/// When the database fails.
pub fn columns(tx: &Tx<'_>, log_index: u64) -> Result<Option<SignalColumns>> {
    tx.first("SELECT kind, source, known, occurred FROM signal WHERE log_index = ?1", &[log_index.into()], |r| {
        Ok(SignalColumns { kind: r.text(0)?, source: r.text(1)?, known: r.text(2)?, occurred: r.opt_int(3)? })
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

/// A link as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptLink {
    /// Whoever owns this key
    pub source: String,
    /// owns this one.
    pub target: String,
    /// The product it was told to; empty for all.
    pub product: String,
    /// The repository whose forge told it; empty where none did.
    pub repository: String,
    /// The rank of the rule by which it is owned.
    pub rank: i64,
}

/// Up to `limit` links behind one, in order.
///
/// # Errors
/// When the database fails.
pub fn links(tx: &Tx<'_>, after: &KeptLink, limit: u64) -> Result<Vec<KeptLink>> {
    tx.query(
        "SELECT source, target, product, repository, rule FROM link
         WHERE (source, target, product, repository) > (?1, ?2, ?3, ?4)
         ORDER BY source, target, product, repository LIMIT ?5",
        &[
            after.source.as_str().into(),
            after.target.as_str().into(),
            after.product.as_str().into(),
            after.repository.as_str().into(),
            limit.into(),
        ],
        |r| {
            Ok(KeptLink {
                source: r.text(0)?,
                target: r.text(1)?,
                product: r.text(2)?,
                repository: r.text(3)?,
                rank: r.int(4)?,
            })
        },
    )
}

/// A release as its own columns say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// Its id.
    pub id: String,
    /// Its product.
    pub product: String,
    /// Its version.
    pub version: String,
    /// The name of its state.
    pub state: String,
    /// When it was created, microseconds.
    pub created: i64,
}

/// The columns of a release.
///
/// # Errors
/// When the database fails.
pub fn release(tx: &Tx<'_>, seq: i64) -> Result<Option<Columns>> {
    tx.first("SELECT id, product, version, state, created FROM release WHERE seq = ?1", &[seq.into()], |r| {
        Ok(Columns { id: r.text(0)?, product: r.text(1)?, version: r.text(2)?, state: r.text(3)?, created: r.int(4)? })
    })
}

/// Where the range of a release ends in the dark, sorted.
///
/// # Errors
/// When the database fails.
pub fn frontier(tx: &Tx<'_>, release: i64) -> Result<Vec<String>> {
    tx.query("SELECT commit_id FROM frontier WHERE release = ?1 ORDER BY commit_id", &[release.into()], |r| r.text(0))
}

/// The products for which something told within a reach is kept: every one that it names, or one empty name for all.
#[must_use]
pub fn kept_for(reach: &Extent) -> Vec<&str> {
    super::reached(reach)
}

/// What a commit follows, as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    /// The commit.
    pub child: String,
    /// What it follows, apart by spaces.
    pub parents: String,
    /// How that is known.
    pub told: i64,
    /// The product it was told to; empty for all.
    pub product: String,
    /// The repository whose forge told it; empty where none did.
    pub repository: String,
}

/// Up to `limit` edges behind one, in order.
///
/// # Errors
/// When the database fails.
pub fn edges(tx: &Tx<'_>, after: &Edge, limit: u64) -> Result<Vec<Edge>> {
    tx.query(
        "SELECT child, parents, told, product, repository FROM edge
         WHERE (child, parents, told, product, repository) > (?1, ?2, ?3, ?4, ?5)
         ORDER BY child, parents, told, product, repository LIMIT ?6",
        &[
            after.child.as_str().into(),
            after.parents.as_str().into(),
            after.told.into(),
            after.product.as_str().into(),
            after.repository.as_str().into(),
            limit.into(),
        ],
        |r| {
            Ok(Edge {
                child: r.text(0)?,
                parents: r.text(1)?,
                told: r.int(2)?,
                product: r.text(3)?,
                repository: r.text(4)?,
            })
        },
    )
}

/// A commit that reached a branch: commit, repository, branch, and the product it was told to; empty for all.
pub type Pushed = (String, String, String, String);

/// Up to `limit` commits on branches behind one, in order.
///
/// # Errors
/// When the database fails.
pub fn pushed(tx: &Tx<'_>, (commit, repository, branch, product): &Pushed, limit: u64) -> Result<Vec<Pushed>> {
    tx.query(
        "SELECT commit_id, repository, branch, product FROM pushed
         WHERE (commit_id, repository, branch, product) > (?1, ?2, ?3, ?4)
         ORDER BY commit_id, repository, branch, product LIMIT ?5",
        &[
            commit.as_str().into(),
            repository.as_str().into(),
            branch.as_str().into(),
            product.as_str().into(),
            limit.into(),
        ],
        |r| Ok((r.text(0)?, r.text(1)?, r.text(2)?, r.text(3)?)),
    )
}

/// How many tiles are kept.
///
/// # Errors
/// When the database fails.
pub fn tiles(tx: &Tx<'_>) -> Result<u64> {
    Ok(tx.first("SELECT COUNT(*) FROM tile", &[], |r| r.uint(0))?.unwrap_or(0))
}

/// How many rows each query finds: what they are, and how many, where there are any.
fn counted(
    tx: &Tx<'_>,
    queries: &[(&'static str, &'static str)],
    values: &[Val<'_>],
) -> Result<Vec<(&'static str, u64)>> {
    let mut found = Vec::new();
    for (what, sql) in queries {
        let rows = tx.first(sql, values, |r| r.uint(0))?.unwrap_or(0);
        if rows > 0 {
            found.push((*what, rows));
        }
    }
    Ok(found)
}

/// Rows that no entry of a log of `size` entries can have made.
///
/// # Errors
/// When the database fails.
pub fn surplus(tx: &Tx<'_>, size: u64) -> Result<Vec<(&'static str, u64)>> {
    const BEHIND: [(&str, &str); 8] = [
        ("groups of leaves", "SELECT COUNT(*) FROM batch WHERE first_index >= ?1 OR length(leaves) = 0"),
        ("signals", "SELECT COUNT(*) FROM signal WHERE log_index >= ?1"),
        ("acts", "SELECT COUNT(*) FROM act WHERE log_index >= ?1"),
        ("deliveries", "SELECT COUNT(*) FROM delivery WHERE log_index >= ?1"),
        ("contents", "SELECT COUNT(*) FROM content WHERE log_index >= ?1"),
        ("places of bodies", "SELECT COUNT(*) FROM body WHERE log_index >= ?1"),
        (
            "bindings",
            "SELECT COUNT(*) FROM binding
             WHERE log_index >= ?1 OR from_index >= ?1 OR to_index >= ?1 OR release NOT IN (SELECT seq FROM release)",
        ),
        (
            "sightings of findings",
            "SELECT COUNT(*) FROM sighting WHERE log_index >= ?1 OR finding NOT IN (SELECT seq FROM finding)",
        ),
    ];
    const OF_NOTHING: [(&str, &str); 8] = [
        ("heads of logs", "SELECT COUNT(*) FROM log WHERE id <> (SELECT MIN(id) FROM log)"),
        (
            "packs of bodies",
            "SELECT COUNT(*) FROM batch WHERE bodies IS NOT NULL
                 AND first_index NOT IN (SELECT pack FROM signal WHERE pack IS NOT NULL
                     UNION SELECT pack FROM body WHERE pack IS NOT NULL)",
        ),
        ("unbound signals", "SELECT COUNT(*) FROM unbound WHERE log_index NOT IN (SELECT log_index FROM signal)"),
        ("deployments", "SELECT COUNT(*) FROM shipment WHERE release NOT IN (SELECT seq FROM release)"),
        ("members of releases", "SELECT COUNT(*) FROM member WHERE release NOT IN (SELECT seq FROM release)"),
        ("ends of ranges", "SELECT COUNT(*) FROM frontier WHERE release NOT IN (SELECT seq FROM release)"),
        ("releases that end ranges", "SELECT COUNT(*) FROM range_base WHERE release NOT IN (SELECT seq FROM release)"),
        (
            "commits of releases that end ranges",
            "SELECT COUNT(*) FROM range_base_commit WHERE release NOT IN (SELECT release FROM range_base)",
        ),
    ];
    let mut found = counted(tx, &BEHIND, &[size.into()])?;
    found.extend(counted(tx, &OF_NOTHING, &[])?);
    Ok(found)
}

/// The digests of the bytes that are kept in files of their own.
///
/// # Errors
/// When the database fails.
pub fn filed(tx: &Tx<'_>) -> Result<Vec<[u8; 32]>> {
    const FILED: &str = "SELECT body FROM signal WHERE pack IS NULL UNION SELECT digest FROM body WHERE pack IS NULL";
    tx.query(FILED, &[], |r| r.hash(0))
}

/// The numbers of the lives of the log, as their own column says, in order.
///
/// # Errors
/// When the database fails.
pub fn life_numbers(tx: &Tx<'_>) -> Result<Vec<i64>> {
    tx.query("SELECT number FROM life ORDER BY number", &[], |r| r.int(0))
}

/// Rows that say of another row what it does not say of itself.
///
/// # Errors
/// When the database fails.
pub fn contradictions(tx: &Tx<'_>) -> Result<Vec<(&'static str, u64)>> {
    const QUERIES: [(&str, &str); 6] = [
        (
            "kinds of bindings",
            "SELECT COUNT(*) FROM binding b JOIN signal s ON s.log_index = b.log_index
             WHERE COALESCE(b.kind, '') <>
                 CASE WHEN s.kind IN ('code.tag', 'deployment.event', 'deployment.rollback_target', 'release.manifest') THEN s.kind ELSE '' END",
        ),
        (
            "places of bodies",
            "SELECT COUNT(*) FROM body WHERE log_index NOT IN (SELECT log_index FROM decision)
                 AND NOT EXISTS (SELECT 1 FROM gate_ask
                     WHERE gate_ask.log_index = body.log_index AND gate_ask.evaluation = body.digest)
                 AND NOT EXISTS (SELECT 1 FROM act
                     WHERE act.log_index = body.log_index AND act.act = 'certification-refused')
                 AND NOT EXISTS (SELECT 1 FROM dossier
                     WHERE dossier.log_index = body.log_index AND body.digest IN (dossier.json, dossier.pdf))",
        ),
        (
            "products",
            "SELECT COUNT(*) FROM product WHERE log_index <>
                 (SELECT MAX(from_index) FROM product_version WHERE product_version.name = product.name)",
        ),
        (
            "deployments",
            "SELECT COUNT(*) FROM shipment JOIN release ON release.seq = shipment.release
             WHERE shipment.product <> release.product",
        ),
        ("members of releases", "SELECT COUNT(*) FROM member WHERE base NOT IN (0, 1)"),
        ("findings", "SELECT COUNT(*) FROM finding WHERE suppressed NOT IN (0, 1) OR exploited NOT IN (0, 1)"),
    ];
    counted(tx, &QUERIES, &[])
}
