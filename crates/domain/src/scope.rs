//! How far a role, a token or a connector reaches: products, environments, repositories, actions.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Action, Problem, ProblemKind, is_blank};

/// Some names, or all there are and will be. In JSON a list, or `"*"`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Extent {
    /// Everything, `*`.
    All,
    /// These names and no others.
    Only(BTreeSet<String>),
}

/// Whom something that was told counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audience<'a> {
    /// The products that its teller reached when it was received.
    pub reach: &'a Extent,
    /// The repository whose forge told it: of those products, it counts for the ones that have the repository.
    pub repository: Option<&'a str>,
}

impl Audience<'static> {
    /// Every product.
    pub const EVERYONE: Self = Self { reach: &Extent::All, repository: None };
}

impl Extent {
    /// The sign for everything.
    pub const ALL: &'static str = "*";

    /// One name.
    #[must_use]
    pub fn one(name: &str) -> Self {
        Self::Only(BTreeSet::from([name.to_owned()]))
    }

    /// Nothing at all.
    #[must_use]
    pub const fn none() -> Self {
        Self::Only(BTreeSet::new())
    }

    /// Whether it holds a name, letter by letter: `pay` and `PAY` are two products.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(name),
        }
    }

    /// Whether it holds a name in whatever case: of an environment or a repository.
    #[must_use]
    pub fn has_in_any_case(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|n| n.eq_ignore_ascii_case(name)),
        }
    }

    /// Whether it holds everything.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    /// What both hold.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, rest) | (rest, Self::All) => rest.clone(),
            (Self::Only(a), Self::Only(b)) => Self::Only(a.intersection(b).cloned().collect()),
        }
    }

    /// Whether everything in it is in `other`, too.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::All) => true,
            (Self::All, Self::Only(_)) => false,
            (Self::Only(a), Self::Only(b)) => a.is_subset(b),
        }
    }

    /// The names, for people: `*`, or names separated by commas.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::All => Self::ALL.to_owned(),
            Self::Only(names) => names.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
        }
    }

    /// Reads names as somebody typed them. `*` alone means everything; nothing, an empty name, or `*` beside names is refused.
    ///
    /// # Errors
    /// With the name of what was typed.
    pub fn typed(what: &str, names: &[String]) -> Result<Self, Problem> {
        let refuse = |why: String, fix: String| {
            Problem::new(ProblemKind::BadInput, "bad-scope", "Nothing was changed.", why, fix)
        };
        let fix = || format!("Name each with {what}, or type {what} '*' for all there are and will be.");
        if names.is_empty() {
            return Err(refuse(format!("`{what}` names nothing."), fix()));
        }
        if names.iter().any(|n| is_blank(n)) {
            return Err(refuse(
                format!("`{what}` got an empty value."),
                "Is a variable unset? Give a value.".to_owned(),
            ));
        }
        match names.iter().any(|n| n.trim() == Self::ALL) {
            true if names.len() == 1 => Ok(Self::All),
            true => Err(refuse(format!("`{what}` has * beside names."), fix())),
            false => Ok(Self::Only(names.iter().map(|n| n.trim().to_owned()).collect())),
        }
    }
}

impl Serialize for Extent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str(Self::ALL),
            Self::Only(names) => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Extent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Sign(String),
            Names(BTreeSet<String>),
        }
        match Raw::deserialize(deserializer) {
            Ok(Raw::Sign(sign)) if sign == Self::ALL => Ok(Self::All),
            Ok(Raw::Names(names)) if !names.iter().any(|n| is_blank(n) || n == Self::ALL) => Ok(Self::Only(names)),
            _ => Err(de::Error::custom("it is neither \"*\" nor a list of names")),
        }
    }
}

/// How far something reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// The products.
    pub products: Extent,
    /// The environments it may speak of or open.
    pub environments: Extent,
    /// The repositories it may speak of.
    pub repositories: Extent,
    /// The actions, by name, among those of the role.
    pub actions: Extent,
}

impl Scope {
    /// Everything.
    pub const ALL: Self =
        Self { products: Extent::All, environments: Extent::All, repositories: Extent::All, actions: Extent::All };

    /// What both reach.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            products: self.products.and(&other.products),
            environments: self.environments.and(&other.environments),
            repositories: self.repositories.and(&other.repositories),
            actions: self.actions.and(&other.actions),
        }
    }

    /// Whether it reaches nothing that `other` does not.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.products.is_within(&other.products)
            && self.environments.is_within(&other.environments)
            && self.repositories.is_within(&other.repositories)
            && self.actions.is_within(&other.actions)
    }

    /// Refuses names of actions that there are not: such a scope would reach less than its author thinks.
    ///
    /// # Errors
    /// With the names there are.
    pub fn check(&self) -> Result<(), Problem> {
        let Extent::Only(names) = &self.actions else { return Ok(()) };
        let Some(unknown) = names.iter().find(|n| Action::from_name(n).is_none()) else { return Ok(()) };
        let known: Vec<&str> = Action::EVERY.iter().map(|a| a.name()).collect();
        Err(Problem::new(
            ProblemKind::BadInput,
            "no-such-action",
            "Nothing was changed.",
            format!("There is no action `{}`.", unknown.chars().take(40).collect::<String>()),
            format!("Known are: {}.", known.join(", ")),
        ))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn only(names: &[&str]) -> Extent {
        Extent::Only(names.iter().map(|n| (*n).to_owned()).collect())
    }

    #[test]
    fn everything_has_to_be_typed() {
        let typed =
            |names: &[&str]| Extent::typed("--product", &names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
        assert_eq!(typed(&["*"]), Ok(Extent::All));
        assert_eq!(typed(&["a", "b"]), Ok(only(&["a", "b"])));
        for bad in [&[][..], &[""], &["a", " "], &["*", "a"]] {
            assert!(typed(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn in_json_a_star_is_no_name() {
        for (text, extent) in [
            ("\"*\"", Some(Extent::All)),
            ("[\"a\"]", Some(only(&["a"]))),
            ("[]", Some(Extent::none())),
            ("[\"*\"]", None),
            ("[\"\"]", None),
            ("\"a\"", None),
            ("null", None),
        ] {
            assert_eq!(serde_json::from_str(text).ok(), extent, "{text}");
        }
    }

    fn extents() -> impl Strategy<Value = Extent> {
        prop_oneof![Just(Extent::All), proptest::collection::btree_set("[abc]", 0..4).prop_map(Extent::Only)]
    }

    proptest! {
        #[test]
        fn what_both_hold_is_within_each(a in extents(), b in extents(), name in "[abcd]") {
            let both = a.and(&b);
            prop_assert!(both.is_within(&a) && both.is_within(&b));
            prop_assert_eq!(both.has(&name), a.has(&name) && b.has(&name));
            let text = serde_json::to_string(&both).unwrap();
            prop_assert_eq!(serde_json::from_str::<Extent>(&text).unwrap(), both);
        }
    }
}
