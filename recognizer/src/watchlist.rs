//! Watch-lists: who is looked for, why, and how long.

use cortex_proto::v1;

/// A list is in force for so long at most before somebody must say anew that it is needed: a year and a day.
const LONGEST_US: i64 = 366 * 86_400 * 1_000_000;
/// The highest share of unknown people that a list may take for members.
const MOST_FALSE_ALARMS: f64 = 0.1;
const TITLE: usize = 100;
const WORDS: usize = 500;

/// Whether anybody is searched for because of it.
pub(crate) fn in_force(list: &v1::Watchlist, now_us: i64) -> bool {
    list.expires_us > now_us
}

/// Says which field is wrong. `known` says whether somebody with this id is enrolled.
pub(crate) fn validate(
    list: &v1::Watchlist,
    now_us: i64,
    known: impl Fn(&str) -> bool,
) -> Result<(), String> {
    let id = &list.id;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if id.is_empty() || id.len() > 64 || !id.chars().all(plain) {
        return Err("id: 1 to 64 letters, digits, `-` and `_`".to_owned());
    }
    for (field, text, most) in [
        ("title", &list.title, TITLE),
        ("purpose", &list.purpose, WORDS),
        ("legal_basis", &list.legal_basis, WORDS),
        ("owner", &list.owner, TITLE),
    ] {
        if text.trim().is_empty() || text.chars().count() > most {
            return Err(format!("{field}: 1 to {most} characters"));
        }
    }
    if list.expires_us <= now_us || list.expires_us > now_us + LONGEST_US {
        return Err("expires_us: a list expires, in 366 days at most, and not in the past".to_owned());
    }
    if !(list.false_alarms > 0.0 && list.false_alarms <= MOST_FALSE_ALARMS) {
        return Err(format!("false_alarms: above 0 and at most {MOST_FALSE_ALARMS}"));
    }
    if let Some(stranger) = list.members.iter().find(|member| !known(member)) {
        return Err(format!("members: nobody has the id `{stranger}`"));
    }
    if v1::Severity::try_from(list.severity).is_err() {
        return Err("severity: not one of them".to_owned());
    }
    Ok(())
}

/// The id of a row.
pub(crate) fn id_of(sort: &[u8]) -> String {
    String::from_utf8_lossy(sort).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> v1::Watchlist {
        v1::Watchlist {
            id: "missing".into(),
            title: "Missing people".into(),
            purpose: "find them".into(),
            legal_basis: "court order 12/26".into(),
            owner: "duty officer".into(),
            expires_us: 2_000_000,
            members: vec!["ada0".into()],
            false_alarms: 0.01,
            ..Default::default()
        }
    }

    #[test]
    fn a_list_says_what_it_is_for_by_which_law_whose_it_is_and_when_it_ends() {
        let check = |list: v1::Watchlist| validate(&list, 1_000_000, |id| id == "ada0");
        assert_eq!(check(list()), Ok(()));
        type Change = fn(&mut v1::Watchlist);
        let wrong: [(&str, Change); 10] = [
            ("id", |list| list.id = "a b".into()),
            ("title", |list| list.title = String::new()),
            ("purpose", |list| list.purpose = "  ".into()),
            ("legal_basis", |list| list.legal_basis = String::new()),
            ("owner", |list| list.owner = String::new()),
            ("expires_us", |list| list.expires_us = 1_000_000),
            ("expires_us", |list| list.expires_us = 1_000_001 + LONGEST_US),
            ("false_alarms", |list| list.false_alarms = 0.0),
            ("false_alarms", |list| list.false_alarms = f64::NAN),
            ("members", |list| list.members.push("nobody".into())),
        ];
        for (field, change) in wrong {
            let mut list = list();
            change(&mut list);
            let error = check(list).unwrap_err();
            assert!(error.starts_with(field), "{field}: {error}");
        }
    }
}
