//! What a sender is told of the reports that were recorded.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::recorded;
use crate::{
    client::{Client, segment},
    failure::Failure,
};

/// The reports in a receipt: itself, and what was in it.
fn reports(receipt: &Value) -> impl Iterator<Item = &Value> {
    std::iter::once(receipt).chain(receipt["members"].as_array().into_iter().flatten())
}

/// Asks once for each release what rests on the reports that were sent, and puts it into their receipts.
pub(super) fn look_up_what_is_met(client: &Client, receipts: &mut [Value]) -> Result<(), Failure> {
    let bound = receipts.iter().flat_map(reports).flat_map(|r| r["bound"].as_array().into_iter().flatten());
    let releases: BTreeSet<String> = bound.filter_map(|b| Some(b["release"].as_str()?.to_owned())).collect();
    for release in releases {
        let Some((product, version)) = release.split_once('/') else { continue };
        let path = format!("/api/v1/products/{}/releases/{}", segment(product), segment(version));
        let told: Value = client.get(&path, &[])?;
        let requirements = told["evaluation"]["requirements"].as_array().into_iter().flatten();
        for requirement in requirements {
            let rows = requirement["rows"].as_array().into_iter().flatten();
            let inputs: Vec<&Value> = rows.flat_map(|row| row["inputs"].as_array().into_iter().flatten()).collect();
            let met = json!({
                "release": release, "requirement": requirement["id"], "verdict": requirement["verdict"], "sentence": requirement["sentence"],
            });
            let add = |receipt: &mut Value| {
                if let (true, Some(list)) = (inputs.contains(&&receipt["id"]), receipt["met"].as_array_mut()) {
                    list.push(met.clone());
                }
            };
            for receipt in receipts.iter_mut() {
                receipt["members"].as_array_mut().into_iter().flatten().for_each(add);
                add(receipt);
            }
        }
    }
    Ok(())
}

/// What rests on the reports that were sent, each requirement once.
pub(super) fn say_what_is_met(receipts: &[Value]) {
    let mut said: BTreeSet<String> = BTreeSet::new();
    for met in receipts.iter().flat_map(reports).flat_map(|r| r["met"].as_array().into_iter().flatten()) {
        let line = recorded::line(met);
        if said.insert(format!("{} {line}", met["release"].as_str().unwrap_or("?"))) {
            println!("{line}");
        }
    }
    if said.is_empty() && receipts.iter().flat_map(reports).any(|r| r["unbound"].is_null()) {
        println!("  no requirement rests on {}", if receipts.len() == 1 { "it" } else { "them" });
    }
}

/// The receipt for people: what was parsed, what it met, where it is.
pub(super) fn say(name: &str, r: &Value, client: &Client) {
    let counts: Vec<String> = r["parsed"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, n)| n.as_u64() != Some(0))
        .map(|(k, n)| format!("{n} {}", k.replace('_', " ")))
        .collect();
    println!(
        "{name}: {} ({}), entry {}{}",
        r["type"].as_str().unwrap_or("?"),
        if counts.is_empty() { "nothing counted".to_owned() } else { counts.join(", ") },
        r["index"],
        match (r["duplicate"] == true, r["repeats"].as_u64()) {
            (true, _) => ", already recorded".to_owned(),
            (false, Some(first)) => format!(", repeats entry {first}"),
            (false, None) => String::new(),
        }
    );
    recorded::say_where(r);
    for member in r["members"].as_array().into_iter().flatten() {
        let path = member["name"].as_str().unwrap_or("a report in it");
        say(&format!("  {path}"), member, client);
    }
    if let Some(url) = r["url"].as_str() {
        println!("  {}", client.address(url));
    }
}
