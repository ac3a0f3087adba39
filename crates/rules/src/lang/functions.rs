//! The functions that expressions may call: one row for each.
//!
//! A function is plain Rust over values: it never fails, and what cannot be computed is unknown. Text that
//! a function makes is bounded by [`TEXT_MADE_BYTES_MAX`]; long input is paid for in visits.

mod arithmetic;
mod convert;
mod place;
mod text;
mod time;

pub(super) use arithmetic::arithmetic;
pub use place::{edit_distance, registered_domain};
pub(super) use text::cut;
pub use time::time_of;

use super::types::Ty;
use super::val::Val;

/// The longest text that an expression may make.
pub const TEXT_MADE_BYTES_MAX: usize = 1 << 20;
/// How many arguments a function may have, the one before the dot included.
pub(super) const ARGS_MAX: usize = 4;

/// The arguments of a call; those that were not given are null.
pub(super) type Args<'a> = [Val<'a>; ARGS_MAX];
/// No arguments.
pub(super) const NO_ARGS: Args<'static> = [Val::Null, Val::Null, Val::Null, Val::Null];

/// A function.
#[derive(Debug)]
pub(super) struct Function {
    /// Its name.
    pub name: &'static str,
    /// How it is called.
    pub style: Style,
    /// What each argument may be.
    pub params: &'static [&'static [Kind]],
    /// What it comes to.
    pub result: Kind,
    /// Computes it from known arguments.
    pub run: for<'a> fn(Args<'a>, &mut u32) -> Val<'a>,
}

/// How a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `f(a, b)`
    Plain,
    /// `a.f(b)`
    Method,
    /// Either.
    Both,
}

/// A type, as far as a signature says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Any,
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Time,
    Duration,
    Distance,
    Speed,
    Geo,
    Addr,
    Level,
    List,
    Texts,
    Map,
}

impl Kind {
    /// Whether an argument of type `ty` will do.
    pub(super) fn accepts(self, ty: &Ty) -> bool {
        match (self, ty) {
            (Kind::Any, _) | (_, Ty::Dyn) | (Kind::List, Ty::List(_)) | (Kind::Level, Ty::Level(_)) => true,
            (Kind::Texts, Ty::List(element)) => matches!(**element, Ty::Text | Ty::Dyn),
            _ => self.ty() == *ty,
        }
    }

    pub(super) fn ty(self) -> Ty {
        match self {
            Kind::Any | Kind::Level => Ty::Dyn,
            Kind::Bool => Ty::Bool,
            Kind::Int => Ty::Int,
            Kind::Uint => Ty::Uint,
            Kind::Double => Ty::Double,
            Kind::Text => Ty::Text,
            Kind::Time => Ty::Time,
            Kind::Duration => Ty::Duration,
            Kind::Distance => Ty::Distance,
            Kind::Speed => Ty::Speed,
            Kind::Geo => Ty::Geo,
            Kind::Addr => Ty::Addr,
            Kind::List => Ty::List(Box::new(Ty::Dyn)),
            Kind::Texts => Ty::List(Box::new(Ty::Text)),
            Kind::Map => Ty::Map,
        }
    }

    /// As messages write it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Any => "anything",
            Kind::Bool => "bool",
            Kind::Int => "int",
            Kind::Uint => "uint",
            Kind::Double => "double",
            Kind::Text => "text",
            Kind::Time => "time",
            Kind::Duration => "duration",
            Kind::Distance => "distance",
            Kind::Speed => "speed",
            Kind::Geo => "place",
            Kind::Addr => "address",
            Kind::Level => "level",
            Kind::List => "list",
            Kind::Texts => "list of text",
            Kind::Map => "map",
        }
    }
}

/// Pays for going through `bytes` bytes of text.
pub(super) fn spend(visits: &mut u32, bytes: usize) {
    *visits = visits.saturating_sub(u32::try_from(bytes / 1024).unwrap_or(u32::MAX));
}

const fn function(
    name: &'static str,
    style: Style,
    params: &'static [&'static [Kind]],
    result: Kind,
    run: for<'a> fn(Args<'a>, &mut u32) -> Val<'a>,
) -> Function {
    Function { name, style, params, result, run }
}

use Kind::{Addr, Any, Bool, Distance, Double, Duration, Geo, Int, Level, List, Map, Speed, Text, Texts, Time, Uint};
use Style::{Both, Method, Plain};

/// Every function. Of rows with one name the first one that takes the arguments is called.
pub(super) const FUNCTIONS: &[Function] = &[
    function("size", Both, &[&[Text, List, Map]], Int, text::size),
    function("contains", Method, &[&[Text], &[Text]], Bool, text::contains),
    function("startsWith", Method, &[&[Text], &[Text]], Bool, text::starts_with),
    function("endsWith", Method, &[&[Text], &[Text]], Bool, text::ends_with),
    function("lower", Both, &[&[Text]], Text, text::lower),
    function("upper", Both, &[&[Text]], Text, text::upper),
    function("lowerAscii", Method, &[&[Text]], Text, text::lower_ascii),
    function("upperAscii", Method, &[&[Text]], Text, text::upper_ascii),
    function("trim", Method, &[&[Text]], Text, text::trim),
    function("reverse", Method, &[&[Text]], Text, text::reverse),
    function("charAt", Method, &[&[Text], &[Int]], Text, text::char_at),
    function("indexOf", Method, &[&[Text], &[Text]], Int, text::index_of),
    function("indexOf", Method, &[&[Text], &[Text], &[Int]], Int, text::index_of),
    function("lastIndexOf", Method, &[&[Text], &[Text]], Int, text::last_index_of),
    function("lastIndexOf", Method, &[&[Text], &[Text], &[Int]], Int, text::last_index_of),
    function("substring", Method, &[&[Text], &[Int]], Text, text::substring),
    function("substring", Method, &[&[Text], &[Int], &[Int]], Text, text::substring),
    function("replace", Method, &[&[Text], &[Text], &[Text]], Text, text::replace),
    function("replace", Method, &[&[Text], &[Text], &[Text], &[Int]], Text, text::replace),
    function("split", Method, &[&[Text], &[Text]], Texts, text::split),
    function("split", Method, &[&[Text], &[Text], &[Int]], Texts, text::split),
    function("join", Method, &[&[Texts]], Text, text::join),
    function("join", Method, &[&[Texts], &[Text]], Text, text::join),
    function("dyn", Plain, &[&[Any]], Any, convert::same),
    function("bool", Plain, &[&[Bool, Text]], Bool, convert::bool),
    function("int", Plain, &[&[Int, Uint, Double, Text, Time]], Int, convert::int),
    function("uint", Plain, &[&[Int, Uint, Double, Text]], Uint, convert::uint),
    function("double", Plain, &[&[Int, Uint, Double, Text]], Double, convert::double),
    function(
        "string",
        Plain,
        &[&[Bool, Int, Uint, Double, Text, Time, Duration, Addr, Level, Distance, Speed]],
        Text,
        convert::string,
    ),
    function("timestamp", Plain, &[&[Text, Time, Int]], Time, time::timestamp),
    function("duration", Plain, &[&[Text, Duration]], Duration, time::duration),
    function("time", Plain, &[&[Any]], Time, time::time),
    function("time", Plain, &[&[Text], &[Text]], Time, time::time_by_format),
    function("getFullYear", Method, &[&[Time]], Int, time::full_year),
    function("getFullYear", Method, &[&[Time], &[Text]], Int, time::full_year),
    function("getMonth", Method, &[&[Time]], Int, time::month),
    function("getMonth", Method, &[&[Time], &[Text]], Int, time::month),
    function("getDate", Method, &[&[Time]], Int, time::date),
    function("getDate", Method, &[&[Time], &[Text]], Int, time::date),
    function("getDayOfMonth", Method, &[&[Time]], Int, time::day_of_month),
    function("getDayOfMonth", Method, &[&[Time], &[Text]], Int, time::day_of_month),
    function("getDayOfWeek", Method, &[&[Time]], Int, time::day_of_week),
    function("getDayOfWeek", Method, &[&[Time], &[Text]], Int, time::day_of_week),
    function("getDayOfYear", Method, &[&[Time]], Int, time::day_of_year),
    function("getDayOfYear", Method, &[&[Time], &[Text]], Int, time::day_of_year),
    function("getHours", Method, &[&[Time, Duration]], Int, time::hours),
    function("getHours", Method, &[&[Time], &[Text]], Int, time::hours),
    function("getMinutes", Method, &[&[Time, Duration]], Int, time::minutes),
    function("getMinutes", Method, &[&[Time], &[Text]], Int, time::minutes),
    function("getSeconds", Method, &[&[Time, Duration]], Int, time::seconds),
    function("getSeconds", Method, &[&[Time], &[Text]], Int, time::seconds),
    function("getMilliseconds", Method, &[&[Time, Duration]], Int, time::milliseconds),
    function("getMilliseconds", Method, &[&[Time], &[Text]], Int, time::milliseconds),
    function("km", Plain, &[&[Int]], Distance, place::km),
    function("m", Plain, &[&[Int]], Distance, place::m),
    function("kmh", Plain, &[&[Int]], Speed, place::kmh),
    function("distance", Plain, &[&[Geo], &[Geo]], Distance, place::distance_between),
    function("speed", Plain, &[&[Geo], &[Geo], &[Duration]], Speed, place::speed_between),
    function("edit_distance", Plain, &[&[Text], &[Text]], Int, place::edits),
    function("registered_domain", Plain, &[&[Text]], Text, place::registered),
    function("domain_of", Plain, &[&[Text]], Text, place::domain_of),
    function("local_part", Plain, &[&[Text]], Text, place::local_part),
];

/// What is no function of values but part of the language.
pub(super) const SPECIAL: &[&str] =
    &["has", "first", "table", "list", "cidr", "matches", "extract", "all", "exists", "exists_one", "existsOne", "filter", "map"];

/// The names of everything that can be called, each once.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).chain(SPECIAL.iter().copied()).collect();
    names.sort_unstable();
    names.dedup();
    names
}
