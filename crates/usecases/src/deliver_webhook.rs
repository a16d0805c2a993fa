//! A webhook arrives: verify the sender, map, take in.

use std::sync::Arc;

use certrail_domain::{Connector, Facts, Problem, ProblemKind};
use certrail_sources::{Home, Refused, Source};
use certrail_store::BlobFiles;

use crate::{
    accept::{Ack, Incoming, accept},
    connectors,
    engine::{Engine, LogHead, in_place, internal},
    inputs,
};

/// A delivery as it came over the wire.
#[derive(Debug)]
pub struct Delivery {
    /// The connector in the path.
    pub connector: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: Vec<u8>,
}

/// Who is heard at an address, and how what they send is read.
fn heard_at(engine: &Engine, id: &str) -> Result<(Arc<Connector>, &'static dyn Source), Problem> {
    let heard = engine.heard()?;
    if heard.is_damaged(id) {
        return Err(Problem::new(
            ProblemKind::Internal,
            "damaged-connector",
            "The delivery was not recorded.",
            format!(
                "The record of the connector `{}` is damaged, so nobody knows for what it may speak.",
                inputs::clip(id)
            ),
            "Ask whoever runs the server: `certrail admin fsck` says what is wrong. Send it again then.",
        ));
    }
    let connector = heard.connector(id).cloned();
    connector.and_then(|c| Some((certrail_sources::find(&c.provider)?, c))).map(|(source, c)| (c, source)).ok_or_else(
        || {
            Problem::new(
                ProblemKind::NotFound,
                "no-such-connector",
                "The delivery was not recorded.",
                format!("There is no connector `{}`.", inputs::clip(id)),
                "Ask an admin for the address: `certrail connector list` shows it.",
            )
        },
    )
}

/// Whether somebody is heard at an address.
#[must_use]
pub fn is_heard(engine: &Engine, id: &str) -> bool {
    heard_at(engine, id).is_ok()
}

/// Refuses by its headers alone what would be refused whatever its body is: strangers make nobody read megabytes.
///
/// # Errors
/// An unknown connector, no signature, no delivery id or event, no secret.
pub fn expect_webhook(engine: &Engine, connector: &str, headers: &[(String, String)]) -> Result<(), Problem> {
    let (connector, source) = heard_at(engine, connector)?;
    source.is_signed(headers).and_then(|()| source.envelope(headers)).map_err(|e| refused(&connector.id, e))?;
    if engine.keys.secrets(&connector.id).map_err(|e| internal(&e))?.is_empty() {
        return Err(refused(&connector.id, Refused::NoSecret));
    }
    Ok(())
}

/// Takes a webhook delivery.
///
/// # Errors
/// An unknown connector, a wrong signature, a repository that it does not speak for, missing headers, another body under a known delivery id, a failed commit.
pub async fn deliver_webhook(engine: &Arc<Engine>, delivery: Delivery) -> Result<(Ack, Arc<LogHead>), Problem> {
    let (connector, source) = heard_at(engine, &delivery.connector)?;
    if delivery.body.is_empty() {
        return Err(empty_body("The delivery was not recorded."));
    }
    let secrets = engine.keys.secrets(&connector.id).map_err(|e| internal(&e))?;
    let large = delivery.body.len() > BlobFiles::SMALL;
    let verify = || source.verify(&delivery.headers, &delivery.body, &secrets);
    let key = if large { in_place(verify) } else { verify() }.map_err(|e| refused(&connector.id, e))?;
    let (id, event) = source.envelope(&delivery.headers).map_err(|e| refused(&connector.id, e))?;
    if !engine.heard()?.knows_secret(&key) {
        connectors::note_secret(engine, &connector.id, &key, "operator").await?;
    }
    let read = || source.read(&delivery.body);
    let read = if large { in_place(read) } else { read() };
    let repository = match &read.repository {
        Some(told) => Some(connectors::repository_of(engine, &connector, told, &delivery.body).await?),
        None => None,
    };
    let home = Home { connector: &connector.id, host: &connector.host, repository: repository.as_deref() };
    let mut signal = source.map(&event, &read, &home);
    signal.reach = signal.reach.and(&connector.products);
    // Kept all the same, and never silently.
    let unread = match &signal.facts {
        Facts::Unread { why, .. } => Some(format!("It was kept unread: {why}")),
        _ => None,
    };
    let incoming = Incoming {
        connector: connector.id.clone().into(),
        delivery: id,
        media: source.media(&delivery.body).into(),
        auth_how: "hmac-sha256".into(),
        auth_key: key,
        mapper: source.mapper().into(),
        body: delivery.body,
        signal: Arc::new(signal),
        part_of: None,
        findings: None,
        vex: None,
    };
    let ready = incoming.ready(engine)?;
    let (mut ack, head) = engine.write(move |batch| accept(batch, &ready)).await?;
    ack.warnings.extend(unread);
    Ok((ack, head))
}

/// Nothing was sent: whoever meant to send something has to know.
pub(crate) fn empty_body(what: &str) -> Problem {
    let fix = "Send the bytes; an empty file is no evidence of anything.";
    Problem::new(ProblemKind::BadInput, "empty-body", what, "The body is empty.", fix)
}

fn refused(connector: &str, refusal: Refused) -> Problem {
    let what = "The delivery was not recorded.";
    let why = format!("{}.", upper_first(&refusal.to_string()));
    match refusal {
        Refused::Unsigned(_) | Refused::WrongSignature => Problem::new(
            ProblemKind::NotSignedIn,
            "wrong-signature",
            what,
            why,
            format!("Set the same secret at the sender as here; `certrail admin secret {connector}` makes a new one."),
        ),
        Refused::NoSecret => Problem::new(
            ProblemKind::NotSignedIn,
            "no-secret",
            what,
            why,
            format!("Make one with `certrail admin secret {connector}` and set it at the sender."),
        ),
        Refused::Header(_) => Problem::new(
            ProblemKind::BadInput,
            "header-missing",
            what,
            why,
            "Send the delivery as the provider sends it, headers included.",
        ),
    }
}

fn upper_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().collect::<String>() + chars.as_str()).unwrap_or_default()
}
