//! The name by which a client knows an upload: the document and the upload in one text. It holds no authority.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::{DocumentId, InvalidId, UploadId};

/// One upload of one document of whoever asks; written `<document id>.<upload id>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UploadName {
    /// The document.
    pub document_id: DocumentId,
    /// The upload.
    pub upload_id: UploadId,
}

impl fmt::Display for UploadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.document_id, self.upload_id)
    }
}

impl FromStr for UploadName {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid =
            InvalidId { what: "upload id", rule: "two UUIDs in lower case with a full stop between" };
        let read = |(document, upload): (&str, &str)| {
            Some(Self { document_id: document.parse().ok()?, upload_id: upload.parse().ok()? })
        };
        text.split_once('.').and_then(read).ok_or(invalid)
    }
}

impl TryFrom<String> for UploadName {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<UploadName> for String {
    fn from(name: UploadName) -> String {
        name.to_string()
    }
}

impl JsonSchema for UploadName {
    fn schema_name() -> Cow<'static, str> {
        "UploadName".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9a-f-]{36}\\.[0-9a-f-]{36}$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_and_has_one_spelling() {
        let text = "01890a5d-ac96-774b-bcce-b302099a8057.01890a5d-ac96-774b-bcce-b302099a8058";
        assert_eq!(text.parse::<UploadName>().unwrap().to_string(), text);
        for bad in ["", ".", &text[..36], &text.to_uppercase(), &format!("{text}.x"), &text.replace('.', "/")]
        {
            assert!(bad.parse::<UploadName>().is_err(), "{bad:?} was accepted");
        }
    }
}
