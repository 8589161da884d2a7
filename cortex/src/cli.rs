//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

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
    /// Print how often each rule was right on each camera, by what people said when they acknowledged.
    Precision {
        /// Only the last so many days.
        #[arg(long)]
        days: Option<u32>,
    },
    /// Enrol a person from pictures.
    Enroll {
        /// What people call them.
        name: String,
        /// JPEG, PNG or WebP, one face in each.
        #[arg(required = true)]
        images: Vec<PathBuf>,
        /// Raise an anomaly of this severity when they are seen: info, low, medium, high, critical.
        #[arg(long)]
        watch: Option<String>,
    },
    /// Print the faces of pictures with their embeddings.
    Embed {
        /// JPEG, PNG or WebP.
        #[arg(required = true)]
        images: Vec<PathBuf>,
        /// One JSON object for each picture.
        #[arg(long)]
        json: bool,
    },
    /// Redact the faces of pictures.
    Redact {
        /// A picture or a folder of pictures.
        input: PathBuf,
        /// Where the redacted pictures go.
        #[arg(long)]
        out: PathBuf,
    },
    /// Run recorded footage through every stage, as fast as this machine can.
    Analyze(Analyze),
    /// Print a commented example of zones and rules.
    Zones {
        /// The example.
        #[arg(long)]
        example: bool,
    },
    /// Print the JSON schema of the configuration.
    Schema,
    /// Print the table of topics.
    Topics,
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
    /// Also write a video with boxes, faces redacted.
    #[arg(long)]
    pub(crate) overlay: bool,
    /// No progress bar.
    #[arg(long)]
    pub(crate) quiet: bool,
}
