//! RTCP sender reports: what a camera's own clock showed at a place in its stream.

/// Seconds from 1900, where NTP counts from, to 1970.
const NTP_TO_UNIX_S: u64 = 2_208_988_800;

/// Type of a sender report (RFC 3550, 6.4.1).
const SENDER_REPORT: u8 = 200;

/// The camera's clock in Unix microseconds as the first sender report of a compound RTCP packet has it. `None` when
/// there is none, or the camera has no clock and says 0.
pub(crate) fn sender_clock(packet: &[u8]) -> Option<i64> {
    let (head, body) = packet.split_at_checked(8)?;
    if head[0] >> 6 != 2 || head[1] != SENDER_REPORT {
        return None;
    }
    let (seconds, rest) = body.split_first_chunk::<4>()?;
    let fraction = rest.first_chunk::<4>()?;
    let (seconds, fraction) =
        (u64::from(u32::from_be_bytes(*seconds)), u64::from(u32::from_be_bytes(*fraction)));
    // NTP's 32 bits of seconds wrap in 2036; what is before 1970 is after that.
    let unix_s = seconds.checked_sub(NTP_TO_UNIX_S).unwrap_or(seconds + (1 << 32) - NTP_TO_UNIX_S);
    (seconds != 0).then(|| (unix_s * 1_000_000 + ((fraction * 1_000_000) >> 32)) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sender report with this time; 20 of its bytes matter to nobody here.
    fn report(seconds: u32, fraction: u32) -> Vec<u8> {
        let head = [0x80, SENDER_REPORT, 0, 6, 0, 0, 0, 7];
        [&head[..], &seconds.to_be_bytes(), &fraction.to_be_bytes(), &[0; 12]].concat()
    }

    #[test]
    fn the_clock_of_a_sender_report() {
        // 2000-01-01 and a half second
        assert_eq!(sender_clock(&report(3_155_673_600, 1 << 31)), Some(946_684_800_500_000));
        assert_eq!(sender_clock(&report(1, 0)), Some(2_085_978_497_000_000), "2036, after the wrap");
        assert_eq!(sender_clock(&report(0, 0)), None, "a camera without a clock");
        let mut receiver = report(3_155_673_600, 0);
        receiver[1] = 201;
        assert_eq!(sender_clock(&receiver), None);
        for cut in 0..16 {
            assert_eq!(sender_clock(&report(3_155_673_600, 0)[..cut]), None, "cut at {cut}");
        }
    }
}
