//! Lines: who crosses them, to which side, and how often it happened.

use chrono::{DateTime, Datelike, Timelike};
use chrono_tz::Tz;
use cortex_proto::v1;

use super::{Memory, Moment, Point, Schedule, Sight, Stop, geometry, look::measure};

/// A line of two points or more.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<Point>,
    pub(super) gap_s: f64,
}

/// To which side a line is crossed, for somebody who stands on its first point and looks at its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Left,
    Right,
}

/// Counts crossings by day and hour.
pub(super) struct Count {
    zone: Tz,
}

impl Way {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }
}

impl Line {
    /// Distance of a foot point from the line, in heights of its own.
    pub(super) fn away(&self, sight: &Sight<'_>) -> f64 {
        f64::from(self.distance(sight.foot) / sight.height.max(0.01))
    }

    fn distance(&self, point: Point) -> f32 {
        let pairs = self.points.windows(2);
        pairs.map(|pair| geometry::segment_distance(pair[0], pair[1], point)).fold(f32::INFINITY, f32::min)
    }

    /// Whether the subject crosses the line with this sight. The memory's numbers are the last place clearly on one
    /// side; `held` is when it last crossed.
    pub(super) fn crossed(&self, sight: &Sight<'_>, memory: &mut Memory) -> Result<Way, Stop> {
        let foot = sight.foot;
        if self.distance(foot) < sight.margin() {
            return Err(Stop::OnLine);
        }
        let from = match memory.numbers[..] {
            [x, y] => Point { x, y },
            _ => {
                memory.numbers = vec![foot.x, foot.y];
                return Err(Stop::Outside);
            }
        };
        let pairs = self.points.windows(2);
        let crossed = pairs.filter_map(|pair| geometry::crossing(pair[0], pair[1], from, foot)).next_back();
        let lately = memory.held != Moment::default() && sight.now.since(memory.held) <= self.gap_s;
        if crossed.is_some() && lately {
            return Err(Stop::Gap);
        }
        memory.numbers.copy_from_slice(&[foot.x, foot.y]);
        let right = crossed.ok_or(Stop::Outside)?;
        memory.held = sight.now;
        Ok(if right { Way::Right } else { Way::Left })
    }
}

impl Count {
    pub(super) fn new(rule: &v1::Rule) -> Result<Self, String> {
        Ok(Self { zone: Schedule::parse("", &rule.time_zone)?.zone() })
    }

    /// Counts one. The numbers are day, hour, then left and right of the day and of the hour.
    pub(super) fn add(&self, now: Moment, way: Way, numbers: &mut Vec<f32>) -> [v1::Measure; 4] {
        numbers.resize(6, 0.0);
        let time = DateTime::from_timestamp_micros(now.time_us).unwrap_or_default().with_timezone(&self.zone);
        let (day, hour) = (time.num_days_from_ce() as f32, time.hour() as f32);
        if numbers[0] != day {
            numbers.copy_from_slice(&[day, hour, 0.0, 0.0, 0.0, 0.0]);
        } else if numbers[1] != hour {
            (numbers[1], numbers[4], numbers[5]) = (hour, 0.0, 0.0);
        }
        let place = usize::from(way == Way::Right);
        numbers[2 + place] += 1.0;
        numbers[4 + place] += 1.0;
        let names = ["left_today", "right_today", "left_this_hour", "right_this_hour"];
        std::array::from_fn(|n| measure(names[n], f64::from(numbers[2 + n]), 0.0))
    }
}
