//! Texts of known length: each sentence has eight words, one of them the topic.

/// A text of so many sentences about something. Different topics share no words but `about`.
pub(crate) fn prose(topic: &str, sentences: usize) -> String {
    let sentence = |number: usize| {
        format!(
            "{topic}a{number} {topic}b{number} {topic}c{number} about {topic} \
             {topic}d{number} {topic}e{number} {topic}f{number}."
        )
    };
    (1..=sentences).map(sentence).collect::<Vec<_>>().join("\n\n")
}
