//! Reads an expression: CEL's grammar by precedence climbing.
//!
//! Text longer than [`TEXT_BYTES_MAX`] and trees deeper than [`NESTING_MAX`] are refused before they
//! cost anything, so that every later walk over the tree may recurse.

use super::lex::{self, Token};
use super::syntax::{Binary, Call, Expr, Kind, Literal};
use super::{Fault, Relation};
use crate::diagnostic::Span;

/// The longest expression that is read.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;
/// How deep an expression may nest: brackets, calls, selections and chains of operators alike.
pub const NESTING_MAX: usize = 64;

/// Binary operators by how tightly they bind.
const OPERATORS: [(&str, u8, Binary); 11] = [
    ("==", 3, Binary::Compare(Relation::Equal)),
    ("!=", 3, Binary::Compare(Relation::NotEqual)),
    ("<", 3, Binary::Compare(Relation::Less)),
    ("<=", 3, Binary::Compare(Relation::LessOrEqual)),
    (">", 3, Binary::Compare(Relation::Greater)),
    (">=", 3, Binary::Compare(Relation::GreaterOrEqual)),
    ("+", 4, Binary::Add),
    ("-", 4, Binary::Subtract),
    ("*", 5, Binary::Multiply),
    ("/", 5, Binary::Divide),
    ("%", 5, Binary::Modulo),
];

/// Reads `text` as one expression.
pub(super) fn parse(text: &str) -> Result<Expr, Fault> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("this expression is {} bytes long", text.len());
        return Err(Fault::new(
            Span::new(0, 1),
            message,
            format!("at most {TEXT_BYTES_MAX} are read; use `list(…)` or `table(…)`"),
        ));
    }
    let tokens = lex::tokens(text)?;
    let mut parser = Parser { tokens, at: 0, depth: 0 };
    let (expr, _) = parser.expression().map_err(|fault| *fault)?;
    match parser.peek() {
        Token::End => Ok(expr),
        _ => Err(*parser.unexpected("an operator")),
    }
}

/// Faults are boxed, which keeps the frames of the recursion small.
type Parsed<T> = Result<T, Box<Fault>>;

fn fault(span: Span, message: impl Into<String>, help: impl Into<String>) -> Box<Fault> {
    Box::new(Fault::new(span, message, help))
}

/// A part and how deep it nests.
type Deep = (Expr, usize);

struct Parser {
    tokens: Vec<(Token, Span)>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |(token, _)| token)
    }

    fn span(&self) -> Span {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(Span::new(0, 0), |(_, span)| *span)
    }

    fn next(&mut self) -> (Token, Span) {
        let found = (self.peek().clone(), self.span());
        self.at += 1;
        found
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(found) if *found == sign)
    }

    fn eat(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &'static str) -> Parsed<Span> {
        let span = self.span();
        if self.eat(sign) { Ok(span) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    fn unexpected(&self, wanted: &str) -> Box<Fault> {
        let found = match self.peek() {
            Token::Word(word) | Token::Quoted(word) => format!("`{word}`"),
            Token::Text(_) => "text".to_owned(),
            Token::Int(_) | Token::Uint(_) | Token::Double(_) => "a number".to_owned(),
            Token::Sign(sign) => format!("`{sign}`"),
            Token::End => "the end".to_owned(),
        };
        let help = match self.peek() {
            Token::Word(word) if word == "and" => "write `&&`",
            Token::Word(word) if word == "or" => "write `||`",
            Token::Word(word) if word == "not" => "write `!`",
            _ => "",
        };
        fault(self.span(), format!("expected {wanted}, found {found}"), help)
    }

    fn too_deep(&self, span: Span) -> Box<Fault> {
        fault(span, "this expression nests too deeply", format!("at most {NESTING_MAX} levels; split it or use `in [..]`"))
    }

    /// `expr`, one level above parts that nest `below` deep.
    fn above(&self, below: usize, expr: Expr) -> Parsed<Deep> {
        if below + 1 + self.depth > NESTING_MAX { Err(self.too_deep(expr.span)) } else { Ok((expr, below + 1)) }
    }

    fn expression(&mut self) -> Parsed<Deep> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return Err(self.too_deep(self.span()));
        }
        let test = self.chain("||")?;
        let made = if self.eat("?") { self.choice(test) } else { Ok(test) };
        self.depth -= 1;
        made
    }

    fn choice(&mut self, (test, depth): Deep) -> Parsed<Deep> {
        let (yes, yes_depth) = self.chain("||")?;
        self.expect(":")?;
        let (no, no_depth) = self.expression()?;
        let span = test.span.to(no.span);
        self.above(depth.max(yes_depth).max(no_depth), Expr { span, kind: Kind::If(Box::new([test, yes, no])) })
    }

    /// `a || b || …` or, for `&&`, `a && b && …`, flat however long.
    fn chain(&mut self, sign: &'static str) -> Parsed<Deep> {
        let or = sign == "||";
        let (first, mut depth) = if or { self.chain("&&")? } else { self.binary(3)? };
        if !self.is_sign(sign) {
            return Ok((first, depth));
        }
        let mut span = first.span;
        let mut parts = vec![first];
        while self.eat(sign) {
            let (part, part_depth) = if or { self.chain("&&")? } else { self.binary(3)? };
            depth = depth.max(part_depth);
            span = span.to(part.span);
            parts.push(part);
        }
        self.above(depth, Expr { span, kind: if or { Kind::Or(parts) } else { Kind::And(parts) } })
    }

    fn operator(&self) -> Option<(u8, Binary)> {
        match self.peek() {
            Token::Word(word) if word == "in" => Some((3, Binary::In)),
            Token::Sign(sign) => OPERATORS.iter().find(|(name, ..)| name == sign).map(|(_, power, op)| (*power, *op)),
            _ => None,
        }
    }

    fn binary(&mut self, least: u8) -> Parsed<Deep> {
        let (mut left, mut depth) = self.unary()?;
        while let Some((power, op)) = self.operator() {
            if power < least {
                break;
            }
            self.at += 1;
            let (right, right_depth) = self.binary(power + 1)?;
            let span = left.span.to(right.span);
            let kind = Kind::Binary(op, Box::new(left), Box::new(right));
            (left, depth) = self.above(depth.max(right_depth), Expr { span, kind })?;
        }
        Ok((left, depth))
    }

    /// `!!a`, `--a`: pairs cancel in CEL's grammar only by meaning, so each sign is one level.
    fn unary(&mut self) -> Parsed<Deep> {
        let start = self.span();
        if self.is_sign("-") && matches!(self.tokens.get(self.at + 1), Some((Token::Int(_) | Token::Double(_), _))) {
            self.at += 1;
            let literal = self.number(true)?;
            return self.postfix((literal.spanned_from(start), 1));
        }
        let not = self.is_sign("!");
        if !not && !self.is_sign("-") {
            let primary = self.primary()?;
            return self.postfix(primary);
        }
        self.at += 1;
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return Err(self.too_deep(start));
        }
        let (operand, depth) = self.unary()?;
        self.depth -= 1;
        let span = start.to(operand.span);
        let operand = Box::new(operand);
        self.above(depth, Expr { span, kind: if not { Kind::Not(operand) } else { Kind::Negate(operand) } })
    }

    fn number(&mut self, negative: bool) -> Parsed<Expr> {
        let (token, span) = self.next();
        let literal = match token {
            Token::Int(value) if negative => 0_i64.checked_sub_unsigned(value).map(Literal::Int),
            Token::Int(value) => i64::try_from(value).ok().map(Literal::Int),
            Token::Uint(value) => Some(Literal::Uint(value)),
            Token::Double(value) => Some(Literal::Double(if negative { -value } else { value })),
            _ => None,
        };
        let too_large = || fault(span, "this number is too large", "whole numbers reach to 9223372036854775807");
        Ok(Expr { span, kind: Kind::Literal(literal.ok_or_else(too_large)?) })
    }

    fn postfix(&mut self, mut deep: Deep) -> Parsed<Deep> {
        loop {
            match self.peek() {
                Token::Sign(".") => deep = self.selection(deep)?,
                Token::Sign("[") => deep = self.index(deep)?,
                Token::Sign("{") => {
                    return Err(fault(deep.0.span, "messages are not supported", "a map is written `{\"key\": value}`"));
                }
                _ => return Ok(deep),
            }
        }
    }

    fn selection(&mut self, (operand, depth): Deep) -> Parsed<Deep> {
        self.expect(".")?;
        if self.is_sign("?") {
            return Err(fault(self.span(), "optional selection is not supported", "use `has(…)` or `first(…)`"));
        }
        let (field, field_span) = self.field_name()?;
        if !self.is_sign("(") {
            let span = operand.span.to(field_span);
            let operand = Box::new(operand);
            return self.above(depth, Expr { span, kind: Kind::Select { operand, field, field_span } });
        }
        let (args, end, args_depth) = self.arguments()?;
        let span = operand.span.to(end);
        let kind = Kind::Call(Box::new(Call { target: Some(operand), name: field, name_span: field_span, args }));
        self.above(depth.max(args_depth), Expr { span, kind })
    }

    fn index(&mut self, (operand, depth): Deep) -> Parsed<Deep> {
        self.expect("[")?;
        let (index, index_depth) = self.expression()?;
        let span = operand.span.to(self.expect("]")?);
        let kind = Kind::Index { operand: Box::new(operand), index: Box::new(index) };
        self.above(depth.max(index_depth), Expr { span, kind })
    }

    fn field_name(&mut self) -> Parsed<(String, Span)> {
        match self.next() {
            (Token::Word(word), span) if !matches!(word.as_str(), "in" | "true" | "false" | "null") => Ok((word, span)),
            (Token::Quoted(name), span) => Ok((name, span)),
            (_, span) => {
                self.at -= 1;
                Err(Box::new(Fault { span, ..*self.unexpected("a name") }))
            }
        }
    }

    fn arguments(&mut self) -> Parsed<(Vec<Expr>, Span, usize)> {
        self.expect("(")?;
        let (args, depth) = self.items(")")?;
        let end = self.expect(")")?;
        Ok((args, end, depth))
    }

    /// Expressions between commas, up to `close`, which stays.
    fn items(&mut self, close: &'static str) -> Parsed<(Vec<Expr>, usize)> {
        let (mut items, mut depth) = (Vec::new(), 0);
        while !self.is_sign(close) {
            let (item, item_depth) = self.expression()?;
            depth = depth.max(item_depth);
            items.push(item);
            if !self.eat(",") {
                break;
            }
            if self.is_sign(")") {
                return Err(self.unexpected("an argument"));
            }
        }
        Ok((items, depth))
    }

    fn primary(&mut self) -> Parsed<Deep> {
        match self.peek() {
            Token::Sign("(") => self.bracketed(),
            Token::Sign("[") => self.list(),
            Token::Sign("{") => self.map(),
            Token::Word(_) => self.word(),
            _ => self.literal(),
        }
    }

    fn bracketed(&mut self) -> Parsed<Deep> {
        let start = self.expect("(")?;
        let (mut expr, depth) = self.expression()?;
        expr.span = start.to(self.expect(")")?);
        Ok((expr, depth))
    }

    fn list(&mut self) -> Parsed<Deep> {
        let start = self.expect("[")?;
        let (items, depth) = self.items("]")?;
        let span = start.to(self.expect("]")?);
        self.above(depth, Expr { span, kind: Kind::List(items) })
    }

    fn literal(&mut self) -> Parsed<Deep> {
        match self.next() {
            (Token::Int(_) | Token::Uint(_) | Token::Double(_), _) => {
                self.at -= 1;
                Ok((self.number(false)?, 1))
            }
            (Token::Text(text), span) => Ok((Expr { span, kind: Kind::Literal(Literal::Text(text)) }, 1)),
            // CEL's absolute name: `.a` is `a`, whatever macros have named so.
            (Token::Sign("."), _) if matches!(self.peek(), Token::Word(_)) => self.word(),
            _ => {
                self.at -= 1;
                Err(self.unexpected("a value"))
            }
        }
    }

    fn word(&mut self) -> Parsed<Deep> {
        let (Token::Word(word), span) = self.next() else { return Err(self.unexpected("a name")) };
        let literal = match word.as_str() {
            "true" => Some(Literal::Bool(true)),
            "false" => Some(Literal::Bool(false)),
            "null" => Some(Literal::Null),
            reserved if lex::RESERVED.contains(&reserved) => {
                return Err(fault(span, format!("`{word}` is a reserved word"), "use another name"));
            }
            _ => None,
        };
        if let Some(literal) = literal {
            return Ok((Expr { span, kind: Kind::Literal(literal) }, 1));
        }
        if !self.is_sign("(") {
            return Ok((Expr { span, kind: Kind::Ident(word) }, 1));
        }
        let (args, end, depth) = self.arguments()?;
        let kind = Kind::Call(Box::new(Call { target: None, name: word, name_span: span, args }));
        self.above(depth, Expr { span: span.to(end), kind })
    }

    fn map(&mut self) -> Parsed<Deep> {
        let start = self.expect("{")?;
        let (mut entries, mut depth) = (Vec::new(), 0);
        while !self.is_sign("}") {
            let (key, key_depth) = self.expression()?;
            self.expect(":")?;
            let (value, value_depth) = self.expression()?;
            depth = depth.max(key_depth).max(value_depth);
            entries.push((key, value));
            if !self.eat(",") {
                break;
            }
        }
        let span = start.to(self.expect("}")?);
        self.above(depth, Expr { span, kind: Kind::Map(entries) })
    }
}

impl Expr {
    fn spanned_from(self, start: Span) -> Self {
        Self { span: start.to(self.span), ..self }
    }
}
