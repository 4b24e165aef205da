//! The name of a table, as the deployment gives it.

use std::fmt;
use std::str::FromStr;

/// Why a text does not name a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid table name: expected 3 to 255 letters, digits, dots, hyphens and underscores")]
pub struct InvalidTableName;

/// The name of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName(String);

impl TableName {
    /// The text inside.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TableName {
    type Err = InvalidTableName;

    fn from_str(text: &str) -> Result<Self, InvalidTableName> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let valid = (3..=255).contains(&text.len()) && text.bytes().all(allowed);
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidTableName) }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_name_is_what_dynamodb_takes() {
        for good in ["abc", "millrace-journal", "a.b_c-D9", &"x".repeat(255)] {
            assert_eq!(good.parse::<TableName>().unwrap().as_str(), good);
        }
        for bad in ["", "ab", "a b c", "arn:aws:x", "millrace/journal", &"x".repeat(256)] {
            assert_eq!(bad.parse::<TableName>(), Err(InvalidTableName), "{bad:?}");
        }
    }
}
