//! `/openapi.json`, judged by the validator of the OpenAPI community.

use std::fs::{self, File};
use std::process::Command;

use captures::error::{Doing as _, Result};
use captures::organisation::Organisation;
use captures::programs::workspace_folder;
use captures::scratch;

/// Whether the validator takes that document, and what it says.
fn valid(document: &str) -> Result<(bool, String)> {
    let python = workspace_folder().join(".venv/bin/python");
    let program = "import json, sys\n\
                   from openapi_spec_validator import validate\n\
                   validate(json.load(sys.stdin))\n";
    let folder = scratch::folder()?;
    let path = folder.path().join("openapi.json");
    fs::write(&path, document).doing("writing the document")?;
    let output = Command::new(&python)
        .args(["-c", program])
        .stdin(File::open(&path).doing("reading the document")?)
        .output()
        .doing(format!("starting {}; ./test makes it", python.display()))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((output.status.success(), said))
}

#[test]
fn the_served_description_of_the_api_is_valid_openapi() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let root = organisation.folder().join("root.crt");
    assert!(fs::metadata(&root).is_ok());
    let fetched = Command::new("curl")
        .args(["--silent", "--fail", "--cacert"])
        .arg(&root)
        .arg(format!("{}/openapi.json", organisation.url()))
        .output()
        .expect("the Debian package curl");
    let document = String::from_utf8(fetched.stdout).unwrap();
    let (good, said) = valid(&document)?;
    assert!(good, "{said}");
    let broken = document.replacen("\"responses\"", "\"answers\"", 1);
    assert_ne!(broken, document);
    assert!(!valid(&broken)?.0, "the validator sees nothing");
    Ok(())
}
