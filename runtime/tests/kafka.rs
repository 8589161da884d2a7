//! The Kafka engine keeps the contract, on a real broker.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a broken promise ends the test

use std::{
    env,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use cortex_proto::{
    topics::{self, PARTITIONS},
    v1,
};
use cortex_runtime::{
    bus::{
        Bus, Consumer, Error, Event, From, Outgoing, Take, Writer,
        kafka::{Kafka, Settings},
    },
    config::Secret,
    contract,
    keys::Key,
};
use rdkafka::{
    ClientConfig, Message as _,
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
};
use tokio::runtime::Builder;

fn broker(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} names no broker: run the tests by `make test`, or under `scripts/servers.sh run`")
    })
}

/// A part of the cluster that no other test uses.
fn settings(prefix: &str) -> Settings {
    Settings {
        brokers: broker("CORTEX_TEST_KAFKA"),
        prefix: prefix.to_owned(),
        instance: "test".to_owned(),
        user: String::new(),
        password: Secret::default(),
        tls: false,
        ca: PathBuf::new(),
        key: None,
        replication: 1,
        session: Duration::from_secs(6),
    }
}

fn unique(name: &str) -> String {
    format!("{name}-{}.", std::process::id())
}

#[test]
fn kafka_bus() {
    let settings = settings(&unique("contract"));
    contract::bus(&|| Arc::new(Kafka::open(settings.clone()).unwrap()) as Arc<dyn Bus>);
}

#[test]
fn chips_are_sealed_on_the_cluster() {
    let sealed = Settings { key: Key::parse(&"5a".repeat(32)).map(Arc::new), ..settings(&unique("sealed")) };
    let bus = Kafka::open(sealed.clone()).unwrap();
    let other =
        Kafka::open(Settings { key: Key::parse(&"a5".repeat(32)).map(Arc::new), ..sealed.clone() }).unwrap();
    let mut reader = bus.tail(&[&topics::CHIPS], From::End).unwrap();
    let mut stranger = other.tail(&[&topics::CHIPS], From::End).unwrap();
    let chip = v1::Chip {
        frame: Some(v1::FrameId { camera: "yard".into(), ..Default::default() }),
        track: 7,
        picture: b"a face".to_vec(),
        ..Default::default()
    };
    let message = Outgoing::new(chip.clone(), 3);
    let take = Take { count: 1, wait: Duration::from_secs(20) };
    bus.publish(std::slice::from_ref(&message), &Writer::ANYBODY).unwrap();
    assert_eq!(reader.next(take).unwrap()[0].message::<v1::Chip>().unwrap().picture, chip.picture);
    let seen = stranger.next(Take { wait: Duration::from_secs(2), ..take }).unwrap();
    assert!(seen.is_empty(), "another key opens nothing");
    // What lies there, without any key of ours.
    let mut config = rdkafka::ClientConfig::new();
    config.set("bootstrap.servers", &sealed.brokers).set("group.id", "raw");
    let raw: BaseConsumer = config.create().unwrap();
    let mut place = rdkafka::TopicPartitionList::new();
    place
        .add_partition_offset(
            &format!("{}{}", sealed.prefix, topics::CHIPS.name),
            3,
            rdkafka::Offset::Beginning,
        )
        .unwrap();
    raw.assign(&place).unwrap();
    let lies = raw.poll(Duration::from_secs(20)).unwrap().unwrap().payload().unwrap().to_vec();
    assert!(!lies.windows(6).any(|bytes| bytes == b"a face"));
}

/// What the members of a group hear, in turn, until nothing came for a while.
fn hear(
    members: &mut [(&str, &mut dyn Consumer)],
    until: impl Fn(&[(String, Event)]) -> bool,
) -> Vec<(String, Event)> {
    let (deadline, mut heard) = (Instant::now() + Duration::from_secs(30), Vec::new());
    while !until(&heard) {
        assert!(Instant::now() < deadline, "{heard:?}");
        for (name, member) in &mut *members {
            let take = Take { count: 100, wait: Duration::from_millis(20) };
            let event = match member.poll(take) {
                // A broker may not know yet of a topic that was made a moment ago.
                Err(Error::Engine { .. }) => None,
                event => event.unwrap(),
            };
            heard.extend(event.map(|event| ((*name).to_owned(), event)));
        }
    }
    heard
}

#[test]
fn whoever_comes_hears_the_newest_that_was_asked() {
    let bus = Kafka::open(settings(&unique("asked"))).unwrap();
    let demand =
        |time_us| v1::Demand { camera: "c".into(), asker: "x".into(), time_us, ..Default::default() };
    for time_us in 1..=3 {
        bus.publish(&[Outgoing::new(demand(time_us), 7)], &Writer::ANYBODY).unwrap();
    }
    let mut member = bus.subscribe("asked", "0", &[&topics::DEMAND]).unwrap();
    let newest = |heard: &[(String, Event)]| {
        let records = heard.iter().filter_map(|(_, event)| match event {
            Event::Records(records) => Some(records),
            _ => None,
        });
        records.flatten().any(|record| record.message::<v1::Demand>().unwrap().time_us == 3)
    };
    hear(&mut [("member", &mut *member)], newest);
}

#[test]
fn a_face_that_came_while_nobody_read_is_read_by_whoever_comes() {
    let sealed = Settings { key: Key::parse(&"5a".repeat(32)).map(Arc::new), ..settings(&unique("faces")) };
    let bus = Kafka::open(sealed).unwrap();
    let chip = |track| {
        let frame = Some(v1::FrameId { camera: "yard".into(), ..Default::default() });
        v1::Chip { frame, track, ..Default::default() }
    };
    bus.publish(&[Outgoing::new(chip(7), 3)], &Writer::ANYBODY).unwrap();
    let tracks = |heard: &[(String, Event)]| -> Vec<u64> {
        let records = heard
            .iter()
            .filter_map(|(_, event)| if let Event::Records(records) = event { Some(records) } else { None });
        let chips = records.flatten().filter(|record| record.topic.noun == topics::CHIPS.noun);
        chips.map(|record| record.message::<v1::Chip>().unwrap().track).collect()
    };
    let mut member = bus.subscribe("faces", "0", &[&topics::CHIPS, &topics::DETECTIONS]).unwrap();
    let heard = hear(&mut [("member", &mut *member)], |heard| !tracks(heard).is_empty());
    assert_eq!(tracks(&heard), [7]);
    // Whoever has its place after it died needs the face again: vectors are nowhere but in memory.
    drop(member);
    let mut next = bus.subscribe("faces", "1", &[&topics::CHIPS, &topics::DETECTIONS]).unwrap();
    let heard = hear(&mut [("next", &mut *next)], |heard| !tracks(heard).is_empty());
    assert_eq!(tracks(&heard), [7]);
}

#[test]
fn a_partition_that_stays_stays_without_a_word() {
    let bus = Kafka::open(settings(&unique("killed"))).unwrap();
    let all = PARTITIONS as usize;
    let mut one = bus.subscribe("stays", "0", &[&topics::FRAMES, &topics::DETECTIONS]).unwrap();
    let assigned = |heard: &[(String, Event)]| {
        heard
            .iter()
            .filter_map(
                |(_, event)| if let Event::Assigned(gained) = event { Some(gained.len()) } else { None },
            )
            .sum::<usize>()
    };
    hear(&mut [("one", &mut *one)], |heard| assigned(heard) == all);
    let mut two = bus.subscribe("stays", "1", &[&topics::FRAMES, &topics::DETECTIONS]).unwrap();
    // Both hear of the same new assignment, in whichever order the cluster answers them.
    let lost = |heard: &[(String, Event)]| heard.iter().any(|(_, event)| matches!(event, Event::Revoked(_)));
    let heard = hear(&mut [("one", &mut *one), ("two", &mut *two)], |heard| {
        assigned(heard) == all / 2 && lost(heard)
    });
    let of =
        |name: &str| heard.iter().filter(|(who, _)| who == name).map(|(_, event)| event).collect::<Vec<_>>();
    // It saves while it has everything, and then hears only of what it lost; the rest it keeps with its state.
    assert!(
        matches!(of("one")[..], [Event::Moving, Event::Revoked(lost)] if lost.len() == all / 2),
        "{heard:?}"
    );
    assert!(matches!(of("two")[..], [Event::Assigned(gained)] if gained.len() == all / 2), "{heard:?}");
    // What the first has in hand of a partition that stays is neither lost nor given twice.
    let kept = of("one")
        .iter()
        .find_map(|event| {
            if let Event::Revoked(lost) = event {
                Some((0..PARTITIONS).find(|p| !lost.contains(p)).unwrap())
            } else {
                None
            }
        })
        .unwrap();
    let detections = |n: u64| v1::Detections {
        frame: Some(v1::FrameId { camera: "c".into(), seq: n, ..Default::default() }),
        n,
        ..Default::default()
    };
    (0..10).for_each(|n| bus.publish(&[Outgoing::new(detections(n), kept)], &Writer::ANYBODY).unwrap());
    drop(two);
    let records = |heard: &[(String, Event)]| -> Vec<u64> {
        let records = heard
            .iter()
            .filter_map(|(_, event)| if let Event::Records(records) = event { Some(records) } else { None });
        records.flatten().map(|record| record.message::<v1::Detections>().unwrap().n).collect()
    };
    let heard =
        hear(&mut [("one", &mut *one)], |heard| assigned(heard) == all / 2 && records(heard).len() >= 10);
    assert!(records(&heard).iter().copied().eq(0..10), "{:?}", records(&heard));
    assert!(!lost(&heard), "it gets the rest back and loses nothing");
}

#[test]
fn a_place_that_was_given_to_another_is_taken_again_but_not_for_ever() {
    let settings = settings(&unique("killed"));
    let bus = Kafka::open(settings.clone()).unwrap();
    let mut one = bus.subscribe("place", "0", &[&topics::DETECTIONS]).unwrap();
    // Other tests share the topics, and what they say is not meant here.
    let has = |heard: &[(String, Event)]| heard.iter().any(|(_, event)| matches!(event, Event::Assigned(_)));
    hear(&mut [("one", &mut *one)], has);
    // Another client joins under its name, and is gone at once.
    let take = || {
        let other: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &settings.brokers)
            .set("group.id", format!("{}place", settings.prefix))
            .set("group.instance.id", format!("{}place-test-0", settings.prefix))
            .set("partition.assignment.strategy", "range")
            .set("session.timeout.ms", "6000")
            .create()
            .unwrap();
        other.subscribe(&[&format!("{}{}", settings.prefix, topics::DETECTIONS.name)]).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while other.assignment().unwrap().count() == 0 {
            assert!(Instant::now() < deadline, "it gets the place");
            other.poll(Duration::from_millis(20));
        }
    };
    take();
    let mut heard = hear(&mut [("one", &mut *one)], has);
    heard.retain(|(_, event)| !matches!(event, Event::Records(_)));
    assert!(matches!(&heard[..], [(_, Event::Revoked(_)), (_, Event::Assigned(_))]), "{heard:?}");
    take();
    let deadline = Instant::now() + Duration::from_secs(30);
    let error = loop {
        assert!(Instant::now() < deadline, "two of one name do not go on for ever");
        if let Err(error @ Error::Fenced { .. }) =
            one.poll(Take { count: 1, wait: Duration::from_millis(20) })
        {
            break error.to_string();
        }
    };
    assert_eq!(error, "place-test-0 has a new owner with a higher term");
}

#[test]
fn a_killed_process_loses_no_fact() {
    contract::a_killed_process_loses_no_fact(
        "a_killed_process_loses_no_fact",
        &unique("killed"),
        &|prefix| Arc::new(Kafka::open(settings(prefix)).unwrap()),
    );
}

/// Where somebody answers as Kafka 2.2 does. That itself cannot be had here, so this stands in for it: it says what it
/// understands, and that it knows no topic.
fn old() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let numbers =
        |numbers: &[i16]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>();
    // Error, count, then each request with its lowest and highest version: metadata, find coordinator, join, heartbeat, leave,
    // sync, versions.
    let versions = numbers(&[0, 0, 7, 3, 0, 0, 10, 0, 2, 11, 0, 4, 12, 0, 2, 13, 0, 2, 14, 0, 2, 18, 0, 0]);
    let host = address.ip().to_string();
    let (length, port) = (host.len() as u16, u32::from(address.port()));
    let broker =
        [&0_u32.to_be_bytes(), &length.to_be_bytes()[..], host.as_bytes(), &port.to_be_bytes()].concat();
    let metadata = [&1_u32.to_be_bytes()[..], &broker, &0_u32.to_be_bytes()].concat();
    let answer = move |mut stream: TcpStream| -> io::Result<()> {
        loop {
            let mut length = [0; 4];
            stream.read_exact(&mut length)?;
            let mut request = vec![0; u32::from_be_bytes(length) as usize];
            stream.read_exact(&mut request)?;
            let body = match request[..4] {
                [0, 18, 0, 0] => versions.clone(),
                // A version of the question that it does not know.
                [0, 18, ..] => numbers(&[35, 0, 0]),
                _ => metadata.clone(),
            };
            let length = (4 + body.len() as u32).to_be_bytes();
            stream.write_all(&[&length, &request[4..8], &body].concat())?;
        }
    };
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            thread::spawn(move || drop(answer(stream)));
        }
    });
    address.to_string()
}

#[test]
fn what_is_wrong_with_a_cluster_is_told_in_one_line() {
    let told = |settings| {
        let error = Kafka::open(settings).err().expect("this cluster cannot be used").to_string();
        assert!(!error.contains('\n') && !error.contains("secret"), "{error}");
        error
    };
    // A port that was free a moment ago, where nobody listens.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nowhere = told(Settings { brokers: closed.to_string(), ..settings("x.") });
    assert!(nowhere.starts_with("connect to kafka: ") && nowhere.contains("refused"), "{nowhere}");
    let login = |password: &str| Settings {
        brokers: broker("CORTEX_TEST_KAFKA_SASL"),
        user: "cortex".to_owned(),
        password: Secret::new(password),
        tls: true,
        ca: PathBuf::from(broker("CORTEX_TEST_KAFKA_CA")),
        ..settings(&unique("killed"))
    };
    let wrong = told(login("not the secret"));
    assert!(wrong.contains("authentication failed"), "{wrong}");
    let untrusted = told(Settings { ca: PathBuf::from("tests/stranger.pem"), ..login("secret") });
    assert!(untrusted.contains("certificate"), "{untrusted}");
    let clear = told(Settings { tls: false, ..login("secret") });
    assert!(clear.starts_with("connect to kafka: "), "{clear}");
    Kafka::open(login("secret")).unwrap();
    assert!(told(Settings { brokers: old(), ..settings("x.") }).contains("is too old: Kafka 2.3"));
    let many = told(Settings { replication: 3, ..settings(&unique("copies")) });
    assert!(many.contains("bus.replication"), "{many}");
}

#[test]
fn topics_are_as_the_table_says_or_refused() {
    let made = settings(&unique("killed"));
    Kafka::open(made.clone()).unwrap();
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &made.brokers).create().unwrap();
    let (runtime, options) = (Builder::new_current_thread().build().unwrap(), AdminOptions::new());
    let name = format!("{}{}", made.prefix, topics::DEMAND.name);
    let asked = [ResourceSpecifier::Topic(&name)];
    let told = runtime.block_on(admin.describe_configs(&asked, &options)).unwrap().remove(0).unwrap();
    let set = |key: &str| told.get(key).unwrap().value.clone().unwrap();
    assert_eq!(set("cleanup.policy"), "compact,delete");
    assert_eq!(set("retention.ms"), "10000");
    assert_eq!(set("segment.ms"), "60000");

    // One that somebody else made beforehand, from which cameras would be gone after a week.
    let other = settings(&unique("forgets"));
    let name = format!("{}{}", other.prefix, topics::CAMERAS.name);
    let forgets = NewTopic::new(&name, PARTITIONS as i32, TopicReplication::Fixed(1))
        .set("cleanup.policy", "delete")
        .set("max.message.bytes", "4194304");
    runtime.block_on(admin.create_topics([&forgets], &options)).unwrap().remove(0).unwrap();
    let is_known = || {
        let known = admin.inner().fetch_metadata(None, Duration::from_secs(5)).unwrap();
        known
            .topics()
            .iter()
            .any(|topic| topic.name() == name && topic.partitions().len() == PARTITIONS as usize)
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_known() {
        assert!(Instant::now() < deadline, "it is made");
    }
    let error = Kafka::open(other).err().expect("this topic cannot be used").to_string();
    let wanted = format!(
        "check the topics: topic {name} has cleanup.policy delete and needs compact: `kafka-configs --alter \
         --entity-type topics --entity-name {name} --add-config cleanup.policy=compact`"
    );
    assert_eq!(error, wanted);
}
