//! Making a dossier: one value from one state of the world, numbered, recorded, sealed, in two files.

mod assemble;
mod events;
mod proofs;
mod render;
mod sections;

use std::{path::PathBuf, sync::Arc};

use certrail_domain::{Problem, ProblemKind};
use certrail_ledger::{hex, leaf::label, seal, sha256};
use certrail_store::{
    StoreError,
    tables::{dossiers, releases::StoredRelease},
};

use assemble::assemble;
pub(crate) use assemble::preview;
pub(crate) use proofs::tool;

use crate::{
    engine::{Engine, blocking, internal},
    look,
};

/// A finished dossier.
#[derive(Clone, Debug)]
pub struct DossierFile {
    /// The sealed JSON.
    pub json: Vec<u8>,
    /// The sealed PDF, if it was asked for.
    pub pdf: Option<Vec<u8>>,
    /// Its number.
    pub number: u64,
    /// `payments-api-2.4.1`.
    pub name: String,
}

/// How PDFs are rendered.
#[derive(Clone, Debug)]
pub enum Renderer {
    /// None: JSON only.
    None,
    /// In a child process of the program at this path, which has the command `render-pdf`.
    Child(PathBuf),
}

/// Makes the next numbered dossier of a release, records it, and seals it.
///
/// # Errors
/// When there is no such release, the store fails, or the PDF cannot be rendered.
pub async fn make_dossier(
    engine: &Arc<Engine>,
    product: &str,
    version: &str,
    renderer: Renderer,
) -> Result<DossierFile, Problem> {
    let stored = look::find_release(engine, product, version)?;
    let _turn = engine.dossier_turn().await;
    let number_turn = engine.number_turn().await;
    let mut tries = 0;
    let (bytes, number) = loop {
        tries += 1;
        let (bytes, number) = numbered(engine, &stored).await?;
        match record(engine, &stored, number, sha256(&bytes)).await {
            Ok(()) => break (bytes, number),
            // Somebody else took the number between reading and writing.
            Err(problem) if problem.kind == ProblemKind::Conflict && tries < 5 => {}
            Err(problem) => return Err(problem),
        }
    };
    drop(number_turn);
    let json = seal::seal_json(&bytes, &engine.keys.dossier).map_err(|e| internal(&e))?;
    let pdf = match renderer {
        Renderer::None => None,
        Renderer::Child(program) => {
            let input = json.clone();
            let plain = render::in_turn(program, input).await.map_err(|e| internal(&e))??;
            let sealed = seal::seal_pdf(&plain, &engine.keys.dossier).map_err(|e| internal(&e))?;
            Some(sealed.ok_or_else(|| internal(&StoreError::Damaged("the renderer gave no PDF".into())))?)
        }
    };
    Ok(DossierFile { json, pdf, number, name: format!("{}-{}", stored.release.product, stored.release.version) })
}

/// The bytes of the next dossier, with its number.
async fn numbered(engine: &Arc<Engine>, stored: &StoredRelease) -> Result<(Vec<u8>, u64), Problem> {
    let (own, stored) = (engine.clone(), stored.clone());
    let work = move || {
        let engine = own;
        let known = engine.read(|tx| dossiers::of_release(tx, stored.release.id.as_str()))?;
        let number = known.last().map_or(1, |d| d.number + 1);
        let dossier = assemble(&engine, &stored, number)?;
        Ok((serde_json::to_vec(&dossier).map_err(|e| internal(&e))?, number))
    };
    blocking(work).await
}

/// Puts a dossier on record, unless its number is taken.
async fn record(engine: &Arc<Engine>, stored: &StoredRelease, number: u64, digest: [u8; 32]) -> Result<(), Problem> {
    let mark = label(&stored.label_key, stored.release.id.as_str());
    let release = stored.release.id.to_string();
    engine
        .write(move |batch| {
            if dossiers::of_release(batch.tx, &release)?.last().is_some_and(|d| d.number >= number) {
                let why = format!("Dossier {number} was made by somebody else at the same moment.");
                return Err(Problem::new(
                    ProblemKind::Conflict,
                    "number-taken",
                    "No dossier was made.",
                    why,
                    "Ask again.",
                )
                .into());
            }
            let document = serde_json::json!({ "release": release, "number": number, "sha256": hex(&digest) });
            let log_index = batch.control("dossier-made", "certrail", &[mark], &document)?;
            let made = dossiers::StoredDossier { number, log_index, made: batch.now.as_micros(), digest };
            dossiers::insert(batch.tx, &release, &made)?;
            Ok(())
        })
        .await?;
    Ok(())
}
