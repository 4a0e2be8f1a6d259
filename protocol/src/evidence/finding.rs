//! What one endpoint's view comes to, and what several come to together.

use super::{Finality, PaymentFacts, Sighting, Trace, View, trace};

/// What one view says of the authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finding<'a> {
    /// It was used or cancelled, and here is where.
    Event(Trace, &'a Sighting),
    /// Its nonce is used, and nothing shows how.
    Hidden,
    /// Its nonce is not used.
    Unused,
    /// Nothing.
    Silent,
    /// Things that cannot all be true of one chain.
    Broken,
}

/// What the views say together.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Consensus<'a> {
    /// The authorization was used or cancelled, in this transaction.
    Event(Occurrence<'a>),
    /// Its nonce is used, and nothing shows how.
    Hidden,
    /// Its nonce is not used, say these.
    Unused(Vec<&'a View>),
    /// Nobody knows.
    Silent,
    /// They contradict each other.
    Disagreement,
}

/// An event of the authorization, and who vouches for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Occurrence<'a> {
    pub(super) trace: Trace,
    pub(super) sighting: &'a Sighting,
    pub(super) endpoints: Vec<&'a str>,
    /// The least that any of them says.
    pub(super) finality: Finality,
}

fn finding<'a>(view: &'a View, facts: &PaymentFacts) -> Finding<'a> {
    let used_when_final = view.final_reading.is_some_and(|reading| reading.used);
    let mut events = view
        .sightings()
        .map(|sighting| (trace(&sighting.receipt, facts), sighting))
        .filter(|(trace, _)| *trace != Trace::Absent);
    match (events.next(), view.used) {
        (_, Some(false)) if used_when_final => Finding::Broken,
        (Some(_), Some(false)) => Finding::Broken,
        (Some((trace, sighting)), _) => {
            // A nonce burns once, so there is one transaction, however often it was found.
            if events.all(|(_, other)| other.receipt == sighting.receipt) {
                Finding::Event(trace, sighting)
            } else {
                Finding::Broken
            }
        }
        (None, Some(false)) => Finding::Unused,
        (None, Some(true)) => Finding::Hidden,
        (None, None) if used_when_final => Finding::Hidden,
        (None, None) => Finding::Silent,
    }
}

/// Puts the views together. An endpoint that lags behind does not contradict one that is ahead: "not used yet"
/// and "used later" are both true. "Not used" at or above the height where another saw the use is a
/// contradiction, and so are two different places of one use.
pub(super) fn consensus<'a>(facts: &PaymentFacts, views: &'a [View]) -> Consensus<'a> {
    let findings: Vec<_> = views.iter().map(|view| (view, finding(view, facts))).collect();
    let of = |wanted: Finding<'_>| -> Vec<&'a View> {
        let same = findings.iter().filter(|(_, found)| *found == wanted);
        same.map(|(view, _)| *view).collect()
    };
    let (unused, hidden) = (of(Finding::Unused), of(Finding::Hidden));
    let occurrence = match occurrence(&findings) {
        Ok(occurrence) => occurrence,
        Err(Contradiction) => return Consensus::Disagreement,
    };
    // The lowest height at which somebody knows the nonce to be used.
    let used_by = occurrence
        .iter()
        .map(|event| event.sighting.receipt.block_number)
        .chain(hidden.iter().map(|view| view.heads.latest().number))
        .min();
    let contradicts = |view: &&View| used_by.is_some_and(|height| view.heads.latest().number >= height);
    if !of(Finding::Broken).is_empty() || unused.iter().any(contradicts) {
        return Consensus::Disagreement;
    }
    match occurrence {
        Some(occurrence) => Consensus::Event(occurrence),
        None if !hidden.is_empty() => Consensus::Hidden,
        None if !unused.is_empty() => Consensus::Unused(unused),
        None => Consensus::Silent,
    }
}

/// Endpoints name different transactions, or different blocks, for one use.
struct Contradiction;

fn occurrence<'a>(findings: &[(&'a View, Finding<'a>)]) -> Result<Option<Occurrence<'a>>, Contradiction> {
    let mut found: Option<Occurrence<'a>> = None;
    for (view, finding) in findings {
        let Finding::Event(trace, sighting) = *finding else {
            continue;
        };
        let finality = view.heads.finality(sighting.receipt.block_number);
        match &mut found {
            None => {
                found = Some(Occurrence {
                    trace,
                    sighting,
                    endpoints: vec![&view.endpoint],
                    finality,
                });
            }
            Some(first) if first.sighting.receipt == sighting.receipt => {
                first.endpoints.push(&view.endpoint);
                first.finality = first.finality.min(finality);
            }
            Some(_) => return Err(Contradiction),
        }
    }
    Ok(found)
}
