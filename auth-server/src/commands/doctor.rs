//! `doctor`: whether everything is in order, and what to do.

use std::path::Path;
use std::process::ExitCode;

use time::OffsetDateTime;

use crate::config::Given;
use crate::doctor::{Verdict, examine};
use crate::failure::Failure;
use crate::home::Home;
use crate::options::Format;
use crate::ui;

/// Prints a line for each check; the exit code is 1 when one failed.
///
/// # Errors
/// When nothing can be printed, which does not happen.
pub async fn run(
    home: &Home,
    given: &Given,
    passphrase: Option<&Path>,
    format: Format,
) -> Result<ExitCode, Failure> {
    let found = examine(home, given, passphrase, OffsetDateTime::now_utc()).await;
    for finding in &found {
        match format {
            Format::Json => ui::json(finding)?,
            Format::Text => {
                let cure = finding.cure.as_ref();
                let cure = cure.map_or_else(String::new, |cure| format!("; {cure}"));
                ui::data(&ui::safe(&format!(
                    "{:<4}  {:<15}  {}{cure}",
                    finding.verdict.as_str(),
                    finding.check,
                    finding.says
                )));
            }
        }
    }
    let failed = found.iter().any(|finding| finding.verdict == Verdict::Fail);
    Ok(ExitCode::from(u8::from(failed)))
}
