//! What is held of the rules of a run (§3.49), so that results can be judged as they come.

use std::{collections::HashMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};

use super::model::{ConfigurationOverride, Driver, RawRule, SarifResult, Tool, cwe_tags};
use crate::{base::clip, out::severity};

/// Rules of one component that are held; more are counted.
const MAX: usize = 50_000;

/// What is held of a rule.
#[derive(Clone, Debug, Default)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) level: Option<String>,
    pub(super) security_severity: Option<f64>,
    pub(super) cwes: Vec<u32>,
}

impl From<RawRule<'_>> for Rule {
    fn from(raw: RawRule<'_>) -> Self {
        let properties = raw.properties.get();
        let related = raw.relationships.iter().filter_map(|r| r.target.get()).filter(|t| t.of_cwe());
        let mut cwes: Vec<u32> = related.filter_map(|t| severity::cwe(&t.id)).collect();
        cwes.extend(properties.into_iter().flat_map(|p| cwe_tags(p)));
        cwes.truncate(50);
        Self {
            id: clip(&raw.id),
            title: raw.short_description.get().map(|m| clip(&m.text)).unwrap_or_default(),
            level: raw.default_configuration.get().and_then(|c| c.level.some()).map(clip),
            security_severity: properties.and_then(|p| p.security_severity.float()),
            cwes,
        }
    }
}

/// The rules of a component, boiled down as they are parsed.
#[derive(Debug, Default)]
pub(super) struct Held<'a> {
    list: Vec<Rule>,
    total: u64,
    of: PhantomData<&'a ()>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Held<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Boil;
        impl<'de> Visitor<'de> for Boil {
            type Value = (Vec<Rule>, u64);

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of rules")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let (mut list, mut total) = (Vec::new(), 0);
                while let Some(raw) = seq.next_element::<RawRule<'de>>()? {
                    total += 1;
                    if list.len() < MAX {
                        list.push(Rule::from(raw));
                    }
                }
                Ok((list, total))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok((Vec::new(), 0))
            }
        }
        let (list, total) = deserializer.deserialize_any(Boil)?;
        Ok(Self { list, total, of: PhantomData })
    }
}

/// The rules of a run: those of the driver by index, all by id.
#[derive(Debug, Default)]
pub(super) struct Rules {
    driver: Vec<Rule>,
    extensions: Vec<Vec<Rule>>,
    by_id: HashMap<String, (Option<usize>, usize)>,
    total: u64,
}

impl Rules {
    pub(super) fn of(tool: Option<&Tool<'_>>) -> Self {
        let taken = |d: &Driver<'_>| (d.rules.list.clone(), d.rules.total);
        let (driver, mut total) = tool.and_then(|t| t.driver.get()).map(taken).unwrap_or_default();
        let mut extensions = Vec::new();
        for extension in tool.into_iter().flat_map(|t| &t.extensions) {
            let (rules, n) = taken(extension);
            total += n;
            extensions.push(rules);
        }
        let mut by_id = HashMap::new();
        for (component, rules) in extensions.iter().enumerate().map(|(i, r)| (Some(i), r)).chain([(None, &driver)]) {
            for (index, rule) in rules.iter().enumerate().rev() {
                by_id.insert(rule.id.clone(), (component, index));
            }
        }
        Self { driver, extensions, by_id, total }
    }

    /// Takes over what a run changed about a rule (§3.51). Only the driver's rules are changed so by tools we know.
    pub(super) fn configure(&mut self, change: &ConfigurationOverride<'_>) {
        let (Some(target), Some(configuration)) = (change.descriptor.get(), change.configuration.get()) else { return };
        let by_id = target.id.some().and_then(|id| self.by_id.get(id)).filter(|(component, _)| component.is_none());
        let by_index = || target.index.number().and_then(|i| usize::try_from(i).ok());
        let rule = by_id.map(|(_, index)| *index).or_else(by_index).and_then(|i| self.driver.get_mut(i));
        if let (Some(rule), Some(level)) = (rule, configuration.level.some()) {
            rule.level = Some(clip(level));
        }
    }

    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// The rule of a result: by index in the component it names, else by id, else by the id's parent (§3.27.5 to 7).
    pub(super) fn of_result(&self, result: &SarifResult<'_>) -> Option<&Rule> {
        let reference = result.rule.get();
        let component = reference.and_then(|r| r.tool_component.get()).and_then(|c| c.index.number());
        let list = match component.and_then(|i| usize::try_from(i).ok()) {
            Some(i) => self.extensions.get(i)?,
            None => &self.driver,
        };
        let index = result.rule_index.number().or_else(|| reference.and_then(|r| r.index.number()));
        let by_index = index.and_then(|i| list.get(usize::try_from(i).ok()?));
        let id = result.rule_id.some().or_else(|| reference.and_then(|r| r.id.some()));
        // An index that points at a rule of another id is a tool's mistake; the id is what people see.
        let agrees = |rule: &&Rule| id.is_none_or(|id| id == rule.id || id.starts_with(&format!("{}/", rule.id)));
        by_index.filter(agrees).or_else(|| self.by_id(id?))
    }

    fn by_id(&self, id: &str) -> Option<&Rule> {
        let (component, index) = self.by_id.get(id).or_else(|| self.by_id.get(id.rsplit_once('/')?.0))?;
        match component {
            Some(i) => self.extensions.get(*i)?.get(*index),
            None => self.driver.get(*index),
        }
    }
}
