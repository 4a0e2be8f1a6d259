use serde_json::{Value, json};

use super::machine::Machine;
use super::stats::Figures;

/// Everything a bench has found.
#[derive(Debug)]
pub struct Report {
    /// Name of the bench.
    bench: &'static str,
    machine: Machine,
    tables: Vec<Table>,
    verdicts: Vec<Verdict>,
    notes: Vec<String>,
}

/// One table: a label in front, figures behind.
#[derive(Debug)]
pub(super) struct Table {
    title: String,
    /// Heads of the columns, unit included.
    columns: Vec<&'static str>,
    rows: Vec<(String, Vec<Cell>)>,
}

#[derive(Debug)]
pub(super) enum Cell {
    Figures(Figures),
    Text(String),
}

/// A target and what became of it.
#[derive(Debug)]
struct Verdict {
    what: String,
    target: String,
    measured: f64,
    met: bool,
}

impl From<Figures> for Cell {
    fn from(figures: Figures) -> Cell {
        Cell::Figures(figures)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }
}

impl Table {
    pub(super) fn new(title: impl Into<String>, columns: &[&'static str]) -> Table {
        Table {
            title: title.into(),
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    pub(super) fn row(&mut self, label: impl Into<String>, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push((label.into(), cells.into_iter().collect()));
    }

    fn text(&self) -> String {
        let mut lines = vec![[vec![self.title.clone()], self.heads()].concat()];
        for (label, cells) in &self.rows {
            let texts = cells.iter().map(Cell::text);
            lines.push(std::iter::once(label.clone()).chain(texts).collect());
        }
        let width = |column: usize| {
            let widths = lines.iter().filter_map(|line| line.get(column));
            widths.map(|text| text.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..=self.columns.len()).map(width).collect();
        let aligned = lines.iter().map(|line| align(line, &widths));
        aligned.collect::<Vec<_>>().join("\n")
    }

    fn heads(&self) -> Vec<String> {
        self.columns.iter().map(|&head| head.to_owned()).collect()
    }

    fn json(&self) -> Value {
        let rows = self.rows.iter().map(|(label, cells)| {
            let cells = self.columns.iter().zip(cells);
            let members = cells.map(|(&head, cell)| (head.to_owned(), cell.json()));
            json!({"label": label, "figures": members.collect::<serde_json::Map<_, _>>()})
        });
        json!({"title": self.title, "rows": rows.collect::<Vec<_>>()})
    }
}

impl Cell {
    fn text(&self) -> String {
        match self {
            Cell::Text(text) => text.clone(),
            Cell::Figures(figures) => {
                let (least, most) = figures.extremes();
                let [median, least, most] = [figures.median(), least, most].map(number);
                if figures.runs().len() > 1 {
                    format!("{median} [{least}–{most}]")
                } else {
                    median
                }
            }
        }
    }

    fn json(&self) -> Value {
        match self {
            Cell::Text(text) => json!(text),
            Cell::Figures(figures) => {
                let (least, most) = figures.extremes();
                json!({"median": figures.median(), "min": least, "max": most, "runs": figures.runs()})
            }
        }
    }
}

impl Report {
    pub(super) fn new(bench: &'static str, machine: Machine) -> Report {
        Report {
            bench,
            machine,
            tables: Vec::new(),
            verdicts: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(super) fn table(&mut self, table: Table) {
        self.tables.push(table);
    }

    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Compares with a target that is not to be exceeded.
    pub(super) fn at_most(&mut self, what: impl Into<String>, measured: f64, limit: f64, unit: &str) {
        let target = format!("≤ {}{unit}", number(limit));
        self.judge(what, measured, target, measured <= limit);
    }

    /// Compares with a target that is to be reached.
    pub(super) fn at_least(&mut self, what: impl Into<String>, measured: f64, limit: f64, unit: &str) {
        let target = format!("≥ {}{unit}", number(limit));
        self.judge(what, measured, target, measured >= limit);
    }

    fn judge(&mut self, what: impl Into<String>, measured: f64, target: String, met: bool) {
        self.verdicts.push(Verdict {
            what: what.into(),
            target,
            measured,
            met,
        });
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut parts = vec![format!("bench {}\n{}", self.bench, self.machine.text())];
        parts.extend(self.tables.iter().map(Table::text));
        if !self.verdicts.is_empty() {
            let mut table = Table::new("target", &["wanted", "measured", ""]);
            for verdict in &self.verdicts {
                let met = if verdict.met { "met" } else { "MISSED" };
                let cells = [verdict.target.clone(), number(verdict.measured), met.to_owned()];
                table.row(verdict.what.clone(), cells.map(Cell::Text));
            }
            parts.push(table.text());
        }
        if !self.notes.is_empty() {
            parts.push(
                self.notes
                    .iter()
                    .map(|note| format!("* {note}"))
                    .collect::<Vec<_>>()
                    .join("\n"),
            );
        }
        parts.join("\n\n")
    }

    /// For programs: every figure of every run.
    pub fn json(&self) -> Value {
        let verdicts = self.verdicts.iter().map(|verdict| {
            json!({"what": verdict.what, "target": verdict.target, "measured": verdict.measured, "met": verdict.met})
        });
        json!({
            "bench": self.bench,
            "machine": self.machine.json(),
            "tables": self.tables.iter().map(Table::json).collect::<Vec<_>>(),
            "targets": verdicts.collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }
}

/// The label to the left, figures to the right.
fn align(line: &[String], widths: &[usize]) -> String {
    let cells = line.iter().zip(widths).enumerate();
    let padded = cells.map(|(column, (text, width))| {
        let fill = " ".repeat(width.saturating_sub(text.chars().count()));
        if column == 0 {
            format!("{text}{fill}")
        } else {
            format!("{fill}{text}")
        }
    });
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// Three digits that mean something, and thousands apart.
pub(super) fn number(value: f64) -> String {
    let decimals = match value.abs() {
        0.0 => 0,
        size if size < 1.0 => 3,
        size if size < 10.0 => 2,
        size if size < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    let (sign, digits) = text
        .strip_prefix('-')
        .map_or(("", text.as_str()), |digits| ("-", digits));
    let (whole, fraction) = digits
        .split_once('.')
        .map_or((digits, String::new()), |(w, f)| (w, format!(".{f}")));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits_that_mean_something() {
        let shown = [0.0, 0.1234, 9.876, 45.67, 123.4, 1_234_567.0, -4.2].map(number);
        assert_eq!(shown, ["0", "0.123", "9.88", "45.7", "123", "1 234 567", "-4.20"]);
    }

    #[test]
    fn a_table_is_aligned_and_shows_median_and_extremes() {
        let mut table = Table::new("clients", &["payments/s"]);
        table.row(
            "1",
            [Cell::from([100.0, 300.0, 200.0].into_iter().collect::<Figures>())],
        );
        table.row("32", [Cell::from([1000.0].into_iter().collect::<Figures>())]);
        let expected = "clients     payments/s\n1        200 [100–300]\n32               1 000";
        assert_eq!(table.text(), expected);
    }
}
