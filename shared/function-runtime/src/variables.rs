//! The environment as configuration: read once, at start, by each function's `Config` and by nothing else. A missing or
//! unreadable variable is named, so that whoever deploys sees at the first start what to set. It has no defaults of its own
//! and no files.

use std::fmt;
use std::str::FromStr;

/// What is wrong with the environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A variable that is needed has no value.
    #[error("the variable {0} is not set")]
    Missing(&'static str),
    /// A variable has a value that cannot be.
    #[error("the variable {name} cannot be used: {reason}")]
    Invalid {
        /// Which.
        name: &'static str,
        /// Why; without the value, which may be a secret.
        reason: String,
    },
}

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Variables by name. An empty value counts as none, since templates cannot leave a variable out; so does one that is no
/// Unicode.
///
/// ```
/// use millrace_function_runtime::{ConfigError, Variables};
///
/// struct Config {
///     table: String,
///     attempts_max: u32,
/// }
///
/// impl Config {
///     fn read(variables: &Variables) -> Result<Self, ConfigError> {
///         Ok(Self {
///             table: variables.required("LEDGER_TABLE")?,
///             attempts_max: variables.parsed_or("ATTEMPTS_MAX", 5)?,
///         })
///     }
/// }
///
/// // In `main`: `Config::read(&Variables::of_process())`.
/// let variables = Variables::from_lookup(|name| (name == "LEDGER_TABLE").then(|| "ledger".to_owned()));
/// let config = Config::read(&variables)?;
/// assert_eq!((config.table.as_str(), config.attempts_max), ("ledger", 5));
/// # Ok::<(), ConfigError>(())
/// ```
pub struct Variables {
    lookup: Box<Lookup>,
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Variables")
    }
}

impl Variables {
    /// Those of this process.
    pub fn of_process() -> Self {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Those that a function knows, for tests.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { lookup: Box::new(lookup) }
    }

    /// A text, if there is one.
    pub fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    /// A text.
    ///
    /// # Errors
    /// `Missing` if there is none.
    pub fn required(&self, name: &'static str) -> Result<String, ConfigError> {
        self.optional(name).ok_or(ConfigError::Missing(name))
    }

    /// A typed value. What its parser says is part of the error: a secret must not be of a type whose errors repeat it.
    ///
    /// # Errors
    /// `Missing` if there is none, `Invalid` if it does not parse.
    pub fn parsed<T>(&self, name: &'static str) -> Result<T, ConfigError>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let parse = |error: T::Err| ConfigError::Invalid { name, reason: error.to_string() };
        self.required(name)?.parse().map_err(parse)
    }

    /// A typed value, or the default if there is none.
    ///
    /// # Errors
    /// `Invalid` if it does not parse.
    pub fn parsed_or<T>(&self, name: &'static str, default: T) -> Result<T, ConfigError>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        if self.optional(name).is_some() { self.parsed(name) } else { Ok(default) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &'static [(&'static str, &'static str)]) -> Variables {
        Variables::from_lookup(|name| {
            pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn an_empty_value_is_none() {
        let variables = variables(&[("A", ""), ("B", "b")]);
        assert_eq!(variables.optional("A"), None);
        assert_eq!(variables.required("B").unwrap(), "b");
        assert_eq!(variables.required("A"), Err(ConfigError::Missing("A")));
        assert_eq!(variables.parsed_or("A", 7_u32), Ok(7));
    }

    /// A mistyped value must not pass for the default.
    #[test]
    fn a_default_stands_for_what_is_missing_and_not_for_what_is_wrong() {
        let variables = variables(&[("N", "7"), ("WRONG", "seven")]);
        assert_eq!(variables.parsed_or("N", 1_u32), Ok(7));
        assert_eq!(variables.parsed_or("MISSING", 1_u32), Ok(1));
        assert!(matches!(
            variables.parsed_or("WRONG", 1_u32),
            Err(ConfigError::Invalid { name: "WRONG", .. })
        ));
        assert_eq!(variables.parsed::<u32>("MISSING"), Err(ConfigError::Missing("MISSING")));
    }

    #[test]
    fn a_value_that_does_not_parse_is_named_and_not_shown() {
        let error = variables(&[("N", "secret")]).parsed::<u32>("N").unwrap_err();
        assert_eq!(error.to_string(), "the variable N cannot be used: invalid digit found in string");
    }
}
