//! An alert as a line for a terminal.

use cortex_proto::v1;

/// The words for severities, as they are written everywhere.
pub fn severity(severity: i32) -> &'static str {
    match v1::Severity::try_from(severity).unwrap_or_default() {
        v1::Severity::Unspecified => "-",
        v1::Severity::Info => "info",
        v1::Severity::Low => "low",
        v1::Severity::Medium => "medium",
        v1::Severity::High => "high",
        v1::Severity::Critical => "critical",
    }
}

/// One line: time, severity, camera, kind, why, and what changed. With `colour`, in the severity's.
pub fn line(alert: &v1::Alert, colour: bool) -> String {
    let code = match v1::Severity::try_from(alert.severity).unwrap_or_default() {
        v1::Severity::Critical | v1::Severity::High => "31",
        v1::Severity::Medium => "33",
        _ => "36",
    };
    let (on, off) = if colour { (format!("\x1b[{code}m"), "\x1b[0m") } else { (String::new(), "") };
    let count = if alert.count > 1 { format!(" x{}", alert.count) } else { String::new() };
    format!(
        "{} {on}{:<8}{off} {:<14} {:<9} {}{count} ({} r{})",
        clock(alert.last_us),
        severity(alert.severity),
        alert.camera,
        alert.kind,
        alert.why,
        alert.change,
        alert.revision,
    )
}

/// Hours, minutes and seconds of a time, UTC.
fn clock(time_us: i64) -> String {
    let seconds = time_us.div_euclid(1_000_000).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
