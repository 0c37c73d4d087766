use std::fmt;
use std::str::FromStr;

use common::limits::AUTH_SERVER_PORT;
use ureq::http::Uri;

/// Where an auth server answers: `https://HOST:PORT`, nothing behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl(String);

/// The text is not the address of an auth server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the address of an auth server is written https://HOST or https://HOST:PORT")]
pub struct ServerUrlError;

impl ServerUrl {
    /// The address of a resource.
    pub(super) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ServerUrl {
    type Err = ServerUrlError;

    fn from_str(text: &str) -> Result<Self, ServerUrlError> {
        let uri: Uri = text.trim().parse().map_err(|_| ServerUrlError)?;
        let plain = uri.path_and_query().is_none_or(|path| path.as_str() == "/");
        let authority = uri.authority().ok_or(ServerUrlError)?;
        if uri.scheme_str() != Some("https") || !plain || authority.as_str().contains('@') {
            return Err(ServerUrlError);
        }
        let port = authority.port_u16().unwrap_or(AUTH_SERVER_PORT);
        Ok(Self(format!("https://{}:{port}", authority.host())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_addresses_name_an_auth_server() {
        for (text, url) in [
            ("https://auth.example", "https://auth.example:12565"),
            ("https://auth.example:443/", "https://auth.example:443"),
            (" https://[::1]:9 ", "https://[::1]:9"),
        ] {
            assert_eq!(text.parse::<ServerUrl>().unwrap().to_string(), url);
        }
        for text in [
            "",
            "auth.example",
            "http://auth.example",
            "https://a/b",
            "https://u@a",
            "https://a?b",
            "file:///x",
        ] {
            assert_eq!(text.parse::<ServerUrl>(), Err(ServerUrlError), "{text}");
        }
    }
}
