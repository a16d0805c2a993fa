//! Connections and transactions.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags, OptionalExtension, config::DbConfig, params_from_iter, types::ValueRef};

use crate::{
    Result,
    known::{Access, Known},
    migrate,
    tables::signals::StoredSignal,
};

/// Something went wrong below the rules.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database said no.
    #[error("database: {0}")]
    Database(#[from] rusqlite::Error),
    /// The file system said no.
    #[error("{what}: {cause}")]
    Io {
        /// What was tried.
        what: String,
        /// What came back.
        #[source]
        cause: std::io::Error,
    },
    /// A stored value does not have the shape it was written with.
    #[error("stored value is damaged: {0}")]
    Damaged(String),
    /// Another process has the folder open.
    #[error("{0} is in use by another certrail; stop it first, or name another folder with --data")]
    InUse(PathBuf),
    /// The log does not hold what was signed last: it was put back from an older copy, or changed.
    #[error(
        "{signed} entries were signed, and the log that is here holds {held} of its own: it was put back from an older copy, or changed. Put back the newest copy, or begin a new life of the log with `certrail admin new-epoch`"
    )]
    RolledBack {
        /// How many entries were signed.
        signed: u64,
        /// How many are here.
        held: u64,
    },
    /// The file that knows what was signed last is not where it was named.
    #[error(
        "{} is not there, and the log holds {held} entries: nothing says whether it was put back from an older copy", guard.display()
    )]
    NoGuard {
        /// Where it was looked for.
        guard: PathBuf,
        /// How many entries are here.
        held: u64,
    },
    /// The data was written by a state of the program between releases, whose schema was another.
    #[error(
        "the data was written by a certrail between releases, whose schema this one does not know; begin with a new folder"
    )]
    Unreleased,
    /// The data was written by a newer certrail.
    #[error("the data has schema {found}, this certrail knows {known}; use the newer program")]
    Newer {
        /// The schema found.
        found: i64,
        /// The newest this program knows.
        known: i64,
    },
}

impl StoreError {
    /// Whether a stored value is not as it was written, rather than that nothing can be read at all.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
        matches!(
            self,
            Self::Damaged(_)
                | Self::Database(
                    FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | Utf8Error(..)
                )
        )
    }

    pub(crate) fn io(what: impl Into<String>, cause: std::io::Error) -> Self {
        Self::Io { what: what.into(), cause }
    }
}

/// A value to bind.
#[derive(Clone, Copy, Debug)]
pub enum Val<'a> {
    /// NULL.
    Null,
    /// A number.
    Int(i64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
}

impl<'a> From<&'a str> for Val<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Val<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Val<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Val<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<i64> for Val<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u64> for Val<'_> {
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl<'a, T: Into<Val<'a>>> From<Option<T>> for Val<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl rusqlite::ToSql for Val<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(rusqlite::types::ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(n) => ValueRef::Integer(*n),
            Self::Text(t) => ValueRef::Text(t.as_bytes()),
            Self::Bytes(b) => ValueRef::Blob(b),
        }))
    }
}

/// A row of a result.
pub struct Row<'a>(&'a rusqlite::Row<'a>);

impl Row<'_> {
    /// Column `i` as a number.
    ///
    /// # Errors
    /// When it is none.
    pub fn int(&self, i: usize) -> Result<i64> {
        Ok(self.0.get(i)?)
    }

    /// Column `i` as yes or no.
    ///
    /// # Errors
    /// When it is neither 1 nor 0.
    pub fn flag(&self, i: usize) -> Result<bool> {
        match self.int(i)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(StoreError::Damaged(format!("{other} is neither yes nor no"))),
        }
    }

    /// Column `i` as a count or index.
    ///
    /// # Errors
    /// When it is no number; a negative one counts as damage.
    pub fn uint(&self, i: usize) -> Result<u64> {
        let n: i64 = self.0.get(i)?;
        u64::try_from(n).map_err(|_| StoreError::Damaged(format!("negative number {n}")))
    }

    /// Column `i` as a number, if there is one.
    ///
    /// # Errors
    /// When it is something else.
    pub fn opt_int(&self, i: usize) -> Result<Option<i64>> {
        Ok(self.0.get(i)?)
    }

    /// Column `i` as a count or index, if there is one.
    ///
    /// # Errors
    /// When it is something else; a negative one counts as damage.
    pub fn opt_uint(&self, i: usize) -> Result<Option<u64>> {
        let negative = |n: i64| u64::try_from(n).map_err(|_| StoreError::Damaged(format!("negative number {n}")));
        self.opt_int(i)?.map(negative).transpose()
    }

    /// Column `i` as text.
    ///
    /// # Errors
    /// When it is none.
    pub fn text(&self, i: usize) -> Result<String> {
        Ok(self.0.get(i)?)
    }

    /// Column `i` as text, if there is any.
    ///
    /// # Errors
    /// When it is something else.
    pub fn opt_text(&self, i: usize) -> Result<Option<String>> {
        Ok(self.0.get(i)?)
    }

    /// The bytes of the text in column `i`.
    ///
    /// # Errors
    /// When it is no text.
    pub fn len(&self, i: usize) -> Result<u64> {
        Ok(self.0.get_ref(i)?.as_str().map_err(|e| StoreError::Damaged(e.to_string()))?.len() as u64)
    }

    /// Column `i` as bytes.
    ///
    /// # Errors
    /// When it is none.
    pub fn bytes(&self, i: usize) -> Result<Vec<u8>> {
        Ok(self.0.get(i)?)
    }

    /// Column `i` as bytes, if there are any.
    ///
    /// # Errors
    /// When it is something else.
    pub fn opt_bytes(&self, i: usize) -> Result<Option<Vec<u8>>> {
        Ok(self.0.get(i)?)
    }

    /// Column `i` as 32 bytes.
    ///
    /// # Errors
    /// When it has another length.
    pub fn hash(&self, i: usize) -> Result<[u8; 32]> {
        self.bytes(i)?.try_into().map_err(|_| StoreError::Damaged("a digest of another length".into()))
    }

    /// Column `i` as 16 bytes.
    ///
    /// # Errors
    /// When it has another length.
    pub fn half(&self, i: usize) -> Result<[u8; 16]> {
        self.bytes(i)?.try_into().map_err(|_| StoreError::Damaged("half a digest of another length".into()))
    }

    /// Column `i` as 16 bytes, if there are any.
    ///
    /// # Errors
    /// When it has another length.
    pub fn opt_half(&self, i: usize) -> Result<Option<[u8; 16]>> {
        let half =
            |bytes: Vec<u8>| bytes.try_into().map_err(|_| StoreError::Damaged("a salt of another length".into()));
        self.opt_bytes(i)?.map(half).transpose()
    }

    /// Column `i` read as JSON.
    ///
    /// # Errors
    /// When it does not have that shape.
    pub fn json<T: serde::de::DeserializeOwned>(&self, i: usize) -> Result<T> {
        serde_json::from_str(&self.text(i)?).map_err(|e| StoreError::Damaged(e.to_string()))
    }
}

/// An open transaction: the one way to run SQL.
pub struct Tx<'a> {
    connection: &'a Connection,
    pub(crate) known: Access<'a>,
}

impl Tx<'_> {
    /// Runs a statement; returns how many rows it touched.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn exec(&self, sql: &'static str, values: &[Val<'_>]) -> Result<usize> {
        Ok(self.connection.prepare_cached(sql)?.execute(params_from_iter(values))?)
    }

    /// Runs a query and maps every row.
    ///
    /// # Errors
    /// When the database refuses or a row cannot be mapped.
    pub fn query<T>(
        &self,
        sql: &'static str,
        values: &[Val<'_>],
        mut map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            out.push(map(&Row(row))?);
        }
        Ok(out)
    }

    /// Runs a query and maps its first row, if there is one.
    ///
    /// # Errors
    /// When the database refuses or the row cannot be mapped.
    pub fn first<T>(
        &self,
        sql: &'static str,
        values: &[Val<'_>],
        map: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let found = statement.query_row(params_from_iter(values), |row| Ok(map(&Row(row)))).optional()?;
        found.transpose()
    }

    /// How many rows were written through this connection: the same number twice means that nothing happened between.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.connection.total_changes()
    }

    /// Whether the transaction is still open. After a full disk, a failing one or a lack of memory, SQLite rolls back
    /// by itself, and what is run afterwards would be committed statement by statement.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.connection.is_autocommit()
    }

    /// Opens a savepoint: what follows can be undone alone.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn savepoint(&self) -> Result<()> {
        self.exec("SAVEPOINT work", &[]).map(drop)
    }

    /// Keeps what happened since the savepoint.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn keep(&self) -> Result<()> {
        self.exec("RELEASE work", &[]).map(drop)
    }

    /// Undoes what happened since the savepoint.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn undo(&self) -> Result<()> {
        self.exec("ROLLBACK TO work", &[])?;
        self.exec("RELEASE work", &[]).map(drop)
    }
}

/// The one connection that writes.
pub struct Writer {
    connection: Connection,
    known: Arc<Known>,
}

impl Writer {
    pub(crate) const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Begins a transaction that holds the write lock, runs `f`, and commits if it succeeds.
    /// When this returns `Ok`, the data is on disk (`synchronous=FULL`).
    ///
    /// # Errors
    /// When `f` fails, or the commit does. After a failed commit the process must not go on.
    pub fn transaction<T, E: From<StoreError>>(
        &mut self,
        f: impl FnOnce(&Tx<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.run("BEGIN IMMEDIATE")?;
        let outcome = f(&Tx { connection: &self.connection, known: Access::Open(&self.known) });
        self.run(if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
        outcome
    }

    fn run(&self, sql: &'static str) -> Result<()> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    /// How many rows were written through this connection.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.connection.total_changes()
    }

    /// Moves the write-ahead log into the database file, as far as readers allow. Done by the writer itself,
    /// nothing is appended meanwhile, so that the log begins anew with the next commit.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn checkpoint(&self) -> Result<()> {
        move_log(&self.connection).map(drop)
    }

    /// Moves the write-ahead log into the database file for good: nothing of it is left, unless somebody still reads.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn finish(self) -> Result<()> {
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        self.connection.close().map_err(|(_, e)| e.into())
    }
}

/// Moves the write-ahead log into the database file beside the writer, so that commits need not wait for it.
pub struct Mover {
    connection: Connection,
}

impl Mover {
    /// Moves what is there now. Returns the pages in the log: it grows while commits keep coming.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn run(&self) -> Result<u64> {
        move_log(&self.connection)
    }
}

fn move_log(connection: &Connection) -> Result<u64> {
    let pages: i64 = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |r| r.get(1))?;
    Ok(u64::try_from(pages).unwrap_or(0))
}

/// The reading side: a small pool of connections, each sees one consistent state per call.
pub struct Store {
    file: PathBuf,
    idle: Mutex<Vec<Connection>>,
    /// How many connections are open, those in the pool included.
    open: AtomicUsize,
    /// None is kept any more.
    resting: AtomicBool,
    known: Arc<Known>,
    _lock: fs::File,
}

impl Store {
    /// The database's file name inside the data folder.
    pub const FILE: &'static str = "certrail.db";

    /// Opens the data folder, making it and bringing its schema up to date as needed.
    ///
    /// # Errors
    /// When the folder cannot be used, another process writes to it, or it is newer than this program.
    pub fn open(folder: &Path) -> Result<(Self, Writer)> {
        fs::create_dir_all(folder).map_err(|e| StoreError::io(format!("make folder {}", folder.display()), e))?;
        restrict(folder, 0o700)?;
        let lock = lock(folder)?;
        let file = folder.join(Self::FILE);
        let connection = Connection::open(&file)?;
        restrict(&file, 0o600)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA fullfsync = ON;
             PRAGMA foreign_keys = ON;
             PRAGMA cache_size = -16384;
             PRAGMA wal_autocheckpoint = 0;
             PRAGMA busy_timeout = 5000;
             PRAGMA temp_store = MEMORY;",
        )?;
        keep_plans(&connection)?;
        connection.set_prepared_statement_cache_capacity(256);
        let known = Arc::new(Known::default());
        let mut writer = Writer { connection, known: known.clone() };
        migrate::run(&mut writer)?;
        let store = Self {
            file,
            idle: Mutex::default(),
            open: AtomicUsize::new(0),
            resting: AtomicBool::new(false),
            known,
            _lock: lock,
        };
        Ok((store, writer))
    }

    /// The bytes on disk of database and write-ahead log.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        let wal = self.file.with_extension("db-wal");
        [&self.file, &wal].into_iter().filter_map(|f| fs::metadata(f).ok()).map(|m| m.len()).sum()
    }

    /// Runs `f` on one consistent state of the data.
    ///
    /// # Errors
    /// When `f` fails or no connection can be opened.
    pub fn read<T>(&self, f: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
        let pooled = self.pool().pop();
        let connection = match pooled {
            Some(connection) => connection,
            None => self.connect()?,
        };
        connection.prepare_cached("BEGIN")?.execute([])?;
        let outcome = f(&Tx { connection: &connection, known: Access::Committed(&self.known) });
        connection.prepare_cached("ROLLBACK")?.execute([])?;
        let mut pool = self.pool();
        if pool.len() < 8 && !self.resting.load(Ordering::Acquire) {
            pool.push(connection);
        } else {
            self.close(connection);
        }
        outcome
    }

    fn close(&self, connection: Connection) {
        drop(connection);
        self.open.fetch_sub(1, Ordering::AcqRel);
    }

    /// Keeps signals in memory that were just committed, each with the bytes of its normalised text.
    pub fn remember(&self, committed: &[(Arc<StoredSignal>, u64)]) {
        for (signal, size) in committed {
            self.known.remember(signal, *size);
        }
    }

    /// Closes the connections that nobody reads through, and waits a little for those that somebody does: who closes the
    /// last one of all takes the write-ahead log away, and one that only reads cannot.
    pub fn rest(&self) {
        const PATIENCE: Duration = Duration::from_secs(2);
        self.resting.store(true, Ordering::Release);
        let begun = Instant::now();
        loop {
            for connection in std::mem::take(&mut *self.pool()) {
                self.close(connection);
            }
            if self.open.load(Ordering::Acquire) == 0 || begun.elapsed() > PATIENCE {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// A connection of its own that moves the write-ahead log.
    ///
    /// # Errors
    /// When none can be opened.
    pub fn mover(&self) -> Result<Mover> {
        let connection = Connection::open_with_flags(&self.file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA wal_autocheckpoint = 0;")?;
        Ok(Mover { connection })
    }

    fn pool(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.file, flags)?;
        connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -4096; PRAGMA busy_timeout = 5000;")?;
        keep_plans(&connection)?;
        connection.set_prepared_statement_cache_capacity(128);
        self.open.fetch_add(1, Ordering::AcqRel);
        Ok(connection)
    }
}

/// A plan never depends on the values bound. Without this, a build of SQLite with STAT4 plans a cached
/// statement anew each time other values are bound, which cost a third of the writer's time.
fn keep_plans(connection: &Connection) -> Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// One process per data folder: two writers would both believe to hold the head of the log.
fn lock(folder: &Path) -> Result<fs::File> {
    let path = folder.join("lock");
    let file = fs::File::create(&path).map_err(|e| StoreError::io(format!("make {}", path.display()), e))?;
    file.try_lock().map_err(|_| StoreError::InUse(folder.to_owned()))?;
    Ok(file)
}

/// Only the owner may read evidence and keys.
#[cfg(unix)]
pub(crate) fn restrict(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|e| StoreError::io(format!("restrict {}", path.display()), e))
}

#[cfg(not(unix))]
pub(crate) fn restrict(_: &Path, _: u32) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::log;

    #[test]
    fn a_full_disk_ends_the_transaction_and_that_is_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_store, mut writer) = Store::open(folder.path()).expect("opens");
        writer.connection.execute_batch("PRAGMA max_page_count = 120").expect("a limit");
        let batch = |first_index, bodies| log::Batch { first_index, log_size: 2, checkpoint: "", leaves: b"", bodies };
        let large = vec![1; 1024 * 1024];
        let outcome = writer.transaction(|tx| {
            log::insert_batch(tx, &batch(1, b"small"))?;
            assert!(tx.is_open());
            assert!(log::insert_batch(tx, &batch(2, &large)).is_err());
            assert!(!tx.is_open(), "SQLite rolled back by itself; going on would commit each statement alone");
            Err::<(), _>(StoreError::Damaged("given up".into()))
        });
        assert!(outcome.is_err());
        let frame = crate::FramePlace { pack: 1, start: 0, packed: 5 };
        let kept = writer.transaction(|tx| log::unpacked(tx, &frame, 5)).expect("usable again");
        assert_eq!(kept, None);
    }
}
