use crate::vector::{Vector, vector};

pub(crate) fn paths() -> Vec<Vector> {
    let path = |name, expect, comment, text: &str| {
        vector(name, "path", expect, comment).hex("path", text.as_bytes())
    };
    let longest = ["a".repeat(240).as_str(); 17].join("/");
    vec![
        path("path_ok", "ok", "an ordinary path", "docs/2026/report.pdf"),
        path(
            "path_unicode",
            "ok",
            "nothing is normalised",
            "Stra\u{df}e/\u{6771}\u{4eac} (1).txt",
        ),
        path("path_hidden", "ok", "a leading dot is a name", ".hidden"),
        path("path_many_dots", "ok", "not a dots component", "...x"),
        path(
            "path_almost_device",
            "ok",
            "console is not con",
            "console.log/com10/com0",
        ),
        path(
            "path_longest_component",
            "ok",
            "255 bytes",
            &"a".repeat(255),
        ),
        path("path_empty", "empty", "nothing", ""),
        path("path_absolute", "empty", "a leading slash", "/etc/passwd"),
        path(
            "path_trailing_slash",
            "empty",
            "an empty last component",
            "docs/",
        ),
        path("path_double_slash", "empty", "an empty component", "a//b"),
        path("path_parent", "dots", "leaves the share", "../x"),
        path(
            "path_parent_inside",
            "dots",
            "even if it would stay inside",
            "a/../b",
        ),
        path("path_current", "dots", "a spelling of its own", "./a"),
        path(
            "path_component_over_limit",
            "too long",
            "256 bytes in 128 characters",
            &"\u{e9}".repeat(128),
        ),
        path("path_longest", "ok", "4096 bytes", &longest),
        path(
            "path_over_limit",
            "too long",
            "4097 bytes",
            &format!("{longest}a"),
        ),
        path("path_nul", "control", "ends a name in C", "a\0b"),
        path("path_newline", "control", "a second line in a log", "a\nb"),
        path(
            "path_escape",
            "control",
            "begins a terminal sequence",
            "\u{1b}[2J",
        ),
        path(
            "path_c1_control",
            "control",
            "U+009B begins one too",
            "\u{9b}2J",
        ),
        path(
            "path_bidi_override",
            "control",
            "shown as exe.txt",
            "txt.\u{202e}exe",
        ),
        path("path_zero_width", "control", "looks like ab", "a\u{200b}b"),
        path("path_byte_order_mark", "control", "U+FEFF", "\u{feff}a"),
        path("path_tag_character", "control", "U+E0041", "a\u{e0041}"),
        path(
            "path_backslash",
            "separator",
            "a separator elsewhere",
            "..\\x",
        ),
        path("path_drive", "separator", "a drive elsewhere", "C:x"),
        path("path_stream", "separator", "a stream elsewhere", "a:$DATA"),
        path(
            "path_device",
            "reserved",
            "a device elsewhere, in any case and with any ending",
            "docs/nul.txt",
        ),
        path(
            "path_device_space",
            "reserved",
            "white space before the dot",
            "CON .txt",
        ),
        path(
            "path_device_superscript",
            "reserved",
            "COM and U+00B9",
            "com\u{b9}",
        ),
        path("path_trailing_dot", "reserved", "dropped elsewhere", "a."),
        path(
            "path_trailing_space",
            "reserved",
            "dropped elsewhere",
            "a /b",
        ),
    ]
}

pub(crate) fn labels() -> Vec<Vector> {
    let case = |name, kind, expect, comment, text: &str| {
        vector(name, kind, expect, comment).hex("text", text.as_bytes())
    };
    let print = |prefix: &str, byte: &str| format!("{prefix}{}", byte.repeat(32));
    vec![
        case("alias_ok", "alias", "ok", "an ordinary alias", "alice-2"),
        case(
            "alias_longest",
            "alias",
            "ok",
            "32 characters",
            &"a".repeat(32),
        ),
        case(
            "alias_over_limit",
            "alias",
            "refused",
            "33 characters",
            &"a".repeat(33),
        ),
        case("alias_empty", "alias", "refused", "nothing", ""),
        case(
            "alias_upper_case",
            "alias",
            "refused",
            "lower case only",
            "Alice",
        ),
        case(
            "alias_digit_first",
            "alias",
            "refused",
            "begins with a letter",
            "2alice",
        ),
        case(
            "alias_hyphen_last",
            "alias",
            "refused",
            "inner hyphens only",
            "alice-",
        ),
        case(
            "alias_homograph",
            "alias",
            "refused",
            "U+0430 for a",
            "\u{430}lice",
        ),
        case("alias_dot", "alias", "refused", "one label", "alice.peer"),
        case(
            "org_label_longest",
            "org label",
            "ok",
            "63 characters",
            &"a".repeat(63),
        ),
        case(
            "org_label_over_limit",
            "org label",
            "refused",
            "64 characters",
            &"a".repeat(64),
        ),
        case(
            "peer_name_ok",
            "peer name",
            "ok",
            "alias and organisation",
            "alice.peer.acme.internal",
        ),
        case(
            "peer_name_wildcard",
            "peer name",
            "refused",
            "no wildcards",
            "*.peer.acme.internal",
        ),
        case(
            "peer_name_upper_case",
            "peer name",
            "refused",
            "lower case only",
            "alice.peer.ACME.internal",
        ),
        case(
            "peer_name_trailing_dot",
            "peer name",
            "refused",
            "not the absolute form",
            "alice.peer.acme.internal.",
        ),
        case(
            "peer_name_deeper",
            "peer name",
            "refused",
            "four labels",
            "a.alice.peer.acme.internal",
        ),
        case(
            "peer_name_other_zone",
            "peer name",
            "refused",
            "peer, not host",
            "alice.host.acme.internal",
        ),
        case(
            "fingerprint_ok",
            "fingerprint",
            "ok",
            "as it is written",
            &print("SHA256:", "0f"),
        ),
        case(
            "fingerprint_openssl",
            "fingerprint",
            "ok",
            "as OpenSSL writes the bytes",
            &format!("sha256:{}", ["0F"; 32].join(":")),
        ),
        case(
            "fingerprint_short",
            "fingerprint",
            "refused",
            "63 digits",
            &print("SHA256:0", "0f")[..70],
        ),
        case(
            "fingerprint_long",
            "fingerprint",
            "refused",
            "66 digits",
            &print("SHA256:0f", "0f"),
        ),
        case(
            "fingerprint_sha1",
            "fingerprint",
            "refused",
            "another digest",
            &print("SHA1:", "0f"),
        ),
    ]
}
