//! Where a setting comes from: flag, then `CERTRAIL_*`, then `certrail.toml`, then the default.

use std::{env, fs, path::PathBuf};

use serde::Deserialize;

use crate::failure::{Failure, SIGN_IN};

/// `certrail.toml`, found upward from the working folder.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// The server's address.
    pub(crate) server: Option<String>,
    /// The product this repository belongs to.
    pub(crate) product: Option<String>,
}

/// Where a value comes from that a checkout brought.
pub(crate) const FILE: &str = "certrail.toml";

/// A value with where it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Sourced {
    pub(crate) value: String,
    pub(crate) source: String,
}

/// Finds and reads `certrail.toml`.
pub(crate) fn file() -> Result<(File, Option<PathBuf>), Failure> {
    let here = env::current_dir()?;
    for folder in here.ancestors() {
        let path = folder.join("certrail.toml");
        if path.is_file() {
            let text = fs::read_to_string(&path)?;
            let parsed = toml::from_str(&text).map_err(|e| {
                let why = format!("{}: {}", path.display(), e.message());
                Failure::new(SIGN_IN, "The configuration could not be read.", why, "Known are: server, product.")
            })?;
            return Ok((parsed, Some(path)));
        }
        if folder.join(".git").exists() {
            break;
        }
    }
    Ok((File::default(), None))
}

/// A setting by its precedence. An empty value anywhere is an error that names flag and source.
pub(crate) fn setting(
    flag: Option<&str>,
    name: &str,
    from_file: Option<&str>,
    default: Option<&str>,
) -> Result<Option<Sourced>, Failure> {
    let variable = format!("CERTRAIL_{}", name.to_uppercase());
    let from_env = env::var(&variable).ok();
    let candidates = [
        (flag, format!("--{name}")),
        (from_env.as_deref(), format!("${variable}")),
        (from_file, FILE.to_owned()),
        (default, "default".to_owned()),
    ];
    for (value, source) in candidates {
        if let Some(value) = value {
            if certrail_domain::is_blank(value) {
                let fix = "Is a variable unset? Give a value, or remove it.";
                return Err(Failure::new(
                    crate::failure::USAGE,
                    "Nothing was done.",
                    format!("`{name}` got an empty value from {source}."),
                    fix,
                ));
            }
            return Ok(Some(Sourced { value: value.to_owned(), source }));
        }
    }
    Ok(None)
}

/// The product, which must come from somewhere.
pub(crate) fn product(flag: Option<&str>) -> Result<String, Failure> {
    let (file, _) = file()?;
    setting(flag, "product", file.product.as_deref(), None)?.map(|s| s.value).ok_or_else(|| {
        Failure::new(
            crate::failure::USAGE,
            "Nothing was done.",
            "No product was named.",
            "Give --product, set CERTRAIL_PRODUCT, or write product = \"…\" into certrail.toml.",
        )
    })
}
