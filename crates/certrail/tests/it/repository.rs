//! The repository keeps its promises about itself.

use std::{collections::BTreeSet, path::Path};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Every path in backticks that looks like one of ours.
fn paths_in(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|t| {
            ["crates/", "docs/", "scripts/", ".ci/"].iter().any(|p| t.starts_with(p))
                && !t.contains(['<', '*', ' ', '{'])
        })
        .map(|t| t.trim_end_matches('/').to_owned())
        .collect()
}

#[test]
fn every_path_in_the_map_exists() {
    for document in ["ARCHITECTURE.md", "README.md", "CONTRIBUTING.md"] {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        let paths = paths_in(&text);
        assert!(document != "ARCHITECTURE.md" || paths.len() >= 20, "the map names only {} paths", paths.len());
        for path in paths {
            assert!(root().join(&path).exists(), "{document} names {path}, which is not there");
        }
    }
}

#[test]
fn crates_depend_downwards_only() {
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .other_options(vec!["--offline".into()])
        .exec()
        .unwrap();
    let short = |name: &str| name.strip_prefix("certrail-").unwrap_or(name).to_owned();
    for package in &metadata.packages {
        let name = short(&package.name);
        let own: BTreeSet<String> = package
            .dependencies
            .iter()
            .filter(|d| d.kind == cargo_metadata::DependencyKind::Normal && d.name.starts_with("certrail-"))
            .map(|d| short(&d.name))
            .collect();
        let allowed: &[&str] = match name.as_str() {
            "domain" | "ledger" => &[],
            "formats" | "sources" | "criteria" | "store" | "dossier" => &["domain"],
            "usecases" => &["domain", "ledger", "formats", "sources", "criteria", "store", "dossier"],
            "web" => &["domain", "usecases"],
            "certrail" => &["domain", "ledger", "formats", "criteria", "store", "dossier", "usecases", "web"],
            other => panic!("crate {other} has no place in the map; say where it stands"),
        };
        for dependency in &own {
            assert!(allowed.contains(&dependency.as_str()), "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn every_dependency_says_why_it_is_there() {
    let text = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let begin = text.find("[workspace.dependencies]").unwrap();
    let end = text[begin..].find("[workspace.lints").unwrap() + begin;
    for line in
        text[begin..end].lines().filter(|l| l.contains(" = ") && !l.starts_with("certrail-") && !l.starts_with('#'))
    {
        assert!(line.contains(" # "), "no reason: {line}");
    }
}

#[test]
fn no_rule_or_reader_is_forgotten() {
    for (folder, register) in [
        ("crates/criteria/src/rules", "mod.rs"),
        ("crates/formats/src", "lib.rs"),
        ("crates/certrail/src/commands", "mod.rs"),
        ("crates/web/src/pages", "mod.rs"),
    ] {
        let registered = std::fs::read_to_string(root().join(folder).join(register)).unwrap();
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let Some(module) = name.strip_suffix(".rs").filter(|m| !matches!(*m, "mod" | "lib")) else { continue };
            assert!(registered.contains(&format!("mod {module};")), "{folder}/{name} is not registered");
        }
    }
}
