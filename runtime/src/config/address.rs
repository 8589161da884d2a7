//! Which addresses a camera may have: scheme, network, and for files who named them.

use std::{
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
};

use cortex_proto::v1;

use super::{Ingest, network::Network};

/// Where a camera may be, from [`Ingest`].
#[derive(Clone, Debug)]
pub struct Policy {
    schemes: Vec<String>,
    networks: Vec<Network>,
    forbidden: Vec<Network>,
    folders: Vec<PathBuf>,
}

/// Why an address cannot be used; it does not repeat the address, which may have a password in it.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("address: {0}")]
pub struct AddressError(String);

/// An address taken apart.
struct Parts<'a> {
    scheme: &'a str,
    /// Everything behind `://`.
    rest: &'a str,
    host: &'a str,
}

impl Policy {
    /// The policy of a configuration that [`Ingest::validate`] found good; a network that is none allows nothing.
    pub fn new(config: &Ingest) -> Self {
        let networks = |all: &[String]| all.iter().filter_map(|text| text.parse().ok()).collect();
        Self {
            schemes: config.schemes.clone(),
            networks: networks(&config.networks),
            forbidden: networks(&config.forbidden_networks),
            folders: config.folders.clone(),
        }
    }

    /// Refuses other schemes, credentials inside the address, files that neither a configuration file names nor an
    /// allowed folder holds, and hosts given by number in a network that is not allowed. Names of hosts are looked up
    /// by [`Policy::check_hosts`], before connecting.
    ///
    /// # Errors
    /// What is wrong, without the address.
    pub fn check(&self, url: &str, origin: v1::Origin) -> Result<(), AddressError> {
        let parts = parts(url)?;
        if !self.schemes.iter().any(|allowed| allowed == parts.scheme) {
            return Err(AddressError(format!(
                "scheme `{}` is not allowed; `ingest.schemes` has {}",
                parts.scheme,
                self.schemes.join(", ")
            )));
        }
        let spaced = url.chars().any(|c| c.is_control() || c == ' ' && parts.scheme != "file");
        if parts.rest.is_empty() || spaced {
            return Err(AddressError("is empty or has a space or control character".to_owned()));
        }
        match parts.scheme {
            "file" if origin != v1::Origin::File => self.check_file(parts.rest),
            "file" | "v4l2" | "test" => Ok(()),
            _ if parts.rest.split(['/', '?', '#']).next().unwrap_or_default().contains('@') => {
                Err(AddressError(
                    "user and password belong into the credentials file, not into the address".to_owned(),
                ))
            }
            _ if parts.host.is_empty() => Err(AddressError("has no host".to_owned())),
            _ => match parts.host.parse::<IpAddr>() {
                Ok(address) => self.check_network(address),
                Err(_) => Ok(()),
            },
        }
    }

    /// [`Policy::check`] of every address that a camera has.
    ///
    /// # Errors
    /// What is wrong with the first that is refused.
    pub fn check_camera(&self, camera: &v1::Camera) -> Result<(), AddressError> {
        self.check(&camera.url, camera.origin())?;
        if camera.sub_url.is_empty() { Ok(()) } else { self.check(&camera.sub_url, camera.origin()) }
    }

    /// [`Policy::check`], and every address that the host's name stands for now. Waits for the name service.
    ///
    /// # Errors
    /// As [`Policy::check`], or the name is unknown.
    pub fn check_hosts(&self, url: &str, origin: v1::Origin) -> Result<(), AddressError> {
        self.check(url, origin)?;
        let parts = parts(url)?;
        if ["file", "v4l2", "test"].contains(&parts.scheme) {
            return Ok(());
        }
        // The port makes no difference to where the name leads.
        let found = (parts.host, 554).to_socket_addrs();
        let mut found = found.map_err(|error| AddressError(format!("look up {}: {error}", parts.host)))?;
        found.try_for_each(|found: SocketAddr| self.check_network(found.ip()))
    }

    fn check_network(&self, address: IpAddr) -> Result<(), AddressError> {
        let lies_in = |networks: &[Network]| networks.iter().any(|network| network.contains(address));
        if lies_in(&self.forbidden) {
            return Err(AddressError(format!("{address} is in one of `ingest.forbidden_networks`")));
        }
        if !lies_in(&self.networks) {
            return Err(AddressError(format!("{address} is in none of `ingest.networks`")));
        }
        Ok(())
    }

    /// A file that the API names: where it really lies, links followed.
    fn check_file(&self, path: &str) -> Result<(), AddressError> {
        let refused = || {
            AddressError(
                "files are played when a configuration file lists them, or when they lie in one of `ingest.folders`"
                    .to_owned(),
            )
        };
        // What GStreamer would decode again is not the path that is looked at here.
        if path.contains(['%', '?', '#']) {
            return Err(refused());
        }
        let real = Path::new(path).canonicalize().map_err(|_| refused())?;
        let allowed = |folder: &PathBuf| folder.canonicalize().is_ok_and(|folder| real.starts_with(folder));
        if self.folders.iter().any(allowed) { Ok(()) } else { Err(refused()) }
    }
}

/// Where an address leads: scheme and host, without a user, a password or a path that may have one in it.
pub fn without_secrets(url: &str) -> &str {
    let Some((scheme, rest)) = url.split_once("://") else { return "" };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.contains('@') { scheme } else { &url[..scheme.len() + 3 + host.len()] }
}

fn parts(url: &str) -> Result<Parts<'_>, AddressError> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(AddressError(
            "must be like rtsp://host/path, file:///path, v4l2:///dev/video0 or test://pattern".to_owned(),
        ));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    Ok(Parts { scheme, rest, host })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: v1::Origin = v1::Origin::File;
    const API: v1::Origin = v1::Origin::Api;

    #[test]
    fn only_allowed_schemes_without_secrets() {
        let policy = Policy::new(&Ingest::default());
        for good in [
            "rtsp://host:554/a",
            "http://host/a?b",
            "file:///a b.mp4",
            "v4l2:///dev/video0",
            "test://pattern",
        ] {
            assert_eq!(policy.check(good, FILE), Ok(()), "{good}");
        }
        for bad in ["host", "ftp://host/a", "rtsp://", "rtsp:///a", "rtsp://host/a\nb"] {
            assert!(policy.check(bad, FILE).is_err(), "{bad}");
        }
        for secret in
            ["rtsp://user:secret@host/a", "rtsp://user:secret@host?a", "rtsp://u:secret@169.254.1.1/"]
        {
            let error = policy.check(secret, FILE).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn hosts_lie_in_allowed_networks_however_they_are_written() {
        let policy = Policy::new(&Ingest::default());
        for metadata in [
            "rtsp://169.254.169.254/latest",
            "rtsp://[::ffff:169.254.169.254]:554/latest",
            "rtsps://169.254.1.1:80?x",
        ] {
            assert!(policy.check(metadata, FILE).is_err(), "{metadata}");
        }
        // A number that is no written address is looked up, as whoever connects would.
        assert!(policy.check_hosts("rtsp://2852039166/latest", API).is_err());
        assert_eq!(policy.check_hosts("rtsp://127.0.0.1:8554/a", API), Ok(()));
        let networks = vec!["10.0.0.0/8".to_owned()];
        let narrow = Policy::new(&Ingest { networks, ..Ingest::default() });
        assert_eq!(narrow.check("rtsp://10.1.2.3/a", API), Ok(()));
        assert!(narrow.check("rtsp://192.168.1.1/a", API).is_err());
        assert!(
            narrow.check_hosts("rtsp://localhost/a", API).is_err(),
            "a name is as good as what it stands for"
        );
    }

    #[test]
    fn the_api_plays_files_of_allowed_folders_only() {
        let root = tempfile::tempdir().unwrap();
        let (open, closed) = (root.path().join("open"), root.path().join("closed"));
        for folder in [&open, &closed] {
            std::fs::create_dir(folder).unwrap();
            std::fs::write(folder.join("a.mp4"), b"x").unwrap();
        }
        std::os::unix::fs::symlink(closed.join("a.mp4"), open.join("link.mp4")).unwrap();
        let policy = Policy::new(&Ingest { folders: vec![open.clone()], ..Ingest::default() });
        let check = |path: String, origin| policy.check(&format!("file://{path}"), origin);
        let open = open.display();
        assert_eq!(check(format!("{open}/a.mp4"), API), Ok(()));
        assert_eq!(check(format!("{}/a.mp4", closed.display()), FILE), Ok(()), "a configuration file may");
        for path in [
            format!("{}/a.mp4", closed.display()),
            format!("{open}/../closed/a.mp4"),
            format!("{open}/%2e%2e/closed/a.mp4"),
            format!("{open}/link.mp4"),
            "/etc/passwd".to_owned(),
        ] {
            assert!(check(path.clone(), API).is_err(), "{path}");
        }
    }
}
