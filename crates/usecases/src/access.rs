//! Who is asking, and whether they may: every use case that changes something begins here.

use certrail_domain::{Action, Actor, ActorKind, PersonId, Problem, ProblemKind, Role, Scope};
use certrail_store::tables::people::Person;

/// Who is asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// What they may do.
    pub role: Role,
    /// How far that reaches.
    pub scope: Scope,
    /// The person, unless it is a pipeline's token.
    pub person: Option<PersonId>,
    /// The name to show.
    pub name: String,
    /// How they proved who they are: `token`, `session`, `internal`.
    pub how: String,
    /// The id of the token or session.
    pub key: String,
}

/// What somebody wants to act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On<'a> {
    /// One product.
    Product(&'a str),
    /// An environment of a product.
    Environment(&'a str, &'a str),
    /// What belongs to no product: people, tokens, criteria, the installation as a whole.
    Everything,
    /// Whatever they reach: a list that shows them no more.
    Reached,
}

/// The kind under which a product accepts decisions that are told by a token.
pub(crate) const DECISION: &str = "decision";

/// A decision that opens a gate is taken by a person in a session of their own: a token lives in files and pipelines, and
/// whoever reads it could take it. `product` may accept less, if anything may.
pub(crate) fn decides(caller: &Caller, product: Option<&certrail_domain::Product>) -> Result<(), Problem> {
    let accepted = caller.person.is_some() && product.is_some_and(|p| p.accepts(DECISION));
    if caller.is_interactive() || caller.how == "internal" || accepted {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::Refused,
        "not-in-person",
        "Nothing was decided.",
        "A person has to decide this in a session of their own, and this is a token's word.",
        "Sign in in a browser with your sign-in key and decide there; where that cannot be, two people let the product accept it: `certrail product accept-reported PRODUCT --kind decision --reason WHY`.",
    ))
}

impl Caller {
    /// The program itself: at its start, and in tests.
    #[must_use]
    pub fn internal(name: &str) -> Self {
        let (name, how) = (name.to_owned(), "internal".to_owned());
        Self { role: Role::Admin, scope: Scope::ALL, person: None, key: name.clone(), name, how }
    }

    /// A person, by the session or token `key` of the kind `how`.
    #[must_use]
    pub fn person(person: &Person, how: &str, key: &str) -> Self {
        Self {
            role: person.role,
            scope: person.scope.clone(),
            person: Some(person.id.clone()),
            name: person.name.clone(),
            how: how.to_owned(),
            key: key.to_owned(),
        }
    }

    /// The account under which their acts are recorded.
    #[must_use]
    pub fn account(&self) -> String {
        self.person.as_ref().map_or_else(|| self.key.clone(), |p| p.to_string())
    }

    /// Whether a person is here themselves, in a session of their own.
    #[must_use]
    pub fn is_interactive(&self) -> bool {
        self.person.is_some() && self.how == crate::engine::SESSION
    }

    /// Where what they tell about a product comes from: it follows from how they proved who they are, never from what they say.
    #[must_use]
    pub fn source(&self, product: &str) -> String {
        format!("{}:{product}", if self.is_interactive() { "page" } else { "cli" })
    }

    /// The way their word comes in.
    #[must_use]
    pub(crate) fn connector(&self) -> &'static str {
        if self.is_interactive() { "page" } else { "api" }
    }

    /// The delivery of something they send: theirs by the key they gave it; without one, each sending is a delivery of its own.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub(crate) fn delivery(&self, key: Option<&str>) -> Result<String, Problem> {
        match key {
            Some(key) => Ok(format!("{}/{key}", self.key)),
            None => Ok(format!("once/{}", certrail_ledger::hex(&crate::engine::random::<16>()?))),
        }
    }

    /// The caller as an actor.
    #[must_use]
    pub fn actor(&self) -> Actor {
        let kind = if self.person.is_some() { ActorKind::Human } else { ActorKind::Bot };
        Actor { account: self.account().to_lowercase(), name: Some(self.name.clone()), kind }
    }

    /// Whether role and scope let them do `action` somewhere.
    #[must_use]
    pub fn may(&self, action: Action) -> bool {
        self.role.may(action) && self.scope.actions.has(action.name())
    }

    /// Whether they reach a product.
    #[must_use]
    pub fn reaches(&self, product: &str) -> bool {
        self.scope.products.has(product)
    }
}

/// Lets the caller do `action` on something, or says what it would take.
///
/// # Errors
/// When the role may not, or the scope does not reach it.
pub fn allow(caller: &Caller, action: Action, on: On<'_>) -> Result<(), Problem> {
    if !caller.role.may(action) {
        let able: Vec<&str> = Role::ALL.into_iter().filter(|r| r.may(action)).map(Role::name).collect();
        return Err(Problem::new(
            ProblemKind::NotAllowed,
            "role",
            "This was not done.",
            format!("Your role is {}; this needs {}.", caller.role.name(), able.join(" or ")),
            "Ask somebody with that role, or an admin to change yours.",
        ));
    }
    let Scope { products, environments, actions, .. } = &caller.scope;
    let refuse = |reach: &str, wanted: &str| {
        Err(Problem::new(
            ProblemKind::NotAllowed,
            "scope",
            "This was not done.",
            format!("You reach {reach}; this is {wanted}."),
            "Use a token made for it, or ask an admin to widen your scope.",
        ))
    };
    if !actions.has(action.name()) {
        return refuse(&format!("the actions {}", actions.shown()), &format!("the action {}", action.name()));
    }
    match on {
        On::Product(product) | On::Environment(product, _) if !products.has(product) => {
            let wanted: String = product.chars().take(80).collect();
            refuse(&format!("the products {}", products.shown()), &format!("the product {wanted}"))
        }
        On::Environment(_, environment) if !environments.has_in_any_case(environment) => {
            let wanted: String = environment.chars().take(80).collect();
            refuse(&format!("the environments {}", environments.shown()), &format!("the environment {wanted}"))
        }
        On::Everything if !products.is_all() => {
            refuse(&format!("the products {}", products.shown()), "something that belongs to no product")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use certrail_domain::Extent;

    use super::*;

    #[test]
    fn scope_narrows_what_a_role_may_and_never_widens_it() {
        let scope = Scope {
            products: Extent::one("pay"),
            environments: Extent::one("staging"),
            actions: Extent::Only(["record", "administer"].map(str::to_owned).into()),
            ..Scope::ALL
        };
        let ci = Caller { role: Role::Contributor, scope, ..Caller::internal("ci") };
        let code = |action, on| allow(&ci, action, on).map_err(|p| p.code);
        assert_eq!(code(Action::Record, On::Product("pay")), Ok(()));
        assert_eq!(code(Action::Record, On::Environment("pay", "Staging")), Ok(()));
        assert_eq!(code(Action::Record, On::Reached), Ok(()));
        for on in [
            On::Product("web"),
            On::Environment("pay", "production"),
            On::Environment("web", "staging"),
            On::Everything,
        ] {
            assert_eq!(code(Action::Record, on), Err("scope".into()), "{on:?}");
        }
        assert_eq!(code(Action::Cut, On::Product("pay")), Err("scope".into()), "not among its actions");
        assert_eq!(code(Action::Administer, On::Reached), Err("role".into()), "its role never may");
    }
}
