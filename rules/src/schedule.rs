//! When a rule is in force: `22:00-06:00 mon-fri`, several parts with `;` between them, in an IANA time zone.

use chrono::{DateTime, Datelike, Timelike};
use chrono_tz::Tz;

/// Parts of the week; without parts always.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Schedule {
    zone: Tz,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
struct Part {
    /// Minutes after midnight; a part that ends before it begins goes on over midnight.
    from: u32,
    to: u32,
    /// By day of the week, Monday first: the day on which the part begins.
    days: [bool; 7],
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY: u32 = 24 * 60;

impl Schedule {
    pub(super) fn parse(text: &str, zone: &str) -> Result<Self, String> {
        let zone = if zone.is_empty() { "UTC" } else { zone };
        let zone: Tz = zone
            .parse()
            .map_err(|_| format!("time_zone: `{zone}` is no IANA time zone, e.g. Europe/Berlin"))?;
        let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty()).map(part);
        Ok(Self { zone, parts: parts.collect::<Result<_, _>>()? })
    }

    pub(super) fn zone(&self) -> Tz {
        self.zone
    }

    pub(super) fn holds(&self, time_us: i64) -> bool {
        let Some(time) = DateTime::from_timestamp_micros(time_us).filter(|_| !self.parts.is_empty()) else {
            return true;
        };
        let local = time.with_timezone(&self.zone);
        let (minute, today) =
            (local.hour() * 60 + local.minute(), local.weekday().num_days_from_monday() as usize);
        let yesterday = (today + 6) % 7;
        self.parts.iter().any(|part| {
            if part.from < part.to {
                part.days[today] && (part.from..part.to).contains(&minute)
            } else {
                (part.days[today] && minute >= part.from) || (part.days[yesterday] && minute < part.to)
            }
        })
    }
}

fn part(text: &str) -> Result<Part, String> {
    let wrong = || format!("schedule: `{text}` is not like `22:00-06:00 mon-fri`");
    let (times, days) = text.split_once(' ').unwrap_or((text, ""));
    let (from, to) = times.split_once('-').ok_or_else(wrong)?;
    let minutes = |time: &str| {
        let (hour, minute) = time.split_once(':')?;
        let (hour, minute) =
            (hour.parse::<u8>().ok()?, minute.parse::<u8>().ok().filter(|minute| *minute < 60)?);
        Some(u32::from(hour) * 60 + u32::from(minute)).filter(|minutes| *minutes <= DAY)
    };
    let (from, to) = (minutes(from).ok_or_else(wrong)?, minutes(to).ok_or_else(wrong)?);
    let mut on = [days.trim().is_empty(); 7];
    let day = |name: &str| DAYS.iter().position(|day| *day == name.trim()).ok_or_else(wrong);
    for range in days.split(',').map(str::trim).filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (day(first)?, day(last)?);
        (0..7).map(|n| (first + n) % 7).take((last + 7 - first) % 7 + 1).for_each(|n| on[n] = true);
    }
    Ok(Part { from, to, days: on })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_goes_on_over_midnight_in_its_own_zone() {
        let nights = Schedule::parse("22:00-06:00 mon-fri", "Europe/Berlin").unwrap();
        let at = |text: &str| nights.holds(DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros());
        // 2026-11-23 is a Monday; Berlin is one hour ahead of UTC.
        assert!(at("2026-11-23T21:30:00Z"));
        assert!(at("2026-11-24T04:59:00Z"));
        assert!(!at("2026-11-24T05:00:00Z"));
        assert!(!at("2026-11-23T04:00:00Z"), "the night of Sunday");
        assert!(at("2026-11-28T04:00:00Z"), "Friday's night ends on Saturday");
        assert!(Schedule::parse("", "").unwrap().holds(0));
        for wrong in ["22-06", "22:00-24:01", "22:60-06:00", "71582789:00-06:00"] {
            assert!(Schedule::parse(wrong, "").is_err(), "{wrong}");
        }
        assert!(Schedule::parse("", "Mars").is_err());
    }
}
