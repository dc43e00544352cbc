//! Tables as kubectl prints them: upper-case headers, three spaces, no borders.

use unicode_width::UnicodeWidthStr;

use super::ui::printable;

const GAP: &str = "   ";

/// Rows under a header; columns named in `right` are aligned there. Nothing without rows.
pub fn table<const N: usize>(header: [&str; N], right: &[usize], rows: &[[String; N]]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let header = header.map(str::to_owned);
    let rows: Vec<[String; N]> = std::iter::once(header)
        .chain(
            rows.iter()
                .map(|row| row.each_ref().map(|cell| printable(cell))),
        )
        .collect();
    let widths: [usize; N] = std::array::from_fn(|column| {
        rows.iter()
            .map(|row| row[column].width())
            .max()
            .unwrap_or(0)
    });
    let line = |row: &[String; N]| {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let space = " ".repeat(widths[column].saturating_sub(cell.width()));
            if right.contains(&column) {
                space + cell
            } else {
                cell.clone() + &space
            }
        });
        let cells: Vec<String> = cells.collect();
        cells.join(GAP).trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
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
