//! A stage whose servers cannot be used ends and says why: one line with what was attempted and what to do, no secret, and
//! nothing that looks as if it ran.
//!
//!     no broker, no topics, no keyspace, a wrong password ... ── exit 1 ── `cortex-ingest: connect to kafka: ...`

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

use cortex_proto::topics::{self, PARTITIONS};
use cortex_runtime::testkit::keyspace::Keyspace;

use crate::support::{
    LIMIT,
    fleet::{Fleet, server},
};

/// A password that no server has.
const WRONG: &str = "hunter2";

/// A stage that is refused.
struct Case {
    stage: &'static str,
    /// What it is told instead of what works.
    told: Vec<(&'static str, String)>,
    /// What was attempted, why that failed, what to do.
    says: [&'static str; 3],
}

/// Starts all of them at once, because some wait long for an answer, and hears each to its end.
fn refused(fleet: &Fleet, cases: &[Case]) {
    let start = |(n, case): (usize, &Case)| -> Child {
        let mut stage = fleet.stage(case.stage, &format!("refused-{n}"));
        for (key, value) in &case.told {
            stage.env(key, value);
        }
        // One that starts nevertheless would run for ever.
        let mut limited = Command::new("timeout");
        limited.arg(LIMIT.as_secs().to_string()).arg(stage.get_program()).args(stage.get_args());
        limited.envs(stage.get_envs().filter_map(|(key, value)| Some((key, value?))));
        limited.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let started: Vec<Child> = cases.iter().enumerate().map(start).collect();
    for (case, child) in cases.iter().zip(started) {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{}: {said}", case.stage);
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "", "{}: {said}", case.stage);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.starts_with(&format!("cortex-{}: ", case.stage)), "{said}");
        for words in case.says {
            assert!(said.contains(words), "`{words}` is missing: {said}");
        }
        assert!(!said.contains(WRONG), "{said}");
    }
}

/// Gives a topic one partition more than it may have, which no client of ours does: CreatePartitions of Kafka's protocol,
/// version 0.
fn stretch(kafka: &str, topic: &str) {
    let number = |number: u32| number.to_be_bytes().to_vec();
    let text = |text: &str| [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat();
    // Which request it is, its number, who asks; one topic, how many partitions, lying anywhere; within ten seconds, for good.
    let request = [
        vec![0, 37, 0, 0],
        number(0),
        text("test"),
        number(1),
        text(topic),
        number(PARTITIONS + 1),
        number(u32::MAX),
        number(10_000),
        vec![0],
    ]
    .concat();
    let mut stream = TcpStream::connect(kafka).unwrap();
    stream.write_all(&[number(request.len() as u32), request].concat()).unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).unwrap();
    // The request's number, a time, how many topics, the name with its length, and then what went wrong.
    assert_eq!(answer[14 + topic.len()..][..2], [0, 0], "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn who_cannot_use_its_servers_says_so_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("cortex.toml");
    std::fs::write(&config, "").unwrap();
    let fleet = Fleet::new(config, folder.path());
    let (kafka, name) = (server("CORTEX_TEST_KAFKA"), fleet.name());
    let (missing, empty) = (Keyspace::new("missing"), Keyspace::new("empty"));
    empty.query(
        "CREATE KEYSPACE @ WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': '1'}",
    );
    // In the fleet's own store, to which only the last of these comes.
    missing.query(&format!("INSERT INTO {name}.versions (name, version, made) VALUES ('cortex', 99, true)"));
    // A port that was free a moment ago, where nobody listens.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();

    refused(
        &fleet,
        &[
            Case {
                stage: "ingest",
                told: vec![("CORTEX__BUS__URL", format!("kafka://{closed}/{name}"))],
                says: ["connect to kafka: ", "refused", "`bus.url`"],
            },
            Case {
                stage: "detector",
                told: vec![
                    ("CORTEX__BUS__URL", format!("kafka://{}/{name}", server("CORTEX_TEST_KAFKA_SASL"))),
                    ("CORTEX__BUS__USER", "cortex".to_owned()),
                    ("CORTEX__BUS__PASSWORD", WRONG.to_owned()),
                    ("CORTEX__BUS__TLS", "true".to_owned()),
                    ("CORTEX__BUS__CA", server("CORTEX_TEST_KAFKA_CA")),
                ],
                says: ["connect to kafka: ", "authentication failed", "`bus.password`"],
            },
            Case {
                stage: "cloaker",
                // Three copies of a topic are more than one broker makes.
                told: vec![
                    ("CORTEX__BUS__URL", format!("kafka://{kafka}/{name}copies")),
                    ("CORTEX__BUS__REPLICATION", "3".to_owned()),
                ],
                says: ["make the topics: ", "`cortex topics apply`", "`bus.replication`"],
            },
            Case {
                stage: "ingest",
                told: vec![("CORTEX__STORE__PASSWORD", WRONG.to_owned())],
                says: ["connect to the store: ", "refuse the login", "`store.password`"],
            },
            Case {
                stage: "recognizer",
                told: vec![("CORTEX__STORE__URL", missing.config.url.clone())],
                says: ["open the store: ", "is not there", "`cortex store migrate`"],
            },
            Case {
                stage: "alerter",
                told: vec![("CORTEX__STORE__URL", empty.config.url.clone())],
                says: ["open the store: ", "is of version 0", "`cortex store migrate`"],
            },
            Case {
                stage: "detector",
                told: Vec::new(),
                says: ["open the store: ", "a newer cortex: it is of version 99", "update this one"],
            },
        ],
    );

    stretch(&kafka, &format!("{name}.{}", topics::DETECTIONS.name));
    let case = Case {
        stage: "alerter",
        told: Vec::new(),
        says: ["check the topics: ", "has 65 partitions and must have 64", "use another prefix"],
    };
    refused(&fleet, &[case]);
}
