//! Cuts an expression's text into tokens.
//!
//! Every token knows its bytes in the text, so that a caret lands on the right character whatever was
//! written before it. What is no token is a [`Fault`] at its place; nothing here panics.

use super::Fault;
use crate::diagnostic::Span;

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name, or a word such as `in` and `true`.
    Word(String),
    /// A name between backquotes, allowed after a dot only.
    Quoted(String),
    /// Text between quotes, its escapes resolved.
    Text(String),
    /// A whole number, without its sign.
    Int(u64),
    /// A whole number with the suffix `u`.
    Uint(u64),
    /// A number with a fraction or an exponent.
    Double(f64),
    /// An operator or a bracket.
    Sign(&'static str),
    /// The end of the text.
    End,
}

/// Operators and brackets, longest first.
const SIGNS: [&str; 25] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "(", ")", "[", "]", "{", "}", ".", ",", ":", "?", "!", "+", "-", "*", "/", "%",
    "=",
];

/// Words that CEL keeps for itself; none may be a variable.
pub(super) const RESERVED: [&str; 18] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// The tokens of `text`, each with its place; the last one is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, Span)>, Fault> {
    let mut lexer = Lexer { text, at: 0 };
    let mut found = Vec::new();
    loop {
        lexer.skip_blanks();
        let start = lexer.at;
        let token = lexer.token()?;
        let last = token == Token::End;
        found.push((token, Span::new(start, lexer.at)));
        if last {
            return Ok(found);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Moves past the characters that `wanted` accepts, and returns them.
    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let len = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += len;
        rest.get(..len).unwrap_or("")
    }

    fn skip_blanks(&mut self) {
        loop {
            self.take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}'));
            if !self.rest().starts_with("//") {
                return;
            }
            self.take_while(|c| c != '\n');
        }
    }

    fn fault(&self, start: usize, message: impl Into<String>, help: &str) -> Fault {
        let end = if self.at > start { self.at } else { start + self.peek().map_or(0, char::len_utf8) };
        Fault::new(Span::new(start, end), message, help)
    }

    fn token(&mut self) -> Result<Token, Fault> {
        let Some(first) = self.peek() else { return Ok(Token::End) };
        let second = self.rest().chars().nth(1);
        match first {
            '"' | '\'' => self.text_token(false),
            'r' | 'R' if matches!(second, Some('"' | '\'')) => {
                self.at += 1;
                self.text_token(true)
            }
            'b' | 'B' if self.rest().trim_start_matches(['b', 'B', 'r', 'R']).starts_with(['"', '\'']) => {
                Err(self.fault(self.at, "byte strings are not supported", "write text without the `b`"))
            }
            '`' => self.quoted_name(),
            c if c.is_ascii_alphabetic() || c == '_' => {
                Ok(Token::Word(self.take_while(|c| c.is_ascii_alphanumeric() || c == '_').to_owned()))
            }
            c if c.is_ascii_digit() || (c == '.' && second.is_some_and(|c| c.is_ascii_digit())) => self.number(),
            _ => self.sign(),
        }
    }

    fn sign(&mut self) -> Result<Token, Fault> {
        let rest = self.rest();
        let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) else {
            let shown = self.peek().unwrap_or(' ');
            let help = match shown {
                '&' => "write `&&`",
                '|' => "write `||`",
                '“' | '”' | '‘' | '’' => "write straight quotes",
                _ => "text goes between quotes",
            };
            return Err(self.fault(self.at, format!("`{}` means nothing here", shown.escape_debug()), help));
        };
        let start = self.at;
        self.at += sign.len();
        match *sign {
            "=" => Err(self.fault(start, "`=` does not compare", "write `==`")),
            sign => Ok(Token::Sign(sign)),
        }
    }

    fn quoted_name(&mut self) -> Result<Token, Fault> {
        let start = self.at;
        self.at += 1;
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | ' '));
        if name.is_empty() || self.peek() != Some('`') {
            return Err(self.fault(start, "this quoted name is not closed", "write `name` between two backquotes"));
        }
        self.at += 1;
        Ok(Token::Quoted(name.to_owned()))
    }

    fn number(&mut self) -> Result<Token, Fault> {
        let start = self.at;
        if self.rest().starts_with("0x") || self.rest().starts_with("0X") {
            self.at += 2;
            let digits = self.take_while(|c| c.is_ascii_hexdigit());
            let value = u64::from_str_radix(digits, 16).ok();
            return self.whole(start, value);
        }
        let whole = self.take_while(|c| c.is_ascii_digit());
        let fraction = self.fraction();
        let exponent = self.exponent();
        if !fraction && !exponent {
            return self.whole(start, whole.parse().ok());
        }
        let value: f64 = self.text.get(start..self.at).and_then(|digits| digits.parse().ok()).unwrap_or(f64::INFINITY);
        if value.is_finite() {
            return self.end_of_number(start, Token::Double(value));
        }
        Err(self.fault(start, "this number is too large", "numbers reach to about 1.8e308"))
    }

    fn fraction(&mut self) -> bool {
        let followed = self.rest().strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if followed {
            self.at += 1;
            self.take_while(|c| c.is_ascii_digit());
        }
        followed
    }

    fn exponent(&mut self) -> bool {
        let Some(rest) = self.rest().strip_prefix(['e', 'E']) else { return false };
        let digits = rest.strip_prefix(['+', '-']).unwrap_or(rest);
        if !digits.starts_with(|c: char| c.is_ascii_digit()) {
            return false;
        }
        self.at += 1 + (rest.len() - digits.len());
        self.take_while(|c| c.is_ascii_digit());
        true
    }

    fn whole(&mut self, start: usize, value: Option<u64>) -> Result<Token, Fault> {
        let unsigned = matches!(self.peek(), Some('u' | 'U'));
        self.at += usize::from(unsigned);
        match value {
            Some(value) if unsigned => self.end_of_number(start, Token::Uint(value)),
            Some(value) if value <= i64::MAX as u64 + 1 => self.end_of_number(start, Token::Int(value)),
            _ => Err(self.fault(start, "this number is too large", "whole numbers reach to 9223372036854775807")),
        }
    }

    fn end_of_number(&mut self, start: usize, token: Token) -> Result<Token, Fault> {
        let after = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        if after.is_empty() {
            return Ok(token);
        }
        let help = "units are written as functions: `km(50)`, `kmh(900)`, `duration(\"10m\")`";
        Err(self.fault(start, format!("`{after}` may not follow a number"), help))
    }

    fn text_token(&mut self, raw: bool) -> Result<Token, Fault> {
        let start = self.at;
        let rest = self.rest();
        let one = if rest.starts_with('"') { "\"" } else { "'" };
        let three = if one == "\"" { "\"\"\"" } else { "'''" };
        let close = if rest.starts_with(three) { three } else { one };
        self.at += close.len();
        let mut value = String::new();
        loop {
            let Some(next) = self.peek() else {
                return Err(self.unclosed(start, close));
            };
            if self.rest().starts_with(close) {
                self.at += close.len();
                return Ok(Token::Text(value));
            }
            if close.len() == 1 && matches!(next, '\n' | '\r') {
                return Err(self.unclosed(start, close));
            }
            if next == '\\' && !raw {
                value.push(self.escape()?);
            } else {
                self.at += next.len_utf8();
                value.push(next);
            }
        }
    }

    fn unclosed(&mut self, start: usize, close: &str) -> Fault {
        Fault::new(Span::new(start, start + close.len()), "this text is not closed", format!("end it with `{close}`"))
    }

    /// One escape: `\n`, `\x41`, `\u00e9`, `\U0001F600`, `\101`.
    fn escape(&mut self) -> Result<char, Fault> {
        let start = self.at;
        self.at += 1;
        let kind = self.peek().unwrap_or('\0');
        let digits = match kind {
            'x' | 'X' => (1, 2, 16),
            'u' => (1, 4, 16),
            'U' => (1, 8, 16),
            '0'..='3' => (0, 3, 8),
            _ => (0, 0, 0),
        };
        if digits.1 == 0 {
            self.at += kind.len_utf8().min(self.rest().len());
            return plain_escape(kind).ok_or_else(|| self.bad_escape(start));
        }
        self.at += digits.0;
        let code = self.rest().get(..digits.1).filter(|text| text.chars().all(|c| c.is_digit(digits.2)));
        let found = code.and_then(|text| u32::from_str_radix(text, digits.2).ok()).and_then(char::from_u32);
        self.at += code.map_or(0, str::len);
        found.ok_or_else(|| self.bad_escape(start))
    }

    fn bad_escape(&self, start: usize) -> Fault {
        self.fault(start, "this escape is not known", "write `\\\\` for a backslash, or put `r` before the text")
    }
}

fn plain_escape(kind: char) -> Option<char> {
    Some(match kind {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' | '?' | '"' | '\'' | '`' => kind,
        _ => return None,
    })
}
