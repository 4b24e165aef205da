//! Dead letters as tables: one line for each reason, one for each letter.

use crate::client::{DeadLetter, DeadLetterGroup};
use crate::output::{Align, Column, Table, time_text};

pub(super) fn groups(groups: &[DeadLetterGroup]) -> Table {
    let mut table = Table::new(vec![
        Column::new("ERROR CODE", Align::Left),
        Column::new("COUNT", Align::Right),
        Column::new("OLDEST (UTC)", Align::Left),
        Column::new("NEWEST (UTC)", Align::Left),
        Column::new("NEWEST REASON", Align::Left).giving_way(),
    ]);
    for group in groups {
        table.row([
            group.error_code.clone(),
            group.count.to_string(),
            time_text(&group.oldest_at),
            time_text(&group.newest_at),
            group.sample_reason.clone(),
        ]);
    }
    table
}

pub(super) fn letters(letters: &[DeadLetter]) -> Table {
    let mut table = Table::new(vec![
        Column::new("MESSAGE", Align::Left),
        Column::new("QUEUE", Align::Left),
        Column::new("KIND", Align::Left).giving_way(),
        Column::new("DOCUMENT", Align::Left),
        Column::new("ERROR CODE", Align::Left),
        Column::new("SENT (UTC)", Align::Left),
        Column::new("REASON", Align::Left).giving_way(),
    ]);
    for letter in letters {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        table.row([
            letter.message_id.clone(),
            letter.queue.clone(),
            or_dash(&letter.kind),
            or_dash(&letter.document_id),
            letter.error_code.clone(),
            time_text(&letter.sent_at),
            letter.reason.clone(),
        ]);
    }
    table
}
