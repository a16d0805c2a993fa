//! Lynis report file (`lynis-report.dat`). A warning counts as medium, a suggestion as low; vulnerable packages as high.
//! Without its end the audit did not finish.

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "lynis",
    title: "Lynis report",
    family: Family::Running,
    standard: "lynis-report.dat 1.0",
    looks: &[Looks::Text(recognise, "text: `# Lynis Report`, or keys `lynis_version=` and `report_version_major=`")],
    blank: None,
    read,
};

fn recognise(head: &str) -> bool {
    let first = head.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or_default();
    first.starts_with("# Lynis Report") || head.contains("lynis_version=") && head.contains("report_version_major=")
}

fn read(input: &mut Input<'_>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut report = ScanReport::new(context, ScanKind::Host, "Lynis");
    let (mut finished, mut modern, mut exceptions, mut ended) = (false, false, 0, false);
    input.lines(&mut |line| {
        let Some((key, value)) = line.split_once('=') else { return };
        let (key, value) = (key.trim(), value.trim());
        match key {
            "lynis_version" => {
                modern = value.split('.').next().and_then(|v| v.parse::<u64>().ok()).is_some_and(|v| v >= 3);
                report.scan.tool_version = Some(clip(value));
            }
            "hostname" => report.scan.target = Some(clip(value)),
            "lynis_tests_done" => report.scan.looked_at = value.parse().ok(),
            "hardening_index" => report.subjects.push(format!("hardening index {}", clip(value))),
            "finish" => finished = value == "true",
            "report_datetime_end" => ended = true,
            "exception_event[]" | "exception[]" => exceptions += 1,
            "warning[]" => tell(&mut report, value, "warning"),
            "suggestion[]" => tell(&mut report, value, "suggestion"),
            "vulnerable_package[]" => {
                report.count("vulnerable_packages", 1);
                let name = value.split('|').next().unwrap_or_default().trim();
                report.finding(Found {
                    rule: "vulnerable-package",
                    title: &format!("{name} has a known vulnerability"),
                    place: name,
                    word: "warning",
                    level: Some(Level::High),
                    ..Found::default()
                });
            }
            _ => {}
        }
    })?;
    report.scan.success = Some(ended && (finished || !modern));
    report.error(exceptions, "trouble inside a test");
    Ok(report.finish())
}

/// `ID|text|details|solution|`; older: `ID|text|H|`.
fn tell(report: &mut ScanReport<'_>, value: &str, word: &str) {
    let mut parts = value.split('|').map(str::trim);
    let (id, text, details) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next());
    let level = match (word, id) {
        (_, "PKGS-7392") => Level::High,
        ("warning", _) => Level::Medium,
        _ => Level::Low,
    };
    report.finding(Found {
        rule: id,
        title: text,
        place: details.filter(|d| !matches!(*d, "" | "-")).unwrap_or_default(),
        context: text,
        word,
        level: Some(level),
        ..Found::default()
    });
}
