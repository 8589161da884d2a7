//! Folders of people's pictures.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};

/// A picture of somebody.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shot {
    /// The group that its folder names; empty for none.
    pub(super) group: String,
    /// Who it is.
    pub(super) person: String,
    /// Where it is.
    pub(super) picture: PathBuf,
}

/// Endings of pictures; other files are passed over.
const ENDINGS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// Every picture in a folder, by name: `person/picture.jpg`, `group/person/picture.jpg`, or `person_0001.jpg` in the
/// folder itself.
pub(super) fn shots(folder: &Path) -> anyhow::Result<Vec<Shot>> {
    let mut shots = Vec::new();
    for picture in files(folder)? {
        let inside = picture.strip_prefix(folder).unwrap_or(&picture);
        let parts: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let (group, person) = match parts.as_slice() {
            [file] => (String::new(), without_number(file)),
            [person, _] => (String::new(), person.clone()),
            [group, person, _] => (group.clone(), person.clone()),
            _ => bail!("{}: deeper than group/person/picture", picture.display()),
        };
        shots.push(Shot { group, person, picture });
    }
    if shots.is_empty() {
        bail!("there is no picture in {}: JPEG, PNG and WebP are understood", folder.display());
    }
    Ok(shots)
}

/// Names people so that they are the same in every set: with their group where every set has groups, else without.
///
/// # Errors
/// Without the group somebody would be two people.
pub(super) fn unite(sets: &mut [&mut Vec<Shot>]) -> anyhow::Result<()> {
    if sets.iter().all(|set| set.iter().all(|shot| !shot.group.is_empty())) {
        for shot in sets.iter_mut().flat_map(|set| set.iter_mut()) {
            shot.person = format!("{}/{}", shot.group, shot.person);
        }
        return Ok(());
    }
    for set in sets {
        let mut groups: BTreeMap<&str, &str> = BTreeMap::new();
        for shot in set.iter() {
            let group = *groups.entry(&shot.person).or_insert(&shot.group);
            if group != shot.group {
                bail!(
                    "`{}` is in group `{group}` and in `{}`: use the same groups in every folder, or other names",
                    shot.person,
                    shot.group
                );
            }
        }
    }
    Ok(())
}

fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let what = || format!("read the folder {}", folder.display());
    let entries =
        fs::read_dir(folder).with_context(what)?.collect::<Result<Vec<_>, _>>().with_context(what)?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) {
            found.push(path);
        }
    }
    Ok(found)
}

/// `ada_0001.jpg` is a picture of `ada`, and so is `ada.jpg`.
fn without_number(file: &str) -> String {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    match stem.rsplit_once('_') {
        Some((name, number)) if !name.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => {
            name.to_owned()
        }
        _ => stem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(paths: &[&str]) -> (tempfile::TempDir, Vec<(String, String)>) {
        let folder = tempfile::tempdir().unwrap();
        for path in paths {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let shots = shots(folder.path()).unwrap();
        (folder, shots.into_iter().map(|shot| (shot.group, shot.person)).collect())
    }

    #[test]
    fn a_folder_a_number_or_a_group_says_who_it_is() {
        let named = |group: &str, person: &str| (group.to_owned(), person.to_owned());
        let (_folder, shots) = made(&[
            "Ada_B/1.JPG",
            "Ada_B/2.png",
            "Ada_B/notes.txt",
            "old/Cy/x.webp",
            "Di_E_0001.jpg",
            "Flo.jpg",
        ]);
        assert_eq!(
            shots,
            [named("", "Ada_B"), named("", "Ada_B"), named("", "Di_E"), named("", "Flo"), named("old", "Cy")]
        );
        assert!(super::shots(tempfile::tempdir().unwrap().path()).is_err());
    }

    #[test]
    fn one_name_in_two_groups_is_two_people_or_a_mistake() {
        let shot = |group: &str, person: &str| Shot {
            group: group.into(),
            person: person.into(),
            picture: PathBuf::new(),
        };
        let (mut grouped, mut plain) = (vec![shot("a", "1"), shot("b", "1")], vec![shot("", "1")]);
        assert!(unite(&mut [&mut grouped, &mut plain]).is_err());
        unite(&mut [&mut grouped]).unwrap();
        assert_eq!((grouped[0].person.as_str(), grouped[1].person.as_str()), ("a/1", "b/1"));
        let mut old = vec![shot("a", "1"), shot("a", "1")];
        unite(&mut [&mut old, &mut plain]).unwrap();
        assert_eq!(old[0].person, plain[0].person);
    }
}
