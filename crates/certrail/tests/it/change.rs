//! A change told from a checkout, where the forge is not heard.

use std::{fs, path::Path, process::Output};

use gix::prelude::Write;

use super::{
    command::{certrail, text},
    serving::Serving,
};

/// Writes a commit, and returns its id.
fn commit(repo: &gix::Repository, parents: &[&str], who: &str, title: &str) -> String {
    let parents: String = parents.iter().map(|id| format!("parent {id}\n")).collect();
    let raw = format!(
        "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n{parents}author {who} <{who}@example.org> 1773100000 +0000\ncommitter {who} <{who}@example.org> 1773100000 +0000\n\n{title}\n"
    );
    repo.write_buf(gix::objs::Kind::Commit, raw.as_bytes()).unwrap().to_string()
}

#[test]
fn a_change_is_read_from_the_checkout_and_counts_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let checkout = folder.path().join("checkout");
    let repo = gix::init(&checkout).unwrap();
    let config = fs::read_to_string(checkout.join(".git/config")).unwrap();
    let remote = "[remote \"origin\"]\n\turl = https://git.acme.example/acme/pay.git\n";
    fs::write(checkout.join(".git/config"), config + remote).unwrap();
    let root = commit(&repo, &[], "olaf", "Begin");
    let head = commit(&repo, &[&root], "dana", "PAY-7 Round half to even");
    let merge = commit(&repo, &[&root, &head], "anna", "Merge change 12");
    let server = Serving::start(&folder.path().join("data"));
    let token = server.pipeline_of_pay();
    let at = format!("http://{}", server.address);
    let run = |args: &[&str], from: &Path| -> Output {
        let mut command = certrail();
        command.args(["--server", &at]).args(args).current_dir(from).env("CERTRAIL_TOKEN", &token);
        command.env("CERTRAIL_PRODUCT", "pay").env("CERTRAIL_SPOOL", folder.path().join("spool")).output().unwrap()
    };
    let cut = run(&["release", "cut", "1.0.0", "--at", &merge], &checkout);
    assert_eq!(cut.status.code(), Some(0), "{}", text(&cut));
    let change = |more: &[&str]| {
        let told = ["change", "12", "--title", "PAY-7 Round", "--state", "merged", "--head", &head, "--target", "main"];
        let of = ["--author", "dana@example.org", "--pusher", "dana@example.org", "--required-reviews", "1"];
        let merged = ["--merged-by", "anna", "--merged-at", "2026-03-10T09:00:00Z", "--merge-commit", &merge];
        run(&[told.as_slice(), &of, &merged, more].concat(), &checkout)
    };
    let good = ["--review", "tom", "approved", &head, "2026-03-10T08:00:00Z"];
    // What is not said rightly is not sent.
    for (bad, why) in [
        (["--review", "tom", "fine", &head, "2026-03-10T08:00:00Z"].as_slice(), "`fine` is no verdict of a review."),
        (&["--review", "tom", "approved", &head, "yesterday"], "yesterday"),
        (&["--branch", ""], "empty"),
    ] {
        let refused = change(bad);
        assert_eq!(refused.status.code(), Some(2), "{}", text(&refused));
        assert!(text(&refused).contains(why), "{why}: {}", text(&refused));
    }
    let elsewhere = change(&["--review", "tom", "approved", &"d".repeat(40), "2026-03-10T08:00:00Z"]);
    assert_eq!(elsewhere.status.code(), Some(5), "no such commit in the checkout: {}", text(&elsewhere));
    let sent = change(&good);
    let said = text(&sent);
    assert_eq!(sent.status.code(), Some(0), "{said}");
    assert!(said.contains("Recorded: change #12 with 2 commits and 1 review, entry"), "{said}");
    assert!(said.contains("bound to pay/1.0.0"), "{said}");
    // It is a report, and as long as nobody accepted that, more is asked of a branch's protection.
    let shown = text(&run(&["release", "show", "1.0.0"], &checkout));
    assert!(shown.contains("The protection of main in acme/pay was only reported"), "{shown}");
}
