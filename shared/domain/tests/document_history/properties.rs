//! Whatever commands arrive in whatever order: the invariants hold, repeats are quiet, stored states read back.

use millrace_domain::*;
use proptest::prelude::*;

use crate::builders::*;

pub(crate) fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        Just(upload()),
        (1..4_u8).prop_map(replace),
        (1..4_u32).prop_map(extract),
        (1..4_u32, 0..3_u32, 1..6_u32)
            .prop_map(|(generation, retry, chunks)| chunk_at(generation, retry, chunks)),
        (1..4_u32, 0..3_u32, 0..3_u32)
            .prop_map(|(generation, retry, batch)| embed_at(generation, retry, batch)),
        (1..4_u32, 0..3_u32).prop_map(|(generation, batch)| embed(generation, batch)),
        (1..4_u32).prop_map(fail),
        Just(retry()),
        Just(Command::CancelIngestion),
        (1..4_u32).prop_map(purge_vectors),
        (1..4_u32).prop_map(purge_content),
        prop::bool::weighted(0.1).prop_map(|delete| if delete {
            Command::RequestDeletion
        } else {
            extract(1)
        }),
        any_attempts().prop_map(purge_all_vectors),
        any_attempts().prop_map(purge_all_content),
        any_attempts().prop_map(|attempts| Command::CompleteDeletion { attempts, at: at(5) }),
    ]
}

/// Attempts of a purge, whose claim may have been forgotten or not counted.
fn any_attempts() -> impl Strategy<Value = Option<u32>> {
    prop::option::of(1..9_u32)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn every_state_is_sound(commands in prop::collection::vec(any_command(), 1..60)) {
        let mut document: Option<Document> = None;
        let mut events = 0;
        for command in commands {
            let Ok(decided) = decide(document.as_ref(), command.clone()) else { continue };
            for event in &decided {
                document = Some(evolve(document, event, at(events)));
                events += 1;
                let state = document.as_ref().unwrap();
                prop_assert_eq!(check_document(state), vec![], "after {:?}", event.type_name());
                prop_assert_eq!(state.version.get(), events as u64);
            }
            // The same command at once again: accepted with no events, or refused; never a second effect. Replacing and
            // retrying name new ids each time, so what they repeat is the state they lead to.
            if let Some(state) = &document
                && let Ok(again) = decide(Some(state), command.clone())
            {
                prop_assert!(again.is_empty(), "{:?} took effect twice: {:?}", command, again);
            }
        }
        if let Some(state) = document {
            let text = serde_json::to_string(&state).unwrap();
            prop_assert_eq!(serde_json::from_str::<Document>(&text).unwrap(), state);
        }
    }

    #[test]
    fn a_settled_document_owes_nothing(commands in prop::collection::vec(any_command(), 1..60)) {
        let mut document: Option<Document> = None;
        for command in commands {
            for event in decide(document.as_ref(), command).unwrap_or_default() {
                document = Some(evolve(document, &event, at(0)));
            }
            if let Some(state) = &document {
                prop_assert_eq!(state.is_unsettled(), !state.owed_jobs().is_empty());
                prop_assert_eq!(state.head().unsettled_since.is_some(), state.is_unsettled());
            }
        }
    }
}
