//! The command line.

use std::{num::NonZero, path::PathBuf};

use clap::{Args, Parser, Subcommand};

/// Watches cameras, warns early, says why, and shows nobody's face.
#[derive(Debug, Parser)]
#[command(name = "cortex", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// Configuration file; without one the defaults hold.
    #[arg(short, long, global = true, env = "CORTEX_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything in this process.
    Up,
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

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// rtsp://…, a file, or /dev/video0; without it a loopback camera plays a clip.
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// The clip that the loopback camera plays, H.264 in MP4.
    #[arg(long)]
    pub(crate) clip: Option<PathBuf>,
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
    /// Also write a video of each with boxes, tracks, zones and anomalies, faces redacted.
    #[arg(long)]
    pub(crate) overlay: bool,
    /// No progress bar.
    #[arg(long)]
    pub(crate) quiet: bool,
}
