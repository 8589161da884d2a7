//! No picture and no vector can enter a topic of facts.

#![allow(clippy::unwrap_used)] // a broken promise ends the test

use std::collections::{BTreeMap, BTreeSet};

use cortex_proto::{
    DESCRIPTORS,
    topics::{self, Class},
};
use prost::Message as _;
use prost_types::{
    DescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

/// Bytes that are neither: a copy of a poisoned fact, and the links of the audit chain.
const ALLOWED: [&str; 3] = ["Dead.fact", "Audit.previous", "Audit.hash"];

fn collect(prefix: &str, message: &DescriptorProto, all: &mut BTreeMap<String, DescriptorProto>) {
    let name = format!("{prefix}.{}", message.name());
    for nested in &message.nested_type {
        collect(&name, nested, all);
    }
    all.insert(name, message.clone());
}

fn messages() -> BTreeMap<String, DescriptorProto> {
    let set = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let mut all = BTreeMap::new();
    for file in &set.file {
        for message in &file.message_type {
            collect(&format!(".{}", file.package()), message, &mut all);
        }
    }
    all
}

fn offenders(root: &str, all: &BTreeMap<String, DescriptorProto>) -> Vec<String> {
    let (mut found, mut seen, mut queue) = (vec![], BTreeSet::new(), vec![format!(".{root}")]);
    while let Some(name) = queue.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let message = &all[&name];
        for field in &message.field {
            let place = format!("{}.{}", message.name(), field.name());
            let numbers = matches!(field.r#type(), Type::Float | Type::Double);
            let vector = numbers && field.label() == Label::Repeated;
            if (field.r#type() == Type::Bytes || vector) && !ALLOWED.contains(&place.as_str()) {
                found.push(place);
            }
            if field.r#type() == Type::Message {
                queue.push(field.type_name().to_owned());
            }
        }
    }
    found
}

#[test]
fn facts_hold_no_pictures_and_no_vectors() {
    let all = messages();
    // Those of batches have a schema of their own, which `analytics/src/tests.rs` checks.
    for topic in topics::ALL.iter().filter(|topic| !matches!(topic.class, Class::Picture | Class::Batch)) {
        assert_eq!(offenders(topic.message, &all), Vec::<String>::new(), "{}", topic.name);
    }
}

#[test]
fn the_walk_finds_what_it_looks_for() {
    let all = messages();
    assert_eq!(offenders("cortex.v1.Frame", &all), ["Frame.picture"]);
    assert_eq!(offenders("cortex.v1.EmbeddedFace", &all), ["EmbeddedFace.embedding"]);
}

#[test]
fn every_topic_carries_a_message_that_exists() {
    let all = messages();
    for topic in topics::ALL.iter().filter(|topic| topic.class != Class::Batch) {
        assert!(all.contains_key(&format!(".{}", topic.message)), "{}", topic.message);
    }
}
