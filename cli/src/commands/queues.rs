//! `millrace queues`: how many messages each queue has, and how old they are.

use crate::client::Queues;
use crate::exit_code::ExitCode;
use crate::output::{Align, Column, Table, age_text};
use crate::session::Session;

pub(crate) async fn run(session: &Session<'_>) -> anyhow::Result<ExitCode> {
    let queues = session.client.queues().await?;
    let console = session.console;
    if console.json() {
        console.line(&queues.text)?;
        return Ok(ExitCode::Done);
    }
    for line in table(&queues.value).lines(console.style(), console.columns()) {
        console.line(&line)?;
    }
    if queues.value.queues.iter().any(|queue| queue.dead > 0) {
        console.note("some messages were given up: millrace dead-letters");
    }
    Ok(ExitCode::Done)
}

fn table(queues: &Queues) -> Table {
    let mut table = Table::new(vec![
        Column::new("QUEUE", Align::Left),
        Column::new("WAITING", Align::Right),
        Column::new("IN FLIGHT", Align::Right),
        Column::new("DELAYED", Align::Right),
        Column::new("OLDEST", Align::Right),
        Column::new("DEAD", Align::Right),
        Column::new("OLDEST DEAD", Align::Right),
    ]);
    for queue in &queues.queues {
        let age = |age_ms: Option<u64>| age_ms.map_or_else(|| "-".to_owned(), age_text);
        table.row([
            queue.queue.clone(),
            queue.visible.to_string(),
            queue.in_flight.to_string(),
            queue.delayed.to_string(),
            age(queue.oldest_age_ms),
            queue.dead.to_string(),
            age(queue.oldest_dead_age_ms),
        ]);
    }
    table
}
