//! Tables: as Markdown while they are made, and all together as JSON.

use serde_json::{Map, Value, json};
use std::path::Path;

/// One field of a table.
pub enum Cell {
    Text(String),
    /// Shown with as many digits as mean something.
    Number(f64),
    /// There is no such figure.
    Nothing,
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub fn maybe(number: Option<f64>) -> Self {
        number.map_or(Self::Nothing, Self::Number)
    }

    fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) if number.fract() == 0.0 || number.abs() >= 100.0 => format!("{number:.0}"),
            Self::Number(number) if number.abs() >= 10.0 => format!("{number:.1}"),
            Self::Number(number) => format!("{number:.2}"),
            Self::Nothing => String::new(),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Number(number) => json!((number * 1000.0).round() / 1000.0),
            Self::Nothing => Value::Null,
        }
    }
}

impl From<usize> for Cell {
    fn from(count: usize) -> Self {
        Self::Number(count as f64)
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

/// All that was measured.
pub struct Report {
    tables: Map<String, Value>,
    machine: Value,
}

impl Report {
    pub fn new(machine: Value) -> Self {
        Self { tables: Map::new(), machine }
    }

    /// Prints a table and keeps it. `columns` are its headings and the names in the JSON.
    pub fn table(&mut self, name: &str, title: &str, columns: &[&str], rows: Vec<Vec<Cell>>) {
        let objects = rows.iter().map(|row| {
            let named = columns.iter().zip(row).map(|(column, cell)| ((*column).to_owned(), cell.json()));
            named.collect::<Map<_, _>>()
        });
        self.tables.insert(name.to_owned(), objects.collect());
        print_table(title, columns, &rows);
    }

    /// Writes all tables as one JSON object; makes the file's directory.
    pub fn write(self, file: &Path) -> Result<(), String> {
        if let Some(directory) = file.parent() {
            let _ = std::fs::create_dir_all(directory);
        }
        let whole = json!({ "machine": self.machine, "tables": self.tables });
        let text = serde_json::to_string_pretty(&whole).map_err(|error| error.to_string())?;
        std::fs::write(file, text + "\n").map_err(|error| format!("{}: {error}", file.display()))
    }
}

/// As Markdown; a column that is empty all the way down is left out.
fn print_table(title: &str, columns: &[&str], rows: &[Vec<Cell>]) {
    let used: Vec<usize> =
        (0..columns.len()).filter(|at| rows.iter().any(|row| !matches!(row[*at], Cell::Nothing))).collect();
    let heading: Vec<String> = used.iter().map(|at| columns[*at].replace('_', " ")).collect();
    let shown: Vec<Vec<String>> =
        rows.iter().map(|row| used.iter().map(|at| row[*at].shown()).collect()).collect();
    let width = |at: usize| {
        let longest = shown.iter().map(|row| row[at].chars().count()).max();
        longest.unwrap_or(0).max(heading[at].len()).max(3)
    };
    let widths: Vec<usize> = (0..used.len()).map(width).collect();
    let numeric: Vec<bool> =
        used.iter().map(|at| rows.iter().any(|row| matches!(row[*at], Cell::Number(_)))).collect();
    let rule = widths.iter().zip(&numeric).map(|(width, numeric)| {
        if *numeric { format!("{}:", "-".repeat(width - 1)) } else { "-".repeat(*width) }
    });
    println!("\n### {title}\n");
    print_row(&heading, &widths, &numeric);
    print_row(&rule.collect::<Vec<_>>(), &widths, &numeric);
    shown.iter().for_each(|row| print_row(row, &widths, &numeric));
}

fn print_row(fields: &[String], widths: &[usize], numeric: &[bool]) {
    let mut line = String::from("|");
    for ((field, width), numeric) in fields.iter().zip(widths).zip(numeric) {
        let field = if *numeric { format!(" {field:>width$} |") } else { format!(" {field:<width$} |") };
        line.push_str(&field);
    }
    println!("{line}");
}
