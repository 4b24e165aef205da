//! Sizes and times as people read them.

const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];

/// `1.2 MB`, in powers of 1000.
pub(crate) fn bytes_text(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = 0;
    // 999.95 would be written as 1000.0.
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// `2026-11-21 10:00:30`, in UTC as the server writes it, from RFC 3339; anything else as it is.
pub(crate) fn time_text(time: &str) -> String {
    match chrono::DateTime::parse_from_rfc3339(time) {
        Ok(time) => time.to_utc().naive_utc().date().to_string() + " " + &clock_text(&time.to_utc()),
        Err(_) => super::one_line(time),
    }
}

/// `12 s`, `3 min`, `5 h`, `2 d`: how long something has been so, or will be.
pub(crate) fn age_text(milliseconds: u64) -> String {
    const STEPS: [(u64, u64, &str); 4] =
        [(120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h"), (u64::MAX, 86_400, "d")];
    let seconds = milliseconds.div_ceil(1_000);
    let step = STEPS.iter().find(|(below, ..)| seconds < *below);
    let (_, unit_seconds, unit) = step.unwrap_or(&STEPS[STEPS.len() - 1]);
    format!("{} {unit}", seconds / unit_seconds)
}

/// `250 ms`, `2.5 s`, `5 min`: how long something took, closer than an age.
pub(crate) fn duration_text(milliseconds: i64) -> String {
    match milliseconds {
        ..1_000 => format!("{milliseconds} ms"),
        1_000..120_000 => format!("{:.1} s", milliseconds as f64 / 1000.0),
        _ => format!("{} min", milliseconds / 60_000),
    }
}

fn clock_text(time: &chrono::DateTime<chrono::Utc>) -> String {
    use chrono::Timelike as _;
    format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_take_the_unit_that_fits() {
        assert_eq!(bytes_text(0), "0 B");
        assert_eq!(bytes_text(999), "999 B");
        assert_eq!(bytes_text(1_000), "1.0 kB");
        assert_eq!(bytes_text(999_999), "1.0 MB");
        assert_eq!(bytes_text(12_345_678_901), "12.3 GB");
    }

    #[test]
    fn ages_take_the_unit_that_says_enough() {
        let ages = [(0, "0 s"), (900, "1 s"), (119_000, "119 s"), (120_000, "2 min"), (7_200_000, "2 h")];
        for (milliseconds, text) in ages {
            assert_eq!(age_text(milliseconds), text);
        }
        assert_eq!(age_text(172_800_000), "2 d");
    }

    #[test]
    fn times_are_shown_to_the_second() {
        assert_eq!(time_text("2026-11-21T10:00:30.123Z"), "2026-11-21 10:00:30");
        assert_eq!(time_text("yesterday"), "yesterday");
    }
}
