//! Where an auth server is, in one form.

use common::limits::AUTH_SERVER_PORT;
use common::name::Escaped;
use ureq::http::Uri;

use super::MAX_SERVERS;
use crate::failure::{Exit, Failure};

/// Servers as they were named, in one form and each once.
///
/// # Errors
/// When one is not an HTTPS address, or there are too many.
pub(super) fn all<'a>(named: impl IntoIterator<Item = &'a String>) -> Result<Vec<String>, Failure> {
    let mut urls = Vec::new();
    for text in named {
        let url = normalise(text)?;
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    if urls.len() > MAX_SERVERS {
        let told = format!("{} auth servers are named", urls.len());
        return Err(Failure::new(Exit::Usage, told).hint(format!("name {MAX_SERVERS} at most")));
    }
    Ok(urls)
}

/// Brings a server's address into the form `https://HOST:PORT`.
///
/// # Errors
/// When it is not an HTTPS address.
pub(super) fn normalise(url: &str) -> Result<String, Failure> {
    let wrong = || {
        Failure::new(
            Exit::Usage,
            format!("{} is not the address of an auth server", Escaped(url)),
        )
        .hint("write https://HOST or https://HOST:PORT")
    };
    let uri: Uri = url.trim().parse().map_err(|_| wrong())?;
    let plain = uri.path_and_query().is_none_or(|path| path.as_str() == "/");
    let authority = uri.authority().ok_or_else(wrong)?;
    if uri.scheme_str() != Some("https") || !plain || authority.as_str().contains('@') {
        return Err(wrong());
    }
    let port = authority.port_u16().unwrap_or(AUTH_SERVER_PORT);
    Ok(format!("https://{}:{port}", authority.host()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_addresses_name_an_auth_server() {
        for (text, base) in [
            ("https://auth.example", "https://auth.example:12565"),
            ("https://auth.example:443/", "https://auth.example:443"),
            (" https://[::1]:9 ", "https://[::1]:9"),
        ] {
            assert_eq!(normalise(text).as_deref(), Ok(base), "{text}");
        }
        for text in [
            "",
            "auth.example",
            "http://auth.example",
            "https://a/b",
            "https://u@a",
            "file:///x",
            "https://a?b",
        ] {
            assert_eq!(normalise(text).unwrap_err().exit, Exit::Usage, "{text}");
        }
    }

    #[test]
    fn each_server_counts_once_and_there_are_not_too_many() {
        let named = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|&text| text.into()).collect();
            all(&texts)
        };
        let once = named(&["https://a", "https://b:1", "https://a:12565/"]).unwrap();
        assert_eq!(once, ["https://a:12565", "https://b:1"]);
        assert_eq!(named(&["https://a", "b"]).unwrap_err().exit, Exit::Usage);
        let many: Vec<String> = (0..=MAX_SERVERS).map(|n| format!("https://a{n}")).collect();
        assert_eq!(all(&many).unwrap_err().exit, Exit::Usage);
        assert!(all(&many[1..]).is_ok());
    }
}
