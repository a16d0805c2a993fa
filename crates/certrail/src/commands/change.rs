//! `certrail change`: a change with its reviews, its merge and the protection of its branch, where the forge is not heard.

use std::path::PathBuf;

use certrail_domain::{
    Actor, ActorKind,
    facts::{ChangeState, ReviewVerdict},
};
use certrail_usecases::{ChangeInput, FactInput, ProtectionInput, ReviewInput};

use super::{Global, Sent, moment, print_json, recorded, send_fact};
use crate::{
    client::Client,
    config,
    failure::{Failure, USAGE},
    git,
};

/// Record a change with its reviews and its merge, where the forge is not heard.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Its number at the forge.
    number: u64,
    /// The product.
    #[arg(long)]
    product: Option<String>,
    /// OWNER/NAME; that of the checkout if absent.
    #[arg(long)]
    repository: Option<String>,
    /// Its title.
    #[arg(long)]
    title: String,
    /// Where it stands.
    #[arg(long, value_parser = ["open", "merged", "closed"])]
    state: String,
    /// The account of whoever opened it.
    #[arg(long)]
    author: String,
    /// The account of whoever pushed its head.
    #[arg(long)]
    pusher: String,
    /// Its head; merged: the one that was merged.
    #[arg(long)]
    head: String,
    /// The target just before the merge, or where the change branched off: what it brings is what its head and its merge have and
    /// this has not. Of what is merged, the first parent of the merge commit if absent.
    #[arg(long)]
    base: Option<String>,
    /// The branch it comes from.
    #[arg(long)]
    branch: Option<String>,
    /// The branch it goes to.
    #[arg(long)]
    target: String,
    /// The commit that merging made, where it made one.
    #[arg(long)]
    merge_commit: Option<String>,
    /// The account of whoever merged.
    #[arg(long)]
    merged_by: Option<String>,
    /// When it was merged, RFC 3339.
    #[arg(long)]
    merged_at: Option<String>,
    /// A review: account, approved or changes_requested or commented or dismissed, the commit it is of, and when; may be
    /// repeated.
    #[arg(long, num_args = 4, value_names = ["WHO", "VERDICT", "COMMIT", "WHEN"], action = clap::ArgAction::Append)]
    review: Vec<String>,
    /// Approving reviews that the branch it goes to required.
    #[arg(long)]
    required_reviews: Option<u64>,
    /// Approvals fell when its head moved.
    #[arg(long, requires = "required_reviews")]
    dismiss_stale: bool,
    /// Administrators were bound too.
    #[arg(long, requires = "required_reviews")]
    enforce_admins: bool,
    /// A check that the branch required; may be repeated.
    #[arg(long, requires = "required_reviews")]
    required_check: Vec<String>,
    /// Where a person reads it.
    #[arg(long)]
    url: Option<String>,
    /// The checkout.
    #[arg(short = 'C', default_value = ".")]
    folder: PathBuf,
    /// Exit 6 instead of 0 when the server does not answer and it is kept for later.
    #[arg(long)]
    strict_delivery: bool,
}

/// A person, or the program that an account ending in `[bot]` is.
fn actor(account: &str) -> Actor {
    let kind = if account.ends_with("[bot]") { ActorKind::Bot } else { ActorKind::Human };
    Actor { account: account.to_lowercase(), name: None, kind }
}

fn usage(why: impl Into<String>, fix: &str) -> Failure {
    Failure::new(USAGE, "Nothing was sent.", why, fix)
}

pub(crate) fn run(global: &Global, args: &Args) -> Result<u8, Failure> {
    let product = config::product(args.product.as_deref())?;
    let brought = git::brought(&args.folder, &args.head, args.base.as_deref(), args.merge_commit.as_deref())
        .map_err(|e| git::unreadable(&e))?;
    let of = |at: &str| git::commit(&args.folder, at).map_err(|e| git::unreadable(&e));
    let mut reviews = Vec::new();
    for review in args.review.chunks_exact(4) {
        let verdict: ReviewVerdict = serde_json::from_value(review[1].clone().into()).map_err(|_| {
            usage(
                format!("`{}` is no verdict of a review.", review[1]),
                "Use approved, changes_requested, commented or dismissed.",
            )
        })?;
        reviews.push(ReviewInput {
            reviewer: actor(&review[0]),
            verdict,
            revision: of(&review[2])?,
            submitted_at: moment(&review[3])?,
        });
    }
    let protection = args.required_reviews.map(|required_reviews| ProtectionInput {
        pattern: None,
        required_reviews,
        dismiss_stale: Some(args.dismiss_stale),
        enforce_admins: Some(args.enforce_admins),
        required_checks: args.required_check.clone(),
        seen_at: None,
    });
    let (count, of_reviews) = (brought.commits.len(), reviews.len());
    let change = ChangeInput {
        product,
        repository: args.repository.clone().or(brought.repository),
        number: args.number,
        title: args.title.clone(),
        state: match args.state.as_str() {
            "merged" => ChangeState::Merged,
            "closed" => ChangeState::Closed,
            _ => ChangeState::Open,
        },
        author: actor(&args.author),
        pusher: actor(&args.pusher),
        head: brought.head,
        head_branch: args.branch.clone(),
        target_branch: args.target.clone(),
        commits: brought.commits,
        merge_commit: args.merge_commit.as_deref().map(of).transpose()?,
        merged_by: args.merged_by.as_deref().map(actor),
        merged_at: args.merged_at.as_deref().map(moment).transpose()?,
        reviews,
        protection,
        url: args.url.clone(),
    };
    let body = serde_json::to_value(FactInput::Change(Box::new(change))).map_err(anyhow::Error::from)?;
    let answer = match send_fact(&Client::new(global)?, &body, args.strict_delivery)? {
        Sent::Recorded(answer) => answer,
        Sent::Waits(exit) => return Ok(exit),
    };
    if global.json() {
        print_json(&answer);
        return Ok(0);
    }
    let s = |n: usize| if n == 1 { "" } else { "s" };
    println!(
        "Recorded: change #{} with {count} commit{} and {of_reviews} review{}, entry {}.",
        args.number,
        s(count),
        s(of_reviews),
        answer["ack"]["index"]
    );
    recorded::say(&answer);
    Ok(0)
}
