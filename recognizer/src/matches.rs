//! Matches that two people must confirm: candidate, first, confirmed; or rejected.
//!
//! What was found is a fact; what people decided of it is a sequence whose places are given once, so that two who decide
//! in the same moment are two, and nobody counts twice. The face that was seen, and its vector, are sealed with the key
//! of the person they may be: whoever is erased takes them along.

use cortex_proto::v1;
use cortex_runtime::store::{Row, Scan, StoredRow, Table, table};
use prost::Message as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Error, Gallery,
    gallery::{self, Person, Template},
    sightings::Seen,
    told,
};

/// A match as the stage found it, on its way into the store.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// What is told of it, with the person.
    pub(crate) told: v1::Match,
    /// What it looked like, sealed.
    pub(crate) evidence: Vec<u8>,
}

/// What was seen.
#[derive(Serialize, Deserialize)]
pub(crate) struct Evidence {
    /// The face, a JPEG.
    pub(crate) face: Vec<u8>,
    /// Its vector, to be kept as a negative when it is somebody else's.
    pub(crate) template: Template,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    told: Vec<u8>,
    evidence: Vec<u8>,
}

/// What people do with matches. Cloning it copies a pointer.
#[derive(Clone)]
pub(crate) struct Matches {
    gallery: Gallery,
    /// How long a match may be revealed, in microseconds.
    reveal_us: i64,
    /// Why nobody may see clear faces here, when the profile locks them.
    locked: Option<String>,
}

const DAY_US: i64 = 86_400_000_000;
/// So many days back matches are listed: as long as their rows are kept by default.
const DAYS: i64 = 90;
const LISTED: usize = 100;
const MOST_LISTED: usize = 500;
const COMMENT: usize = 2_000;
/// People who must confirm.
const CONFIRMATIONS: usize = 2;

/// The id of a match: when it was found, so that it can be looked up by day, and a hash of what it is about.
pub(crate) fn id(found_us: i64, camera: &str, track: u64, person: &str, list: &str) -> String {
    let digest = Sha256::digest(format!("match/{camera}/{track}/{person}/{list}"));
    format!("{found_us:016x}{}", hex::encode(&digest[..8]))
}

impl Row for Found {
    const TABLE: &'static Table = &table::MATCHES;

    fn partition(&self) -> String {
        day(self.told.found_us)
    }

    fn sort(&self) -> Vec<u8> {
        self.told.id.clone().into_bytes()
    }

    fn time_us(&self) -> i64 {
        // Retention counts on the system's clock; the stream's may be of years ago.
        let v1::Match { found_us, .. } = &self.told;
        *found_us
    }

    fn body(&self) -> Vec<u8> {
        let kept = Kept { told: self.told.encode_to_vec(), evidence: self.evidence.clone() };
        postcard::to_stdvec(&kept).expect("bytes are never refused")
    }
}

fn day(time_us: i64) -> String {
    time_us.div_euclid(DAY_US).to_string()
}

impl Evidence {
    /// Sealed for a person. `None` when they were erased meanwhile.
    pub(crate) fn seal(&self, gallery: &Gallery, person: &str, id: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(key) = gallery.key(person)? else { return Ok(None) };
        let clear = postcard::to_stdvec(self).expect("a face has no type that postcard refuses");
        Ok(Some(key.seal(&clear, context(person, id).as_bytes())?))
    }
}

fn context(person: &str, id: &str) -> String {
    gallery::context(person, &format!("match/{id}"))
}

impl Matches {
    pub(crate) fn new(gallery: Gallery, reveal_us: i64, locked: Option<String>) -> Self {
        Self { gallery, reveal_us, locked }
    }

    /// Matches, newest first, as anybody may see them who may know of them.
    pub(crate) fn list(&self, request: &v1::ListMatchesRequest) -> Result<Vec<v1::Match>, Error> {
        let limit = match request.limit as usize {
            0 => LISTED,
            limit => limit.min(MOST_LISTED),
        };
        let today = self.gallery.now().div_euclid(DAY_US);
        let mut all = Vec::new();
        for back in 0..DAYS {
            let partition = (today - back).to_string();
            let rows = self.gallery.store().scan(&Scan::latest(&table::MATCHES, &partition, usize::MAX))?;
            for row in rows {
                let Ok((told, _)) = read(&row.body) else { continue };
                let told = self.standing(told)?;
                if request.state == 0 || request.state == told.state {
                    all.push(masked(told));
                }
                if all.len() == limit {
                    return Ok(all);
                }
            }
        }
        Ok(all)
    }

    /// One person's decision. The same one again is no error and changes nothing, so that a caller whose answer was lost
    /// may ask again.
    pub(crate) fn decide(&self, by: &str, request: &v1::DecideRequest) -> Result<v1::DecideResponse, Error> {
        if request.comment.chars().count() > COMMENT {
            return Err(Error::Refused(format!("comment: at most {COMMENT} characters")));
        }
        loop {
            let (told, evidence) = self.find(&request.r#match)?;
            let told = self.standing(told)?;
            let own = told.decisions.iter().find(|decision| decision.subject == by);
            if let Some(own) = own {
                if own.confirmed != request.confirmed {
                    return Err(Error::Refused("you have decided this match already".to_owned()));
                }
                if told.state() == v1::MatchState::First {
                    return Err(Error::Refused(
                        "you have confirmed this match already: somebody else must be the second".to_owned(),
                    ));
                }
                return self.answer(told, &evidence);
            }
            if matches!(told.state(), v1::MatchState::Confirmed | v1::MatchState::Rejected) {
                return Err(Error::Refused("this match is decided already".to_owned()));
            }
            let decision = v1::MatchDecision {
                subject: by.to_owned(),
                confirmed: request.confirmed,
                comment: request.comment.clone(),
                time_us: self.gallery.now(),
            };
            let row = StoredRow {
                table: table::DECISIONS.name.to_owned(),
                partition: told.id.clone(),
                sort: (told.decisions.len() as u64).to_be_bytes().to_vec(),
                time_us: decision.time_us,
                body: decision.encode_to_vec(),
            };
            // Not free: somebody else decided in the same moment, and that counts first.
            if self.gallery.store().insert(&row)? {
                let told = self.standing(v1::Match { decisions: Vec::new(), ..told })?;
                return self.answer(told, &evidence);
            }
        }
    }

    /// The face that was seen beside the one enrolled.
    pub(crate) fn reveal(&self, id: &str) -> Result<v1::RevealResponse, Error> {
        if let Some(locked) = &self.locked {
            return Err(Error::Refused(locked.clone()));
        }
        let (told, evidence) = self.find(id)?;
        let until_us = told.found_us + self.reveal_us;
        if self.gallery.now() >= until_us {
            return Err(Error::Refused(
                "this match cannot be revealed any more: its time is over (`recognizer.reveal_hours`)"
                    .to_owned(),
            ));
        }
        let seen = self.open(&told, &evidence)?;
        Ok(v1::RevealResponse {
            seen: seen.face,
            enrolled: self.gallery.stills(&told.person)?.into_iter().next().unwrap_or_default(),
            name: self.gallery.name(&told.person).unwrap_or_default(),
            until_us,
        })
    }

    /// Carries a decision out, and answers. Harmless when it is repeated.
    fn answer(&self, told: v1::Match, evidence: &[u8]) -> Result<v1::DecideResponse, Error> {
        if told.state() == v1::MatchState::Rejected {
            self.deny(&told, evidence)?;
        }
        if told.state() != v1::MatchState::Confirmed {
            return Ok(v1::DecideResponse { r#match: Some(masked(told)), identity: None, anomaly: None });
        }
        let list = self.gallery.lists().into_iter().find(|list| list.id == told.list).unwrap_or_default();
        let identity = told::confirmed_identity(&told);
        self.gallery.store().write(&[StoredRow::of(&Seen(&identity))])?;
        Ok(v1::DecideResponse {
            identity: Some(identity),
            anomaly: (list.severity > 0).then(|| told::confirmed_anomaly(&told, &list)),
            r#match: Some(told),
        })
    }

    /// The face is not theirs: whoever is nearer to it than to them is nobody, from now on.
    fn deny(&self, told: &v1::Match, evidence: &[u8]) -> Result<(), Error> {
        if self.gallery.key(&told.person)?.is_none() {
            return Ok(()); // erased: nobody is taken for them anyway
        }
        let template = self.open(told, evidence)?.template;
        self.gallery.change(&told.person, |person: &mut Person| {
            if !person.negatives.contains(&template) {
                person.negatives.push(template.clone());
            }
            Ok(())
        })
    }

    fn open(&self, told: &v1::Match, evidence: &[u8]) -> Result<Evidence, Error> {
        let key = self.gallery.key(&told.person)?;
        let key = key.ok_or_else(|| Error::Refused("the person of this match was erased".to_owned()))?;
        let sealed = || Error::Sealed(told.person.clone());
        let clear = key.unseal(evidence, context(&told.person, &told.id).as_bytes()).map_err(|_| sealed())?;
        postcard::from_bytes(&clear).map_err(|_| sealed())
    }

    fn find(&self, id: &str) -> Result<(v1::Match, Vec<u8>), Error> {
        let unknown = || Error::Refused(format!("there is no match `{id}`"));
        let found_us =
            id.get(..16).and_then(|time| i64::from_str_radix(time, 16).ok()).ok_or_else(unknown)?;
        let row = self.gallery.store().get(&table::MATCHES, &day(found_us), id.as_bytes())?;
        read(&row.ok_or_else(unknown)?)
    }

    /// The match with what was decided of it.
    fn standing(&self, told: v1::Match) -> Result<v1::Match, Error> {
        let rows = self.gallery.store().scan(&Scan::all(&table::DECISIONS, &told.id))?;
        let decisions = rows.iter().filter_map(|row| v1::MatchDecision::decode(row.body.as_slice()).ok());
        let decisions: Vec<v1::MatchDecision> = decisions.collect();
        Ok(v1::Match { state: state(&decisions) as i32, decisions, ..told })
    }
}

fn state(decisions: &[v1::MatchDecision]) -> v1::MatchState {
    if decisions.iter().any(|decision| !decision.confirmed) {
        return v1::MatchState::Rejected;
    }
    match decisions.len() {
        0 => v1::MatchState::Candidate,
        confirmed if confirmed < CONFIRMATIONS => v1::MatchState::First,
        _ => v1::MatchState::Confirmed,
    }
}

/// Nobody is told who it may be before it is confirmed.
fn masked(told: v1::Match) -> v1::Match {
    if told.state() == v1::MatchState::Confirmed { told } else { v1::Match { person: String::new(), ..told } }
}

fn read(body: &[u8]) -> Result<(v1::Match, Vec<u8>), Error> {
    let unread = |why: String| Error::Refused(format!("the match cannot be read: {why}"));
    let kept: Kept = postcard::from_bytes(body).map_err(|error| unread(error.to_string()))?;
    let told = v1::Match::decode(kept.told.as_slice()).map_err(|error| unread(error.to_string()))?;
    Ok((told, kept.evidence))
}
