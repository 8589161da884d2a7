//! Where the servers are, as the configuration says it.

/// `scylla://[user@]host:9042,host2:9042/keyspace`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Who logs in; `None` where the servers do not ask.
    pub user: Option<String>,
    /// Servers that are asked first, each with its port; they tell of the others.
    pub hosts: Vec<String>,
    /// The keyspace.
    pub keyspace: String,
}

/// What servers listen on unless they are told otherwise.
const PORT: u16 = 9042;
/// Letters of a keyspace's name that servers take.
const KEYSPACE: usize = 48;

impl Address {
    /// Takes an address apart.
    ///
    /// # Errors
    /// What is wrong, to be read behind the key's name. The address is never repeated: it may have a password in it.
    pub fn parse(url: &str) -> Result<Self, String> {
        let form = || "must be like scylla://user@host:9042,host2:9042/keyspace".to_owned();
        let rest = url.strip_prefix("scylla://").ok_or_else(form)?;
        let (servers, keyspace) = rest.rsplit_once('/').ok_or_else(form)?;
        let (user, hosts) = match servers.rsplit_once('@') {
            Some((user, _)) if user.contains(':') => {
                return Err("must not have a password in it: `store.password` is its place".to_owned());
            }
            Some(("", _)) => return Err(form()),
            Some((user, hosts)) => (Some(user.to_owned()), hosts),
            None => (None, servers),
        };
        let hosts: Option<Vec<String>> = hosts.split(',').map(host).collect();
        let hosts = hosts.ok_or_else(form)?;
        if !is_keyspace(keyspace) {
            return Err(format!(
                "must end with a keyspace: a small letter, then small letters, digits or `_`, {KEYSPACE} at most"
            ));
        }
        Ok(Self { user, hosts, keyspace: keyspace.to_owned() })
    }
}

/// A host with its port; `None` when it is none.
fn host(text: &str) -> Option<String> {
    let (name, port) = match text.rsplit_once(':') {
        // The colons of an IPv6 address are within brackets.
        Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()?),
        _ => (text, PORT),
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let good = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)),
    };
    (good && port > 0).then(|| format!("{name}:{port}"))
}

fn is_keyspace(name: &str) -> bool {
    name.len() <= KEYSPACE
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let address = Address::parse("scylla://cortex@one,10.0.0.2:9043,[::1]:9042,[::1]/city_1").unwrap();
        assert_eq!(address.user.as_deref(), Some("cortex"));
        assert_eq!(address.hosts, ["one:9042", "10.0.0.2:9043", "[::1]:9042", "[::1]:9042"]);
        assert_eq!(address.keyspace, "city_1");
        assert_eq!(Address::parse("scylla://one/city").unwrap().user, None);
    }

    #[test]
    fn what_is_no_address_is_refused_and_never_repeated() {
        for url in [
            "cql://one/city",
            "scylla://one",
            "scylla:///city",
            "scylla://one,/city",
            "scylla://one:0/city",
            "scylla://one:port/city",
            "scylla://::1/city",
            "scylla://[nonsense]/city",
            "scylla://@one/city",
            "scylla://one/",
            "scylla://one/City",
            "scylla://one/city;drop",
            "scylla://cortex:hunter2@one/city",
            "scylla://cortex:hunt@er2@one/city",
        ] {
            let why = Address::parse(url).unwrap_err();
            assert!(why.starts_with("must ") && !why.contains("hunt"), "{url}: {why}");
        }
    }
}
