//! Who did something, as far as the source tells.

use serde::{Deserialize, Serialize};

/// What kind of being is behind an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A person.
    Human,
    /// A program with an account of its own. It never counts as a reviewer.
    Bot,
    /// The source does not say. It never counts as independent (AR-12).
    Unknown,
}

/// An account, with what the source says about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// The account, lower case; an e-mail address where the source gives nothing else.
    pub account: String,
    /// The name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is.
    pub kind: ActorKind,
}

/// The account behind a mail address: the login where a forge made the address up to keep the real one private
/// (`12345+dana@users.noreply.github.com`, `12345-dana@users.noreply.gitlab.com`), else the address, lower case.
#[must_use]
pub fn account_of_mail(address: &str) -> String {
    let address = address.trim().to_lowercase();
    let Some((local, host)) = address.split_once('@') else { return address };
    if !host.starts_with("users.noreply.") {
        return address;
    }
    let made_up = ['+', '-'].into_iter().find_map(|mark| {
        let (number, login) = local.split_once(mark)?;
        (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then_some(login)
    });
    // Before 2017 GitHub put no number in front.
    let login = made_up.or_else(|| (host == "users.noreply.github.com").then_some(local));
    login.filter(|l| is_login(l)).map_or_else(|| address.clone(), str::to_owned)
}

/// Whether an account has the shape of a login: nothing a mail address or a name in prose could have.
#[must_use]
pub fn is_login(account: &str) -> bool {
    let plain = account.strip_suffix("[bot]").unwrap_or(account);
    !plain.is_empty() && plain.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

impl Actor {
    /// A person by account.
    #[must_use]
    pub fn human(account: &str) -> Self {
        Self { account: account.to_lowercase(), name: None, kind: ActorKind::Human }
    }

    /// Someone of whom only the account is known.
    #[must_use]
    pub fn unknown(account: &str) -> Self {
        Self { account: account.to_lowercase(), name: None, kind: ActorKind::Unknown }
    }

    /// The name to show: the given one, else the account.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::account_of_mail;

    #[test]
    fn a_private_address_is_the_login_it_hides() {
        for (address, account) in [
            ("12345+Dana@users.noreply.github.com", "dana"),
            ("dana@users.noreply.github.com", "dana"),
            ("12345-dana@users.noreply.gitlab.com", "dana"),
            ("dana-lee@users.noreply.gitlab.com", "dana-lee@users.noreply.gitlab.com"),
            ("12345+dana@users.noreply.ghe.acme.example", "dana"),
            ("12345+da na@users.noreply.github.com", "12345+da na@users.noreply.github.com"),
            ("Dana@Acme.example", "dana@acme.example"),
            ("@users.noreply.github.com", "@users.noreply.github.com"),
            ("noreply@github.com", "noreply@github.com"),
            ("dana", "dana"),
        ] {
            assert_eq!(account_of_mail(address), account, "{address}");
        }
    }
}
