//! CEL predicates on one subject: small, total, bounded (DESIGN §10).
//!
//! Admission refuses what could run long: comprehensions, more than 4 kB, more than 200 nodes,
//! names outside the schema. A missing field is an error at run time, never `false` and never `true`.

use std::collections::BTreeSet;

use cel::{
    Context, IdedExpr, Program, Value,
    common::ast::{EntryExpr, Expr},
};

/// Why a predicate was not admitted or gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PredicateError {
    /// It is longer than 4 kB.
    #[error("the expression is longer than 4096 bytes")]
    TooLong,
    /// It does not parse.
    #[error("the expression does not parse: {0}")]
    Syntax(String),
    /// It iterates; iteration is ours.
    #[error(
        "the expression uses a comprehension (all, exists, map, filter); requirements iterate over subjects instead"
    )]
    Comprehension,
    /// It is too large.
    #[error("the expression has more than 200 parts")]
    TooLarge,
    /// It uses a name that subjects do not have.
    #[error("the expression uses `{0}`, which no subject has; use `facts` or `release`")]
    UnknownName(String),
    /// It could not be evaluated on this subject.
    #[error("the expression gave no answer: {0}")]
    NoAnswer(String),
}

/// An admitted predicate.
pub(crate) struct Predicate {
    program: Program,
}

/// The names a predicate may use.
const NAMES: [&str; 2] = ["facts", "release"];

impl Predicate {
    pub(crate) fn compile(source: &str) -> Result<Self, PredicateError> {
        if source.len() > 4096 {
            return Err(PredicateError::TooLong);
        }
        // The Pratt parser of cel 0.15 recurses without a limit, at some 100 kB a level in a debug build.
        let levels = levels(source);
        if levels > 12 {
            return Err(PredicateError::TooLarge);
        }
        let program = if levels > 4 { on_a_large_stack(source)? } else { parse(source)? };
        let mut names = BTreeSet::new();
        let mut nodes = 0;
        walk(program.expression(), &mut names, &mut nodes)?;
        if let Some(unknown) = names.iter().find(|n| !NAMES.contains(&n.as_str())) {
            return Err(PredicateError::UnknownName(unknown.clone()));
        }
        Ok(Self { program })
    }

    /// The predicate about one release, to be asked of many subjects.
    pub(crate) fn about(&self, release: &serde_json::Value) -> Result<AboutRelease<'_>, PredicateError> {
        let mut context = Context::default();
        set(&mut context, "release", release)?;
        Ok(AboutRelease { program: &self.program, context })
    }
}

/// A predicate that knows its release. Making it takes longer than an answer does.
pub(crate) struct AboutRelease<'a> {
    program: &'a Program,
    context: Context<'static, 'static>,
}

impl AboutRelease<'_> {
    /// Whether it holds of a subject; `Err` when it cannot be told.
    pub(crate) fn holds(&self, facts: &serde_json::Value) -> Result<bool, PredicateError> {
        let mut context = self.context.new_inner_scope();
        set(&mut context, "facts", facts)?;
        match self.program.execute(&context) {
            Ok(Value::Bool(answer)) => Ok(answer),
            Ok(other) => Err(PredicateError::NoAnswer(format!("it is no yes or no but {other:?}"))),
            Err(e) => Err(PredicateError::NoAnswer(e.to_string())),
        }
    }
}

fn set(context: &mut Context<'_, '_>, name: &str, value: &serde_json::Value) -> Result<(), PredicateError> {
    context.add_variable(name, value).map_err(|e| PredicateError::NoAnswer(e.to_string()))
}

fn parse(source: &str) -> Result<Program, PredicateError> {
    Program::compile(source).map_err(|e| PredicateError::Syntax(e.to_string()))
}

fn on_a_large_stack(source: &str) -> Result<Program, PredicateError> {
    let failed = |why: &str| PredicateError::Syntax(why.to_owned());
    std::thread::scope(|threads| {
        std::thread::Builder::new()
            .stack_size(8 * 1024 * 1024)
            .spawn_scoped(threads, || parse(source))
            .map_err(|e| failed(&format!("no thread to read it on: {e}")))?
            .join()
            .map_err(|_| failed("its reader ended early"))?
    })
}

/// How deep it nests: brackets that are open at once, and signs that nest to the right. A bracket is closed by its like alone: to
/// the parser one that another closed is still open. Strings are not told apart; what is refused too early can be written flatter.
fn levels(source: &str) -> usize {
    let (mut open, mut signs, mut deepest) = (Vec::new(), 0, 0);
    let mut rest = source.bytes().peekable();
    while let Some(c) = rest.next() {
        match c {
            b'(' => open.push(b')'),
            b'[' => open.push(b']'),
            b'{' => open.push(b'}'),
            b'!' if rest.peek() != Some(&b'=') => signs += 1,
            b'-' | b'?' => signs += 1,
            c if open.last() == Some(&c) => drop(open.pop()),
            _ => {}
        }
        deepest = deepest.max(open.len());
    }
    deepest + signs
}

fn walk(e: &IdedExpr, names: &mut BTreeSet<String>, nodes: &mut usize) -> Result<(), PredicateError> {
    *nodes += 1;
    if *nodes > 200 {
        return Err(PredicateError::TooLarge);
    }
    match &e.expr {
        Expr::Unspecified | Expr::Literal(_) => Ok(()),
        Expr::Ident(name) => {
            names.insert(name.clone());
            Ok(())
        }
        Expr::Comprehension(_) => Err(PredicateError::Comprehension),
        Expr::Call(call) => {
            call.target.iter().map(AsRef::as_ref).chain(&call.args).try_for_each(|part| walk(part, names, nodes))
        }
        Expr::List(list) => list.elements.iter().try_for_each(|part| walk(part, names, nodes)),
        Expr::Select(select) => walk(&select.operand, names, nodes),
        Expr::Map(map) => entries(map.entries.iter().map(|e| &e.expr), names, nodes),
        Expr::Struct(s) => entries(s.entries.iter().map(|e| &e.expr), names, nodes),
    }
}

fn entries<'a>(
    all: impl Iterator<Item = &'a EntryExpr>,
    names: &mut BTreeSet<String>,
    nodes: &mut usize,
) -> Result<(), PredicateError> {
    for entry in all {
        match entry {
            EntryExpr::MapEntry(e) => {
                walk(&e.key, names, nodes)?;
                walk(&e.value, names, nodes)?;
            }
            EntryExpr::StructField(e) => walk(&e.value, names, nodes)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The most that is let through is read on a small stack, too.
    #[test]
    fn what_is_admitted_needs_little_stack() {
        let mut worst = Vec::new();
        for bracket in ["(", "[", "{", "f(", "x["] {
            for sign in ["!", "-", "a?b:"] {
                worst.extend([0, 6, 12].map(|n| format!("{}{}", bracket.repeat(n), sign.repeat(12 - n))));
            }
        }
        assert!(worst.iter().all(|text| levels(text) <= 12));
        let parse = move || worst.iter().filter(|text| Predicate::compile(text).is_ok()).count();
        let small = std::thread::Builder::new().stack_size(512 * 1024).spawn(parse).unwrap();
        assert_eq!(small.join().unwrap(), 0, "none of them is whole");
    }

    fn ask(source: &str, facts: &serde_json::Value) -> Result<bool, PredicateError> {
        Predicate::compile(source)?.about(&json!({ "type": "normal" }))?.holds(facts)
    }

    #[test]
    fn a_predicate_answers_yes_or_no_or_says_why_not() {
        let facts = json!({ "impact": "none", "count": 3, "nothing": null });
        assert_eq!(ask("facts.impact == 'none' && facts.count > 2", &facts), Ok(true));
        assert_eq!(ask("facts.count > 5", &facts), Ok(false));
        assert_eq!(ask("has(facts.impact) && facts.impact != ''", &facts), Ok(true));
        assert_eq!(ask("has(facts.absent)", &facts), Ok(false));
        assert!(matches!(ask("facts.absent == 1", &facts), Err(PredicateError::NoAnswer(_))));
        assert!(matches!(ask("facts.impact > 5", &facts), Err(PredicateError::NoAnswer(_))));
        assert!(matches!(ask("facts.count", &facts), Err(PredicateError::NoAnswer(_))));
        assert!(ask("nofunction(facts)", &facts).is_err());
    }

    #[test]
    fn what_could_run_long_or_means_nothing_is_not_admitted() {
        let refused = |source: &str| Predicate::compile(source).err();
        assert_eq!(refused("facts.all.exists(x, x == 1)"), Some(PredicateError::Comprehension));
        assert_eq!(refused("fcats.count > 1"), Some(PredicateError::UnknownName("fcats".into())));
        assert_eq!(refused(&"1".repeat(5000)), Some(PredicateError::TooLong));
        assert_eq!(refused(&vec!["1"; 300].join("+")), Some(PredicateError::TooLarge));
        assert!(matches!(refused("facts. =="), Some(PredicateError::Syntax(_))));
        for deep in ["(", "[", "!", "-", "a?"] {
            assert_eq!(refused(&deep.repeat(2000)), Some(PredicateError::TooLarge), "{deep}");
        }
    }
}
