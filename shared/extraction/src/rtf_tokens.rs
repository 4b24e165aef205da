//! Splits RTF into braces, control words and bytes of text. It deliberately knows no control word but
//! `\bin`, whose data is no RTF.

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    Open,
    Close,
    Word {
        name: &'a str,
        number: Option<i32>,
    },
    /// A byte of text in the current code page.
    Byte(u8),
    /// `\*`: the group may be ignored by readers that do not know it.
    Ignorable,
}

#[derive(Debug)]
pub(crate) struct Tokens<'a> {
    rest: &'a [u8],
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn control(&mut self) -> Option<Token<'a>> {
        let (&first, after) = self.rest.split_first()?;
        if first.is_ascii_alphabetic() {
            return Some(self.word());
        }
        self.rest = after;
        Some(match first {
            b'\'' => {
                let byte = after
                    .get(..2)
                    .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
                self.rest = after.get(2..).unwrap_or(&[]);
                Token::Byte(byte.unwrap_or(b'?'))
            }
            b'*' => Token::Ignorable,
            b'~' => Token::Word { name: "~", number: None },
            b'_' => Token::Word { name: "_", number: None },
            b'\r' | b'\n' => Token::Word { name: "par", number: None },
            b'\\' | b'{' | b'}' => Token::Byte(first),
            _ => Token::Word { name: "", number: None },
        })
    }

    fn word(&mut self) -> Token<'a> {
        let letters = self.rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let name = std::str::from_utf8(&self.rest[..letters]).unwrap_or_default();
        let after = &self.rest[letters..];
        let sign = usize::from(after.first() == Some(&b'-'));
        let digits = after[sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number_bytes = if digits > 0 { sign + digits } else { 0 };
        let number = std::str::from_utf8(&after[..number_bytes]).ok().and_then(|number| number.parse().ok());
        self.rest = &after[number_bytes..];
        if self.rest.first() == Some(&b' ') {
            self.rest = &self.rest[1..];
        }
        if name == "bin" {
            let data_bytes = number.and_then(|count: i32| usize::try_from(count).ok()).unwrap_or(0);
            self.rest = self.rest.get(data_bytes..).unwrap_or(&[]);
        }
        Token::Word { name, number }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let (&first, after) = self.rest.split_first()?;
            self.rest = after;
            match first {
                b'{' => return Some(Token::Open),
                b'}' => return Some(Token::Close),
                b'\\' => return self.control(),
                b'\r' | b'\n' | 0 => {}
                byte => return Some(Token::Byte(byte)),
            }
        }
    }
}
