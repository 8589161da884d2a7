use std::{net::IpAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

/// Section `[stages]`: where stages of a fleet answer what the front asks of them.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Stages {
    /// Looks at a camera's address, as `https://ingest:8443`; empty for nowhere.
    pub ingest: String,
    /// Enrols people and embeds stills.
    pub recognizer: String,
    /// Redacts stills.
    pub cloaker: String,
    /// PEM file of whoever signed their certificates; empty for `listen.certificate`, where they share it.
    pub ca: PathBuf,
}

impl Stages {
    /// What is wrong with the values, a sentence each.
    pub fn validate(&self) -> Vec<String> {
        let all = [("ingest", &self.ingest), ("recognizer", &self.recognizer), ("cloaker", &self.cloaker)];
        let wrong = all.into_iter().filter(|(_, url)| !url.is_empty() && !is_safe(url));
        wrong
            .map(|(name, _)| {
                format!(
                    "`stages.{name}` must be like https://{name}:8443; http:// only on this machine, because the \
                     caller's credential goes along"
                )
            })
            .collect()
    }
}

/// Whether nobody between can read along.
fn is_safe(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let Some((host, port)) = authority.rsplit_once(':') else { return false };
    if host.is_empty() || host.contains(['@', '/', '?', '#']) || port.parse::<u16>().is_err() {
        return false;
    }
    let number = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let here = host == "localhost" || number.is_ok_and(|ip| ip.to_canonical().is_loopback());
    scheme == "https" || scheme == "http" && here
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_leaves_this_machine_encrypted_only() {
        for (url, good) in [
            ("https://ingest:8443", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080/", true),
            ("http://ingest:8080", false),
            ("http://127.0.0.1:80@evil:80", false),
            ("https://ingest", false),
            ("ingest:8443", false),
            ("ftp://localhost:21", false),
        ] {
            let stages = Stages { ingest: url.to_owned(), ..Stages::default() };
            assert_eq!(stages.validate().is_empty(), good, "{url}");
        }
    }
}
