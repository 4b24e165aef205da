//! The values behind XLSX cells: shared strings, which styles are dates, and numbers as text.
//! It deliberately applies no other number format than date and time.

use std::collections::HashMap;

use millrace_ports::ExtractionError;

use crate::archive::Archive;
use crate::relationships::Relationships;
use crate::xml::{Node, walk};

/// All shared strings in one allocation: sheets may have millions of them.
#[derive(Debug, Default)]
pub(crate) struct SharedStrings {
    text: String,
    ends: Vec<usize>,
}

impl SharedStrings {
    pub(crate) fn read(
        archive: &mut Archive<'_>,
        relationships: &Relationships,
    ) -> Result<Self, ExtractionError> {
        let mut found = Self::default();
        let Some(part) =
            relationships.of_kind("sharedStrings").into_iter().find(|part| archive.contains(part))
        else {
            return Ok(found);
        };
        let (mut in_text, mut in_phonetic) = (false, false);
        let mut open = String::new();
        walk(archive.open_entry(&part)?, &part, &mut |node| {
            match node {
                Node::Start(element) => match element.name() {
                    "t" => in_text = !in_phonetic,
                    "rPh" => in_phonetic = true,
                    _ => {}
                },
                Node::End("t") => in_text = false,
                Node::End("rPh") => in_phonetic = false,
                Node::End("si") => found.end_string(&mut open),
                Node::Text(text) if in_text => open.push_str(text),
                Node::End(_) | Node::Text(_) => {}
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// White space is collapsed here and not in each cell: a string of blanks could be referred to a million times.
    fn end_string(&mut self, open: &mut String) {
        let mut words = open.split_whitespace();
        self.text.extend(words.next());
        for word in words {
            self.text.push(' ');
            self.text.push_str(word);
        }
        self.ends.push(self.text.len());
        open.clear();
    }

    pub(crate) fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        Some(&self.text[start..end])
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberKind {
    Plain,
    Date { from_1904: bool },
}

#[derive(Debug)]
pub(crate) struct NumberStyles {
    is_date: Vec<bool>,
    from_1904: bool,
}

impl NumberStyles {
    pub(crate) fn read(
        archive: &mut Archive<'_>,
        relationships: &Relationships,
        from_1904: bool,
    ) -> Result<Self, ExtractionError> {
        let mut found = Self { is_date: Vec::new(), from_1904 };
        let Some(part) = relationships.of_kind("styles").into_iter().find(|part| archive.contains(part))
        else {
            return Ok(found);
        };
        let mut custom: HashMap<u32, bool> = HashMap::new();
        let mut in_cell_formats = false;
        walk(archive.open_entry(&part)?, &part, &mut |node| {
            match node {
                Node::Start(element) => {
                    let id = element.attribute("numFmtId").and_then(|id| id.parse::<u32>().ok());
                    match (element.name(), id) {
                        ("numFmt", Some(id)) => {
                            custom.insert(
                                id,
                                is_date_format(&element.attribute("formatCode").unwrap_or_default()),
                            );
                        }
                        ("cellXfs", _) => in_cell_formats = true,
                        ("xf", id) if in_cell_formats => {
                            let id = id.unwrap_or(0);
                            let built_in = matches!(id, 14..=22 | 27..=36 | 45..=47 | 50..=58);
                            found.is_date.push(custom.get(&id).copied().unwrap_or(built_in));
                        }
                        _ => {}
                    }
                }
                Node::End("cellXfs") => in_cell_formats = false,
                Node::End(_) | Node::Text(_) => {}
            }
            Ok(())
        })?;
        Ok(found)
    }

    pub(crate) fn kind(&self, style: usize) -> NumberKind {
        match self.is_date.get(style) {
            Some(true) => NumberKind::Date { from_1904: self.from_1904 },
            _ => NumberKind::Plain,
        }
    }
}

/// Whether a format code shows a date or a time: it has one of their letters outside quotes and brackets.
fn is_date_format(code: &str) -> bool {
    let (mut quoted, mut bracketed, mut escaped) = (false, false, false);
    for character in code.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' | '_' | '*' => escaped = true,
            '"' => quoted = !quoted,
            '[' if !quoted => bracketed = true,
            ']' if !quoted => bracketed = false,
            'y' | 'd' | 'h' | 's' | 'Y' | 'D' | 'H' | 'S' if !quoted && !bracketed => return true,
            _ => {}
        }
    }
    false
}

/// A longer number is written with an exponent.
const PLAIN_NUMBER_BYTES_MAX: usize = 32;

/// A stored number as text: dates in ISO 8601, other numbers without binary noise in the last digits.
pub(crate) fn number_text(stored: &str, kind: NumberKind) -> String {
    let Ok(number) = stored.parse::<f64>() else { return stored.to_owned() };
    if let NumberKind::Date { from_1904 } = kind
        && let Some(date) = date_text(number, from_1904)
    {
        return date;
    }
    if !number.is_finite() || stored.len() <= 15 {
        return stored.to_owned();
    }
    // The program shows at most 15 significant digits.
    let Ok(rounded) = format!("{number:.14e}").parse::<f64>() else { return stored.to_owned() };
    let plain = rounded.to_string();
    // Written out, the largest and smallest numbers are hundreds of zeros.
    if plain.len() > PLAIN_NUMBER_BYTES_MAX { format!("{rounded:e}") } else { plain }
}

fn date_text(serial: f64, from_1904: bool) -> Option<String> {
    const SERIAL_MAX: f64 = 2_958_466.0;
    const DAYS_1900_TO_EPOCH: i64 = 25_569;
    const DAYS_1904_TO_EPOCH: i64 = 24_107;
    if !(0.0..SERIAL_MAX).contains(&serial) {
        return None;
    }
    let seconds_of_day = ((serial - serial.floor()) * 86_400.0).round() as i64;
    let mut day = serial.floor() as i64 + seconds_of_day / 86_400;
    let seconds = seconds_of_day % 86_400;
    let time = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if day == 0 && !from_1904 {
        return Some(time);
    }
    // The 1900 system counts a 29 February 1900 that never was.
    if !from_1904 && day < 60 {
        day += 1;
    }
    let (year, month, day_of_month) =
        civil_date(day - if from_1904 { DAYS_1904_TO_EPOCH } else { DAYS_1900_TO_EPOCH });
    let date = format!("{year:04}-{month:02}-{day_of_month:02}");
    Some(if seconds == 0 { date } else { format!("{date} {time}") })
}

/// Year, month and day of a number of days since 1 January 1970, in the Gregorian calendar.
fn civil_date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_numbers_are_written_for_readers() {
        let date = NumberKind::Date { from_1904: false };
        assert_eq!(number_text("45292", date), "2024-01-01");
        assert_eq!(number_text("45292.5", date), "2024-01-01 12:00:00");
        assert_eq!(number_text("1", date), "1900-01-01");
        assert_eq!(number_text("0.25", date), "06:00:00");
        assert_eq!(number_text("43830", NumberKind::Date { from_1904: true }), "2024-01-01");
        assert_eq!(number_text("0.30000000000000004", NumberKind::Plain), "0.3");
        assert_eq!(number_text("12.50", NumberKind::Plain), "12.50");
        assert_eq!(number_text("1.2345678901234567e300", NumberKind::Plain), "1.23456789012346e300");
        assert_eq!(number_text("-1.2345678901234567E-300", NumberKind::Plain), "-1.23456789012346e-300");
        assert_eq!(number_text("1.2345678901234567e20", NumberKind::Plain), "123456789012346000000");
    }

    #[test]
    fn date_formats_are_told_from_number_formats() {
        assert!(is_date_format("dd/mm/yyyy") && is_date_format("[$-409]h:mm AM/PM"));
        assert!(
            !is_date_format("#,##0.00 \"days\"")
                && !is_date_format("[Red]0.00")
                && !is_date_format("0.00E+00")
        );
    }
}
