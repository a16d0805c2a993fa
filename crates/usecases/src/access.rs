//! Who is asking, and whether they may: every use case that changes something begins here.

use certrail_domain::{Action, Actor, ActorKind, PersonId, Problem, ProblemKind, Role};

/// Who is asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// What they may do.
    pub role: Role,
    /// The person, unless it is a pipeline's token.
    pub person: Option<PersonId>,
    /// The name to show.
    pub name: String,
    /// How they proved who they are: `token`, `session`, `internal`.
    pub how: String,
    /// The id of the token or session.
    pub key: String,
}

impl Caller {
    /// The account under which their acts are recorded.
    #[must_use]
    pub fn account(&self) -> String {
        self.person.as_ref().map_or_else(|| self.key.clone(), |p| p.to_string())
    }

    /// Whether a person is here themselves, in a session of their own.
    #[must_use]
    pub fn is_interactive(&self) -> bool {
        self.person.is_some() && self.how == "session"
    }

    /// The caller as an actor.
    #[must_use]
    pub fn actor(&self) -> Actor {
        let kind = if self.person.is_some() { ActorKind::Human } else { ActorKind::Bot };
        Actor { account: self.account().to_lowercase(), name: Some(self.name.clone()), kind }
    }
}

/// Lets the caller do `action`, or says which roles may.
///
/// # Errors
/// When the role may not.
pub fn allow(caller: &Caller, action: Action) -> Result<(), Problem> {
    if caller.role.may(action) {
        return Ok(());
    }
    let able: Vec<&str> = Role::ALL.into_iter().filter(|r| r.may(action)).map(Role::name).collect();
    Err(Problem::new(
        ProblemKind::NotAllowed,
        "role",
        "This was not done.",
        format!("Your role is {}; this needs {}.", caller.role.name(), able.join(" or ")),
        "Ask somebody with that role, or an admin to change yours.",
    ))
}
