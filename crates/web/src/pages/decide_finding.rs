//! Deciding about findings: the form, what it would change, asking, taking back, approving.

use axum::{
    extract::{RawForm, RawQuery, State},
    http::header,
    response::{IntoResponse, Redirect, Response},
};
use certrail_domain::{
    Action, Claim, FindingDecision, FindingState, Justification, Problem, ProblemKind, Release, Role, Time,
    facts::Level,
};
use certrail_usecases::{
    Caller, NewFindingDecision, NewTriage, Within, decide_finding_decisions, finding_effect, request_finding_decisions,
    triage_findings,
};
use maud::{Markup, html};

use super::{PageRefusal, layout};
use crate::{App, api::state_of, blocking::in_turn, caller::Reader, input::PagePath};

/// What was filled in.
struct Filled {
    ids: Vec<String>,
    claim: String,
    back: String,
    fields: Vec<(String, String)>,
}

impl Filled {
    fn read(bytes: &[u8]) -> Self {
        let fields: Vec<(String, String)> = form_urlencoded::parse(bytes).into_owned().collect();
        let one = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).unwrap_or_default();
        let back = one("back");
        Self {
            ids: fields.iter().filter(|(n, _)| n == "id").map(|(_, v)| v.clone()).collect(),
            claim: one("claim"),
            // Only to pages of ours.
            back: if is_ours(&back) { back } else { "/findings".to_owned() },
            fields,
        }
    }

    fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.trim())
    }

    /// No more than can be decided about at once.
    fn few(&self) -> Result<(), Problem> {
        match self.ids.len() > MOST {
            true => Err(bad(
                &format!("{} are selected; {MOST} can be decided about at once.", self.ids.len()),
                "Select fewer.",
            )),
            false => Ok(()),
        }
    }

    /// A decision, unless it is a word about work.
    fn decision(&self) -> Result<NewFindingDecision, Problem> {
        let claim = Claim::ALL.into_iter().find(|c| c.name() == self.claim);
        let claim = claim.ok_or_else(|| bad("It does not say what is claimed.", "Choose one of the claims."))?;
        let justification = Justification::ALL.into_iter().find(|j| j.name() == self.field("justification"));
        let within = match self.field("within") {
            "release" => Within::Release,
            "line" => Within::Line,
            "everywhere" => Within::Everywhere,
            "product" | "" => Within::Product,
            other => return Err(bad(&format!("`{other}` is no reach."), "Choose one of the reaches.")),
        };
        let expires_at = match self.field("until") {
            "" => None,
            // The whole of the last day.
            day => Some(
                Time::parse(&format!("{day}T00:00:00Z"))
                    .map(|t| t.plus(Time::DAY))
                    .map_err(|_| bad(&format!("`{day}` is no date."), "Write it as 2026-11-20."))?,
            ),
        };
        Ok(NewFindingDecision {
            claim,
            justification: justification.filter(|_| claim == Claim::NotAffected),
            within,
            release: Some(self.field("release").to_owned()).filter(|r| !r.is_empty()),
            future: self.field("future") == "yes",
            reason: self.field("reason").to_owned(),
            compensating: self.field("compensating").to_owned(),
            expires_at,
        })
    }
}

/// Whether an address leads to a page about findings, and nowhere else.
fn is_ours(address: &str) -> bool {
    (address.starts_with("/findings") || address.starts_with("/f/"))
        && address.bytes().all(|b| b.is_ascii_graphic())
        && !address.contains('\\')
}

/// Findings decided about at once.
const MOST: usize = 100;

fn bad(why: &str, fix: &str) -> Problem {
    Problem::new(ProblemKind::BadInput, "bad-form", "Nothing was recorded.", why, fix)
}

/// The form, for findings that are chosen by boxes of the same page or that are given.
pub(super) fn form(role: Role, given: Option<&str>, releases: &[Release], now: Time, back: &str) -> Markup {
    if !role.may(Action::RequestException) {
        return html! { p.meta { "Release managers, approvers and admins can decide about findings." } };
    }
    let day = |days: i64| now.plus(days * Time::DAY).to_string().chars().take(10).collect::<String>();
    let claims = [
        ("triaged", "Looked at", "it stays open"),
        ("in_remediation", "Fix", "it is being worked on"),
        ("accept", "Accept until …", "the risk is taken for a time"),
        ("false_positive", "False positive", "there is nothing"),
        ("not_affected", "Not affected", "there is, and it does no harm here (VEX)"),
    ];
    html! {
        form #decide.decide method="post" action="/findings/decide" {
            @if let Some(id) = given { input type="hidden" name="id" value=(id); }
            input type="hidden" name="back" value=(back);
            fieldset {
                legend { "Decide" @if given.is_none() { " (" span #chosen { "select findings above" } ")" } }
                div.choices {
                    @for (value, word, what) in claims {
                        label.choice {
                            input type="radio" name="claim" value=(value) checked[value == "accept"] required;
                            span { strong { (word) } " " span.meta { (what) } }
                        }
                    }
                }
                label data-for="not_affected" { "Why it does no harm "
                    select name="justification" { option value="" { "choose a reason of VEX" } @for j in Justification::ALL { option value=(j.name()) { (j.name().replace('_', " ")) } } }
                }
                div.row data-for="accept false_positive not_affected" {
                    label { "It holds in "
                        select name="within" {
                            option value="product" { "this product" } option value="release" { "this release" }
                            option value="line" { "the line of this release" } option value="everywhere" { "every product" }
                        }
                    }
                    label { "Release " input name="release" list="releases" size="12"; }
                    datalist #releases { @for r in releases { option value=(r.version) {} } }
                    label.box { input type="checkbox" name="future" value="yes" checked; " now and in future versions" }
                    label { "Until " input type="date" name="until" min=(day(1)) max=(day(364)); }
                    span.meta { "Without a date 90 days; critical ones 14 at most, high 30, medium 90, low 180." }
                }
                label.wide { "Why (20 characters or more; an auditor reads it) " textarea name="reason" rows="2" required minlength="3" maxlength="2000" {} }
                label.wide data-for="accept" { "What is done instead " input name="compensating" maxlength="2000"; }
                p #effect.effect role="status" aria-live="polite" { "With script, this line says what the decision would change." }
                button type="submit" { "Record" }
                " " span.meta { "Accepting, false positive and not affected hold only when somebody else approves." }
            }
        }
    }
}

/// What the form would change, as one line of text.
pub(super) async fn effect(State(app): State<App>, Reader(caller): Reader, RawQuery(query): RawQuery) -> Response {
    let said = match say_effect(&app, caller, query.unwrap_or_default()).await {
        Ok(line) => line,
        Err(problem) => format!("{} {}", problem.why, problem.fix),
    };
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], said).into_response()
}

async fn say_effect(app: &App, caller: Caller, query: String) -> Result<String, Problem> {
    let filled = Filled::read(query.as_bytes());
    if matches!(filled.claim.as_str(), "triaged" | "in_remediation") {
        return Ok("Changes no verdict: the clock runs on.".to_owned());
    }
    filled.few()?;
    let mut new = filled.decision()?;
    // What is still to be written changes nothing about the effect.
    if new.reason.chars().count() < 20 {
        "to be written before it is recorded".clone_into(&mut new.reason);
    }
    if new.claim == Claim::NotAffected && new.justification.is_none() {
        new.justification = Some(Justification::ComponentNotPresent);
    }
    let engine = app.engine.clone();
    let effect = in_turn(app.engine.clone(), move || finding_effect(&engine, &caller, &filled.ids, &new)).await?;
    Ok(format!("{} It ends on {}.", effect.sentence, effect.expires_at.date()))
}

/// Records what was filled in for each finding, and shows the records.
pub(super) async fn decide(
    State(app): State<App>,
    Reader(caller): Reader,
    RawForm(body): RawForm,
) -> Result<Redirect, PageRefusal> {
    let filled = Filled::read(&body);
    if filled.ids.is_empty() {
        return Err(bad("No finding is selected.", "Go back and select at least one.").into());
    }
    filled.few()?;
    let count = filled.ids.iter().collect::<std::collections::BTreeSet<_>>().len();
    let to = match filled.claim.as_str() {
        "triaged" => Some(FindingState::Triaged),
        "in_remediation" => Some(FindingState::InRemediation),
        _ => None,
    };
    let made: Vec<String> = match to {
        Some(to) => {
            let told = NewTriage { to, reason: filled.field("reason").to_owned(), assessment: Default::default() };
            triage_findings(&app.engine, &caller, filled.ids.clone(), told).await?;
            Vec::new()
        }
        None => {
            let new = filled.decision()?;
            let asked = request_finding_decisions(&app.engine, &caller, filled.ids.clone(), new).await?;
            asked.into_iter().map(|d| d.id.to_string()).collect()
        }
    };
    let mark = if filled.back.contains('?') { '&' } else { '?' };
    Ok(Redirect::to(&format!("{}{mark}done={}&n={}", filled.back, made.join("."), count)))
}

/// Approves, rejects or takes back decisions.
pub(super) async fn end(
    State(app): State<App>,
    Reader(caller): Reader,
    PagePath(verb): PagePath<String>,
    RawForm(body): RawForm,
) -> Result<Redirect, PageRefusal> {
    let filled = Filled::read(&body);
    filled.few()?;
    let to = state_of(&verb)?;
    decide_finding_decisions(&app.engine, &caller, filled.ids.clone(), to, filled.field("reason").to_owned()).await?;
    Ok(Redirect::to(&filled.back))
}

/// A decision, with what this person may do about it.
/// `on` is how grave the finding is now, where that is known.
pub(super) fn decision(
    d: &FindingDecision,
    on: Option<Level>,
    role: Role,
    account: &str,
    now: Time,
    back: &str,
) -> Markup {
    let own = d.requester == account;
    let asked = d.is_asked_for();
    let outgrown = d.in_force(now) && on.is_some_and(|level| !d.covers(level, d.exploited));
    let holds = d.in_force(now) && !outgrown;
    // An end has a reason of its own; an approval rests on the one given, and so does taking back what one asked for.
    let button = |verb: &str, word: &str, asks: bool| {
        html! {
            form.small method="post" action=(format!("/findings/{verb}/decisions")) {
                input type="hidden" name="id" value=(d.id);
                input type="hidden" name="back" value=(back);
                @if asks { input name="reason" required minlength="3" maxlength="2000" placeholder="why" aria-label=(format!("Why: {word}")) size="14"; " " }
                button.plain type="submit" { (word) }
            }
        }
    };
    html! {
        div.decision {
            span class=(if holds { "tag excepted" } else if asked { "tag pending" } else { "tag not_applicable" }) {
                @if holds { "◆ In force" } @else if outgrown { "It has grown graver than this" } @else if asked { "… Asked for" } @else if d.state == certrail_domain::ExceptionState::Approved { "Ended" } @else { (d.state.name()) }
            }
            " " strong { (d.claim.name().replace('_', " ")) } " " (d.reach.words()) ", until " (layout::time(d.expires_at))
            @if holds && d.expires_at.since(now) <= 14 * Time::DAY { " " span.tag.late { "ends in " (Time::span(d.expires_at.since(now))) } }
            @if d.renewals > 0 { span.meta { " (decided " (d.renewals) " times before)" } }
            ": " (d.reason) @if let Some(j) = d.justification { span.meta { " (" (j.name().replace('_', " ")) ")" } }
            @if !d.compensating.is_empty() { " Instead: " (d.compensating) }
            @if !d.decided_because.is_empty() { " " em { (d.decided_because) } }
            @if let Some(evidence) = &d.evidence { " " a href=(format!("/e/{evidence}")) { "VEX document" } }
            @if asked && !own && role.may(Action::GrantException) { " " (button("approve", "Approve", false)) " " (button("reject", "Reject", true)) }
            @if asked && own { " " (button("revoke", "Take back", false)) span.meta { " Somebody else has to approve it." } }
            @if (holds || outgrown) && role.may(Action::GrantException) { " " (button("revoke", "End it now", true)) }
        }
    }
}
