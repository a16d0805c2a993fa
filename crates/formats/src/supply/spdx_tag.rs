//! SPDX 2.x tag-value (ISO/IEC 5962:2021, annex on tag:value). Tags inside `<text>` are text.

use std::collections::BTreeMap;

use super::{
    sbom::{Bill, digest_in, plausible_hash},
    spdx::{Held, describe, version},
};
use crate::{
    NotRead, Reading,
    base::{clip, input::Input},
    definition::{Context, Definition, Family, Looks},
};

pub(crate) static FORMAT: Definition = Definition {
    name: "spdx-tag",
    title: "SPDX tag-value",
    family: Family::Supply,
    standard: "SPDX 2.x (ISO/IEC 5962:2021), tag-value",
    looks: &[Looks::Text(recognise, "text: first tag `SPDXVersion:`")],
    blank: None,
    read,
};

const MAX_HELD: usize = 20_000;

fn recognise(head: &str) -> bool {
    let first = head.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with('#'));
    first.is_some_and(|line| line.starts_with("SPDXVersion:"))
        || head.lines().take(200).any(|l| l.starts_with("SPDXVersion: SPDX-"))
}

fn read(input: &mut Input<'_>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut bill = Bill::new(&context, "SPDX");
    let mut packages: BTreeMap<String, Held> = BTreeMap::new();
    let (mut described, mut seen, mut current) = (Vec::new(), Vec::new(), None::<(String, Held)>);
    let (mut in_text, mut in_package) = (false, false);
    input.lines(&mut |line| {
        let line = line.trim();
        if in_text {
            in_text = !line.contains("</text>");
            return;
        }
        let Some((tag, value)) = line.split_once(':') else { return };
        let (tag, value) = (tag.trim(), value.trim());
        if value.contains("<text>") && !value.contains("</text>") {
            in_text = true;
        }
        match tag {
            "SPDXVersion" => bill.sbom.spec_version = clip(value),
            "DataLicense" | "DocumentName" | "DocumentNamespace" => {}
            "Created" => bill.sbom.created_at = crate::base::time::parse(value),
            "Creator" => {
                if let Some(tool) = value.strip_prefix("Tool: ") {
                    bill.sbom.generator.get_or_insert_with(|| clip(tool));
                }
            }
            "PackageName" => {
                bill.sbom.components += 1;
                bill.count("packages", 1);
                keep(&mut packages, current.take());
                current = Some((String::new(), Held { named: clip(value), digests: Vec::new(), purl: None }));
                in_package = true;
            }
            "FileName" | "SnippetSPDXID" | "LicenseID" => {
                bill.count("files", u64::from(tag == "FileName"));
                keep(&mut packages, current.take());
                in_package = false;
            }
            "Relationship" => {
                bill.count("relationships", 1);
                let mut words = value.split_whitespace();
                if let (Some(from), Some("DESCRIBES"), Some(to)) = (words.next(), words.next(), words.next())
                    && from.ends_with("SPDXRef-DOCUMENT")
                    && described.len() < 100
                {
                    described.push(clip(to));
                }
            }
            _ => {}
        }
        if matches!(
            tag,
            "SPDXVersion" | "DataLicense" | "SPDXID" | "DocumentName" | "DocumentNamespace" | "Creator" | "Created"
        ) && seen.len() < 20
        {
            seen.push(tag.to_owned());
        }
        let Some((id, held)) = current.as_mut().filter(|_| in_package) else { return };
        match tag {
            "SPDXID" => *id = clip(value),
            "PackageVersion" => {
                held.named = clip(&format!("{} {value}", held.named));
                held.digests.extend(digest_in(value));
            }
            "PackageChecksum" => {
                let sha256 = value.strip_prefix("SHA256:").map(str::trim).filter(|h| plausible_hash(h));
                held.digests.extend(sha256.map(|h| format!("sha256:{}", h.to_ascii_lowercase())));
            }
            "ExternalRef" => {
                let mut words = value.split_whitespace().skip(1);
                if words.next() == Some("purl") {
                    held.purl = words.next().map(clip);
                    held.digests.extend(held.purl.as_deref().and_then(digest_in));
                }
            }
            _ => {}
        }
    })?;
    keep(&mut packages, current);
    for tag in ["DataLicense", "SPDXID", "DocumentName", "DocumentNamespace", "Creator", "Created"] {
        if !seen.iter().any(|s| s == tag) {
            bill.faults.add(format!("It has no `{tag}`, which clause 6 makes mandatory."));
        }
    }
    if in_text {
        bill.faults.add("It ends inside a text; it may be cut off.");
    }
    version(&mut bill);
    describe(&mut bill, &packages, &described);
    for name in ["packages", "files", "relationships"] {
        bill.count(name, 0);
    }
    Ok(bill.finish(None))
}

fn keep(packages: &mut BTreeMap<String, Held>, current: Option<(String, Held)>) {
    if let Some((id, held)) = current.filter(|_| packages.len() < MAX_HELD) {
        packages.insert(id, held);
    }
}
