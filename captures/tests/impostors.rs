//! Certificates that must be refused are refused, by a listener and by a requester.

use captures::error::Result;
use captures::foreign::{self, Flaw, Forger, leaf_of, stolen_from};
use captures::rogue::{self, Credentials, Verdict};
use captures::stage::Stage;

/// Every way to be someone one is not, made from a person's genuine certificate.
fn impostors(
    stage: &Stage,
    person: &captures::device::Device,
) -> Result<Vec<(String, Credentials)>> {
    let genuine = leaf_of(person)?;
    let other = Forger::with_the_same_names(&stage.organisation)?;
    let root = Forger::with_the_root_key(&stage.organisation)?;
    let names = |names: &[&str]| Flaw::Names(names.iter().map(ToString::to_string).collect());
    let mut all = vec![
        (
            "another authority with the same names".to_owned(),
            other.forge(&genuine, &Flaw::None)?,
        ),
        (
            "signed by itself".to_owned(),
            foreign::self_signed(&genuine)?,
        ),
        (
            "a genuine certificate without its key".to_owned(),
            foreign::without_its_key(genuine.clone())?,
        ),
    ];
    for flaw in [
        Flaw::Expired,
        Flaw::NotYetValid,
        Flaw::ServerOnly,
        Flaw::NoUsage,
        Flaw::Authority,
        names(&["mallory.peer.example.internal", "bob.peer.example.internal"]),
        names(&["bob.peer.elsewhere.internal"]),
        names(&["localhost"]),
        names(&["bob.example.internal"]),
        names(&["*.peer.example.internal"]),
        names(&[]),
    ] {
        all.push((
            format!("of the real root, {flaw:?}"),
            root.forge(&genuine, &flaw)?,
        ));
    }
    Ok(all)
}

#[test]
fn a_listener_refuses_every_impostor_and_goes_on_serving() -> Result<()> {
    let mut stage = Stage::set()?;
    for (what, credentials) in impostors(&stage, &stage.alice)? {
        let verdict = rogue::request(stage.listener.port(), Some(credentials))?;
        assert!(verdict.is_refusal(), "{what} was accepted");
    }
    stage.check_still_serving()
}

#[test]
fn a_requester_refuses_every_impostor_and_writes_nothing() -> Result<()> {
    let stage = Stage::set()?;
    for (what, credentials) in impostors(&stage, &stage.bob)? {
        let (verdict, finished) = rogue::lure(&stage.alice, credentials, &stage.inbox("bait"))?;
        assert!(verdict.is_refusal(), "{what} was accepted");
        finished.refused(7, &[])?;
        stage.check_absent("bait")?;
    }
    Ok(())
}

#[test]
fn the_forger_is_believed_when_nothing_is_wrong() -> Result<()> {
    // Otherwise the refusals above could have another reason than the flaw.
    let stage = Stage::set()?;
    let root = Forger::with_the_root_key(&stage.organisation)?;
    let sound = root.forge(&leaf_of(&stage.alice)?, &Flaw::None)?;
    assert_eq!(
        rogue::request(stage.listener.port(), Some(sound))?,
        Verdict::Accepted
    );
    let copied = stolen_from(&stage.alice)?;
    assert_eq!(
        rogue::request(stage.listener.port(), Some(copied))?,
        Verdict::Accepted
    );
    let sound = root.forge(&leaf_of(&stage.bob)?, &Flaw::None)?;
    let (verdict, finished) = rogue::lure(&stage.alice, sound, &stage.inbox("bait"))?;
    assert_eq!(verdict, Verdict::Accepted);
    // The rogue hangs up then: bob was believed, but there is no file.
    assert_ne!(finished.code, Some(7), "{}", finished.stderr);
    stage.check_absent("bait")
}

#[test]
fn a_requester_without_a_certificate_is_refused() -> Result<()> {
    let mut stage = Stage::set()?;
    let verdict = rogue::request(stage.listener.port(), None)?;
    assert!(verdict.is_refusal());
    stage.check_still_serving()
}

#[test]
fn a_peer_that_is_given_its_own_certificate_back_is_not_fooled() -> Result<()> {
    // An ancestor took a listener that echoed the requester's certificate for a colleague.
    let stage = Stage::set()?;
    let own = stolen_from(&stage.alice)?;
    let (verdict, finished) = rogue::lure(&stage.alice, own, &stage.inbox("bait"))?;
    assert!(verdict.is_refusal());
    finished.refused(7, &[])?;
    let verdict = rogue::request(stage.listener.port(), Some(stolen_from(&stage.bob)?))?;
    assert!(verdict.is_refusal());
    stage.check_absent("bait")
}

#[test]
fn an_expired_member_is_told_so() -> Result<()> {
    let stage = Stage::set()?;
    let root = Forger::with_the_root_key(&stage.organisation)?;
    let expired = root.forge(&leaf_of(&stage.alice)?, &Flaw::Expired)?;
    let verdict = rogue::request(stage.listener.port(), Some(expired))?;
    assert_eq!(
        verdict,
        Verdict::Refused(rustls::AlertDescription::CertificateExpired)
    );
    stage.listener.running().wait_for_text("expired").map(drop)
}

#[test]
fn whoever_expects_another_person_gets_nothing() -> Result<()> {
    let stage = Stage::set()?;
    stage.offer("letter", b"for carol's friends")?;
    let mut command = stage
        .alice
        .get_command(&stage.source("letter"), &stage.inbox("letter"));
    let got = captures::process::run(command.args(["--expect", "carol"]))?;
    got.refused(7, &["bob"])?;
    stage.check_absent("letter")?;
    let mut command = stage
        .alice
        .get_command(&stage.source("letter"), &stage.inbox("letter"));
    captures::process::run(command.args(["--expect", "bob"]))?.success()?;
    stage.check_identical("letter")
}
