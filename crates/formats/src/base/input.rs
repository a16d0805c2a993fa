//! The bytes of a report as text, whole or as a stream, without losing any report over its encoding.

use std::{
    borrow::Cow,
    cell::Cell,
    io::{self, BufRead, BufReader, Cursor, Read},
    rc::Rc,
};

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::NotRead;

/// Reports up to this size are held whole; larger ones are streamed.
pub const HELD: u64 = 64 << 20;

/// How much of a report is looked at first to tell its format.
const HEAD: usize = 256 << 10;

/// How much of a stream is, where that was not enough. Of a report that is held, all is looked at.
const STREAM_HEAD: usize = 4 << 20;

const BUFFER: usize = 256 << 10;

/// A report on its way through a reader.
pub(crate) struct Input<'a> {
    source: Source<'a>,
    /// The beginning of a stream.
    head: String,
    /// What had to be assumed about the encoding; known for sure only when all is read.
    assumed: Rc<Cell<Option<&'static str>>>,
}

enum Source<'a> {
    Whole(Cow<'a, str>),
    Stream(Box<dyn BufRead + 'a>),
    /// Taken by a reader.
    Gone,
}

/// What a reader takes: the text, or a stream of it.
pub(crate) enum Body<'a> {
    Whole(Cow<'a, str>),
    Stream(Box<dyn BufRead + 'a>),
}

impl<'a> Input<'a> {
    /// A report that is held.
    pub(crate) fn whole(bytes: &'a [u8]) -> Self {
        let (encoding, mark) = encoding_of(bytes);
        let bytes = &bytes[mark..];
        let assumed = Rc::new(Cell::new(note(encoding)));
        if encoding == UTF_8 {
            match std::str::from_utf8(bytes) {
                Ok(text) => return Self { source: Source::Whole(Cow::Borrowed(text)), head: String::new(), assumed },
                Err(_) => assumed.set(Some(NOT_UTF8)),
            }
        }
        let encoding = if encoding == UTF_8 { WINDOWS_1252 } else { encoding };
        let (text, _) = encoding.decode_without_bom_handling(bytes);
        Self { source: Source::Whole(Cow::Owned(text.into_owned())), head: String::new(), assumed }
    }

    /// A report that is streamed. A byte that is not of its encoding becomes U+FFFD, and a warning says so.
    pub(crate) fn stream(mut reader: impl Read + 'a) -> io::Result<Self> {
        let mut head = Vec::with_capacity(HEAD);
        reader.by_ref().take(STREAM_HEAD as u64).read_to_end(&mut head)?;
        let (encoding, mark) = encoding_of(&head);
        let text = encoding.decode_without_bom_handling(&head[mark..]).0.into_owned();
        let assumed = Rc::new(Cell::new(note(encoding)));
        let bytes = Cursor::new(head.split_off(mark)).chain(reader);
        let decoded = Decoding {
            inner: BufReader::with_capacity(BUFFER, bytes),
            decoder: encoding.new_decoder_without_bom_handling(),
            assumed: Rc::clone(&assumed),
            ended: false,
            spare: Vec::new(),
        };
        let source = Source::Stream(Box::new(BufReader::with_capacity(BUFFER, decoded)));
        Ok(Self { source, head: text, assumed })
    }

    /// The first part of the text, for detection.
    pub(crate) fn head(&self) -> &str {
        let text = self.more();
        let mut end = text.len().min(HEAD);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        &text[..end]
    }

    /// As much of the text as can be looked at before a reader takes it.
    pub(crate) fn more(&self) -> &str {
        match &self.source {
            Source::Whole(text) => text,
            Source::Stream(_) | Source::Gone => &self.head,
        }
    }

    /// Hands the text out, once.
    pub(crate) fn take(&mut self) -> Result<Body<'a>, NotRead> {
        match std::mem::replace(&mut self.source, Source::Gone) {
            Source::Whole(text) => Ok(Body::Whole(text)),
            Source::Stream(reader) => Ok(Body::Stream(reader)),
            Source::Gone => Err(NotRead::new(None, "It was read before.")),
        }
    }

    /// Hands the text out as bytes of UTF-8.
    pub(crate) fn reader(&mut self) -> Result<Box<dyn BufRead + 'a>, NotRead> {
        Ok(match self.take()? {
            Body::Whole(Cow::Borrowed(text)) => Box::new(text.as_bytes()),
            Body::Whole(Cow::Owned(text)) => Box::new(Cursor::new(text.into_bytes())),
            Body::Stream(reader) => reader,
        })
    }

    /// Hands the text out as lines.
    pub(crate) fn lines(&mut self, each: &mut dyn FnMut(&str)) -> Result<(), NotRead> {
        match self.take()? {
            Body::Whole(text) => text.lines().for_each(each),
            Body::Stream(mut reader) => {
                let mut line = String::new();
                loop {
                    line.clear();
                    let read = reader.read_line(&mut line).map_err(|e| NotRead::new(None, format!("{e}.")))?;
                    if read == 0 {
                        break;
                    }
                    each(line.trim_end_matches(['\n', '\r']));
                }
            }
        }
        Ok(())
    }

    /// What had to be assumed, once all is read.
    pub(crate) fn warning(&self) -> Rc<Cell<Option<&'static str>>> {
        Rc::clone(&self.assumed)
    }
}

const NOT_UTF8: &str = "It is not UTF-8; read as Windows-1252.";

fn note(encoding: &'static Encoding) -> Option<&'static str> {
    match encoding.name() {
        "UTF-8" => None,
        "UTF-16LE" | "UTF-16BE" => Some("It is UTF-16."),
        _ => Some("It is not UTF-8; read in the encoding it declares."),
    }
}

/// The encoding by mark or XML declaration, and the length of the mark.
fn encoding_of(bytes: &[u8]) -> (&'static Encoding, usize) {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return (encoding, length);
    }
    // UTF-16 without a mark: reports begin with one of few characters, all of them ASCII.
    match bytes {
        [b'<' | b'{' | b'[', 0, ..] => return (UTF_16LE, 0),
        [0, b'<' | b'{' | b'[', ..] => return (UTF_16BE, 0),
        _ => {}
    }
    let start = &bytes[..bytes.len().min(200)];
    let declared = start.starts_with(b"<?xml").then(|| {
        let text = String::from_utf8_lossy(start);
        let (_, rest) = text.split_once("encoding=")?;
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        Encoding::for_label(rest[1..].split(quote).next()?.as_bytes())
    });
    match declared.flatten() {
        // A declaration in ASCII cannot be UTF-16; that one was copied from somewhere.
        Some(encoding) if encoding.is_ascii_compatible() => (encoding, 0),
        _ => (UTF_8, 0),
    }
}

/// Bytes in, UTF-8 out.
struct Decoding<R> {
    inner: R,
    decoder: Decoder,
    assumed: Rc<Cell<Option<&'static str>>>,
    ended: bool,
    /// Decoded, and too long for the caller's buffer.
    spare: Vec<u8>,
}

impl<R: BufRead> Read for Decoding<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if !self.spare.is_empty() {
            let n = self.spare.len().min(out.len());
            out[..n].copy_from_slice(&self.spare[..n]);
            self.spare.drain(..n);
            return Ok(n);
        }
        if out.len() < 16 {
            // The decoder wants room for the longest character.
            let mut room = [0; 64];
            let n = self.decode(&mut room)?;
            self.spare.extend_from_slice(&room[..n]);
            return if n == 0 { Ok(0) } else { self.read(out) };
        }
        self.decode(out)
    }
}

impl<R: BufRead> Decoding<R> {
    fn decode(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.ended {
                return Ok(0);
            }
            let input = self.inner.fill_buf()?;
            let last = input.is_empty();
            let (result, read, written, replaced) = self.decoder.decode_to_utf8(input, out, last);
            self.inner.consume(read);
            if replaced {
                self.assumed.set(Some("Some bytes are not of its encoding; they were replaced."));
            }
            self.ended = last && result == CoderResult::InputEmpty;
            if written > 0 || self.ended {
                return Ok(written);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streamed(bytes: &[u8]) -> (String, Option<&'static str>) {
        let mut input = Input::stream(bytes).unwrap();
        let warning = input.warning();
        let Ok(Body::Stream(mut reader)) = input.take() else { panic!("not a stream") };
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        (text, warning.get())
    }

    #[test]
    fn encodings_are_told_by_mark_then_declaration_then_bytes() {
        let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe4</a>";
        assert!(streamed(latin).0.ends_with("<a>ä</a>"));
        assert_eq!(streamed(b"\xef\xbb\xbf{}"), ("{}".to_owned(), None));
        assert_eq!(streamed(b"\xff\xfe{\0}\0").0, "{}");
        let (text, warning) = streamed(b"{\"a\":\"\xe4\"}");
        assert_eq!(text, "{\"a\":\"\u{fffd}\"}");
        assert!(warning.is_some());

        let mut input = Input::whole(b"{\"a\":\"\xe4\"}");
        assert!(matches!(input.take(), Ok(Body::Whole(text)) if text == "{\"a\":\"ä\"}"));
    }

    #[test]
    fn a_long_stream_comes_through_whole() {
        let text = "aä€𝄞".repeat(200_000);
        assert_eq!(streamed(text.as_bytes()), (text, None));
    }
}
