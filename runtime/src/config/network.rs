//! Networks, as `10.0.0.0/8`.

use std::{net::IpAddr, str::FromStr};

/// A network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    first: u128,
    /// Bits that count, of 128; an IPv4 network lies below `::ffff:0:0`.
    bits: u32,
}

impl Network {
    /// Whether an address lies in it. `::ffff:10.0.0.1` is 10.0.0.1.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        let differs = self.first ^ number(address);
        self.bits == 0 || differs >> (128 - self.bits) == 0
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no network such as 10.0.0.0/8 or fd00::/8");
        let (address, bits) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let bits: u32 = bits.parse().map_err(|_| wrong())?;
        let (most, before) = if address.is_ipv4() { (32, 96) } else { (128, 0) };
        if bits > most {
            return Err(wrong());
        }
        Ok(Self { first: number(address), bits: before + bits })
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_lies_in_its_network_only() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("169.254.0.0/16", "::ffff:169.254.169.254", "169.253.255.255"),
            ("192.168.1.7/32", "192.168.1.7", "192.168.1.6"),
            ("0.0.0.0/0", "8.8.8.8", "2001:db8::1"),
            ("fd00::/8", "fd12::1", "fe80::1"),
            ("::/0", "10.0.0.1", ""),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert!(parsed.contains(inside.parse().unwrap()), "{inside} in {network}");
            assert!(
                outside.is_empty() || !parsed.contains(outside.parse().unwrap()),
                "{outside} not in {network}"
            );
        }
        for bad in ["10.0.0.0", "10.0.0.0/33", "a/8", "::/129", ""] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
