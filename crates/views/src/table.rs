//! Columns as wide as their contents; the last one takes what is left of the terminal.

use std::borrow::Cow;

use crate::style::{Accent, Style};
use crate::text;

/// On which side a column is flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

#[derive(Debug)]
struct Column {
    head: Cow<'static, str>,
    align: Align,
    /// Text between this column and the one before it.
    before: &'static str,
    cells: Vec<String>,
    /// Columns of the widest cell; measured once, as every line asks for it.
    width: usize,
}

/// A table; rows are given column by column.
#[derive(Debug)]
pub(crate) struct Table {
    indent: usize,
    columns: Vec<Column>,
    last: usize,
    cut: Cut,
}

/// Where the last column is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Its end, as of names.
    End,
    /// Its start, as of paths.
    Start,
}

/// What is left for the last column at least.
const LAST: usize = 10;

impl Table {
    pub(crate) fn new(indent: usize) -> Self {
        Table { indent, columns: Vec::new(), last: LAST, cut: Cut::End }
    }

    /// Leaves so much room for the last column at least, and cuts it there.
    pub(crate) fn last(&mut self, room: usize, cut: Cut) {
        self.last = room;
        self.cut = cut;
    }

    /// Adds a column; `before` stands between it and the one before.
    pub(crate) fn column(
        &mut self,
        before: &'static str,
        head: impl Into<Cow<'static, str>>,
        align: Align,
        cells: impl IntoIterator<Item = String>,
    ) {
        let head = head.into();
        let cells: Vec<String> = cells.into_iter().collect();
        let widths = cells.iter().map(|c| text::width(c)).chain([text::width(&head)]);
        let width = widths.max().unwrap_or_default();
        self.columns.push(Column { head, align, before, cells, width });
    }

    /// Columns of all but the last, and the separator before it.
    fn fixed(&self) -> usize {
        let Some((last, rest)) = self.columns.split_last() else { return 0 };
        let widths: usize = rest.iter().map(|c| text::width(c.before) + c.width).sum();
        self.indent + widths + text::width(last.before)
    }

    /// Whether the last column has room in this style: for all of it, or for a telling part.
    pub(crate) fn fits(&self, style: &Style) -> bool {
        let last = self.columns.last().map_or(0, |c| c.width);
        self.fixed() + last.min(self.last) <= style.columns()
    }

    /// As [`Table::narrow`], for a table whose last column is still to come behind `before` and wants
    /// this much room.
    pub(crate) fn narrow_for(
        &mut self,
        style: &Style,
        heads: &'static [&'static str],
        before: &str,
        wanted: usize,
    ) -> &'static [&'static str] {
        for (i, head) in heads.iter().enumerate() {
            if self.room_for(before, style).is_none_or(|room| room >= wanted) {
                return &heads[..i];
            }
            self.columns.retain(|c| c.head != *head);
        }
        heads
    }

    /// Columns that a last column would have behind the others and `before`; `None` when what is
    /// printed is not read on a terminal.
    pub(crate) fn room_for(&self, before: &str, style: &Style) -> Option<usize> {
        style.width?;
        let widths: usize = self.columns.iter().map(|c| text::width(c.before) + c.width).sum();
        let taken = self.indent + widths + text::width(before);
        Some(style.columns().saturating_sub(taken).max(4))
    }

    /// Takes away columns of these heads, in this order, until the rest fits the terminal; those
    /// taken away. What is not read on a terminal keeps all.
    pub(crate) fn narrow(
        &mut self,
        style: &Style,
        heads: &'static [&'static str],
    ) -> &'static [&'static str] {
        for (i, head) in heads.iter().enumerate() {
            if style.width.is_none() || self.fits(style) {
                return &heads[..i];
            }
            self.columns.retain(|c| c.head != *head);
        }
        heads
    }

    /// Heads and rows. The last column is cut to the terminal, if there is one.
    pub(crate) fn lines(&self, style: &Style) -> Vec<String> {
        let rows = self.columns.iter().map(|c| c.cells.len()).max().unwrap_or(0);
        let room = style.width.map(|_| style.columns().saturating_sub(self.fixed()).max(4));
        let mut lines = vec![style.paint(Accent::Dim, self.line(None, None, style).trim_end())];
        lines.extend((0..rows).map(|row| self.line(Some(row), room, style)));
        lines
    }

    fn line(&self, row: Option<usize>, room: Option<usize>, style: &Style) -> String {
        let mut line = " ".repeat(self.indent);
        for (i, column) in self.columns.iter().enumerate() {
            let cell = match row {
                None => &column.head,
                Some(row) => column.cells.get(row).map_or("", String::as_str),
            };
            line.push_str(column.before);
            match (i + 1 == self.columns.len(), room, column.align) {
                (true, Some(room), Align::Left) => {
                    let sign = style.signs().cut;
                    let cut = match self.cut {
                        Cut::End => text::cut(cell, room, sign),
                        Cut::Start => text::cut_front(cell, room, sign),
                    };
                    line.push_str(&cut);
                }
                (true, None, Align::Left) => line.push_str(cell),
                (_, _, Align::Left) => line.push_str(&text::left(cell, column.width)),
                (_, _, Align::Right) => line.push_str(&text::right(cell, column.width)),
            }
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::Charset;

    fn table() -> Table {
        let mut table = Table::new(1);
        let cells = |list: &[&str]| list.iter().map(|&s| s.to_owned()).collect::<Vec<_>>();
        table.column("", "PID", Align::Right, cells(&["1", "4194304"]));
        table.column(" ", "NAME", Align::Left, cells(&["数据库服务器进程", "b"]));
        table
    }

    fn style(width: Option<usize>) -> Style {
        Style { width, charset: Charset::Utf8, color: false }
    }

    #[test]
    fn the_last_column_is_cut_on_a_terminal_only() {
        assert_eq!(table().lines(&style(None))[1], "       1 数据库服务器进程");
        let narrow = Table { indent: 30, ..table() };
        assert_eq!(narrow.lines(&style(Some(40)))[1].trim_start(), "1 数…");
    }
}
