//! Keys in the data folder, never in the database, readable by the owner only.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use certrail_ledger::{
    keys::{DecisionKey, KeyError, LogKey},
    life::name_of,
};
use certrail_sources::Secret;
use certrail_store::{StoreError, write_durably};
use serde::{Deserialize, Serialize};

/// Secrets as read.
struct Known {
    secrets: Arc<[Secret]>,
    /// When the file they stand in was changed last.
    changed: SystemTime,
    /// When that was looked at.
    looked: Instant,
}

/// How long a look at a file of secrets holds: a rotation takes effect within this time.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Every key of this installation.
pub struct Keys {
    /// Signs certifications.
    pub certifier: DecisionKey,
    /// Seals dossiers.
    pub dossier: DecisionKey,
    /// Blinds delivery ids.
    pub delivery: [u8; 32],
    origin: String,
    folder: PathBuf,
    /// What was read of each connector's file, as of the file's time of change.
    read: Mutex<BTreeMap<String, Known>>,
}

#[derive(Serialize, Deserialize)]
struct StoredSecret {
    name: String,
    secret: String,
}

impl Keys {
    /// Whether a data folder holds the keys of its log, or of one that was.
    ///
    /// # Errors
    /// When the folder cannot be read, or some of the keys are there and others are not.
    pub fn are_in(data: &Path) -> Result<bool, StoreError> {
        let mut here = Vec::new();
        for name in ["log.ed25519", "certifier.p256", "delivery.key"] {
            let path = data.join("keys").join(name);
            here.push((name, path.try_exists().map_err(|cause| io("look for", &path, cause))?));
        }
        match here.iter().find(|(_, here)| !here) {
            None => Ok(true),
            Some(_) if here.iter().all(|(_, here)| !here) => Ok(false),
            Some((name, _)) => Err(StoreError::Damaged(format!("keys/{name} is not here, and other keys are"))),
        }
    }

    /// Refuses a folder whose log had begun and that lacks what would be made anew without a word: a dossier sealed by another key
    /// than before, or a log of another name.
    ///
    /// # Errors
    /// Names the file that is not there.
    pub(super) fn are_complete_in(data: &Path) -> Result<(), StoreError> {
        for (name, way_on) in [
            (
                "dossier.p256",
                "put it back, or where it is lost begin a new life of the log with `certrail admin new-epoch`",
            ),
            ("origin", "put it back: it holds the name of the log, as dossiers show it"),
        ] {
            let path = data.join("keys").join(name);
            if !path.try_exists().map_err(|cause| io("look for", &path, cause))? {
                return Err(StoreError::Damaged(format!("keys/{name} is not here, and other keys are; {way_on}")));
            }
        }
        Ok(())
    }

    /// Reads the keys of a data folder, making what is not there.
    ///
    /// # Errors
    /// When the folder cannot be used or a key is damaged.
    pub fn open(data: &Path, origin: &str) -> Result<Self, StoreError> {
        let folder = data.join("keys");
        fs::create_dir_all(&folder).map_err(|cause| io("make", &folder, cause))?;
        only_owner(&folder, 0o700)?;
        let origin = keep(&folder.join("origin"), || match origin.trim() {
            "" => Err(StoreError::Damaged("the log has no name; give it one with --origin".into())),
            name => Ok(name.as_bytes().to_vec()),
        })?;
        let origin = String::from_utf8(origin)
            .map_err(|_| StoreError::Damaged("the name of the log in keys/origin is not UTF-8".into()))?
            .trim()
            .to_owned();
        let decision = |name: &str| -> Result<DecisionKey, StoreError> {
            let bytes =
                keep(&folder.join(name), || DecisionKey::generate().map(|(_, bytes)| bytes).map_err(|e| damaged(&e)))?;
            DecisionKey::from_pkcs8(&bytes).map_err(|e| damaged(&e))
        };
        Ok(Self {
            certifier: decision("certifier.p256")?,
            dossier: decision("dossier.p256")?,
            delivery: keep(&folder.join("delivery.key"), random_bytes)?
                .try_into()
                .map_err(|_| StoreError::Damaged("delivery.key has a wrong length".into()))?,
            origin,
            folder,
            read: Mutex::default(),
        })
    }

    /// The log's name, that of its first life; the others have the number behind it.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    fn seed_of(&self, life: i64) -> PathBuf {
        self.folder.join(if life <= 1 { "log.ed25519".to_owned() } else { format!("log-{life}.ed25519") })
    }

    /// The key of a life of the log.
    ///
    /// # Errors
    /// When it is not here or damaged.
    pub(super) fn log_key(&self, life: i64) -> Result<LogKey, StoreError> {
        let path = self.seed_of(life);
        let seed = fs::read(&path).map_err(|cause| io("read the log's key", &path, cause))?;
        LogKey::from_seed(&name_of(&self.origin, life), &seed).map_err(|e| damaged(&e))
    }

    /// [`Keys::log_key`], made if it is not here: for a life that begins.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn make_log_key(&self, life: i64) -> Result<LogKey, StoreError> {
        keep(&self.seed_of(life), random_bytes)?;
        self.log_key(life)
    }

    /// The keys of all lives that are here, by number.
    ///
    /// # Errors
    /// When the folder cannot be read or a key is damaged.
    pub(crate) fn log_keys(&self) -> Result<BTreeMap<i64, LogKey>, StoreError> {
        let mut keys = BTreeMap::new();
        for entry in fs::read_dir(&self.folder).map_err(|cause| io("read", &self.folder, cause))? {
            let name = entry.map_err(|cause| io("read", &self.folder, cause))?.file_name();
            let number = match name.to_str().and_then(|n| n.strip_suffix(".ed25519")) {
                Some("log") => Some(1),
                Some(stem) => stem.strip_prefix("log-").and_then(|n| n.parse().ok()),
                None => None,
            };
            if let Some(number) = number {
                keys.insert(number, self.log_key(number)?);
            }
        }
        Ok(keys)
    }

    /// The live secrets of a connector, newest last. The file is read again when it changed, looked at twice
    /// a second, so that a rotation needs no restart.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn secrets(&self, connector: &str) -> Result<Arc<[Secret]>, StoreError> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = read.get(connector).filter(|known| known.looked.elapsed() < LOOK_AGAIN);
        if let Some(known) = fresh {
            return Ok(known.secrets.clone());
        }
        let looked = Instant::now();
        let path = self.path(connector);
        let changed = match fs::metadata(&path).and_then(|m| m.modified()) {
            Ok(changed) => changed,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => SystemTime::UNIX_EPOCH,
            Err(cause) => return Err(io("look at", &path, cause)),
        };
        if let Some(known) = read.get_mut(connector).filter(|known| known.changed == changed) {
            known.looked = looked;
            return Ok(known.secrets.clone());
        }
        let stored = self.stored(connector)?;
        let secrets: Arc<[Secret]> =
            stored.into_iter().map(|s| Secret { name: s.name, bytes: s.secret.into_bytes() }).collect();
        read.insert(connector.to_owned(), Known { secrets: secrets.clone(), changed, looked });
        Ok(secrets)
    }

    fn path(&self, connector: &str) -> PathBuf {
        self.folder.join(format!("webhook-{connector}.json"))
    }

    fn stored(&self, connector: &str) -> Result<Vec<StoredSecret>, StoreError> {
        let path = self.path(connector);
        match fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|e| StoreError::Damaged(format!("{}: {e}", path.display())))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(cause) => Err(io("read", &path, cause)),
        }
    }

    /// Adds a secret; the one before it stays live, older ones end. Returns the name it goes by.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add_secret(&self, connector: &str, secret: &str) -> Result<String, StoreError> {
        // Two who make one at once make two.
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = self.stored(connector)?;
        let last = match all.last() {
            None => 0,
            Some(s) => (s.name.rsplit('#').next().and_then(|n| n.parse::<u64>().ok()))
                .ok_or_else(|| StoreError::Damaged(format!("a secret of {connector} has no number in its name")))?,
        };
        let number = last + 1;
        let name = format!("{connector}#{number}");
        all.push(StoredSecret { name: name.clone(), secret: secret.to_owned() });
        let live = all.split_off(all.len().saturating_sub(2));
        let bytes = serde_json::to_vec(&live).map_err(|e| StoreError::Damaged(e.to_string()))?;
        write_durably(&self.path(connector), &bytes)?;
        read.remove(connector);
        Ok(name)
    }
}

fn damaged(error: &KeyError) -> StoreError {
    StoreError::Damaged(error.to_string())
}

fn io(what: &str, path: &Path, cause: std::io::Error) -> StoreError {
    StoreError::Io { what: format!("{what} {}", path.display()), cause }
}

fn random_bytes() -> Result<Vec<u8>, StoreError> {
    super::batch::random::<32>().map(|b| b.to_vec()).map_err(|e| StoreError::Damaged(e.to_string()))
}

/// The bytes of a file, made by `make` where there is none.
fn keep(path: &Path, make: impl FnOnce() -> Result<Vec<u8>, StoreError>) -> Result<Vec<u8>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => Ok(bytes),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let bytes = make()?;
            write_durably(path, &bytes)?;
            Ok(bytes)
        }
        Err(cause) => Err(io("read", path, cause)),
    }
}

#[cfg(unix)]
fn only_owner(path: &Path, mode: u32) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(|cause| io("restrict", path, cause))
}

#[cfg(not(unix))]
fn only_owner(_: &Path, _: u32) -> Result<(), StoreError> {
    Ok(())
}
