//! `config check|show`: the settings in force, and what is wrong with them.

use serde::Serialize;

use crate::config::{Config, Given, Origin, Shown, toml_text};
use crate::failure::Failure;
use crate::home::Home;
use crate::options::Format;
use crate::ui;

/// Says that all is well, or every mistake with its place.
///
/// # Errors
/// When there is a mistake, or the file cannot be read.
pub fn check(home: &Home, given: &Given) -> Result<(), Failure> {
    let file = home.config_file();
    match Config::check(&file, given)? {
        Ok(_) => {
            ui::message(&format!("{} is in order.", file.display()));
            Ok(())
        }
        Err(mistakes) => {
            mistakes
                .lines()
                .for_each(|line| ui::message(&ui::safe(&line)));
            Err(mistakes.summary())
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    value: serde_json::Value,
    from: String,
}

/// Prints each setting with its value and where that comes from, in the form of the file.
///
/// # Errors
/// When a setting is wrong.
pub fn show(home: &Home, given: &Given, format: Format) -> Result<(), Failure> {
    let config = home.config(given)?;
    for shown in &config.shown {
        let from = from(home, shown);
        match format {
            Format::Json => ui::json(&Line {
                name: shown.name,
                value: match shown.is_list {
                    true => shown.value.texts.clone().into(),
                    false => shown.value.texts.concat().into(),
                },
                from,
            })?,
            Format::Text => {
                let value = toml_text(shown.is_list, &shown.value.texts);
                ui::data(&format!(
                    "{:<40} # {from}",
                    format!("{} = {value}", shown.name)
                ));
            }
        }
    }
    Ok(())
}

fn from(home: &Home, shown: &Shown) -> String {
    match shown.value.origin {
        Origin::Default => "default".to_owned(),
        Origin::File { line, .. } => format!("{}:{line}", home.config_file().display()),
        Origin::Environment => shown.variable.to_owned(),
        Origin::Flag => "command line".to_owned(),
    }
}
