//! Typed identifiers. A constructor validates; the rest of the code trusts the value.
//! Making new identifiers is not done here: they arrive from the `IdGenerator` port.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::IndexSpace;

/// Why a text is not a valid identifier. `what` names the identifier's kind, `rule` what it must look like.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {what}: expected {rule}")]
pub struct InvalidId {
    /// Kind of identifier, for example `document id`.
    pub what: &'static str,
    /// What a valid one looks like.
    pub rule: &'static str,
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that the `IdGenerator` made.
            pub const fn new(value: Uuid) -> Self {
                Self(value)
            }

            /// The UUID inside.
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let invalid = InvalidId { what: $what, rule: "a UUID in lower case with hyphens" };
                let value = Uuid::try_parse(text).map_err(|_| invalid.clone())?;
                // One spelling only, so that an id is also a safe key and path segment.
                if value.hyphenated().to_string() == text { Ok(Self(value)) } else { Err(invalid) }
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": "uuid" })
            }
        }
    };
}

uuid_id!(
    /// A document, for as long as Millrace knows it, over all its generations.
    DocumentId, "document id"
);
uuid_id!(
    /// One ingestion job: one generation of one document on its way to `ready`.
    JobId, "job id"
);
uuid_id!(
    /// One uploaded content: names its blob. Made before the content's generation is known.
    UploadId, "upload id"
);
uuid_id!(
    /// One event. UUIDv7, unique over all documents; the same at every delivery.
    EventId, "event id"
);
uuid_id!(
    /// Links everything that one request set in motion, from upload to the last reaction.
    CorrelationId, "correlation id"
);

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $pattern:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            #[doc = concat!("A ", $what, ": ", $rule, ".")]
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                let valid: fn(&str) -> bool = $valid;
                if valid(&text) { Ok(Self(text)) } else { Err(InvalidId { what: $what, rule: $rule }) }
            }

            /// The text inside.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

fn is_slug(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
        && text.as_bytes()[0].is_ascii_alphanumeric()
}

fn is_visible_ascii(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|b| (0x21..=0x7e).contains(&b))
}

text_id!(
    /// Who owns a document. Comes from authentication only, never from a request's body.
    TenantId,
    "tenant id",
    "1 to 64 of a-z, 0-9, '-' and '_', starting with a letter or digit",
    "^[a-z0-9][a-z0-9_-]{0,63}$",
    is_slug
);
text_id!(
    /// A named set of documents of one tenant that share one embedding model and are searched together.
    CollectionName,
    "collection name",
    "1 to 64 of a-z, 0-9, '-' and '_', starting with a letter or digit",
    "^[a-z0-9][a-z0-9_-]{0,63}$",
    is_slug
);
text_id!(
    /// What a client sends so that a repeated request has one effect.
    IdempotencyKey,
    "idempotency key",
    "1 to 255 visible ASCII characters",
    "^[!-~]{1,255}$",
    is_visible_ascii
);
text_id!(
    /// Names an embedding model and its quantisation; two vectors compare only under the same one.
    ModelId,
    "model id",
    "1 to 255 visible ASCII characters",
    "^[!-~]{1,255}$",
    is_visible_ascii
);

impl Default for CollectionName {
    fn default() -> Self {
        Self("default".into())
    }
}

/// Between a collection's name and the number of an index space. No name that a client may give holds it.
const SPACE: char = '~';

impl CollectionName {
    /// The name under which an index keeps what lies in a space of this collection. The first space has the collection's own
    /// name, so that what was stored before there were spaces lies in it.
    #[must_use]
    pub fn in_space(&self, space: IndexSpace) -> Self {
        if space == IndexSpace::FIRST {
            self.of_client()
        } else {
            Self(format!("{}{SPACE}{space}", self.of_client()))
        }
    }

    /// The collection's own name, without a space.
    #[must_use]
    pub fn of_client(&self) -> Self {
        let name = self.0.split_once(SPACE).map_or(self.0.as_str(), |(name, _)| name);
        Self(name.to_owned())
    }

    /// Reads a name that an index stored: a collection's own, or one that `in_space` made.
    pub fn from_index(text: &str) -> Result<Self, InvalidId> {
        let Some((name, space)) = text.split_once(SPACE) else { return Self::new(text) };
        let name = Self::new(name)?;
        match space.parse::<u32>() {
            Ok(number) if number > 0 && number.to_string() == space => {
                Ok(name.in_space(IndexSpace::new(number)))
            }
            _ => {
                Err(InvalidId { what: "index name", rule: "a collection name, or one with '~' and a number" })
            }
        }
    }
}

impl TenantId {
    /// The tenant of a single node that asks for no keys.
    pub fn local_default() -> Self {
        Self("default".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_id_has_one_spelling() {
        let text = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert_eq!(text.parse::<DocumentId>().unwrap().to_string(), text);
        assert!(text.to_uppercase().parse::<DocumentId>().is_err());
        assert!(text.replace('-', "").parse::<DocumentId>().is_err());
    }

    #[test]
    fn a_tenant_cannot_step_out_of_its_prefix() {
        for bad in ["", "..", "a/b", "A", "a b", "-a", &"a".repeat(65)] {
            assert!(TenantId::new(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(TenantId::new("acme-1_x").is_ok());
    }

    #[test]
    fn the_name_of_a_space_reads_back_and_is_no_name_of_a_client() {
        let name = CollectionName::new("papers").unwrap();
        assert_eq!(name.in_space(IndexSpace::FIRST), name);
        let second = name.in_space(IndexSpace::new(2));
        assert_eq!(second.as_str(), "papers~2");
        assert!(CollectionName::new(second.as_str()).is_err());
        assert_eq!(CollectionName::from_index("papers~2").unwrap(), second);
        assert_eq!(CollectionName::from_index("papers").unwrap(), name);
        assert_eq!((second.of_client(), second.in_space(IndexSpace::FIRST)), (name.clone(), name));
        for bad in ["papers~0", "papers~02", "papers~", "papers~x", "~1", "a~1~2"] {
            assert!(CollectionName::from_index(bad).is_err(), "{bad} was accepted");
        }
    }
}
