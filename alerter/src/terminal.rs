//! Alerts as lines for a terminal.

use cortex_proto::v1;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::Hub;

/// Prints alerts as they come, a line each, until `stop`. A terminal that is slower than alerts come misses some and says
/// how many.
pub async fn follow(hub: &Hub, stop: &CancellationToken, colour: bool, mut print: impl FnMut(&str)) {
    let mut alerts = hub.alerts();
    while let Some(next) = stop.run_until_cancelled(alerts.recv()).await {
        match next {
            Ok(live) => print(&line(&live.alert, colour)),
            Err(RecvError::Lagged(missed)) => {
                print(&format!("{missed} alerts came faster than they could be shown; the page has them"));
            }
            Err(RecvError::Closed) => return,
        }
    }
}

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

/// One line: time, severity, camera, kind, why, what changed, and the beginning of its id. With `colour`, in the
/// severity's.
pub fn line(alert: &v1::Alert, colour: bool) -> String {
    let code = match v1::Severity::try_from(alert.severity).unwrap_or_default() {
        v1::Severity::Critical | v1::Severity::High => "31",
        v1::Severity::Medium => "33",
        _ => "36",
    };
    let (on, off) = if colour { (format!("\x1b[{code}m"), "\x1b[0m") } else { (String::new(), "") };
    let damped = if alert.damped.is_empty() { String::new() } else { format!("; {}", alert.damped) };
    let count = if alert.count > 1 { format!(" x{}", alert.count) } else { String::new() };
    format!(
        "{} {on}{:<8}{off} {:<14} {:<9} {}{count}{damped} ({} {} r{})",
        clock(alert.last_us),
        severity(alert.severity),
        alert.camera,
        alert.kind,
        alert.why,
        alert.change,
        alert.id.get(..8).unwrap_or(&alert.id),
        alert.revision,
    )
}

/// Hours, minutes and seconds of a time, UTC.
fn clock(time_us: i64) -> String {
    let seconds = time_us.div_euclid(1_000_000).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
