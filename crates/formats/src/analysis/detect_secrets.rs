//! detect-secrets baseline (0.12 and later): a list of what is known, with a mark where a person looked.
//! The hash of a secret can be guessed from, so it is not taken over.

use crate::prelude::*;

pub(crate) static FORMAT: Definition = Definition {
    name: "detect-secrets",
    title: "detect-secrets baseline",
    family: Family::Analysis,
    standard: "detect-secrets baseline, 0.12 to 1.5",
    looks: &[Looks::Json(&["plugins_used:[]", "results:{}"])],
    blank: None,
    read,
};

#[derive(Deserialize)]
struct Secret<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    hashed_secret: Text<'a>,
    #[serde(borrow, default)]
    line_number: Text<'a>,
    #[serde(borrow, default)]
    is_verified: Text<'a>,
    #[serde(borrow, default)]
    is_secret: Text<'a>,
}

struct Baseline<'c>(ScanReport<'c>);

fn read<'de>(input: &mut Input<'de>, context: Context<'_>) -> Result<Reading, NotRead> {
    let mut baseline = Baseline(ScanReport::new(context, ScanKind::Secret, "detect-secrets"));
    json::read(input, &mut baseline)?;
    Ok(baseline.0.finish())
}

impl<'de> Object<'de> for Baseline<'_> {
    fn member<A: MapAccess<'de>>(&mut self, key: &str, value: &mut A) -> Result<(), A::Error> {
        let report = &mut self.0;
        match key {
            "results" => json::entries(value, |file, secrets: Few<Secret<'de>>| {
                for secret in report.all(&secrets) {
                    report.finding(Found {
                        rule: &secret.kind,
                        title: &secret.kind,
                        place: file,
                        // Tells two secrets of one file apart, and says nothing of them.
                        context: &secret.hashed_secret,
                        line: secret.line_number.number(),
                        word: if secret.is_verified.yes() { "verified" } else { "" },
                        level: Some(Level::High),
                        cwes: vec![798],
                        suppressed: (&*secret.is_secret == "false").then(|| "audited as no secret".to_owned()),
                        ..Found::default()
                    });
                }
            }),
            "plugins_used" => {
                report.scan.rules = json::count(value)?;
                Ok(())
            }
            "version" => {
                report.scan.tool_version = json::value::<Text<'de>, A>(value)?.some().map(clip);
                Ok(())
            }
            "generated_at" => {
                report.scan.finished_at = json::value::<Text<'de>, A>(value)?.time();
                Ok(())
            }
            _ => json::skip(value),
        }
    }
}
