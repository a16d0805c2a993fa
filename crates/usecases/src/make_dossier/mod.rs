//! Making a dossier: one value from one state of the world, numbered, sealed, in two files that are kept as they are.

mod assemble;
mod events;
mod marks;
mod named;
mod proofs;
mod render;
mod sections;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use certrail_domain::{Problem, ProblemKind, Time};
use certrail_ledger::{Hash, hex, leaf::label, seal, sha256};
use certrail_store::tables::{dossiers, releases::StoredRelease};
use serde_json::json;

use assemble::assemble;
pub(crate) use assemble::preview;
pub(crate) use proofs::tool;

use crate::{
    Caller,
    engine::{Batch, Engine, Fault, Kept, NewestDossier, blocking, internal},
    look,
};

/// How PDFs are rendered.
#[derive(Clone, Debug)]
pub enum Renderer {
    /// None: JSON only.
    None,
    /// In a child process of the program at this path, which has the command `render-pdf`.
    Child(PathBuf),
}

/// The faces of a dossier, sealed, ready to be kept.
struct Faces {
    json: (Hash, Kept),
    pdf: Option<(Hash, Kept)>,
}

/// Makes the next dossier of a release, keeps it and puts it on record; returns its number. Whoever asked before the making of
/// one began is given that one: it shows what they asked for, and later than that.
///
/// # Errors
/// When there is no such release, or the store fails. Where the PDF cannot be rendered, there is none.
pub async fn make_dossier(
    engine: &Arc<Engine>,
    caller: &Caller,
    product: &str,
    version: &str,
    renderer: Renderer,
) -> Result<u64, Problem> {
    let asked = Instant::now();
    let own = engine.clone();
    let (product, version) = (product.to_owned(), version.to_owned());
    let stored = blocking(move || look::find_release(&own, &product, &version)).await?;
    // Its places go with the work: whoever asks and leaves frees none before it is done.
    let making = make(engine.clone(), caller.clone(), stored, renderer, asked);
    tokio::spawn(making).await.unwrap_or_else(|error| Err(internal(&error)))
}

async fn make(
    engine: Arc<Engine>,
    caller: Caller,
    stored: StoredRelease,
    renderer: Renderer,
    asked: Instant,
) -> Result<u64, Problem> {
    let mut newest = engine.release_turn(stored.release.id.as_str()).await;
    if let NewestDossier(Some((began, number))) = *newest
        && began >= asked
    {
        return Ok(number);
    }
    let (own, maker) = (engine.clone(), caller.account());
    blocking(move || not_too_many(&own, &maker)).await?;
    let _turn = engine.dossier_turn().await;
    let began = Instant::now();
    let mut tries = 0;
    let number = loop {
        tries += 1;
        let (own, release, renderer) = (engine.clone(), stored.clone(), renderer.clone());
        let (faces, number) = blocking(move || next(&own, &release, &renderer)).await?;
        match record(&engine, &caller, &stored, number, faces).await {
            Ok(()) => break number,
            // Another process took the number between reading and writing.
            Err(problem) if problem.kind == ProblemKind::Conflict && tries < 5 => {}
            Err(problem) => return Err(problem),
        }
    };
    *newest = NewestDossier(Some((began, number)));
    Ok(number)
}

/// Dossiers that one account may have made in an hour: each is kept for ever, and somebody who looks must not fill the disk.
const AN_HOUR: u64 = 100;

fn not_too_many(engine: &Engine, maker: &str) -> Result<(), Problem> {
    let since = engine.now().plus(-3_600 * Time::SECOND);
    if engine.read(|tx| dossiers::made_by_since(tx, maker, since))? < AN_HOUR {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::TooMany,
        "too-many-dossiers",
        "No dossier was made.",
        format!("You had {AN_HOUR} made within the last hour, and each is kept."),
        "Take the newest one of the release, or ask again later.",
    ))
}

/// How long a decision waits for its dossier.
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes the dossier that goes with a decision; its number, if it was there soon. It is made all the same when it takes longer, or
/// nobody waits; where it fails the decision stands, and anybody may have one made.
pub(crate) async fn with_decision(
    engine: &Arc<Engine>,
    caller: &Caller,
    product: &str,
    version: &str,
    renderer: Renderer,
) -> Option<u64> {
    let (engine, caller, product, version) = (engine.clone(), caller.clone(), product.to_owned(), version.to_owned());
    let making = tokio::spawn(async move {
        let made = make_dossier(&engine, &caller, &product, &version, renderer).await;
        made.inspect_err(|problem| tracing::warn!(%problem, product, version, "no dossier came with a decision")).ok()
    });
    tokio::time::timeout(PATIENCE, making).await.ok()?.ok()?
}

/// The faces of the next dossier, with its number.
fn next(engine: &Engine, stored: &StoredRelease, renderer: &Renderer) -> Result<(Faces, u64), Problem> {
    let number = engine.read(|tx| dossiers::last(tx, stored.release.id.as_str()))? + 1;
    let dossier = assemble(engine, stored, number)?;
    let plain = serde_json::to_vec(&dossier).map_err(|e| internal(&e))?;
    drop(dossier);
    let json = seal::seal_json(&plain, &engine.keys.dossier).map_err(|e| internal(&e))?;
    drop(plain);
    let pdf = match renderer {
        Renderer::None => None,
        // What cannot be typeset is on record all the same: the JSON holds everything.
        Renderer::Child(program) => match render::render(program, &json) {
            Ok(pages) => match seal::seal_pdf(&pages, &engine.keys.dossier) {
                Ok(sealed) => sealed,
                Err(error) => {
                    tracing::warn!(%error, release = %stored.release.title(), number, "a PDF cannot be sealed");
                    None
                }
            },
            Err(problem) => {
                tracing::warn!(%problem, release = %stored.release.title(), number, "a dossier has no PDF");
                None
            }
        },
    };
    let keep = |bytes: &Vec<u8>| {
        let digest = sha256(bytes);
        Ok((digest, Kept::prepare(&engine.blobs, &digest, bytes).map_err(|e| internal(&e))?))
    };
    let pdf = pdf.as_ref().map(keep).transpose()?;
    Ok((Faces { json: keep(&json)?, pdf }, number))
}

/// Puts a dossier on record, unless its number is taken.
async fn record(
    engine: &Arc<Engine>,
    caller: &Caller,
    stored: &StoredRelease,
    number: u64,
    faces: Faces,
) -> Result<(), Problem> {
    let mark = label(&stored.label_key, stored.release.id.as_str());
    let release = stored.release.id.to_string();
    let maker = caller.account();
    let work = move |batch: &mut Batch<'_>| {
        if dossiers::last(batch.tx, &release)? >= number {
            let why = format!("Dossier {number} was made by somebody else at the same moment.");
            let kind = ProblemKind::Conflict;
            return Err(Problem::new(kind, "number-taken", "No dossier was made.", why, "Ask again.").into());
        }
        let Faces { json: (json, _), pdf } = &faces;
        let pdf = pdf.as_ref().map(|(digest, _)| *digest);
        let document =
            json!({ "release": release, "number": number, "json": hex(json), "pdf": pdf.as_ref().map(|p| hex(p)) });
        let log_index = batch.control("dossier-made", &maker, &[mark], &document)?;
        for (digest, kept) in [Some(&faces.json), faces.pdf.as_ref()].into_iter().flatten() {
            batch.keep_body(digest, kept, log_index)?;
        }
        let (made, maker) = (batch.now.as_micros(), maker.clone());
        let made = dossiers::StoredDossier { number, log_index, made, maker, json: *json, pdf };
        dossiers::insert(batch.tx, &release, &made)?;
        Ok::<_, Fault>(())
    };
    engine.write(work).await?;
    Ok(())
}
