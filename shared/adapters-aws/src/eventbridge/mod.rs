//! EventBridge: `EventBridgeEventBus`. Rules and targets are deployed with the stack; nothing here knows them.

mod entry;
mod event_bridge_event_bus;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod suite;

pub use event_bridge_event_bus::EventBridgeEventBus;
