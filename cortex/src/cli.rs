//! The command line.

use std::{num::NonZero, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::{clip, export, past, people};

/// Watches cameras, warns early, says why, and shows nobody's face.
#[derive(Debug, Parser)]
#[command(name = "cortex", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// Configuration file; without one the defaults hold.
    #[arg(short, long, global = true, env = "CORTEX_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Where commands find the running system.
    #[command(flatten)]
    pub(crate) server: Server,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
pub(crate) struct Server {
    /// The running system, as https://name:8443; without it the one that the configuration describes, on this machine.
    #[arg(long, global = true)]
    pub(crate) server: Option<String>,
    /// PEM file of whoever signed the system's certificate; without it `listen.certificate` itself.
    #[arg(long, global = true)]
    pub(crate) ca: Option<PathBuf>,
    /// File with the bearer token to use; without it the one that the system wrote for this machine.
    #[arg(long, global = true)]
    pub(crate) token_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything in this process. On a terminal alerts are shown there, a line each.
    Up {
        /// Show no alerts here.
        #[arg(long)]
        quiet: bool,
    },
    /// Run one stage of a fleet: cameras to frames. Bus and store are shared with the others.
    Ingest,
    /// Run one stage of a fleet: frames to detections and anomalies.
    Detector,
    /// Run one stage of a fleet: faces of a watch-list to identities.
    Recognizer,
    /// Run one stage of a fleet: frames to cloaked pictures.
    Cloaker,
    /// Run one stage of a fleet: anomalies to alerts, with the API and the page.
    Alerter,
    /// Run everything on a demonstration camera, or on a source of your own.
    Demo(Demo),
    /// Check the configuration and say everything that is wrong with it.
    Check,
    /// Say what is missing on this machine and how to install it.
    Doctor,
    /// Print a new login link for the running system.
    Login,
    /// Connect to a camera once and say what is there.
    Probe {
        /// Its address, without credentials.
        url: String,
        /// Name of a credential in the credentials file.
        #[arg(long, default_value = "")]
        credential: String,
        /// Where one picture goes, redacted, as a JPEG.
        #[arg(long)]
        snapshot: Option<PathBuf>,
    },
    /// Print live messages of a topic as JSON.
    Tap {
        /// Short name: frames, detections, anomalies, alerts ...
        topic: String,
        /// Only this camera.
        #[arg(long, default_value = "")]
        camera: String,
    },
    /// Print alerts as they come; after a break everything that was missed.
    Watch {
        /// File that keeps what was seen, to go on from there.
        #[arg(long)]
        cursor: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take an alert in hand, or say that it was a false alarm.
    Acknowledge {
        /// Its id, or the beginning of it, as `cortex watch` prints it.
        alert: String,
        /// It was a false alarm.
        #[arg(long = "false")]
        false_alarm: bool,
        /// What was done about it.
        #[arg(long, default_value = "")]
        comment: String,
    },
    /// Add words to an alert, which stays as it is.
    Comment {
        /// Its id, or the beginning of it, as `cortex watch` prints it.
        alert: String,
        /// The words.
        comment: String,
    },
    /// Write the seconds before and after an alert to a file that players play.
    Clip(clip::Clip),
    /// Issue a bearer token for a machine or a person at a command line, or end those of one.
    Token {
        /// Whose it is; it stands in the audit.
        #[arg(long)]
        subject: String,
        /// What it may do: viewer, operator, investigator, enroller, approver, privacy_officer, administrator.
        #[arg(long = "role", required_unless_present = "revoke")]
        roles: Vec<String>,
        /// It counts so many days; for ever without this.
        #[arg(long, default_value_t = 0)]
        days: u32,
        /// End every token of the subject instead.
        #[arg(long, conflicts_with = "roles")]
        revoke: bool,
    },
    /// The audit of who did what.
    Audit {
        #[command(subcommand)]
        command: Audit,
    },
    /// The store's tables.
    Store {
        #[command(subcommand)]
        command: Store,
    },
    /// Print how often each rule was right on each camera, by what people said when they acknowledged.
    Precision {
        /// Only the last so many days.
        #[arg(long)]
        days: Option<u32>,
    },
    /// Enrol a person from pictures.
    Enroll(people::Enroll),
    /// The people enrolled: list, check, import, merge, split, renew, erase, and where they were seen.
    #[command(subcommand)]
    Gallery(people::Gallery),
    /// Who is looked for, why, and how long.
    #[command(subcommand)]
    Watchlist(people::Watchlist),
    /// Matches that two people must confirm.
    #[command(subcommand)]
    Match(people::Match),
    /// Print the faces of pictures with their embeddings.
    Embed(Embed),
    /// Redact the faces of pictures.
    Redact {
        /// A picture or a folder of pictures.
        input: PathBuf,
        /// Where the redacted pictures go: another folder than theirs.
        #[arg(long)]
        out: PathBuf,
    },
    /// Run recorded footage through every stage, as fast as this machine can.
    Analyze(Analyze),
    /// Judge the results of `analyze` against truth that people wrote, or how well faces are told apart.
    #[command(subcommand)]
    Eval(Eval),
    /// Say why an alert was told, or why none was.
    Explain(Explain),
    /// Run stored detections through changed rules: which alerts are gained, lost and unchanged.
    Replay(Replay),
    /// Write what the store keeps to a file for analysts.
    Export(export::Options),
    /// Print a commented example of zones and rules.
    Zones {
        /// The example.
        #[arg(long)]
        example: bool,
    },
    /// Print the JSON schema of the configuration.
    Schema,
    /// Print the table of topics.
    Topics {
        #[command(subcommand)]
        command: Option<Topics>,
    },
    /// Print the completions of a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Walk every chain in the store and say whether it is whole.
    Verify,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Make the keyspace and its tables, or bring them to this version; harmless when it is repeated.
    Migrate,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// rtsp://…, a file, or /dev/video0; without it a loopback camera plays a clip.
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// The clip that the loopback camera plays, H.264 in MP4.
    #[arg(long)]
    pub(crate) clip: Option<PathBuf>,
    /// Show no alerts on the terminal.
    #[arg(long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Embed {
    /// JPEG, PNG or WebP.
    #[arg(required = true)]
    pub(crate) images: Vec<PathBuf>,
    /// One JSON object for each picture.
    #[arg(long)]
    pub(crate) json: bool,
    /// Pictures worked on at once; without it, one a core. The answer is the same for any number.
    #[arg(long)]
    pub(crate) threads: Option<NonZero<usize>>,
}

#[derive(Debug, Args)]
pub(crate) struct Analyze {
    /// Video files.
    #[arg(required = true)]
    pub(crate) videos: Vec<PathBuf>,
    /// Where the results go.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Run the models on every so many-th frame; tracks are carried between.
    #[arg(long, default_value_t = 1)]
    pub(crate) every: u64,
    /// Also keep everything in a store of its own, a new file: for `replay` and `explain`.
    #[arg(long)]
    pub(crate) store: Option<PathBuf>,
    /// Also write a video of each with boxes, tracks, zones and anomalies, faces redacted.
    #[arg(long)]
    pub(crate) overlay: bool,
    /// No progress bar.
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// It works beside a running system, which it does not disturb.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Id of an alert or of an anomaly, or how it begins.
    pub(crate) alert: Option<String>,
    /// Why nothing was told at this camera: with `--at`. Lists each rule, how near it came and what stopped it.
    #[arg(long, requires = "at", conflicts_with = "alert")]
    pub(crate) camera: Option<String>,
    /// The moment: 2026-05-01T22:00:00Z, "2026-05-01 22:00" (UTC), or seconds from the beginning of recorded footage.
    #[arg(long, requires = "camera", value_parser = past::moment)]
    pub(crate) at: Option<i64>,
    /// Also draw it into this file, as SVG: the cloaked picture if one was kept, zone, path, and values over time.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Store to read; without it the one of the configuration.
    #[arg(long)]
    pub(crate) store: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Moments are like 2026-05-01T22:00:00Z, like "2026-05-01 22:00" (UTC), or like 12.5: seconds from the beginning of
/// recorded footage. It works beside a running system, which it does not disturb.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// First moment that is compared.
    #[arg(long, value_parser = past::moment)]
    pub(crate) from: i64,
    /// Last moment that is compared.
    #[arg(long, value_parser = past::moment)]
    pub(crate) to: i64,
    /// Configuration with the zones and rules to try. They take the place of those that came from a file; those made
    /// through the API stay.
    #[arg(long)]
    pub(crate) rules: PathBuf,
    /// Camera; needed when the rules are about several.
    #[arg(long)]
    pub(crate) camera: Option<String>,
    /// Store to read; without it the one of the configuration.
    #[arg(long)]
    pub(crate) store: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Eval {
    /// Tracks: MOTA, IDF1, HOTA, false and missed boxes, id switches.
    Tracks(EvalTracks),
    /// Alerts: recall, false alerts per camera-hour and delay of each rule.
    Rules(EvalRules),
    /// Faces, one to one: accuracy by ten folds, true matches at rare false ones.
    Faces(EvalFaces),
    /// Faces, one to many: who of a list is missed where false alarms are rare.
    Watchlist(EvalWatchlist),
}

#[derive(Debug, Args)]
#[command(after_long_help = PAIRS)]
pub(crate) struct EvalFaces {
    /// Pairs of pictures, a line each; `--help` shows the forms.
    #[arg(long)]
    pub(crate) pairs: PathBuf,
    /// Folder that the pictures' paths begin at; without it the folder of the pairs.
    #[arg(long)]
    pub(crate) images: Option<PathBuf>,
    /// What is judged, and how it is told.
    #[command(flatten)]
    pub(crate) model: EvalModel,
}

#[derive(Debug, Args)]
#[command(after_long_help = FOLDERS)]
pub(crate) struct EvalWatchlist {
    /// Pictures of the people of the list.
    #[arg(long)]
    pub(crate) gallery: PathBuf,
    /// Other pictures of them; people who are not in the gallery are strangers.
    #[arg(long)]
    pub(crate) probes: PathBuf,
    /// Pictures of more strangers, whatever their names.
    #[arg(long)]
    pub(crate) strangers: Option<PathBuf>,
    /// What is judged, and how it is told.
    #[command(flatten)]
    pub(crate) model: EvalModel,
}

/// What both judgements of faces need.
#[derive(Debug, Args)]
pub(crate) struct EvalModel {
    /// Embedding model of the manifest, by name; without it the one that the configuration picks.
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// Also write the thresholds into this card, in place of what it had of the model.
    #[arg(long)]
    pub(crate) card: Option<PathBuf>,
    /// Pictures worked on at once; without it, one a core. The answer is the same for any number.
    #[arg(long)]
    pub(crate) threads: Option<NonZero<usize>>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How files of pairs look, and what is counted.
const PAIRS: &str = "\
A file of pairs, apart by blanks, commas or tabs, with a line of headings or without:

  ada/1.jpg ada/2.jpg 1        # also same, true
  ada/1.jpg \"bob b/7.jpg\" 0   # also different, false
  ada/1.jpg cy/3.jpg 0 4       # a fourth column names the fold

or as of Labelled Faces in the Wild, perhaps after a line with folds and pairs of each kind a fold; pictures are
name/name_0001.jpg, or name_0001.jpg:

  10   300
  Ada  1  12
  Ada  1  Bob  7

Without folds the pairs are divided into ten. Of each picture the large and central face is taken; a pair with a picture
without a face is as unlike as can be, and counted. Pairs with a picture that cannot be read are left out, and the exit
code is 1.";

/// How folders of people look, and what is counted.
const FOLDERS: &str = "\
Folders: person/picture.jpg, or group/person/picture.jpg, then also by group, or person_0001.jpg without folders.

A threshold is taken from the strangers' highest similarities, at 5 %, 1 % and none of them; somebody enrolled is missed
when they are below it, or when somebody else comes first. Told for each picture, and for all pictures of a person as
one, as the stage fuses the views of a track. Of each picture the large and central face is taken; one without a face
finds nobody. Pictures that cannot be read are left out, and the exit code is 1.";

#[derive(Debug, Args)]
pub(crate) struct EvalTracks {
    /// Truth in MOTChallenge format, a line a box: frame (from 1), id, left, top, width, height (pixels),
    /// confidence (0: not judged), class (1: person), visibility.
    #[arg(long)]
    pub(crate) truth: PathBuf,
    /// Folder that `analyze` wrote, or its `detections.ndjson`.
    #[arg(long)]
    pub(crate) results: PathBuf,
    /// Camera of the results: the name of the video without its ending. Needed when there are several.
    #[arg(long)]
    pub(crate) camera: Option<String>,
    /// Class that is judged: person, car, bicycle or motorcycle.
    #[arg(long, default_value = "person")]
    pub(crate) class: String,
    /// Also judge boxes of tracks that are out of sight.
    #[arg(long)]
    pub(crate) hidden: bool,
    /// Frames that are judged, from the first; without it to the last one with truth.
    #[arg(long)]
    pub(crate) frames: Option<usize>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_long_help = EVENTS)]
pub(crate) struct EvalRules {
    /// Events with time and place, in TOML; `--help` shows an example.
    #[arg(long)]
    pub(crate) truth: PathBuf,
    /// Folder that `analyze` wrote.
    #[arg(long)]
    pub(crate) results: PathBuf,
    /// Hours of footage, when `--results` is only a file of alerts.
    #[arg(long)]
    pub(crate) hours: Option<f64>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How a file of events looks.
const EVENTS: &str = "\
A file of events:

  cameras = [\"vtest\"]   # every alert of these is judged; without it those of the events
  rules = []             # only these rules are judged, by id; without it all
  tolerance_s = 2.0      # how far an alert may be from its event, before and after
  reach = 0.15           # how far its foot point may be from the event's place, in shares of the picture

  [[events]]
  camera = \"vtest\"
  rule = \"keep-off-the-lawn\"   # or kind = \"entry\"
  at_s = 12.4            # when it must be told, in seconds from the beginning
  until_s = 15.0         # until when it may be told; without it at_s
  place = [0.4, 0.8]     # optional: foot point from the upper left, in shares of the picture
  direction = \"left\"   # optional, for crossings";

#[derive(Debug, Subcommand)]
pub(crate) enum Topics {
    /// Make the topics that are missing on the cluster of `bus.url`, and check the others.
    Apply,
}
