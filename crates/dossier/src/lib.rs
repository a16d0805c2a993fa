//! The dossier: everything there is to say about one release, as one value with many faces.
//!
//! [`Dossier`] is the value; the page, the JSON and the PDF are made from it and from nothing else
//! (law 9). One file per face. No I/O: the value comes in, bytes go out.
//!
//! The schema is versioned (`certrail.dossier/1`) and documented in `docs/reference/dossier.md`.

mod model;
mod pdf;

pub use model::{
    AcceptanceRow, ApprovalRow, ChangeRow, ControlRow, DecisionEntry, DecisionRow, DeploymentRow, Dossier, Event,
    EvidenceRow, FindingGroup, FindingLine, FindingsSection, Integrity, LogRef, Proof, Salts, SecurityRow, TestRow,
};
pub use pdf::{PdfError, render};
