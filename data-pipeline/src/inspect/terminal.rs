//! Rows as text for a terminal: pieces with their ids below them.
//!
//! A line of pieces, the position of its first one in front, and a line of ids. What cannot be seen
//! has a sign, and wide characters have their two columns, so that ids stand below their pieces in
//! any script.

use super::{Group, Member, Part, Token};
use crate::width::{columns, folded, padded, parts, printable, visible};
use std::fmt::Write;

/// Columns before the first piece of a line: a position and a space.
const MARGIN: usize = 6;

/// What the signs mean.
const LEGEND: &str = "␣ space   ↵ end of line   → tab   * before an id: it has a loss
<0xE4> a byte of a character, =x what the bytes up to here spell
";

/// What a terminal can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Its width.
    pub columns: usize,
    /// Whether it understands escape sequences for colours.
    pub colour: bool,
}

#[derive(Clone, Copy)]
enum Ink {
    Plain,
    Strong,
    Dim,
    Learned,
    Bytes,
}

/// `groups` as text: the prefix once, then each row, at the end what the signs mean.
pub fn text(groups: &[Group], screen: Screen) -> String {
    let mut page = Page { text: String::new(), screen };
    for group in groups {
        page.group(group);
    }
    if !groups.is_empty() {
        page.rule("");
        for line in LEGEND.lines() {
            page.line(Ink::Dim, line);
        }
    }
    page.text
}

/// A text that grows.
struct Page {
    text: String,
    screen: Screen,
}

/// A piece or a part of it, and what stands below.
struct Cell {
    piece: String,
    ink: Ink,
    id: String,
    width: usize,
}

impl Page {
    fn group(&mut self, group: &Group) {
        let [first, last] = [group.rows.start, group.rows.end.saturating_sub(1)];
        let rows = match group.rows.len() {
            1 => format!("row {first}"),
            count if group.is_partial() => {
                format!("{} of {count} rows {first}–{last}", group.members.len())
            }
            count => format!("{count} rows {first}–{last}"),
        };
        let shared = if group.rows.len() > 1 { "shared prefix" } else { "prefix" };
        match group.prefix.tokens.len() {
            0 => self.rule(&format!("group {} · {rows} · no prefix", group.group)),
            tokens => {
                self.rule(&format!(
                    "group {} · {rows} · {shared}, positions 0–{}",
                    group.group,
                    tokens - 1
                ));
                self.tokens(&group.prefix);
            }
        }
        for member in &group.members {
            self.member(member);
        }
    }

    fn member(&mut self, member: &Member) {
        let Member { row, sample_id, dataset, language, task, loss_from, prompt, answer } = member;
        self.rule(&format!("row {row}"));
        for line in parts(&printable(sample_id), self.screen.columns) {
            self.line(Ink::Strong, &line);
        }
        let positions = member.positions();
        let facts = [
            printable(dataset),
            printable(language),
            printable(task),
            format!("positions {}–{}", positions.start, positions.end.saturating_sub(1)),
            format!("{} prompt + {} supervised tokens", prompt.tokens.len(), answer.tokens.len()),
        ];
        for line in folded(&facts, " · ", self.screen.columns) {
            self.line(Ink::Dim, &line);
        }
        self.tokens(prompt);
        self.rule(&format!("answer of row {row}, loss from position {loss_from}"));
        self.tokens(answer);
    }

    /// `── title ─────`, over the whole width.
    fn rule(&mut self, title: &str) {
        let space = if title.is_empty() { "" } else { " " };
        let start = format!("──{space}{title}{space}");
        let rest = self.screen.columns.saturating_sub(columns(&start));
        self.line(Ink::Plain, &format!("{start}{}", "─".repeat(rest)));
    }

    fn line(&mut self, ink: Ink, line: &str) {
        self.text += &self.inked(ink, line);
        self.text.push('\n');
    }

    /// The tokens of a part; a line ends where the screen does, and behind a piece that ends one.
    fn tokens(&mut self, part: &Part) {
        let room = self.screen.columns.saturating_sub(MARGIN).max(8);
        let mut cells: Vec<Cell> = Vec::new();
        let mut taken = 0;
        let mut first = 0;
        for token in &part.tokens {
            for (number, cell) in cells_of(token, room).into_iter().enumerate() {
                if !cells.is_empty() && (number > 0 || taken + 1 + cell.width > room) {
                    self.cells(first, &cells);
                    cells.clear();
                }
                if cells.is_empty() {
                    (first, taken) = (token.position, 0);
                }
                taken += cell.width + usize::from(taken > 0);
                cells.push(cell);
            }
            if token.piece.contains('\n') {
                self.cells(first, &cells);
                cells.clear();
            }
        }
        if !cells.is_empty() {
            self.cells(first, &cells);
        }
    }

    /// A line of pieces and the line of their ids.
    fn cells(&mut self, position: usize, cells: &[Cell]) {
        let mut lines = [format!("{position:>5}"), " ".repeat(MARGIN - 1)];
        lines[0] = self.inked(Ink::Dim, &lines[0]);
        for (number, Cell { piece, ink, id, width }) in cells.iter().enumerate() {
            let last = number + 1 == cells.len();
            let blanks = |text: &str| if last { 0 } else { width - columns(text) };
            for (line, text, ink) in [(0, piece, *ink), (1, id, Ink::Dim)] {
                lines[line].push(' ');
                lines[line] += &self.inked(ink, text);
                // Colours would count as columns: the blanks come behind them.
                lines[line] += &padded("", blanks(text));
            }
        }
        // Below the rest of a long piece there is no id.
        for line in lines.iter().filter(|line| !line.trim().is_empty()) {
            // Writing to a string cannot fail.
            let _ = writeln!(self.text, "{}", line.trim_end());
        }
    }

    fn inked(&self, ink: Ink, text: &str) -> String {
        let code = match ink {
            _ if !self.screen.colour || text.trim().is_empty() => return text.to_owned(),
            Ink::Plain => return text.to_owned(),
            Ink::Strong => "1",
            Ink::Dim => "2",
            Ink::Learned => "1;32",
            Ink::Bytes => "33",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// The cell of a token; several if it is wider than the screen.
fn cells_of(token: &Token, room: usize) -> Vec<Cell> {
    let mut shown = visible(&token.piece);
    if let Some(spells) = &token.spells {
        shown += &format!("={}", visible(spells));
    }
    let ink = match token {
        Token { supervised: true, .. } => Ink::Learned,
        Token { bytes: true, .. } => Ink::Bytes,
        _ => Ink::Plain,
    };
    let mut id = format!("{}{}", if token.supervised { "*" } else { "" }, token.id);
    let cell = |piece: String| {
        // The id stands below the first part.
        let id = std::mem::take(&mut id);
        let width = columns(&piece).max(columns(&id));
        Cell { piece, ink, id, width }
    };
    parts(&shown, room).into_iter().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::written;
    use expect_test::expect;

    #[test]
    fn ids_stand_below_pieces_of_any_width() {
        let text = text(&written(), Screen { columns: 80, colour: false });
        assert!(text.lines().all(|line| columns(line) <= 80), "{text}");
        expect![[r#"
            ── group 2 · 1 of 2 rows 3–4 · shared prefix, positions 0–4 ────────────────────
                0 class ␣Person (Entity):␣pass↵
                  100   137     174
                3 <U+202E>␛[2J →
                  211          248
            ── row 4 ───────────────────────────────────────────────────────────────────────
            s/1 <script>
            s · zh · ner · positions 5–21 · 9 prompt + 8 supervised tokens
                5 sentence␣=␣" 莱娜 ·   沃格特 ␣é  <0xE4> <0xB8> <0xAD>=中 "↵↵
                  285          322  359 396    433 470    507    544       581
            ── answer of row 4, loss from position 14 ──────────────────────────────────────
               14 results␣=␣[↵→
                  *618
               15 Person ("   莱娜 ·    沃格特 ")↵]
                  *655   *692 *729 *766 *803   *840
               21 </s>
                  *877
            ────────────────────────────────────────────────────────────────────────────────
            ␣ space   ↵ end of line   → tab   * before an id: it has a loss
            <0xE4> a byte of a character, =x what the bytes up to here spell
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn colours_come_beside_signs() {
        let drawn = |colour| text(&written(), Screen { columns: 80, colour });
        let coloured = drawn(true);
        for expected in ["\x1b[1;32m莱娜\x1b[0m", "\x1b[33m<0xE4>\x1b[0m", "\x1b[2m*655\x1b[0m"] {
            assert!(coloured.contains(expected), "{coloured:?}");
        }
        let codes = ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[33m", "\x1b[1;32m"];
        let plain = codes.iter().fold(coloured, |text, code| text.replace(code, ""));
        assert_eq!(plain, drawn(false));
    }

    #[test]
    fn a_piece_wider_than_the_screen_is_cut_and_not_lost() {
        let mut groups = written();
        groups[0].prefix.tokens[1].piece = "沃".repeat(50);
        let text = text(&groups, Screen { columns: 40, colour: false });
        assert_eq!(text.matches('沃').count(), 50 + 2);
        let pieces = text.lines().filter(|line| line.contains('沃'));
        assert!(pieces.map(columns).all(|width| width <= 40));
    }
}
