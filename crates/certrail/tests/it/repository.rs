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

/// Every reader that is defined stands in the registry, by each of its definitions.
#[test]
fn every_reader_is_in_the_registry() {
    let formats = root().join("crates/formats/src");
    let registry = std::fs::read_to_string(formats.join("registry.rs")).unwrap();
    let mut definitions = 0;
    for family in ["tests", "coverage", "analysis", "components", "running", "supply"] {
        for entry in std::fs::read_dir(formats.join(family)).unwrap() {
            let path = entry.unwrap().path();
            let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let file = if path.is_dir() { path.join("mod.rs") } else { path };
            let text = std::fs::read_to_string(file).unwrap();
            for (_, rest) in text.match_indices("pub(crate) static ").map(|(at, m)| text.split_at(at + m.len())) {
                let name = rest.split(':').next().unwrap();
                definitions += 1;
                assert!(registry.contains(&format!("&{family}::{module}::{name})")), "{family}/{module}: {name}");
            }
        }
    }
    assert!(definitions >= 80, "only {definitions} definitions found");
}

/// Every document of ours.
fn documents() -> Vec<std::path::PathBuf> {
    let mut all = vec![root().join("README.md"), root().join("ARCHITECTURE.md"), root().join("CONTRIBUTING.md")];
    let mut queue = vec![root().join("docs")];
    while let Some(folder) = queue.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                _ if path.is_dir() => queue.push(path),
                Some(ext) if ext == "md" => all.push(path),
                _ => {}
            }
        }
    }
    all
}

#[test]
fn links_of_documents_lead_somewhere() {
    let mut links = 0;
    for document in documents() {
        let text = std::fs::read_to_string(&document).unwrap();
        for (_, rest) in text.match_indices("](").map(|(at, _)| text.split_at(at + 2)) {
            let target = rest.split([')', '#']).next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            links += 1;
            let path = document.parent().unwrap().join(target);
            assert!(path.exists(), "{} links to {target}, which is not there", document.display());
        }
    }
    assert!(links >= 8, "only {links} links found");
}

#[test]
fn how_tos_and_references_are_reached_from_the_readme() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    for folder in ["docs/how-to", "docs/reference", "docs/tutorials", "docs/explanation"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(readme.contains(&format!("{folder}/{name}")), "the README does not lead to {folder}/{name}");
        }
    }
}

#[test]
fn every_check_route_and_command_is_documented() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let (criteria, api) = (read("docs/reference/criteria.md"), read("docs/reference/api.md"));
    for line in read("crates/criteria/sets/standard.yaml").lines() {
        if let Some((_, rest)) = line.split_once("check: { kind: ") {
            let kind = rest.split([',', ' ', '}']).next().unwrap();
            assert!(
                criteria.contains(&format!("| `{kind}` |")),
                "the check {kind} is not in docs/reference/criteria.md"
            );
        }
    }
    let verdicts = read("crates/domain/src/verdict.rs");
    let causes = verdicts.split_once("impl Cause").expect("causes have names").1;
    for cause in causes.lines().filter_map(|l| l.trim().strip_prefix("Self::")) {
        if let Some((_, name)) = cause.trim_end_matches(',').split_once(" => \"") {
            let name = name.trim_end_matches('"');
            assert!(criteria.contains(&format!("`{name}`")), "{name} is not in docs/reference/criteria.md");
        }
    }
    for route in read("crates/web/src/api/mod.rs").split(".route(\"").skip(1) {
        let path = route.split('"').next().unwrap();
        let last = path.split('/').rfind(|s| !s.starts_with('{') && !s.is_empty()).unwrap();
        assert!(api.contains(last), "{path} is not in docs/reference/api.md");
    }
    let prose: String = documents().iter().map(|d| std::fs::read_to_string(d).unwrap()).collect();
    for command in
        read("crates/certrail/src/commands/mod.rs").lines().filter_map(|l| l.strip_prefix("        Command::"))
    {
        let name = command.split(['(', ' ', '{']).next().unwrap().to_lowercase();
        assert!(
            name == "renderpdf" || prose.contains(&format!("certrail {name}")),
            "no document shows `certrail {name}`"
        );
    }
}
