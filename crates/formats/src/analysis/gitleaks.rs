//! Gitleaks JSON (v8). A list of secrets and nothing else: nothing proves what was looked at, and an empty list could be
//! anybody's. The secret itself is never taken over; a hash of it tells two in one place apart.

use crate::{out::fingerprint, prelude::*};

pub(crate) static FORMAT: Definition = Definition {
    name: "gitleaks",
    title: "Gitleaks JSON",
    family: Family::Analysis,
    standard: "Output of Gitleaks v8",
    looks: &[Looks::Json(&["[].RuleID", "[].StartLine", "[].File"])],
    blank: Some("[]"),
    read,
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Leak<'a> {
    #[serde(borrow, default, rename = "RuleID")]
    rule: Text<'a>,
    #[serde(borrow, default)]
    description: Text<'a>,
    #[serde(borrow, default)]
    file: Text<'a>,
    #[serde(borrow, default)]
    start_line: Text<'a>,
    #[serde(borrow, default)]
    secret: Text<'a>,
    #[serde(borrow, default)]
    commit: Text<'a>,
    #[serde(borrow, default)]
    fingerprint: Text<'a>,
}

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = ScanReport::new(context, ScanKind::Secret, "Gitleaks");
    json::records(input, |leak: Leak<'de>| {
        // With a commit the line cannot move, and Gitleaks' own fingerprint holds; without one it is the line number.
        let in_history = leak.commit.some().is_some();
        let secret = leak.secret.some().filter(|s| *s != "REDACTED").unwrap_or_default();
        let own = leak.fingerprint.some().filter(|_| in_history).map(|own| match secret {
            "" => own.to_owned(),
            secret => format!("{own}#{}", fingerprint::digest(secret)),
        });
        report.finding(Found {
            rule: &leak.rule,
            title: &leak.description,
            place: &leak.file,
            line: leak.start_line.number(),
            context: secret,
            own: own.as_deref(),
            level: Some(Level::High),
            cwes: vec![798],
            ..Found::default()
        });
    })?;
    Ok(report.finish())
}
