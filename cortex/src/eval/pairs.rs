//! Files of pairs: two pictures a line, and whether they show one person.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::bail;

/// Two pictures.
#[derive(Debug, PartialEq)]
pub(super) struct Pair {
    /// Which.
    pub(super) pictures: [PathBuf; 2],
    /// Whether they show one person.
    pub(super) same: bool,
    /// Which part of the set it is in, from 0.
    pub(super) fold: usize,
}

/// Parts that a set is divided into where its file does not say.
const FOLDS: usize = 10;
/// Endings of pictures that a name and a number stand for.
const ENDINGS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// Reads a file of pairs, in one of two forms; paths are relative to `images`.
///
/// - `path path label [fold]`, apart by tabs, commas or blanks, paths with those in "quotation marks"; label 1, same, true
///   or 0, different, false; perhaps with a line of headings;
/// - as of Labelled Faces in the Wild: `name n n` for one person and `name n name n` for two, pictures at
///   `name/name_0001.jpg` or `name_0001.jpg`; perhaps after a line with folds and pairs of each kind a fold.
pub(super) fn read(text: &str, images: &Path) -> anyhow::Result<Vec<Pair>> {
    let mut rows = Vec::new();
    let mut a_fold = None;
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let fields = fields(line);
        let first = rows.is_empty() && a_fold.is_none();
        match row(&fields, images) {
            _ if first && counts(&fields).is_some() => a_fold = counts(&fields),
            _ if first && headings(&fields) => a_fold = Some(0),
            Some(row) => rows.push(row),
            None => bail!(
                "line {}: neither `path path label [fold]` nor `name n n` nor `name n name n`",
                number + 1
            ),
        }
    }
    let own = rows.iter().all(|row| row.fold.is_some());
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for name in rows.iter().filter_map(|row| row.fold.as_deref()) {
        let next = names.len();
        names.entry(name.to_owned()).or_insert(next);
    }
    let total = |same: bool| rows.iter().filter(|row| row.same == same).count();
    let totals = [total(false), total(true)];
    let mut seen = [0, 0];
    let pair = |(at, row): (usize, Row)| {
        let kind = usize::from(row.same);
        let fold = match (&row.fold, a_fold) {
            (Some(name), _) if own => names[name],
            (_, Some(pairs)) if pairs > 0 => at / pairs,
            // As many of either kind in each, and neighbours, who often show the same people, together.
            _ => seen[kind] * FOLDS / totals[kind],
        };
        seen[kind] += 1;
        Pair { pictures: row.pictures, same: row.same, fold }
    };
    let pairs: Vec<Pair> = rows.into_iter().enumerate().map(pair).collect();
    if pairs.is_empty() {
        bail!("there is no pair in it");
    }
    Ok(pairs)
}

struct Row {
    pictures: [PathBuf; 2],
    same: bool,
    fold: Option<String>,
}

/// Folds and pairs of each kind a fold, as LFW's file begins with, or only the latter: pairs a fold; 0 where it does not
/// say.
fn counts(fields: &[String]) -> Option<usize> {
    let numbers: Vec<usize> = fields.iter().map(|field| field.parse().ok()).collect::<Option<_>>()?;
    match numbers.as_slice() {
        [_] => Some(0),
        [_, pairs] => Some(2 * pairs),
        _ => None,
    }
}

/// Whether these are headings: neither numbers nor names of files.
fn headings(fields: &[String]) -> bool {
    !fields.iter().any(|field| field.contains('.') || field.parse::<u32>().is_ok())
}

fn row(fields: &[String], images: &Path) -> Option<Row> {
    let number = |at: usize| fields.get(at)?.parse::<u32>().ok();
    let numbered = |name: usize, at: usize| Some(numbered(images, fields.get(name)?, number(at)?));
    Some(match (fields, number(1)) {
        ([_, _, _], Some(_)) => Row { pictures: [numbered(0, 1)?, numbered(0, 2)?], same: true, fold: None },
        ([_, _, _, _], Some(_)) => {
            Row { pictures: [numbered(0, 1)?, numbered(2, 3)?], same: false, fold: None }
        }
        ([one, other, same], None) => {
            Row { pictures: [images.join(one), images.join(other)], same: label(same)?, fold: None }
        }
        ([one, other, same, fold], None) => Row {
            pictures: [images.join(one), images.join(other)],
            same: label(same)?,
            fold: Some(fold.clone()),
        },
        _ => return None,
    })
}

/// Where somebody's picture is, of the places where it may be.
fn numbered(images: &Path, name: &str, number: u32) -> PathBuf {
    let at = |ending: &str| {
        let file = format!("{name}_{number:04}.{ending}");
        [images.join(name).join(&file), images.join(file)]
    };
    let mut places = ENDINGS.into_iter().flat_map(at);
    let first = at(ENDINGS[0])[0].clone();
    places.find(|place| place.is_file()).unwrap_or(first)
}

fn label(field: &str) -> Option<bool> {
    match field.to_ascii_lowercase().as_str() {
        "1" | "same" | "true" => Some(true),
        "0" | "different" | "false" => Some(false),
        _ => None,
    }
}

/// The fields of a line: apart by tabs where it has any, else by commas, else by blanks; none of these counts between
/// quotation marks.
fn fields(line: &str) -> Vec<String> {
    let outside = |wanted: char| {
        let mut quoted = false;
        line.chars().any(|letter| {
            quoted ^= letter == '"';
            letter == wanted && !quoted
        })
    };
    let apart = ['\t', ','].into_iter().find(|letter| outside(*letter));
    let (mut fields, mut quoted) = (vec![String::new()], false);
    for letter in line.trim().chars() {
        let ends = !quoted && apart.map_or_else(|| letter.is_whitespace(), |apart| letter == apart);
        match fields.last_mut() {
            _ if letter == '"' => quoted = !quoted,
            _ if ends => fields.push(String::new()),
            Some(field) => field.push(letter),
            None => {}
        }
    }
    let mut fields: Vec<String> = fields.iter().map(|field| field.trim().to_owned()).collect();
    // Blanks may be several, and tables end in empty columns.
    if apart.is_none() {
        fields.retain(|field| !field.is_empty());
    }
    while fields.last().is_some_and(String::is_empty) {
        fields.pop();
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_at(text: &str) -> Vec<Pair> {
        read(text, Path::new("in")).unwrap()
    }

    fn pair(one: &str, other: &str, same: bool, fold: usize) -> Pair {
        Pair { pictures: [one, other].map(|name| Path::new("in").join(name)), same, fold }
    }

    #[test]
    fn paths_may_be_parted_by_anything_and_quoted() {
        let expected = [pair("a b.jpg", "c.jpg", true, 0), pair("a b.jpg", "d,e.png", false, 0)];
        for text in [
            "\"a b.jpg\" c.jpg 1\n\"a b.jpg\"   \"d,e.png\" 0\n",
            "one,other,same\na b.jpg, c.jpg, Same\na b.jpg,\"d,e.png\",different\n",
            "one\tother\tlabel\n\na b.jpg\tc.jpg\ttrue\na b.jpg\td,e.png\tfalse\n",
        ] {
            assert_eq!(read_at(text), expected, "{text}");
        }
        let folds: Vec<usize> = read_at("a.jpg b.jpg 1 two\nc.jpg d.jpg 0 one\ne.jpg f.jpg 0 two")
            .iter()
            .map(|pair| pair.fold)
            .collect();
        assert_eq!(folds, [0, 1, 0]);
    }

    #[test]
    fn the_pairs_of_labelled_faces_in_the_wild_are_read_with_their_folds() {
        let pairs = read_at("2\t1\nAda\t1\t12\nAda\t1\tBob\t2\nCy\t3\t4\nBob\t2\tCy\t3\n");
        assert_eq!(
            pairs,
            [
                pair("Ada/Ada_0001.jpg", "Ada/Ada_0012.jpg", true, 0),
                pair("Ada/Ada_0001.jpg", "Bob/Bob_0002.jpg", false, 0),
                pair("Cy/Cy_0003.jpg", "Cy/Cy_0004.jpg", true, 1),
                pair("Bob/Bob_0002.jpg", "Cy/Cy_0003.jpg", false, 1),
            ]
        );
        let table = read_at("name,imagenum1,imagenum2,\nAda,1,12,\nAda,1,Bob,2\n");
        assert_eq!(
            table,
            [&pairs[0], &pairs[1]].map(|row| Pair {
                fold: 0,
                pictures: row.pictures.clone(),
                same: row.same
            })
        );
        assert_eq!(read_at("100\nAda 1 12").len(), 1);
    }

    #[test]
    fn folds_that_nobody_named_are_even_and_hold_both_kinds() {
        let line = |n: usize| format!("{n}.jpg x.jpg {}\n", u8::from(n < 40));
        let pairs = read_at(&(0..100).map(line).collect::<String>());
        for fold in 0..10 {
            let of = |same: bool| pairs.iter().filter(|pair| pair.fold == fold && pair.same == same).count();
            assert_eq!((of(true), of(false)), (4, 6), "{fold}");
        }
    }

    #[test]
    fn a_line_that_is_no_pair_is_named() {
        for (text, line) in [("a.jpg b.jpg 1\nc.jpg 0", "line 2"), ("a.jpg b.jpg 1\nc.jpg d.jpg 7", "line 2")]
        {
            let error = read(text, Path::new("")).unwrap_err().to_string();
            assert!(error.contains(line), "{error}");
        }
        for nothing in ["one other label", "a.jpg b.jpg 7", ""] {
            assert!(read(nothing, Path::new("")).is_err(), "{nothing}");
        }
    }
}
