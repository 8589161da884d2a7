//! Refuses configuration bombs: text that is small and costs much.

use toml::de::DeValue;

/// Tables and arrays within each other.
const DEPTH: usize = 8;
/// Elements of one array: more cameras than one process serves.
const ELEMENTS: usize = 10_000;
/// Values altogether.
const VALUES: usize = 100_000;

/// What is too much about a value, and where.
pub(super) fn check(value: &DeValue<'_>) -> Result<(), String> {
    let mut values = 0;
    walk(value, 0, &mut values)
}

fn walk(value: &DeValue<'_>, depth: usize, values: &mut usize) -> Result<(), String> {
    *values += 1;
    if *values > VALUES {
        return Err(format!("has more than {VALUES} values"));
    }
    match value {
        DeValue::Table(_) | DeValue::Array(_) if depth > DEPTH => {
            Err(format!("nests tables and arrays deeper than {DEPTH}"))
        }
        DeValue::Table(table) => {
            table.values().try_for_each(|value| walk(value.get_ref(), depth + 1, values))
        }
        DeValue::Array(array) if array.len() > ELEMENTS => {
            Err(format!("has an array of more than {ELEMENTS} elements"))
        }
        DeValue::Array(array) => array.iter().try_for_each(|value| walk(value.get_ref(), depth + 1, values)),
        _ => Ok(()),
    }
}
