//! Which pipeline are we in? Read from what each system documents (ux §3); explicit flags always win.

use std::env;

/// What a pipeline says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ci {
    /// Its name.
    pub(crate) system: &'static str,
    /// `owner/name`.
    pub(crate) repository: Option<String>,
    /// The commit that was built: on a pull request its head, not the test merge.
    pub(crate) commit: Option<String>,
    /// The tag, if one is built.
    pub(crate) tag: Option<String>,
    /// Where a person sees the run.
    pub(crate) run_url: Option<String>,
    /// Which part of which run this is.
    pub(crate) part: Part,
}

/// Run, attempt, job, step and shard, as the pipeline names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) run: Option<String>,
    pub(crate) attempt: Option<String>,
    pub(crate) job: Option<String>,
    pub(crate) step: Option<String>,
    pub(crate) shard: Option<String>,
}

/// Detects the pipeline from the environment.
pub(crate) fn detect() -> Option<Ci> {
    detect_in(&|name| env::var(name).ok().filter(|v| !v.is_empty()), &|path| std::fs::read_to_string(path).ok())
}

fn detect_in(var: &dyn Fn(&str) -> Option<String>, read: &dyn Fn(&str) -> Option<String>) -> Option<Ci> {
    if var("GITHUB_ACTIONS").is_some() {
        // On pull requests GITHUB_SHA is a merge that nobody keeps.
        let event = var("GITHUB_EVENT_PATH")
            .and_then(|p| read(&p))
            .and_then(|t| serde_json::from_str::<serde_json::Value>(&t).ok());
        let head = event.as_ref().and_then(|e| e.pointer("/pull_request/head/sha")?.as_str().map(str::to_owned));
        let run_url = match (var("GITHUB_SERVER_URL"), var("GITHUB_REPOSITORY"), var("GITHUB_RUN_ID")) {
            (Some(server), Some(repository), Some(run)) => Some(format!("{server}/{repository}/actions/runs/{run}")),
            _ => None,
        };
        return Some(Ci {
            system: "GitHub Actions",
            repository: var("GITHUB_REPOSITORY"),
            commit: head.or_else(|| var("GITHUB_SHA")),
            tag: var("GITHUB_REF_NAME").filter(|_| var("GITHUB_REF_TYPE").as_deref() == Some("tag")),
            run_url,
            part: Part {
                run: var("GITHUB_RUN_ID"),
                attempt: var("GITHUB_RUN_ATTEMPT"),
                job: var("GITHUB_JOB"),
                // `__run`, `__run_2` …: the step in its job.
                step: var("GITHUB_ACTION"),
                shard: None,
            },
        });
    }
    if var("GITLAB_CI").is_some() {
        return Some(Ci {
            system: "GitLab CI",
            repository: var("CI_PROJECT_PATH"),
            // With merged results the source branch's own commit has a variable of its own.
            commit: var("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA").or_else(|| var("CI_COMMIT_SHA")),
            tag: var("CI_COMMIT_TAG"),
            run_url: var("CI_PIPELINE_URL"),
            part: Part {
                run: var("CI_PIPELINE_ID"),
                attempt: None,
                // A retried job has the same name and another id.
                job: var("CI_JOB_NAME"),
                step: None,
                shard: var("CI_NODE_INDEX").zip(var("CI_NODE_TOTAL")).map(|(i, n)| format!("{i}/{n}")),
            },
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(vars: &[(&str, &str)], file: Option<&str>) -> Option<Ci> {
        detect_in(&|name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()), &|_| {
            file.map(str::to_owned)
        })
    }

    #[test]
    fn a_pull_request_is_its_head_not_the_test_merge() {
        let vars = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SHA", "merge"),
            ("GITHUB_EVENT_PATH", "/e.json"),
            ("GITHUB_REPOSITORY", "a/b"),
        ];
        let ci = with(&vars, Some(r#"{"pull_request":{"head":{"sha":"head"}}}"#)).expect("detected");
        assert_eq!(ci.commit.as_deref(), Some("head"));
        assert_eq!(with(&vars, None).and_then(|c| c.commit).as_deref(), Some("merge"));
    }

    #[test]
    fn gitlab_is_known_and_nothing_is_nothing() {
        let vars =
            [("GITLAB_CI", "true"), ("CI_PROJECT_PATH", "g/p"), ("CI_COMMIT_SHA", "abc"), ("CI_COMMIT_TAG", "v1.0.0")];
        let ci = with(&vars, None).expect("detected");
        assert_eq!((ci.repository.as_deref(), ci.tag.as_deref()), (Some("g/p"), Some("v1.0.0")));
        assert_eq!(with(&[], None), None);
    }
}
