//! Dossiers that were made: what is on record of each, and its files, which never change.

use std::collections::BTreeMap;

use certrail_domain::{Problem, ProblemKind, Time};
use certrail_ledger::{Hash, hex};
use certrail_store::{
    StoreError, Tx,
    tables::{
        dossiers::{self, StoredDossier},
        log, people,
        releases::StoredRelease,
    },
};
use serde::Serialize;

use crate::{
    engine::{Engine, internal},
    look::find_release,
    outgoing::OutgoingFile,
};

/// A face of a dossier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// JSON, sealed.
    Json,
    /// PDF, sealed, with the JSON inside.
    Pdf,
}

/// What is on record of a dossier.
#[derive(Clone, Debug, Serialize)]
pub struct DossierCard {
    /// Its number among those of the release, from 1.
    pub number: u64,
    /// When it was put on record.
    pub made_at: Time,
    /// Who asked for it.
    pub made_by: String,
    /// Its entry in the log, which names the digests of its files.
    pub entry: u64,
    /// Its JSON.
    pub json: FileCard,
    /// Its PDF; `None` where it could not be rendered.
    pub pdf: Option<FileCard>,
}

/// A file of a dossier.
#[derive(Clone, Debug, Serialize)]
pub struct FileCard {
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// How many bytes.
    pub size: u64,
}

/// Up to `limit` dossiers of a release below a number, newest first.
///
/// # Errors
/// When there is no such release, or the store fails.
pub fn list_dossiers(
    engine: &Engine,
    product: &str,
    version: &str,
    before: u64,
    limit: u64,
) -> Result<Vec<DossierCard>, Problem> {
    let stored = find_release(engine, product, version)?;
    engine.read(|tx| {
        let some = dossiers::of_release(tx, stored.release.id.as_str(), before, limit)?;
        let names = people::names(tx)?;
        some.iter().map(|dossier| card(tx, dossier, &names)).collect::<Result<_, StoreError>>()
    })
}

/// What is on record of one.
///
/// # Errors
/// When there is no such release or dossier, or the store fails.
pub fn find_dossier(engine: &Engine, product: &str, version: &str, number: u64) -> Result<DossierCard, Problem> {
    let stored = find_release(engine, product, version)?;
    let found = get(engine, &stored, number)?;
    engine.read(|tx| card(tx, &found, &people::names(tx)?))
}

fn get(engine: &Engine, stored: &StoredRelease, number: u64) -> Result<StoredDossier, Problem> {
    let release = stored.release.id.as_str();
    let found =
        engine.read(|tx| Ok::<_, StoreError>((dossiers::get(tx, release, number)?, dossiers::last(tx, release)?)))?;
    let title = stored.release.title();
    let why = match found.1 {
        0 => "None was made of it yet.".to_owned(),
        last => format!("The newest one is number {last}."),
    };
    found.0.ok_or_else(|| {
        Problem::new(
            ProblemKind::NotFound,
            "no-such-dossier",
            format!("There is no dossier {number} of {title}."),
            why,
            "Make one on the page of the release, or with `certrail release export`.",
        )
    })
}

fn card(tx: &Tx<'_>, dossier: &StoredDossier, names: &BTreeMap<String, String>) -> Result<DossierCard, StoreError> {
    let file = |digest: &Hash| {
        let place = log::body(tx, dossier.log_index, digest)?;
        let place = place.ok_or_else(|| StoreError::Damaged(format!("dossier {} has no files", dossier.number)))?;
        Ok::<_, StoreError>(FileCard { sha256: hex(digest), size: place.size })
    };
    Ok(DossierCard {
        number: dossier.number,
        made_at: Time::from_micros(dossier.made),
        made_by: names.get(&dossier.maker).unwrap_or(&dossier.maker).clone(),
        entry: dossier.log_index,
        json: file(&dossier.json)?,
        pdf: dossier.pdf.as_ref().map(file).transpose()?,
    })
}

/// A file of a dossier.
///
/// # Errors
/// When there is no such release, dossier or face, or the store fails.
pub fn dossier_file(
    engine: &Engine,
    product: &str,
    version: &str,
    number: u64,
    face: Face,
) -> Result<OutgoingFile, Problem> {
    let stored = find_release(engine, product, version)?;
    let found = get(engine, &stored, number)?;
    let (digest, ending, media) = match face {
        Face::Json => (found.json, "json", "application/json"),
        Face::Pdf => {
            let pdf = found.pdf.ok_or_else(|| {
                Problem::new(
                    ProblemKind::NotFound,
                    "no-pdf",
                    "This dossier has no PDF.",
                    "It could not be rendered when it was made.",
                    "Take the JSON, which holds the same; why it was not is in the server's log.",
                )
            })?;
            (pdf, "pdf", "application/pdf")
        }
    };
    let gone = || internal(&StoreError::Damaged(format!("the {ending} of dossier {number} is not here")));
    let place = engine.read(|tx| log::body(tx, found.log_index, &digest))?.ok_or_else(gone)?;
    let title = format!("{}-{}", stored.release.product, stored.release.version);
    Ok(OutgoingFile { name: format!("dossier-{title}-{number}.{ending}"), media, digest, place })
}
