//! The table of faults: what each cell of `docs/faults.md` is proven by.
//!
//! A row is written once, by [`row!`]: it registers the tests and names them in the table.

use crate::phase::Phase;

/// What a cell of the table says.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Says {
    /// A test of this target.
    Test(&'static str),
    /// A test of the target `e2e`, as `module::name`.
    EndToEnd(&'static str),
    /// Why there is none, in a word.
    Word(&'static str),
}

pub(crate) struct Cell {
    pub(crate) phase: Phase,
    pub(crate) says: Says,
}

pub(crate) struct Row {
    pub(crate) fault: &'static str,
    pub(crate) cells: &'static [Cell],
}

/// A row of the table: `row! { NAME: "fault" => what to do at a phase; A test a_sentence; B word "same as A"; … }`.
/// What to do is a function of the phase.
macro_rules! row {
    ($row:ident: $fault:literal => $act:expr; $($phase:ident $kind:ident $what:tt;)+) => {
        $(row!(@test $act, $phase $kind $what);)+
        pub(crate) const $row: $crate::table::Row = $crate::table::Row {
            fault: $fault,
            cells: &[$($crate::table::Cell {
                phase: $crate::phase::Phase::$phase,
                says: row!(@says $kind $what),
            }),+],
        };
    };
    (@test $act:expr, $phase:ident test $name:ident) => {
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() -> anyhow::Result<()> {
            let act = $act;
            act($crate::phase::Phase::$phase).await
        }
    };
    (@test $act:expr, $phase:ident $kind:ident $what:tt) => {};
    (@says test $name:ident) => {
        $crate::table::Says::Test(concat!(module_path!(), "::", stringify!($name)))
    };
    (@says e2e $name:literal) => { $crate::table::Says::EndToEnd($name) };
    (@says word $word:literal) => { $crate::table::Says::Word($word) };
}
pub(crate) use row;
