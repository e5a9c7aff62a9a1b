//! The page: one HTML file with everything in it, and its Markdown counterpart.
//!
//! The HTML file shows everything without its script, which adds what needs one: values under the pointer, switching of
//! series, sorting and filtering. Whatever comes from run folders reaches it as text and attributes that the template escapes.

mod answer;
mod errors;
mod figures;
mod policy;
mod tables;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use minijinja::{AutoEscape, Environment, context};

pub(crate) use self::answer::{Answer, answer};
use self::tables::{HtmlTable, html_table, numeric_columns};
use crate::error::ReportError;
use crate::figures::plot::Figure;
use crate::format::as_markdown;
use crate::tables::{Flag, Table, WorstOfTasks, letter};

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What a page shows.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    /// Heading.
    pub title: String,
    /// Paragraphs below the heading.
    pub lead: Vec<String>,
    /// What the numbers say.
    pub answer: Answer,
    /// Short facts below the lead, name and value.
    pub facts: Vec<(String, String)>,
    /// Tables before the figures.
    pub tables: Vec<&'a Table>,
    /// Figures.
    pub figures: &'a [Figure],
    /// What networks have most wrong.
    pub worst: Option<&'a WorstOfTasks>,
    /// Tables after the figures.
    pub appendix: Vec<&'a Table>,
    /// Provenance at the foot, name and value.
    pub footer: Vec<(String, String)>,
    /// Further remarks for the notes.
    pub remarks: Vec<String>,
    /// Whether CSV files of tables and figures stand beside the page.
    pub linked: bool,
}

impl Page<'_> {
    fn used(&self) -> BTreeSet<Flag> {
        self.tables.iter().chain(&self.appendix).flat_map(|t| t.flags()).collect()
    }

    /// The HTML page: nothing is loaded from elsewhere.
    ///
    /// # Errors
    /// The template fails.
    pub(crate) fn html(&self) -> Result<String, ReportError> {
        let failed = |e: minijinja::Error| ReportError::Page(format!("{e:#}"));
        let used = self.used();
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.add_template("page.html", TEMPLATE).map_err(failed)?;
        let all = (0..).zip(self.tables.iter().chain(&self.appendix));
        let mut tables: Vec<HtmlTable<'_>> = all.map(|(index, table)| html_table(index, table, &used)).collect();
        let appendix = tables.split_off(self.tables.len());
        let notes: Vec<(String, String)> =
            used.iter().map(|f| (letter(*f, &used).to_string(), f.text().replace('`', ""))).collect();
        let (figures, sheet) = figures::blocks(self.figures)?;
        let style = [STYLE, &numeric_columns(tables.iter().chain(&appendix)), sheet.rules()].concat();
        let page = environment.get_template("page.html").map_err(failed)?;
        page.render(context! {
            title => self.title,
            policy => policy::policy(&style, SCRIPT),
            style => style,
            script => SCRIPT,
            lead => self.lead,
            answer => self.answer,
            facts => self.facts,
            tables => tables,
            figures => figures,
            markers => sheet.markers(),
            worst => self.worst.and_then(errors::gallery),
            appendix => appendix,
            footer => self.footer,
            notes => notes,
            remarks => self.remarks,
            linked => self.linked,
        })
        .map_err(failed)
    }

    /// The same in Markdown; figures are linked as `figures/<name>.svg`.
    pub(crate) fn markdown(&self, with_figures: bool) -> String {
        let used = self.used();
        let mut out = format!("# {}\n", as_markdown(&self.title));
        for paragraph in &self.lead {
            let _ = write!(out, "\n{}\n", as_markdown(paragraph));
        }
        let Answer { sentences, reading } = &self.answer;
        for paragraph in [sentences.join(" "), reading.clone()].into_iter().filter(|text| !text.is_empty()) {
            let _ = write!(out, "\n{}\n", as_markdown(&paragraph));
        }
        out.push('\n');
        for (name, value) in &self.facts {
            let _ = writeln!(out, "- {name}: {}", as_markdown(value));
        }
        let table = |out: &mut String, table: &Table| {
            let (title, caption) = (as_markdown(&table.title), as_markdown(&table.caption));
            let _ = write!(out, "\n## {title}\n\n{caption}\n\n{}", table.markdown(&used));
        };
        self.tables.iter().for_each(|t| table(&mut out, t));
        if with_figures && !self.figures.is_empty() {
            out.push_str("\n## Figures\n");
            for f in self.figures {
                let _ = write!(
                    out,
                    "\n![{}](figures/{}.svg)\n\n{} ([values](figures/{}.csv))\n",
                    as_markdown(&f.title),
                    f.name,
                    as_markdown(&f.caption),
                    f.name
                );
            }
        }
        self.worst
            .and_then(WorstOfTasks::table)
            .iter()
            .chain(self.appendix.iter().copied())
            .for_each(|t| table(&mut out, t));
        if !used.is_empty() || !self.remarks.is_empty() {
            out.push_str("\n## Notes\n\n");
            for flag in &used {
                let _ = writeln!(out, "- <sup>{}</sup> {}", letter(*flag, &used), flag.text());
            }
            for remark in &self.remarks {
                let _ = writeln!(out, "- {remark}");
            }
        }
        if !self.footer.is_empty() {
            out.push_str("\n## Provenance\n\n");
            for (name, value) in &self.footer {
                let _ = writeln!(out, "- {name}: {}", as_markdown(value));
            }
        }
        out
    }
}
