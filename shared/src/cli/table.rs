//! Tables as kubectl prints them: upper-case headers, three spaces, no borders.

use unicode_width::UnicodeWidthStr;

use super::ui::printable;

const GAP: &str = "   ";

/// How wide each column is. Rows are shown to it first and printed then, one by one, so that a
/// long table is never in memory.
pub struct Columns {
    widths: Vec<usize>,
    right: Vec<usize>,
}

impl Columns {
    /// Columns under `header`; those named in `right` are aligned there.
    pub fn new(header: &[&str], right: &[usize]) -> Self {
        Self {
            widths: header.iter().map(|cell| cell.width()).collect(),
            right: right.to_vec(),
        }
    }

    /// Makes room for a row, whose cells are [`printable`].
    pub fn fit(&mut self, row: &[impl AsRef<str>]) {
        for (width, cell) in self.widths.iter_mut().zip(row) {
            *width = (*width).max(cell.as_ref().width());
        }
    }

    /// A row, with its line end.
    pub fn line(&self, row: &[impl AsRef<str>]) -> String {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&self.widths).enumerate() {
            let cell = cell.as_ref();
            if column > 0 {
                line.push_str(GAP);
            }
            let space = width.saturating_sub(cell.width());
            if self.right.contains(&column) {
                line.extend(std::iter::repeat_n(' ', space));
                line.push_str(cell);
            } else {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', space));
            }
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }
}

/// Rows under a header; columns named in `right` are aligned there. Nothing without rows.
pub fn table<const N: usize>(header: [&str; N], right: &[usize], rows: &[[String; N]]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let rows: Vec<[String; N]> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| printable(cell)))
        .collect();
    let mut columns = Columns::new(&header, right);
    rows.iter().for_each(|row| columns.fit(row));
    let lines = rows.iter().map(|row| columns.line(row));
    std::iter::once(columns.line(&header))
        .chain(lines)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_nothing_is_nothing() {
        let rows = [
            ["web".to_owned(), "9 B".to_owned()],
            ["übung".to_owned(), "10 KiB".to_owned()],
        ];
        assert_eq!(
            table(["NAME", "SIZE"], &[1], &rows),
            "NAME      SIZE\nweb        9 B\nübung   10 KiB\n"
        );
        assert_eq!(table(["NAME"], &[], &[]), "");
        assert_eq!(
            table(["NAME"], &[], &[["\u{1b}[2J".to_owned()]]),
            "NAME\n\u{fffd}[2J\n"
        );
    }
}
