//! Commit objects as git keeps them: what one says is proved by its id, whoever sends it.

use certrail_domain::{account_in_commit, facts::Commit};
use gix_object::{CommitRef, Kind, compute_hash};

/// Longest commit object that is read, in bytes.
pub const LONGEST_COMMIT: usize = 256 * 1024;

/// Whether a committer's address is the one under which GitHub itself commits.
pub(crate) fn is_forge(address: &str) -> bool {
    address.trim().eq_ignore_ascii_case("noreply@github.com")
}

/// Reads a commit object (`git cat-file commit ID`), if `sha` is its id.
///
/// # Errors
/// Why it is not the commit of that id, one clause.
pub fn commit(sha: &str, object: &[u8]) -> Result<Commit, String> {
    if object.len() > LONGEST_COMMIT {
        return Err(format!("it is larger than {} KiB", LONGEST_COMMIT / 1024));
    }
    let hash = match sha.len() {
        64 => gix_hash::Kind::Sha256,
        _ => gix_hash::Kind::Sha1,
    };
    let id = compute_hash(hash, Kind::Commit, object).map_err(|e| e.to_string())?.to_string();
    if !id.eq_ignore_ascii_case(sha) {
        return Err(format!("its object has the id {id}"));
    }
    let read = CommitRef::from_bytes(object, hash).map_err(|e| format!("its object cannot be read: {e}"))?;
    let author = read.author().map_err(|e| format!("its author cannot be read: {e}"))?;
    // A commit may carry no address; then there is a name in prose, which is comparable with nothing.
    let mail = account_in_commit(&author.email.to_string());
    let author = if mail.is_empty() { account_in_commit(&author.name.to_string()) } else { mail };
    let committer = read.committer().map_err(|e| format!("its committer cannot be read: {e}"))?;
    let by_forge = Some(is_forge(&committer.email.to_string()));
    let parents = read.parents().map(|p| p.to_string()).collect();
    let message = String::from_utf8_lossy(read.message);
    Ok(Commit { proved: true, by_forge, ..Commit::from_message(&id, Some(author), &message, Some(parents)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: &str = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nparent 1111111111111111111111111111111111111111\nauthor Dana Cole <dana@example.org> 1773500000 +0000\ncommitter Forge <forge@example.org> 1773500000 +0000\n\nPAY-7 Round half to even\n\nCo-authored-by: Tom <tom@example.org>\n";

    fn id(object: &str) -> String {
        compute_hash(gix_hash::Kind::Sha1, Kind::Commit, object.as_bytes()).expect("hashes").to_string()
    }

    #[test]
    fn a_commit_says_what_its_object_says() {
        let read = commit(&id(OBJECT), OBJECT.as_bytes()).expect("reads");
        assert_eq!(read.author.as_deref(), Some("dana@example.org"));
        assert_eq!(read.co_authors, ["tom@example.org"]);
        assert_eq!(read.tickets, ["PAY-7"]);
        assert_eq!(read.parents.as_deref(), Some(["1".repeat(40)].as_slice()));
        assert!(read.proved);
    }

    #[test]
    fn another_author_is_another_commit() {
        let forged = OBJECT.replace("dana", "mara");
        assert!(commit(&id(OBJECT), forged.as_bytes()).unwrap_err().contains("has the id"));
        for broken in ["", "tree", &OBJECT[..60], &OBJECT.replace("author", "auhtor")] {
            assert!(commit(&id(broken), broken.as_bytes()).is_err(), "{broken}");
        }
    }
}
