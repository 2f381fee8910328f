//! `resolvConf`: the name servers, domain, search list and options of a resolv.conf(5).
//!
//! Read as upstream reads it: what is no known keyword with a value is skipped, values are not judged.

use std::io;
use std::path::{Path, PathBuf};

use cni_protocol::{Dns, Error, ErrorCode};
use thiserror::Error;

/// The file can't be read.
#[derive(Debug, Error)]
#[error("ipam.resolvConf: read {path:?}")]
pub(super) struct ResolvConfError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Reads the file.
pub(super) fn read(path: &Path) -> Result<Dns, ResolvConfError> {
    match std::fs::read(path) {
        Ok(content) => Ok(parse(&String::from_utf8_lossy(&content))),
        Err(source) => Err(ResolvConfError {
            path: path.to_owned(),
            source,
        }),
    }
}

fn parse(text: &str) -> Dns {
    let mut dns = Dns::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some(keyword), Some(value)) = (words.next(), words.next()) else {
            continue;
        };
        let values = std::iter::once(value).chain(words).map(str::to_owned);
        match keyword {
            "nameserver" => dns.nameservers.push(value.to_owned()),
            "domain" => dns.domain = Some(value.to_owned()),
            "search" => dns.search.extend(values),
            "options" => dns.options.extend(values),
            _ => {}
        }
    }
    dns
}

impl From<ResolvConfError> for Error {
    fn from(error: ResolvConfError) -> Self {
        Self::from_chain(ErrorCode::IoFailure, &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_read_and_the_rest_is_skipped() {
        let text = "# nameserver 1.1.1.1\n; search x\n\n nameserver 192.0.2.1 # first\r\nnameserver\tfd00::53\n\
                    nameserver\ndomain a.example\ndomain b.example\nsearch c.example d.example\nsearch e.example\n\
                    options ndots:5 rotate\noptions edns0\nsortlist 10.0.0.0\n";
        let expected = Dns {
            nameservers: vec!["192.0.2.1".into(), "fd00::53".into()],
            domain: Some("b.example".into()),
            search: ["c.example", "d.example", "e.example"]
                .map(Into::into)
                .into(),
            options: ["ndots:5", "rotate", "edns0"].map(Into::into).into(),
            ..Dns::default()
        };
        assert_eq!(parse(text), expected);
        assert_eq!(parse(""), Dns::default());
    }

    #[test]
    fn a_missing_file_is_named_with_its_key() {
        let error = Error::from(read(Path::new("/nonexistent/resolv.conf")).unwrap_err());
        let expected = "ipam.resolvConf: read \"/nonexistent/resolv.conf\"";
        assert_eq!(
            (error.code(), error.msg()),
            (ErrorCode::IoFailure, expected)
        );
    }
}
