//! A blank value of a flag is the sign of a variable that is unset: every flag of every command refuses it, in one place.

use clap::{ArgMatches, Command, parser::ValueSource};

use crate::failure::{Failure, USAGE};

/// Free text beside an act.
const MAY_BE_BLANK: [&str; 3] = ["comment", "note", "compensating"];

/// Refuses blank values in what was given, by flag, position or environment.
pub(crate) fn refuse(command: &Command, matches: &ArgMatches) -> Result<(), Failure> {
    for arg in command.get_arguments() {
        let id = arg.get_id().as_str();
        let source = matches.value_source(id);
        let given = matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable));
        let Some(values) = matches.get_raw(id).filter(|_| given && !MAY_BE_BLANK.contains(&id)) else { continue };
        if values.into_iter().any(|value| certrail_domain::is_blank(&value.to_string_lossy())) {
            let name = match (source, arg.get_env(), arg.get_long()) {
                (Some(ValueSource::EnvVariable), Some(variable), _) => format!("${}", variable.to_string_lossy()),
                (_, _, Some(long)) => format!("--{long}"),
                _ => id.to_uppercase(),
            };
            return Err(Failure::new(
                USAGE,
                "Nothing was done.",
                format!("`{name}` got an empty value."),
                "Is a variable unset? Give a value, or leave it out.",
            ));
        }
    }
    match matches.subcommand() {
        Some((name, inner)) => command.find_subcommand(name).map_or(Ok(()), |command| refuse(command, inner)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Arg, ArgAction, CommandFactory};

    use super::*;
    use crate::commands::Cli;

    /// The way to a command, with something for everything it requires.
    fn words(command: &Command, path: &[String]) -> Vec<String> {
        let mut words = path.to_vec();
        for arg in command.get_arguments().filter(|a| a.is_required_set()) {
            words.extend(given(arg, "1"));
        }
        words
    }

    fn given(arg: &Arg, value: &str) -> Vec<String> {
        let value = match arg.get_possible_values().first() {
            Some(known) if value == "1" => known.get_name().to_owned(),
            _ => value.to_owned(),
        };
        match arg.get_long() {
            Some(long) => vec![format!("--{long}={value}")],
            None => vec![value],
        }
    }

    fn every(command: &Command, path: &[String], check: &mut dyn FnMut(&Command, &[String])) {
        check(command, path);
        for inner in command.get_subcommands().filter(|c| c.get_name() != "help") {
            every(inner, &[path, &[inner.get_name().to_owned()]].concat(), check);
        }
    }

    #[test]
    fn every_flag_of_every_command_refuses_a_blank() {
        let mut whole = Cli::command();
        whole.build();
        let mut tried = 0;
        every(&whole.clone(), &["certrail".to_owned()], &mut |command, path| {
            for arg in command.get_arguments() {
                let takes = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
                if !takes || command.has_subcommands() || MAY_BE_BLANK.contains(&arg.get_id().as_str()) {
                    continue;
                }
                let mut line = words(command, path);
                let own = given(arg, "1");
                match line.iter().position(|w| *w == own[0]) {
                    Some(at) => line[at] = given(arg, " ")[0].clone(),
                    None => line.extend(given(arg, " ")),
                }
                tried += 1;
                // Where clap itself reads the value (numbers, choices), it refuses; a blank text is ours to refuse.
                if let Ok(matches) = whole.clone().try_get_matches_from(&line) {
                    let refused = refuse(&whole, &matches).map_err(|f| f.why().to_owned());
                    assert!(refused.is_err_and(|why| why.contains("empty value")), "{line:?}");
                }
            }
        });
        assert!(tried > 100, "{tried}");
    }
}
