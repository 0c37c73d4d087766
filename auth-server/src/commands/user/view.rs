//! `user list|show`.

use common::identity::Alias;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::administration::UserView;
use crate::commands::desk::Desk;
use crate::failure::Failure;
use crate::options::Format;
use crate::store::UserState;
use crate::ui;

pub(super) async fn list(desk: &Desk, format: Format) -> Result<(), Failure> {
    let users = desk.administration().users().await?;
    if format == Format::Json {
        return users.iter().try_for_each(ui::json);
    }
    if users.is_empty() {
        ui::message("There are no users yet; add one with: auth-server user add ALIAS");
        return Ok(());
    }
    ui::data(&format!(
        "{:<32} {:<16} {:<9} {:<17} LAST LOGIN",
        "ALIAS", "ROLE", "STATE", "ADDED"
    ));
    for user in &users {
        ui::data(&format!(
            "{:<32} {:<16} {:<9} {:<17} {}",
            user.alias.as_str(),
            user.role.as_str(),
            user.state.as_str(),
            moment(user.created_at),
            user.last_login_at.map_or_else(|| "never".into(), moment),
        ));
    }
    Ok(())
}

pub(super) async fn show(desk: &Desk, alias: &Alias, format: Format) -> Result<(), Failure> {
    let user = desk.administration().user(alias).await?;
    match format {
        Format::Json => ui::json(&user),
        Format::Text => {
            ui::data(&described(&user));
            Ok(())
        }
    }
}

fn described(user: &UserView) -> String {
    let told = |text: &str| match text {
        "" => "-".to_owned(),
        text => ui::safe(text),
    };
    let password = match user.one_time_password_until {
        _ if user.state == UserState::Removed => "none".to_owned(),
        Some(until) => format!("one-time, until {}", moment(until)),
        None => "chosen".to_owned(),
    };
    [
        ("Alias", user.alias.to_string()),
        ("Role", user.role.to_string()),
        ("State", user.state.as_str().to_owned()),
        ("Name", told(&user.display_name)),
        ("E-mail", told(&user.email)),
        ("Password", password),
        ("Failed logins", user.failed_logins.to_string()),
        ("Added", moment(user.created_at)),
        (
            "Last login",
            user.last_login_at.map_or_else(|| "never".into(), moment),
        ),
    ]
    .map(|(name, value)| format!("{name:<14} {value}"))
    .join("\n")
}

/// A moment for people, to the minute, in UTC.
pub(in crate::commands) fn moment(time: OffsetDateTime) -> String {
    time.format(format_description!("[year]-[month]-[day] [hour]:[minute]Z"))
        .unwrap_or_default()
}
