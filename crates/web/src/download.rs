//! Files on their way out, the same from pages and API: always a download, never rendered as a page of ours, read piece by piece,
//! and in part where a range is asked for (RFC 9110 §14).

use axum::{
    body::{Body, Bytes},
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use certrail_domain::{Problem, ProblemKind};
use certrail_usecases::{Caller, Face, OutgoingFile, dossier_file, evidence_file};
use futures_util::stream;
use http_range_header::{RangeUnsatisfiableError, parse_range_header};
use std::{io::Read, ops::RangeInclusive};

use crate::{App, blocking::blocking, caller::SignedIn, refusal::Refusal, slots::Slot};

/// How a file is asked for, and by whom.
pub(crate) struct FileAsked {
    method: Method,
    headers: HeaderMap,
    caller: Caller,
}

impl FromRequestParts<App> for FileAsked {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let SignedIn(caller) = SignedIn::from_request_parts(parts, app).await?;
        Ok(Self { method: parts.method.clone(), headers: parts.headers.clone(), caller })
    }
}

/// The raw bytes of a piece of evidence.
pub(crate) async fn original(app: App, id: String, asked: FileAsked) -> Result<Response, Problem> {
    let (engine, caller) = (app.engine.clone(), asked.caller.clone());
    let found = blocking(move || evidence_file(&engine, &caller, &id)).await?;
    serve(app, asked, found).await
}

/// A file of a dossier that was made.
pub(crate) async fn dossier(
    app: App,
    (product, version, number): (String, String, u64),
    face: Face,
    asked: FileAsked,
) -> Result<Response, Problem> {
    let engine = app.engine.clone();
    let found = blocking(move || dossier_file(&engine, &product, &version, number, face)).await?;
    serve(app, asked, found).await
}

/// Bytes read at once.
const PIECE: usize = 256 * 1024;

async fn serve(app: App, asked: FileAsked, file: OutgoingFile) -> Result<Response, Problem> {
    let FileAsked { method, headers: asked, caller } = asked;
    let size = file.size();
    // A file is what it is called: under its digest it never changes.
    let tag = format!("\"sha256:{}\"", file.sha256());
    let headers = |length: u64| {
        let safe = |c: char| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '-' };
        let name: String = file.name.chars().map(safe).collect();
        [
            (header::CONTENT_TYPE, file.media.to_owned()),
            (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
            (header::CONTENT_LENGTH, length.to_string()),
            (header::ACCEPT_RANGES, "bytes".to_owned()),
            (header::ETAG, tag.clone()),
            // Compressed on its way, a range would be one of other bytes.
            (header::CACHE_CONTROL, "private, no-cache, no-transform".to_owned()),
        ]
    };
    let names = |name: header::HeaderName| asked.get(name).and_then(|value| value.to_str().ok());
    // Compared weakly (RFC 9110 §13.1.2).
    let same = |one: &str| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag;
    if names(header::IF_NONE_MATCH).is_some_and(|known| known.split(',').any(|one| same(one.trim()))) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let wanted = names(header::RANGE).filter(|_| names(header::IF_RANGE).is_none_or(|known| known == tag));
    let range = match part(wanted, size) {
        Part::Whole => None,
        Part::Range(range) => Some(range),
        Part::None => {
            let problem = Problem::new(
                ProblemKind::BadInput,
                "no-such-range",
                "Nothing was sent.",
                format!("The file has {size} bytes, and the range lies behind them."),
                "Ask for a range inside it.",
            );
            let mut refused = crate::refusal::Refusal(problem).into_response();
            *refused.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            if let Ok(value) = HeaderValue::from_str(&format!("bytes */{size}")) {
                refused.headers_mut().insert(header::CONTENT_RANGE, value);
            }
            return Ok(refused);
        }
    };
    let (from, length) = range.as_ref().map_or((0, size), |r| (*r.start(), r.end() - r.start() + 1));
    let sent = match method {
        // Whoever asks about a file opens none.
        Method::HEAD => Body::empty(),
        _ => {
            let slot = app.downloads.take(&caller.account()).await.ok_or_else(too_many)?;
            let (opened, own) = (file.clone(), app.engine.clone());
            // What stands before a part is unpacked as well: it waits for its turn.
            let reader = app.engine.look(move || opened.read(&own, from)).await?;
            body(reader.take(length), slot)
        }
    };
    let mut response = (headers(length), sent).into_response();
    if let Some(range) = range
        && let Ok(value) = HeaderValue::from_str(&format!("bytes {}-{}/{size}", range.start(), range.end()))
    {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    Ok(response)
}

/// What is sent of a file.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Whole,
    Range(RangeInclusive<u64>),
    None,
}

/// The part that a range header asks for. What does not read, or asks for several parts, is answered with the whole, as RFC 9110
/// §14.2 allows.
fn part(wanted: Option<&str>, size: u64) -> Part {
    let Some(parsed) = wanted.and_then(|text| parse_range_header(text).ok()) else { return Part::Whole };
    match parsed.validate(size) {
        Ok(ranges) => match ranges.as_slice() {
            [one] => Part::Range(one.clone()),
            _ => Part::Whole,
        },
        Err(RangeUnsatisfiableError::Unsatisfiable) => Part::None,
        Err(_) => Part::Whole,
    }
}

fn too_many() -> Problem {
    Problem::new(
        ProblemKind::TooMany,
        "too-many-downloads",
        "Nothing was sent.",
        "You are taking as many files at once as you may.",
        "Ask again when one of them is there.",
    )
}

/// A body that is read as it is sent. Whoever takes it slowly holds a piece of it and one of their own places, and no thread.
fn body(reader: impl Read + Send + 'static, slot: Slot) -> Body {
    Body::from_stream(stream::try_unfold((reader, slot), |(mut reader, slot)| async {
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = Vec::with_capacity(PIECE);
            reader.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
            Ok::<_, std::io::Error>((piece, reader))
        });
        let (piece, reader) = read.await.map_err(std::io::Error::other)??;
        Ok::<_, std::io::Error>((!piece.is_empty()).then(|| (Bytes::from(piece), (reader, slot))))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_a_part_and_everything_else_the_whole_or_nothing() {
        for (wanted, part_of_ten) in [
            (None, Part::Whole),
            (Some("bytes=0-3"), Part::Range(0..=3)),
            (Some("bytes=4-"), Part::Range(4..=9)),
            (Some("bytes=-2"), Part::Range(8..=9)),
            (Some("bytes=5-99"), Part::Range(5..=9)),
            (Some("bytes=0-1,4-5"), Part::Whole),
            (Some("lines=1-2"), Part::Whole),
            (Some("bytes=x"), Part::Whole),
            (Some("bytes=0-9,0-9,0-9"), Part::Whole),
            (Some("bytes=0-18446744073709551615"), Part::Range(0..=9)),
            (Some("bytes=10-"), Part::None),
            (Some("bytes=99-100"), Part::None),
        ] {
            assert_eq!(part(wanted, 10), part_of_ten, "{wanted:?}");
        }
    }
}
