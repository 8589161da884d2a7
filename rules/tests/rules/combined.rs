//! Rules over rules.

use cortex_proto::v1;
use cortex_rules::validate;

use crate::story::{Story, option, rule, steps};

fn parts() -> Vec<v1::Rule> {
    let named = |id: &str, part| v1::Rule { id: id.into(), ..option(part, "silent", "true") };
    vec![
        named("enters", rule("entry", "square", &[])),
        named("crosses", rule("crossing", "line", &[])),
        named("gathers", rule("crowd", "wide", &[("count", 2.0)])),
    ]
}

fn combined(kind: &str, of: &[&str], within_s: f64) -> v1::Rule {
    let of = of.iter().map(|id| (*id).to_owned()).collect();
    v1::Rule { id: "both".into(), of, ..rule(kind, "", &[("within_s", within_s)]) }
}

fn story(combined: v1::Rule) -> Story {
    Story::of(parts().into_iter().chain([combined]).collect())
}

#[test]
fn then_asks_for_the_order_and_silent_parts_say_nothing() {
    let found = story(combined("then", &["enters", "crosses"], 5.0)).walk(1, steps(0.3, 0.7));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].rule.as_str(), found[0].track, found[0].parts.len()), ("both", 1, 2));
    assert!(found[0].why.contains("enters, then crosses within"), "{}", found[0].why);
    assert!(story(combined("then", &["crosses", "enters"], 5.0)).walk(1, steps(0.3, 0.7)).is_empty());
    assert!(story(combined("then", &["enters", "crosses"], 0.3)).walk(1, steps(0.3, 0.7)).is_empty());
    assert_eq!(story(combined("all", &["crosses", "enters"], 5.0)).walk(1, steps(0.3, 0.7)).len(), 1);
    assert_eq!(story(combined("any", &["crosses", "enters"], 5.0)).walk(1, steps(0.3, 0.7)).len(), 2);
}

#[test]
fn parts_are_of_the_same_subject_unless_anybody_will_do() {
    // One enters and stays, another crosses the line behind it, below the square.
    let run = |combined: v1::Rule| -> usize {
        let mut story = story(combined);
        steps(0.3, 0.7).map(|x| story.people(&[(1, x.min(0.45), 0.5), (2, x, 0.9)]).len()).sum()
    };
    let both = || combined("then", &["enters", "crosses"], 5.0);
    assert_eq!(run(both()), 0);
    assert_eq!(run(option(both(), "subject", "any")), 1);
    assert_eq!(run(combined("all", &["gathers", "crosses"], 5.0)), 1, "the scene goes with anybody");
}

#[test]
fn the_ids_of_parts_are_those_the_parts_tell_themselves() {
    let mut loud = parts();
    loud.iter_mut().for_each(|part| part.options.clear());
    let mut story =
        Story::of(loud.into_iter().chain([combined("then", &["enters", "crosses"], 5.0)]).collect());
    let found = story.walk(1, steps(0.3, 0.7));
    let id = |rule: &str| found.iter().find(|one| one.rule == rule).unwrap().id.clone();
    assert_eq!(found.iter().find(|one| one.rule == "both").unwrap().parts, [id("enters"), id("crosses")]);
}

#[test]
fn what_cannot_be_combined_is_refused_by_name() {
    let story = story(combined("all", &["enters", "crosses"], 5.0));
    let wrong = |rule: v1::Rule| validate(&v1::Rule { severity: 3, ..rule }, &story.tables).unwrap_err();
    assert!(wrong(combined("all", &["enters"], 5.0)).starts_with("of: "));
    assert!(wrong(combined("all", &["enters", "nobody"], 5.0)).contains("`nobody` is no rule here"));
    assert!(wrong(combined("all", &["enters", "both"], 5.0)).contains("`both` is no rule here"));
    assert!(
        wrong(v1::Rule { of: vec!["enters".into()], ..rule("entry", "square", &[]) }).starts_with("of: ")
    );
}
