//! Accounts and where they are at home. The same word at two homes is two accounts, and they are one person only where
//! somebody said so.
//!
//! `dana` is an account of [`USUAL_HOST`], `git.acme.example:dana` one of that host, `dana@acme.example` an address of
//! mail, `name:dana` what somebody told without saying where, and `text:dana` what a commit says where an address should be.

use crate::{PersonId, TokenId};

/// The host whose accounts go by themselves.
pub const USUAL_HOST: &str = "github.com";
/// What stands before a name that was told without its home.
const TOLD: &str = "name";
/// What stands before whatever else a commit says of its author.
const TEXT: &str = "text";

/// Where an account is at home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home<'a> {
    /// A login at a host.
    Host(&'a str),
    /// Mail: an address is the same everywhere.
    Mail,
    /// Somebody told it, and not where it is at home.
    Told,
    /// A name in prose, or nothing at all: it is comparable with nothing.
    Nowhere,
}

/// Where an account is at home.
#[must_use]
pub fn home(account: &str) -> Home<'_> {
    match account.rsplit_once(':') {
        Some((TOLD, name)) if is_login(name) => Home::Told,
        Some((host, login)) if is_login(login) && is_host(host) => Home::Host(host),
        Some(_) => Home::Nowhere,
        None if is_login(account) => Home::Host(USUAL_HOST),
        None if is_mail(account) => Home::Mail,
        None => Home::Nowhere,
    }
}

/// Whether an account has the shape of a login: nothing a mail address or a name in prose could have.
fn is_login(account: &str) -> bool {
    let plain = account.strip_suffix("[bot]").unwrap_or(account);
    !plain.is_empty() && plain.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn is_mail(account: &str) -> bool {
    account.split_once('@').is_some_and(|(local, host)| !local.is_empty() && !host.is_empty())
}

/// Whether accounts can be at home there: the name of a host, with or without a port, that means nothing else here.
#[must_use]
pub fn is_host(host: &str) -> bool {
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    !name.is_empty()
        && ![TOLD, TEXT].contains(&name)
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':'))
}

/// Whether a word is an id of this installation, which nobody's account at a forge is.
#[must_use]
pub fn is_own_id(word: &str) -> bool {
    [PersonId::PREFIX, TokenId::PREFIX].iter().any(|prefix| word.trim().to_ascii_lowercase().starts_with(prefix))
}

/// The account behind a mail address: the login, with its host, where a forge made the address up to keep the real one
/// private (`12345+dana@users.noreply.github.com`, `12345-dana@users.noreply.gitlab.com`), else the address, lower case.
fn account_of_mail(address: &str) -> String {
    let address = address.trim().to_lowercase();
    let Some((local, server)) = address.split_once('@') else { return address };
    let Some(host) = server.strip_prefix("users.noreply.").filter(|host| is_host(host)) else { return address };
    let made_up = ['+', '-'].into_iter().find_map(|mark| {
        let (number, login) = local.split_once(mark)?;
        (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then_some(login)
    });
    // Before 2017 GitHub put no number in front.
    let login = made_up.or_else(|| (host == USUAL_HOST).then_some(local));
    login.filter(|l| is_login(l)).map_or_else(|| address.clone(), |login| format!("{host}:{login}"))
}

/// The account of somebody a commit names: by an address of mail. Whatever else stands there is anybody's, and nobody's
/// account.
#[must_use]
pub fn account_in_commit(text: &str) -> String {
    let account = account_of_mail(text);
    let known = is_mail(&account) || text.contains('@') && matches!(home(&account), Home::Host(_));
    if known || account.is_empty() { account } else { format!("{TEXT}:{account}") }
}

/// An account as it is kept: the usual host goes without saying.
#[must_use]
pub fn settled(account: &str) -> String {
    let usual = account.strip_prefix(USUAL_HOST).and_then(|rest| rest.strip_prefix(':'));
    usual.filter(|login| is_login(login) && !is_own_id(login)).unwrap_or(account).to_owned()
}

/// The account of somebody as people write it (`@Dana`, `github.com:dana`, an address): a word alone says nothing of where
/// it is at home.
#[must_use]
pub fn told_account(text: &str) -> String {
    let text = text.trim();
    let account = account_of_mail(text.strip_prefix('@').unwrap_or(text));
    // Whoever is a person here has an id, which is at home here.
    if is_login(&account) && !is_own_id(&account) { format!("{TOLD}:{account}") } else { settled(&account) }
}

/// The accounts that one in the record of a person stands for: a word alone is the account at the usual host and whoever is
/// told by that name; with its home it is that one.
#[must_use]
pub fn accounts_meant(written: &str) -> Vec<String> {
    let account = written.trim().to_lowercase();
    let own = own_account(&account);
    if is_login(&account) { vec![format!("{TOLD}:{account}"), own] } else { vec![own] }
}

/// The one account that is meant first, of those that [`accounts_meant`] gives: it says whose record it is.
#[must_use]
pub fn own_account(written: &str) -> String {
    settled(&written.trim().to_lowercase())
}

/// An account as people read it: that it was only told stands where it matters, not in the name.
#[must_use]
pub fn shown_account(account: &str) -> &str {
    let bare = |home: &str| account.strip_prefix(home).and_then(|rest| rest.strip_prefix(':'));
    bare(TOLD).or_else(|| bare(TEXT)).unwrap_or(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_address_is_the_login_it_hides_at_its_host() {
        for (address, account) in [
            ("12345+Dana@users.noreply.github.com", "github.com:dana"),
            ("dana@users.noreply.github.com", "github.com:dana"),
            ("12345-dana@users.noreply.gitlab.com", "gitlab.com:dana"),
            ("dana-lee@users.noreply.gitlab.com", "dana-lee@users.noreply.gitlab.com"),
            ("12345+dana@users.noreply.ghe.acme.example", "ghe.acme.example:dana"),
            ("12345+da na@users.noreply.github.com", "12345+da na@users.noreply.github.com"),
            ("12345+dana@users.noreply.name", "12345+dana@users.noreply.name"),
            ("Dana@Acme.example", "dana@acme.example"),
            ("@users.noreply.github.com", "@users.noreply.github.com"),
            ("noreply@github.com", "noreply@github.com"),
            ("dana", "dana"),
        ] {
            assert_eq!(account_of_mail(address), account, "{address}");
        }
    }

    #[test]
    fn a_commit_names_addresses_and_nobody_s_account() {
        for (text, account) in [
            ("Dana@Acme.example", "dana@acme.example"),
            ("12345+dana@users.noreply.github.com", "github.com:dana"),
            ("dana", "text:dana"),
            ("name:zzz", "text:name:zzz"),
            ("github.com:dana", "text:github.com:dana"),
            ("Dana Lee", "text:dana lee"),
            ("", ""),
        ] {
            assert_eq!(account_in_commit(text), account, "{text}");
        }
        assert_eq!(home(&account_in_commit("x:dana@y")), Home::Nowhere);
        assert_eq!(settled("github.com:per_0"), "github.com:per_0");
    }

    #[test]
    fn an_account_is_at_home_where_it_says() {
        for (account, at) in [
            ("dana", Home::Host(USUAL_HOST)),
            ("renovate[bot]", Home::Host(USUAL_HOST)),
            ("git.acme.example:dana", Home::Host("git.acme.example")),
            ("git.acme.example:8443:dana", Home::Host("git.acme.example:8443")),
            ("name:dana", Home::Told),
            ("dana@acme.example", Home::Mail),
            ("Dana Lee", Home::Nowhere),
            ("name:Dana Lee", Home::Nowhere),
            ("jira:dana", Home::Host("jira")),
            ("text:dana", Home::Nowhere),
            ("text:name:dana", Home::Nowhere),
            ("text:git.acme.example:dana", Home::Nowhere),
            ("", Home::Nowhere),
            (":", Home::Nowhere),
        ] {
            assert_eq!(home(account), at, "{account}");
        }
    }

    #[test]
    fn what_is_told_is_nobody_s_account_unless_it_says_whose() {
        for (told, account) in [
            ("@Dana", "name:dana"),
            (" dana ", "name:dana"),
            ("github.com:Dana", "dana"),
            ("git.acme.example:dana", "git.acme.example:dana"),
            ("12345+dana@users.noreply.github.com", "dana"),
            ("dana@acme.example", "dana@acme.example"),
            ("name:dana", "name:dana"),
            ("Dana Lee", "dana lee"),
        ] {
            assert_eq!(told_account(told), account, "{told}");
        }
        assert_eq!(shown_account("name:dana"), "dana");
        assert_eq!(accounts_meant("Dana"), ["name:dana", "dana"]);
        assert_eq!(accounts_meant("github.com:dana"), ["dana"]);
        assert_eq!(accounts_meant("name:dana"), ["name:dana"]);
    }
}
