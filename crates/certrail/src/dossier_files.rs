//! A dossier made here, with its files in memory: for the demo, the benchmark and tests, which have no server beside them.

use std::{io::Read, sync::Arc};

use certrail_usecases::{Caller, Engine, Face, Renderer, dossier_file, make_dossier};

/// The files of a dossier.
pub(crate) struct DossierFiles {
    pub(crate) json: Vec<u8>,
    pub(crate) pdf: Option<Vec<u8>>,
}

/// Makes the next dossier of a release and reads its files.
pub(crate) async fn made(
    engine: &Arc<Engine>,
    product: &str,
    version: &str,
    renderer: Renderer,
) -> anyhow::Result<DossierFiles> {
    let has_pages = matches!(renderer, Renderer::Child(_));
    let number = make_dossier(engine, &Caller::internal("certrail"), product, version, renderer).await?;
    let read = |face| {
        let mut bytes = Vec::new();
        dossier_file(engine, product, version, number, face)?.read(engine, 0)?.read_to_end(&mut bytes)?;
        anyhow::Ok(bytes)
    };
    Ok(DossierFiles { json: read(Face::Json)?, pdf: has_pages.then(|| read(Face::Pdf)).transpose()? })
}
