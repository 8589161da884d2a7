//! What is published stays as it is.

use std::fmt::Write;

use arrow_schema::{DataType, Schema};
use cortex_proto::{Message, topics, v1};

use super::*;

/// The columns as they were published first. Never edit a line: a column is added to the table's end and to
/// `docs/analytics.md`, and nothing else can be without a new name.
const PUBLISHED: [&str; 2] =
    [include_str!("../schema/cortex.analytics.v1"), include_str!("../schema/cortex.analytics.anomalies.v1")];
const DOCS: &str = include_str!("../../docs/analytics.md");

fn text(schema: &Schema) -> String {
    schema.fields().iter().fold(String::new(), |mut text, field| {
        let null = if field.is_nullable() { " or null" } else { "" };
        writeln!(text, "{}: {}{null}", field.name(), field.data_type()).unwrap();
        text
    })
}

/// The columns that the documentation lists under a schema's name: `| name | type | what it is |`.
fn documented(name: &str) -> String {
    let section = DOCS.split("\n## ").find(|section| section.contains(&format!("Schema `{name}`."))).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.map(|row| row.split('|').map(str::trim).skip(1).take(2).collect::<Vec<_>>());
    cells.fold(String::new(), |text, cells| {
        format!("{text}{}: {}\n", cells[0].trim_matches('`'), cells[1].trim_matches('`'))
    })
}

#[test]
fn columns_are_only_added_at_the_end_and_all_are_documented() {
    for (schema, published) in [Detections::schema(), Anomalies::schema()].iter().zip(PUBLISHED) {
        let (name, now) = (&schema.metadata()[SCHEMA], text(schema));
        assert!(now.starts_with(published), "{name} was published as\n{published}\nand is now\n{now}");
        assert_eq!(documented(name), now, "docs/analytics.md lists the columns of {name}");
    }
    assert_eq!(Detections::schema().metadata()[SCHEMA], topics::ANALYTICS.name);
    assert_eq!(topics::ANALYTICS.message, topics::ANALYTICS.name);
}

#[test]
fn no_column_can_hold_a_picture_or_a_vector() {
    for field in [Detections::schema(), Anomalies::schema()].iter().flat_map(|schema| schema.fields().iter())
    {
        let flat = matches!(
            field.data_type(),
            DataType::Utf8
                | DataType::Float32
                | DataType::UInt32
                | DataType::UInt64
                | DataType::Boolean
                | DataType::Timestamp(..)
        );
        assert!(flat && !["person", "name", "embedding"].contains(&field.name().as_str()), "{field}");
    }
}

#[test]
fn a_message_is_read_by_itself() {
    let object = |track| v1::Object { r#box: Some(v1::Box::default()), track, ..Default::default() };
    let mut table = Detections::default();
    table.take("here", &v1::Detections { objects: vec![object(0), object(7)], ..Default::default() });
    let sent = Batch::new(3, table.finish());
    assert_eq!((table.rows(), sent.key()), (0, "3"));
    assert_eq!(Batch::decode(&sent.encode()).unwrap().rows(), sent.rows());
    assert!(Batch::decode(b"no stream").is_err());
}
