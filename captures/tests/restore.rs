//! An authority that was lost and comes back from a backup: its members go on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use captures::error::Result;
use captures::organisation::Organisation;
use captures::process::{Finished, PATIENCE};
use captures::stage::Stage;
use common::crl::RevocationList;
use common::identity::OrgRoot;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};

const REVOKED: i32 = 7;

/// The number of the revocation list that alice's device holds.
fn held(stage: &Stage) -> u64 {
    let folder = stage.alice.folder();
    let root = CertificateDer::from_pem_file(folder.join("root.crt")).unwrap();
    let root = OrgRoot::from_der(root).unwrap();
    let list = fs::read(folder.join("root.crl")).unwrap();
    let list = CertificateRevocationListDer::from(list);
    RevocationList::read(list, &root).unwrap().number()
}

fn disable(organisation: &Organisation, alias: &str) -> Result<()> {
    organisation
        .run(&["user", "disable", alias])?
        .success()
        .map(drop)
}

/// Repeats a get until it says that bob was revoked, as it must within a second or two.
fn refused_in_time(stage: &Stage) -> Result<Finished> {
    let end = std::time::Instant::now() + PATIENCE;
    for tries in 0.. {
        let to = stage.inbox(&format!("refused-{tries}"));
        let finished = stage.alice.get(&stage.source("b"), &to)?;
        if finished.code == Some(REVOKED) || std::time::Instant::now() > end {
            return finished.refused(REVOKED, &["revoked"]);
        }
    }
    unreachable!("the numbers do not end")
}

#[test]
fn peers_that_saw_newer_lists_believe_the_restored_server() -> Result<()> {
    let mut stage = Stage::set()?;
    let organisation = &stage.organisation;
    for alias in ["carol", "dave"] {
        organisation.person(alias)?;
    }
    let backup = organisation.folder().with_file_name("backup");
    let backup = backup.to_str().unwrap();
    organisation.run(&["backup", backup])?.success()?;
    let young = organisation.device()?;
    young.log_in("alice")?;
    // The lost server goes on for a while: more lists than the backup can know of.
    stage.offer("a", b"contents")?;
    let mut seen = held(&stage);
    for alias in ["carol", "dave"] {
        disable(organisation, alias)?;
        let end = std::time::Instant::now() + PATIENCE;
        for tries in 0.. {
            let to = stage.inbox(&format!("{alias}-{tries}"));
            stage.alice.get(&stage.source("a"), &to)?.success()?;
            if held(&stage) > seen {
                break;
            }
            assert!(std::time::Instant::now() < end, "no newer list came");
        }
        seen = held(&stage);
    }
    let address = organisation.url().replace("https://", "");
    stage.organisation.stop();
    let folder = stage.organisation.folder();
    fs::rename(&folder, folder.with_file_name("lost")).unwrap();
    stage.organisation.run(&["restore", backup])?.success()?;
    let _server = stage.organisation.serve_at(&address)?;

    // Devices go on with the certificates that they have, and take the new list.
    stage.get_identical("a")?;
    assert!(held(&stage) > seen, "{} after {seen}", held(&stage));
    stage.alice.log_in("alice")?;
    // One that is younger than the backup is told what to do.
    young
        .run(&["renew"])?
        .refused(3, &["does not have this certificate", "peer login"])?;
    young.log_in("alice")?;
    young.run(&["renew"])?.success()?;
    // And what is revoked from now on reaches them.
    disable(&stage.organisation, "bob")?;
    stage.offer("b", b"contents")?;
    refused_in_time(&stage)?;
    Ok(())
}
