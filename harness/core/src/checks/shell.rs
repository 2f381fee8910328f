//! Conditions on kernel state as POSIX shell, for the reproducers. `ns NAME` runs a command in a container.

use std::net::IpAddr;

/// True when the container has the interface.
pub(super) fn link_exists(container: &str, name: &str) -> String {
    format!("ns {container} ip -o link show dev {name} >/dev/null 2>&1")
}

/// True when the container's interface has no address like this.
pub(super) fn address_missing(container: &str, link: &str, address: &str) -> String {
    format!("! ns {container} ip -o address show dev {link} 2>/dev/null | grep -qF ' {address} '")
}

/// True when no table of the container has the route through this interface.
pub(super) fn route_missing(container: &str, (ip, prefix): (IpAddr, u8), link: &str) -> String {
    format!("! {}", route_exists(container, (ip, prefix), link))
}

/// True when a table of the container has the route through this interface.
pub(super) fn route_exists(container: &str, (ip, prefix): (IpAddr, u8), link: &str) -> String {
    route_matches(container, (ip, prefix), link, "")
}

/// True when a table of the container has the route through this interface, with these words after it.
pub(super) fn route_matches(
    container: &str,
    (ip, prefix): (IpAddr, u8),
    link: &str,
    words: &str,
) -> String {
    let family = if ip.is_ipv4() { "-4" } else { "-6" };
    let whole = if ip.is_ipv4() { 32 } else { 128 };
    // ip(8) says `default` for a prefix of length 0, and leaves the length of a whole address out.
    let destination = if prefix == 0 {
        "default".to_owned()
    } else if prefix == whole {
        format!("{}(/{whole})?", exactly(&ip.to_string()))
    } else {
        format!("{}/{prefix}", exactly(&ip.to_string()))
    };
    format!(
        "ns {container} ip {family} route show table all dev {link} | grep -Eq '^{destination}( |$){words}'"
    )
}

/// Returns a POSIX extended regular expression that matches this text and nothing else.
pub(super) fn exactly(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | ':' | '/' | '-' | '_' | '"' | ',' => c.to_string(),
            '^' => "\\^".to_owned(),
            '\\' => "\\\\".to_owned(),
            _ => format!("[{c}]"),
        })
        .collect()
}
