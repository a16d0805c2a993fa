//! Fuzzing each reader with mutated samples of its own format: no panic on any bytes, and with `scripts/fuzz` no read of
//! less than a mebibyte that takes two seconds.
//!
//! Without `CERTRAIL_FUZZ_SECONDS` each reader gets a handful of inputs, so that `cargo test` shows that it works at all.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests say what is wrong by panicking")]

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use certrail_formats::{Format, Hints, read, read_stream, unpack};

/// A small deterministic generator (xorshift), so that a failure names its seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

const LARGEST: usize = 1 << 20;
const SLOW: Duration = Duration::from_secs(2);

/// Bytes that formats stumble over.
const SPICE: [&[u8]; 24] = [
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b"<",
    b">",
    b"</",
    b"<![CDATA[",
    b"&#x110000;",
    b"&a;",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"99999999999999999999999",
    b"-1",
    b"1e999",
    b"null",
    b"\\ud800",
    b"\n\n",
    b"1..999999999",
    b"ok 18446744073709551616",
    b"<!DOCTYPE a [<!ENTITY a \"aaaa\">]>",
    b"{\"a\":{\"a\":{\"a\":[[[[[[",
];

fn mutate(numbers: &mut Numbers, sample: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = sample.to_vec();
    for _ in 0..=numbers.below(6) {
        let at = numbers.below(bytes.len() + 1);
        match numbers.below(9) {
            0 if !bytes.is_empty() => {
                let at = at.min(bytes.len() - 1);
                bytes[at] ^= 1 << numbers.below(8);
            }
            1 => bytes.truncate(at),
            2 => drop(bytes.splice(at..at, SPICE[numbers.below(SPICE.len())].iter().copied())),
            3 => {
                let end = (at + numbers.below(64)).min(bytes.len());
                bytes.drain(at..end);
            }
            // A part of it again and again: long lists, deep nesting, long texts.
            4 | 5 => {
                let end = (at + 1 + numbers.below(200)).min(bytes.len());
                let part = bytes[at.min(end)..end].to_vec();
                let times = 1 << numbers.below(14);
                let room = LARGEST.saturating_sub(bytes.len()) / part.len().max(1);
                let many = part.repeat(times.min(room));
                drop(bytes.splice(end..end, many));
            }
            6 => {
                let from = numbers.below(other.len() + 1);
                let until = (from + numbers.below(400)).min(other.len());
                drop(bytes.splice(at..at, other[from..until].iter().copied()));
            }
            7 => {
                let one = [b'[', b'{', b'<', b'"', b' ', b'9', 0x80][numbers.below(7)];
                let many = (1 << numbers.below(17)).min(LARGEST.saturating_sub(bytes.len()));
                drop(bytes.splice(at..at, std::iter::repeat_n(one, many)));
            }
            _ => {
                let end = (at + numbers.below(32)).min(bytes.len());
                for byte in &mut bytes[at.min(end)..end] {
                    *byte = numbers.next() as u8;
                }
            }
        }
    }
    bytes.truncate(LARGEST);
    bytes
}

fn samples(folder: &Path) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => all.extend(samples(&path)),
            false => all.push(std::fs::read(path).unwrap()),
        }
    }
    all
}

/// What went wrong with an input is kept beside the build, so that it can be looked at.
fn keep(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(name);
    std::fs::write(&file, bytes).unwrap();
    file
}

struct Outcome {
    inputs: u64,
    slowest: Duration,
}

/// Feeds one reader until its time is over or its inputs are used up.
fn feed(
    name: &str,
    samples: &[Vec<u8>],
    others: &[Vec<u8>],
    budget: Option<Duration>,
    reader: &dyn Fn(&[u8]),
) -> Outcome {
    let seed = std::env::var("CERTRAIL_FUZZ_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x9E37_79B9_7F4A_7C15);
    let mut numbers = Numbers(seed);
    let begun = Instant::now();
    let mut outcome = Outcome { inputs: 0, slowest: Duration::ZERO };
    loop {
        let over = budget.map_or(outcome.inputs >= 10, |b| begun.elapsed() >= b);
        if over || samples.is_empty() {
            return outcome;
        }
        let sample = &samples[numbers.below(samples.len())];
        let other = &others[numbers.below(others.len())];
        let input = mutate(&mut numbers, sample, other);
        let started = Instant::now();
        let read = catch_unwind(AssertUnwindSafe(|| reader(&input)));
        let took = started.elapsed();
        outcome.inputs += 1;
        if took > outcome.slowest {
            outcome.slowest = took;
            if budget.is_some() && took > SLOW {
                panic!("{name} takes {took:?}: {}", keep(&format!("slow-{name}"), &input).display());
            }
        }
        assert!(read.is_ok(), "{name} panics: {}", keep(&format!("panic-{name}"), &input).display());
    }
}

#[test]
fn no_bytes_make_a_reader_panic_or_hang() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let seconds: Option<u64> = std::env::var("CERTRAIL_FUZZ_SECONDS").ok().and_then(|s| s.parse().ok());
    let formats = Format::all();
    let budget = seconds.map(|s| Duration::from_millis(s * 1000 / (formats.len() as u64 + 1)));
    let everything = samples(&data);
    let (mut inputs, mut slowest) = (0, (Duration::ZERO, ""));
    for format in formats.iter().copied() {
        let is_own = |bytes: &&Vec<u8>| {
            read(bytes, None, &Hints::default(), &mut |_| {}).is_ok_and(|reading| reading.format == format)
        };
        let own: Vec<Vec<u8>> = everything.iter().filter(is_own).cloned().collect();
        assert!(!own.is_empty(), "{} has no samples", format.name());
        let outcome = feed(format.name(), &own, &everything, budget, &|bytes| {
            let _ = read(bytes, Some(format), &Hints::default(), &mut |_| {});
            let _ = read_stream(std::io::Cursor::new(bytes.to_vec()), Some(format), &Hints::default(), &mut |_| {});
        });
        inputs += outcome.inputs;
        if outcome.slowest > slowest.0 {
            slowest = (outcome.slowest, format.name());
        }
    }
    let archives = samples(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/archives"));
    let outcome = feed("archives", &archives, &everything, budget, &|bytes| {
        let _ = unpack("reports.zip", bytes, &mut |_, content| {
            let _ = read(&content, None, &Hints::default(), &mut |_| {});
        });
    });
    inputs += outcome.inputs;
    eprintln!("{inputs} inputs, no panic; slowest {:.0?} ({}), archives {:.0?}", slowest.0, slowest.1, outcome.slowest);
}
