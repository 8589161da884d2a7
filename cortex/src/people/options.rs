//! Options of the commands about people, watch-lists and matches.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::past::moment;

/// Enrols a person.
#[derive(Debug, Args)]
pub(crate) struct Enroll {
    /// What people call them.
    pub(super) name: String,
    /// JPEG, PNG or WebP, one face in each.
    #[arg(required = true)]
    pub(super) images: Vec<PathBuf>,
    /// Watch-list that they are put on; on none, nobody looks for them.
    #[arg(long = "list")]
    pub(super) lists: Vec<String>,
}

/// The people enrolled.
#[derive(Debug, Subcommand)]
pub(crate) enum Gallery {
    /// Print everybody enrolled.
    List,
    /// Say how well the gallery tells its people apart, and what to do about it.
    Check {
        /// Share of unknown people that may be taken for somebody: a threshold is advised for it.
        #[arg(long, default_value_t = 0.01)]
        false_alarms: f64,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take over people of the older system, from the JSON that face-api.js writes: labels and 128-d descriptors.
    Import {
        /// The file.
        file: PathBuf,
        /// Watch-list that they are put on.
        #[arg(long = "list")]
        lists: Vec<String>,
    },
    /// Say that two people are one.
    Merge {
        /// Who stays, by id.
        person: String,
        /// Who turned out to be the same, by id.
        same: String,
    },
    /// Undo a merge.
    Split {
        /// Who was merged into somebody, by id.
        person: String,
    },
    /// Make templates of today's model anew, from the stills that were kept.
    Renew,
    /// Erase a person for good: the key of everything known of them is destroyed.
    Erase {
        /// Their id.
        person: String,
    },
    /// Print who came again and is on no list, where the profile allows to tell them apart.
    Strangers,
    /// Say that a stranger is of no interest.
    Ignore {
        /// The stranger.
        stranger: String,
    },
    /// Say who a stranger is: somebody enrolled, or somebody new.
    Assign {
        /// The stranger.
        stranger: String,
        /// Somebody enrolled, by id.
        #[arg(long, conflicts_with = "name", required_unless_present = "name")]
        person: Option<String>,
        /// What a new person is called.
        #[arg(long)]
        name: Option<String>,
        /// Watch-list that a new person is put on.
        #[arg(long = "list", requires = "name")]
        lists: Vec<String>,
    },
    /// Print where a person was recognised, on every camera.
    Sightings {
        /// Their id.
        person: String,
        /// From this moment: 2026-05-01T22:00:00Z or "2026-05-01 22:00" (UTC).
        #[arg(long, value_parser = moment)]
        from: Option<i64>,
        /// To this moment.
        #[arg(long, value_parser = moment)]
        to: Option<i64>,
    },
}

/// Who is looked for.
#[derive(Debug, Subcommand)]
pub(crate) enum Watchlist {
    /// Print every list.
    List,
    /// Make a list, or change one; its members stay.
    Set(Box<List>),
    /// Put people on a list.
    Add {
        /// The list.
        id: String,
        /// Ids of people.
        #[arg(required = true)]
        people: Vec<String>,
    },
    /// Take people off a list.
    Remove {
        /// The list.
        id: String,
        /// Ids of people.
        #[arg(required = true)]
        people: Vec<String>,
    },
    /// Delete a list; its members stay enrolled.
    Delete {
        /// The list.
        id: String,
    },
}

/// A watch-list.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Letters, digits, `-` and `_`.
    pub(super) id: String,
    /// What people call it; without it its id.
    #[arg(long)]
    pub(super) title: Option<String>,
    /// What it is for.
    #[arg(long)]
    pub(super) purpose: String,
    /// What allows it: law, court order, consent.
    #[arg(long)]
    pub(super) legal_basis: String,
    /// Who answers for it.
    #[arg(long)]
    pub(super) owner: String,
    /// It is in force for so many days, 366 at most.
    #[arg(long, default_value_t = 90)]
    pub(super) days: u32,
    /// Share of unknown people that may be taken for a member.
    #[arg(long, default_value_t = 0.01)]
    pub(super) false_alarms: f64,
    /// A match raises an alert of this severity; without it, a line in the log.
    #[arg(long)]
    pub(super) severity: Option<Severity>,
    /// A match counts at once; without this two people must confirm it.
    #[arg(long)]
    pub(super) without_confirmation: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Severity {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

/// Matches that two people must confirm.
#[derive(Debug, Subcommand)]
pub(crate) enum Match {
    /// Print matches, newest first.
    List {
        /// Only those that wait for somebody.
        #[arg(long)]
        waiting: bool,
    },
    /// Say that it is the person. Two different people must.
    Confirm {
        /// The match.
        id: String,
        /// Why.
        #[arg(long, default_value = "")]
        comment: String,
    },
    /// Say that it is not the person: whoever looks like this face is not taken for them again.
    Reject {
        /// The match.
        id: String,
        /// Why.
        #[arg(long, default_value = "")]
        comment: String,
    },
    /// Write the face that was seen, and the one that was enrolled, into a folder. Audited.
    Reveal {
        /// The match.
        id: String,
        /// The folder.
        #[arg(long)]
        out: PathBuf,
    },
}
