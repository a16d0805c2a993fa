//! Running the program, and what its commands answer without a server.

use std::process::{Command, Output};

/// The program, with an environment of its own.
pub(crate) fn certrail() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_certrail"));
    command
        .env_remove("CERTRAIL_TOKEN")
        .env_remove("CERTRAIL_SERVER")
        .env_remove("CERTRAIL_PRODUCT")
        .env_remove("GITHUB_ACTIONS")
        .env_remove("GITLAB_CI");
    command
}

pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn run(args: &[&str]) -> Output {
    certrail().args(args).output().unwrap()
}

#[test]
fn inspect_recognises_or_says_why_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good =
        file("a.xml", b"<testsuite name='s'><testcase name='a'/><testcase name='b'><failure/></testcase></testsuite>");
    let output = run(&["evidence", "inspect", &good, "-o", "json"]);
    assert_eq!(output.status.code(), Some(0));
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&value["format"], &value["counts"]["tests"], &value["counts"]["failed"]),
        (&"junit".into(), &2.into(), &1.into())
    );
    let odd = file("b.bin", &[0, 159, 146, 150]);
    let output = run(&["evidence", "inspect", &odd]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let output = run(&["evidence", "inspect", &good, "--type", "cobertura"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("It is not Cobertura XML: it is JUnit XML."), "{}", text(&output));
    assert_eq!(run(&["evidence", "inspect", "/nowhere/at/all"]).status.code(), Some(5));
}

/// The page of formats is what the command prints, so that it cannot fall behind.
#[test]
fn the_page_of_formats_is_the_one_the_command_writes() {
    let output = run(&["evidence", "formats", "--markdown"]);
    assert_eq!(output.status.code(), Some(0));
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/formats.md");
    let written = std::fs::read_to_string(page).unwrap_or_default();
    assert!(
        written == String::from_utf8_lossy(&output.stdout),
        "write it again: certrail evidence formats --markdown > docs/reference/formats.md"
    );
}

#[test]
fn each_kind_of_failure_has_its_own_exit_code() {
    // Nobody listens on port 9: could not tell.
    let dead = ["--server", "http://127.0.0.1:9", "--timeout", "2"];
    let with = |args: &[&str]| {
        let all: Vec<&str> = dead.iter().copied().chain(args.iter().copied()).collect();
        run(&all).status.code()
    };
    assert_eq!(with(&["gate", "check", "production", "--release", "1.0.0", "--product", "p"]), Some(4));
    assert_eq!(
        with(&["gate", "check", "production", "--release", "1.0.0", "--product", "p", "--if-unreachable", "go"]),
        Some(0)
    );
    assert_eq!(with(&["gate", "check", "production", "--release", "", "--product", "p"]), Some(2));
    assert_eq!(with(&["gate", "check", "production", "--release", "1.0.0", "--product", ""]), Some(2));
    assert_eq!(with(&["release", "show", "1.0.0"]), Some(2), "no product named");
    assert_eq!(with(&["nothing-like-this"]), Some(2));
    assert_eq!(run(&["--server", "not an address", "product", "list"]).status.code(), Some(3));
    assert_eq!(run(&["verify", "/nowhere"]).status.code(), Some(5));
    assert_eq!(
        run(&["deploy", "record", "1", "--environment", "production", "--id", "1"]).status.code(),
        Some(2),
        "--result is required"
    );
}

#[test]
fn empty_flags_are_errors_and_name_the_flag() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.xml");
    std::fs::write(&file, "<testsuite/>").unwrap();
    let file = file.to_str().unwrap();
    for flag in ["--release", "--commit", "--digest", "--for", "--type", "--product"] {
        for empty in ["", "  "] {
            let output = run(&[
                "evidence",
                "add",
                file,
                "--product",
                "p",
                "--commit",
                "0123456789012345678901234567890123456789",
                flag,
                empty,
            ]);
            assert_eq!(output.status.code(), Some(2), "{flag} {empty:?}: {}", text(&output));
        }
    }
}

#[test]
fn a_checkout_does_not_get_the_token_of_whoever_stands_in_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("certrail.toml"), "server = \"https://elsewhere.invalid\"\nproduct = \"p\"\n")
        .unwrap();
    let run = |also: &[(&str, &str)]| {
        let mut command = certrail();
        command.args(["--timeout", "2", "release", "list"]).current_dir(folder.path()).env("CERTRAIL_TOKEN", "secret");
        command.envs(also.iter().copied()).output().unwrap()
    };
    let refused = run(&[]);
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused));
    assert!(text(&refused).contains("CERTRAIL_SERVER"), "{}", text(&refused));
    // Named by the person, or in a pipeline, it is asked; it does not answer.
    let named = run(&[("CERTRAIL_SERVER", "http://127.0.0.1:9")]);
    assert_eq!(named.status.code(), Some(4), "{}", text(&named));
}

#[test]
fn a_command_whose_reader_has_enough_ends_without_a_word() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = certrail().args(["evidence", "formats"]).stdout(writer).output().unwrap();
    assert_eq!(ended.status.code(), Some(141), "{}", text(&ended));
    assert!(ended.stderr.is_empty(), "{}", text(&ended));
}

#[test]
fn the_version_names_the_commit_it_was_built_from() {
    let head = Command::new("git").args(["rev-parse", "--short=10", "HEAD"]).output();
    let Some(head) = head.ok().filter(|o| o.status.success()) else {
        eprintln!("skipped: this is no checkout");
        return;
    };
    let (version, head) = (run(&["--version"]), String::from_utf8(head.stdout).unwrap());
    assert!(text(&version).contains(head.trim()), "{} is not of {head}", text(&version));
}
