//! What links a request to the events and logs it causes: the correlation id and the W3C Trace Context. A value that is
//! not well-formed is replaced or dropped, never refused: a broken tracer must not break uploads.

use http::{HeaderMap, HeaderName};
use millrace_domain::{CorrelationId, Trace};
use millrace_ports::{IdGenerator, TRACEPARENT};

/// Where a client names, and is told, the correlation id.
pub(crate) const X_CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

/// The request's place in a larger story.
#[derive(Debug, Clone)]
pub(crate) struct Correlation {
    /// Links everything that this request sets in motion.
    pub(crate) id: CorrelationId,
    traceparent: Option<String>,
}

impl Correlation {
    /// Reads what the client says; makes an id if it says none.
    pub(crate) fn of(headers: &HeaderMap, ids: &dyn IdGenerator) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let named = text(X_CORRELATION_ID.as_str()).and_then(|id| id.to_ascii_lowercase().parse().ok());
        let traceparent = text(TRACEPARENT).filter(|value| is_traceparent(value)).map(str::to_owned);
        Self { id: named.unwrap_or_else(|| ids.correlation_id()), traceparent }
    }

    /// What commands carry on.
    pub(crate) fn to_trace(&self) -> Trace {
        Trace { correlation_id: self.id, causation_id: None, traceparent: self.traceparent.clone() }
    }
}

/// Version 00 of W3C Trace Context: `00-<32 hex>-<16 hex>-<2 hex>`, the ids not all zero. Later versions may be longer and
/// are read by their beginning, which has the same form.
fn is_traceparent(text: &str) -> bool {
    let hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let named = |part: &str, length: usize| hex(part, length) && part.bytes().any(|b| b != b'0');
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace_id, parent_id, flags, rest @ ..] = parts.as_slice() else { return false };
    hex(version, 2)
        && *version != "ff"
        && named(trace_id, 32)
        && named(parent_id, 16)
        && hex(flags, 2)
        && (rest.is_empty() || *version != "00")
        && text.len() <= 128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_trace_contexts_are_passed_on() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(is_traceparent(good));
        assert!(is_traceparent(&good.replacen("00", "01", 1)));
        assert!(is_traceparent(&format!("{}-extra", good.replacen("00", "01", 1))));
        for bad in [
            "",
            "00",
            &good.to_uppercase(),
            &format!("{good}-extra"),
            &good.replacen("00", "ff", 1),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert!(!is_traceparent(bad), "{bad}");
        }
    }
}
