//! `certrail evidence formats`: what is read, by which standard, and how it is told from the rest.
//! The reference page is written by it: `certrail evidence formats --markdown > docs/reference/formats.md`.

use certrail_formats::{Family, Format};
use serde_json::json;

use crate::{
    commands::{Global, print_json},
    failure::Failure,
};

/// List every format.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// As the page of the reference.
    #[arg(long)]
    markdown: bool,
}

#[allow(clippy::unnecessary_wraps, reason = "every command answers so")]
pub(crate) fn run(global: &Global, args: &Args) -> Result<u8, Failure> {
    if global.json() {
        let all: Vec<_> = Format::all()
            .iter()
            .map(|f| {
                json!({
                    "name": f.name(), "title": f.title(), "family": f.family().title(),
                    "standard": f.standard(), "detection": f.detection(),
                })
            })
            .collect();
        print_json(&json!(all));
    } else if args.markdown {
        print!("{}", markdown());
    } else {
        for family in Family::ALL {
            println!("{}", family.title());
            for f in Format::all().iter().filter(|f| f.family() == family) {
                println!("  {:22} {} — {}", f.name(), f.title(), f.standard());
                f.detection().iter().for_each(|rule| println!("  {:22}   {rule}", ""));
            }
        }
        println!("{} formats, alone or in zip, tar, gzip and zstd.", Format::all().len());
    }
    Ok(0)
}

/// The page of the reference.
pub(crate) fn markdown() -> String {
    let mut out = String::from(
        "# Formats\n\n\
         What `certrail evidence add` and `inspect` read. Detection is by content, never by file name; the first rule that\n\
         fits decides. `a.b[].c` is a member of the first element of a list; `=` means equal, `~` holds (any case), `!` is\n\
         not there, `:{}` an object, `:[]` a list. Of XML, `@a` is an attribute of the root and `>a` an element inside.\n\n\
         This page is written by `certrail evidence formats --markdown`.\n",
    );
    for family in Family::ALL {
        out.push_str(&format!(
            "\n## {}\n\n| name | format | standard | told by |\n|---|---|---|---|\n",
            family.title()
        ));
        for f in Format::all().iter().filter(|f| f.family() == family) {
            let rules = f.detection().join("<br>").replace('|', "\\|");
            out.push_str(&format!("| `{}` | {} | {} | {rules} |\n", f.name(), f.title(), f.standard()));
        }
    }
    out.push_str(&format!("\n{} formats, alone or in zip, tar, gzip and zstd.\n", Format::all().len()));
    out
}
