//! A table as LaTeX.

use std::fmt::Write as _;

use super::flag::letter;
use super::rows::{Table, TableEntry};

impl Table {
    /// A `tabular` with the rules of the package booktabs, and its remarks below.
    pub fn latex(&self) -> String {
        let used = self.flags();
        let alignment: String = self.columns.iter().map(|column| if column.numeric { 'r' } else { 'l' }).collect();
        let titles: Vec<String> = self.columns.iter().map(|column| escaped(&column.title)).collect();
        let mut out = format!(
            "% {}: \\usepackage{{booktabs}}\n\\begin{{tabular}}{{{alignment}}}\n\\toprule\n{} \\\\\n\\midrule\n",
            escaped(&self.title),
            titles.join(" & ")
        );
        for row in &self.rows {
            let entry = |entry: &TableEntry| {
                let text = escaped(&entry.text);
                let text = if entry.best { format!("\\textbf{{{text}}}") } else { text };
                let marks: Vec<String> = entry.flags.iter().map(|flag| letter(*flag, &used).to_string()).collect();
                if marks.is_empty() { text } else { format!("{text}\\textsuperscript{{{}}}", marks.join(",")) }
            };
            let _ = writeln!(out, "{} \\\\", row.iter().map(entry).collect::<Vec<_>>().join(" & "));
        }
        out.push_str("\\bottomrule\n\\end{tabular}\n");
        for flag in &used {
            let remark = escaped(&flag.text().replace('`', ""));
            let _ = writeln!(out, "\\par{{\\footnotesize\\textsuperscript{{{}}}~{remark}}}", letter(*flag, &used));
        }
        out
    }
}

/// `text` as LaTeX sets it with any engine.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let set = match c {
            '&' => "\\&",
            '%' => "\\%",
            '$' => "\\$",
            '#' => "\\#",
            '_' => "\\_",
            '{' => "\\{",
            '}' => "\\}",
            '\\' => "\\textbackslash{}",
            '~' => "\\textasciitilde{}",
            '^' => "\\textasciicircum{}",
            '<' => "\\textless{}",
            '>' => "\\textgreater{}",
            '|' => "\\textbar{}",
            '"' => "''",
            // At the beginning of a row these would belong to the end of the row before.
            '[' => "{[}",
            '*' => "{*}",
            '±' => "$\\pm$",
            '−' => "$-$",
            '–' => "--",
            '…' => "\\dots{}",
            '×' => "$\\times$",
            '·' => "$\\cdot$",
            '↑' => "$\\uparrow$",
            '↓' => "$\\downarrow$",
            '→' => "$\\to$",
            '≤' => "$\\leq$",
            '≥' => "$\\geq$",
            '\u{a0}' => "~",
            '\u{202f}' => "\\,",
            c if c.is_control() => " ",
            c => {
                out.push(c);
                continue;
            }
        };
        out.push_str(set);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{Flag, TableEntry};

    #[test]
    fn nothing_in_a_table_is_a_command() {
        let mut table = Table::new("t", "T\n\\input{x}", "", "name | a_b#");
        table.rows.push(vec![
            TableEntry::text("[1ex] \\input{/etc/passwd} & 5 % of $x^2$"),
            TableEntry::text("61\u{202f}106 ± 1").flag(Flag::FewSeeds),
        ]);
        let text = table.latex();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "% T \\textbackslash{}input\\{x\\}: \\usepackage{booktabs}");
        assert_eq!(lines[1..4], ["\\begin{tabular}{lr}", "\\toprule", "name & a\\_b \\\\"]);
        assert_eq!(
            lines[5],
            "{[}1ex] \\textbackslash{}input\\{/etc/passwd\\} \\& 5 \\% of \\$x\\textasciicircum{}2\\$ & 61\\,106 $\\pm$ \
             1\\textsuperscript{a} \\\\"
        );
        assert!(lines[8].starts_with("\\par{\\footnotesize\\textsuperscript{a}~Fewer than three seeds"));
    }
}
