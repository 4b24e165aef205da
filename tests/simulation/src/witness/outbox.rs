//! What must hold of publishing: nothing but what was appended, as it was appended, and no event handed over before the
//! one that precedes it.

use millrace_domain::EventEnvelope;

use super::Witness;

impl Witness {
    /// An event was handed to the bus, which took it or not.
    pub(crate) fn published(&self, event: &EventEnvelope, taken: bool) {
        let key = event.key();
        self.scheduler.note(|| format!("  > {} {} {taken}", key.document_id, event.sequence));
        let mut memory = self.lock();
        let sequence = event.sequence.get();
        let line = || format!("{} {sequence} {:?}", key.document_id, event.id);
        let Some(story) = memory.stories.get_mut(&key) else {
            return memory.accuse("G4", "only what was appended is published", line());
        };
        let appended = story.history.get(sequence.saturating_sub(1) as usize) == Some(event);
        let in_order = sequence <= story.handed_over + 1;
        story.handed_over = story.handed_over.max(sequence);
        if taken && sequence == story.in_line + 1 {
            story.in_line = sequence;
        }
        memory.hold("G4", "an event is published as it was appended", appended, line);
        memory.hold("G4", "the events of a document are published in order", in_order, line);
    }
}
