//! The `cortex` command.

mod analyze;
mod app;
mod audit;
mod cli;
mod clip;
mod demo;
mod doctor;
mod embed;
mod eval;
mod explain;
mod export;
mod past;
mod people;
mod pictures;
mod probe;
mod redact;
mod remote;
mod replay;
mod store;
mod topics;
mod whole;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use cli::{Cli, Command};
use cortex_process::{Config, Part, USAGE, block_on, config, print};
use cortex_proto::v1;
use cortex_runtime::config::{ZONES_EXAMPLE, schema};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let loaded = match (&cli.command, &cli.config) {
        (Command::Demo(_), None) => demo::config(),
        (_, file) => config::load(file.as_deref()),
    };
    let config = match loaded {
        Ok(config) => config,
        Err(errors) => {
            eprintln!("{errors}");
            return ExitCode::from(USAGE);
        }
    };
    match run(cli, config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cortex: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli, config: Config) -> anyhow::Result<()> {
    let target = remote::Target::new(&config, &cli.server);
    let file = cli.config;
    let up = |config, part| block_on(cortex_process::run(part, config, file));
    match cli.command {
        Command::Up { quiet } => up(config, Part { quiet, ..app::ALL }),
        Command::Ingest => up(config, cortex_ingest::PART),
        Command::Detector => up(config, cortex_detector::PART),
        Command::Recognizer => up(config, cortex_recognizer::PART),
        Command::Cloaker => up(config, cortex_cloaker::PART),
        Command::Alerter => up(config, cortex_alerter::PART),
        Command::Demo(demo) => demo::run(config, &demo),
        Command::Check => {
            config.entries(&[])?;
            print::line("the configuration is good");
            Ok(())
        }
        Command::Doctor => doctor::run(&config),
        Command::Login => block_on(remote::login(&target)),
        Command::Probe { url, credential, snapshot } => {
            let request = v1::ProbeRequest { url, credential };
            block_on(probe::run(&target, request, snapshot.as_deref()))
        }
        Command::Tap { topic, camera } => block_on(remote::tap(&target, topic, camera)),
        Command::Watch { cursor, json } => block_on(remote::watch(&target, cursor.as_deref(), json)),
        Command::Acknowledge { alert, false_alarm, comment } => {
            block_on(remote::acknowledge(&target, &alert, false_alarm, comment))
        }
        Command::Comment { alert, comment } => block_on(remote::comment(&target, &alert, comment)),
        Command::Clip(options) => block_on(clip::run(&target, &options)),
        Command::Token { subject, roles, days, revoke } => {
            block_on(remote::token(&target, subject, roles, days, revoke))
        }
        Command::Audit { command: cli::Audit::Verify } => audit::verify(&config),
        Command::Store { command: cli::Store::Migrate } => store::migrate(&config),
        Command::Precision { days } => block_on(remote::precision(&target, days)),
        Command::Enroll(enroll) => block_on(people::enroll(&target, &enroll)),
        Command::Gallery(command) => block_on(people::gallery(&target, command)),
        Command::Watchlist(command) => block_on(people::watchlist(&target, command)),
        Command::Match(command) => block_on(people::matches(&target, command)),
        Command::Embed(options) => embed::run(&config, &options),
        Command::Redact { input, out } => redact::run(&config, &input, &out),
        Command::Analyze(options) => analyze::run(config, &options),
        Command::Eval(what) => eval::run(&config, &what),
        Command::Explain(options) => explain::run(&config, &options),
        Command::Export(options) => export::run(&config, &options),
        Command::Replay(options) => replay::run(&config, &options),
        Command::Zones { example } => {
            let text = if example { ZONES_EXAMPLE } else { "`cortex zones --example` prints one" };
            print::line(text);
            Ok(())
        }
        Command::Schema => {
            print::line(&schema::<Config>());
            Ok(())
        }
        Command::Topics { command } => topics::run(&config, command.as_ref()),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "cortex", &mut std::io::stdout());
            Ok(())
        }
    }
}
