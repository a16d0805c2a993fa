//! The PDF face: PDF/A-3b and PDF/UA-1, with the JSON attached.
//!
//! The template reads the JSON as data; texts become content, never markup, so hostile evidence
//! cannot typeset. The world denies every file and package but these. Callers run this in a
//! child process with limits: memory follows the page count.

use std::{fmt::Write as _, sync::OnceLock};

use typst::{
    Library, LibraryExt, World,
    diag::{FileError, FileResult},
    foundations::{Bytes, Datetime, Duration, Smart},
    syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot},
    text::{Font, FontBook},
    utils::LazyHash,
};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards, Timestamp};

const TEMPLATE: &str = include_str!("../templates/dossier.typ");

/// Why no PDF could be made.
#[derive(Debug, thiserror::Error)]
#[error("the PDF could not be made: {0}")]
pub struct PdfError(String);

struct DossierWorld {
    library: LazyHash<Library>,
    main: Source,
    data_id: FileId,
    data: Bytes,
    shown_id: FileId,
    shown: Bytes,
}

fn fonts() -> &'static (LazyHash<FontBook>, Vec<Font>) {
    static FONTS: OnceLock<(LazyHash<FontBook>, Vec<Font>)> = OnceLock::new();
    FONTS.get_or_init(|| {
        let fonts: Vec<Font> = typst_assets::fonts().flat_map(|bytes| Font::iter(Bytes::new(bytes))).collect();
        (LazyHash::new(FontBook::from_fonts(&fonts)), fonts)
    })
}

fn file(name: &str) -> Result<FileId, PdfError> {
    let path = VirtualPath::new(name).map_err(|_| PdfError("a bad path".into()))?;
    Ok(RootedPath::new(VirtualRoot::Project, path).intern())
}

impl World for DossierWorld {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &fonts().0
    }

    fn main(&self) -> FileId {
        self.main.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.main.id() { Ok(self.main.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        match id {
            _ if id == self.data_id => Ok(self.data.clone()),
            _ if id == self.shown_id => Ok(self.shown.clone()),
            _ => Err(FileError::AccessDenied),
        }
    }

    fn font(&self, index: usize) -> Option<Font> {
        fonts().1.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        // The template takes its dates from the data; the clock of the renderer has no say.
        None
    }
}

/// Renders the JSON of a dossier. The bytes attached inside are exactly `json`.
///
/// # Errors
/// When the JSON is not a dossier, or typesetting or export refuses.
pub fn render(json: &[u8]) -> Result<Vec<u8>, PdfError> {
    let dossier: crate::Dossier = serde_json::from_slice(json).map_err(|e| PdfError(format!("not a dossier: {e}")))?;
    let world = DossierWorld {
        library: LazyHash::new(Library::default()),
        main: Source::new(file("main.typ")?, TEMPLATE.to_owned()),
        data_id: file("dossier.json")?,
        data: Bytes::new(json.to_vec()),
        shown_id: file("shown.json")?,
        shown: Bytes::new(printable(json)?),
    };
    let said = |errors: &[typst::diag::SourceDiagnostic]| {
        PdfError(errors.iter().map(|e| e.message.to_string()).take(3).collect::<Vec<_>>().join("; "))
    };
    let document: PagedDocument = typst::compile(&world).output.map_err(|e| said(&e))?;
    let standards =
        PdfStandards::new(&[PdfStandard::A_3b, PdfStandard::Ua_1]).map_err(|e| PdfError(e.message().to_string()))?;
    let options = PdfOptions {
        ident: Smart::Custom(format!("certrail:{}:{}", dossier.release.id, dossier.number)),
        creator: Smart::Custom(Some(format!("certrail {}", env!("CARGO_PKG_VERSION")))),
        timestamp: timestamp(dossier.made_at),
        standards,
        ..PdfOptions::default()
    };
    typst_pdf::pdf(&document, &options).map_err(|e| said(&e))
}

/// The JSON with every character that none of the fonts has written out as its code: a report may hold any, and one of
/// them must not be the end of a dossier (PDF/A-3 has no place for a character without a glyph).
fn printable(json: &[u8]) -> Result<Vec<u8>, PdfError> {
    fn walk(value: &mut serde_json::Value, has: &impl Fn(char) -> bool) {
        match value {
            serde_json::Value::String(text) if !text.chars().all(has) => {
                let mut out = String::with_capacity(text.len() + 16);
                for c in text.chars() {
                    if has(c) {
                        out.push(c);
                    } else {
                        let _ = write!(out, "<U+{:04X}>", u32::from(c));
                    }
                }
                *text = out;
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(|v| walk(v, has)),
            serde_json::Value::Object(members) => members.values_mut().for_each(|v| walk(v, has)),
            _ => {}
        }
    }
    let covered = |c: char| fonts().1.iter().any(|font| font.info().coverage.contains(u32::from(c)));
    let has = |c: char| c.is_ascii_graphic() || matches!(c, ' ' | '\n' | '\t') || (!c.is_control() && covered(c));
    let mut value: serde_json::Value = serde_json::from_slice(json).map_err(|e| PdfError(format!("not JSON: {e}")))?;
    walk(&mut value, &has);
    serde_json::to_vec(&value).map_err(|e| PdfError(e.to_string()))
}

fn timestamp(at: certrail_domain::Time) -> Option<Timestamp> {
    let text = at.to_string();
    let part = |range: std::ops::Range<usize>| text.get(range)?.parse::<u8>().ok();
    let year = text.get(0..4)?.parse::<i32>().ok()?;
    let at = Datetime::from_ymd_hms(year, part(5..7)?, part(8..10)?, part(11..13)?, part(14..16)?, part(17..19)?)?;
    Some(Timestamp::new_utc(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_font_has_is_written_as_its_code() {
        let json = r#"{"tool":"sem\u0000grep \u001b[31m ü 中","n":1,"list":["a\nb"]}"#;
        let shown: serde_json::Value =
            serde_json::from_slice(&printable(json.as_bytes()).expect("JSON")).expect("JSON again");
        assert_eq!(shown["tool"], "sem<U+0000>grep <U+001B>[31m ü <U+4E2D>");
        assert_eq!((&shown["n"], &shown["list"][0]), (&1.into(), &"a\nb".into()));
    }
}
