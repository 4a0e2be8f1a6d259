//! `docs/policies.md` keeps its word: its examples run, and its matrices are what `access_matrix` finds.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use crate::rls_support::{Sandbox, quote};

const PAGE: &str = include_str!("../../../docs/policies.md");

/// What the page holds, in its order.
#[derive(Debug, PartialEq)]
enum Piece {
    Example(String),
    Matrix(String, Matrix),
}

/// Outcome by actor and command.
type Matrix = BTreeMap<(String, String), String>;

fn pieces(page: &str) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line == "```sql" {
            let example: Vec<&str> = lines.by_ref().take_while(|l| *l != "```").collect();
            pieces.push(Piece::Example(example.join("\n")));
        } else if let Some(table) = line.strip_prefix("Matrix of `") {
            let table = table.strip_suffix("`:").context("a matrix's table")?;
            let rows: Vec<Vec<&str>> = lines
                .by_ref()
                .skip_while(|l| l.is_empty())
                .take_while(|l| l.starts_with('|'))
                .map(|l| l.trim_matches('|').split('|').map(str::trim).collect())
                .collect();
            pieces.push(Piece::Matrix(table.to_owned(), matrix(&rows)));
        }
    }
    Ok(pieces)
}

/// The first row names the commands, the second is a rule, the others begin with an actor.
fn matrix(rows: &[Vec<&str>]) -> Matrix {
    let commands = &rows[0];
    let cells = rows[2..].iter().flat_map(|row| {
        row.iter()
            .zip(commands)
            .skip(1)
            .map(|(cell, command)| ((row[0], *command), *cell))
    });
    cells
        .filter(|(_, cell)| !cell.is_empty())
        .map(|((actor, command), cell)| ((actor.to_owned(), command.to_owned()), cell.to_owned()))
        .collect()
}

async fn measured(sandbox: &Sandbox, table: &str) -> Result<Matrix> {
    let call = format!(
        "SELECT actor, command, outcome FROM insforge.access_matrix({})",
        quote(table)
    );
    let rows = sandbox.rows(&call).await?;
    Ok(rows
        .into_iter()
        .map(|row| ((row[0].clone(), row[1].clone()), row[2].clone()))
        .collect())
}

#[tokio::test]
async fn every_template_gives_each_caller_what_its_page_promises() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    let pieces = pieces(PAGE)?;
    ensure!(
        pieces.iter().filter(|p| matches!(p, Piece::Matrix(..))).count() >= 15,
        "matrices were not read"
    );
    for piece in pieces {
        match piece {
            Piece::Example(sql) => sandbox.run(&sql).await?,
            Piece::Matrix(table, promised) => {
                assert_eq!(measured(&sandbox, &table).await?, promised, "{table}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_page_lists_every_template_and_option() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    for row in sandbox
        .rows("SELECT template, option FROM insforge.policy_templates()")
        .await?
    {
        let (template, option) = (&row[0], &row[1]);
        assert!(
            PAGE.contains(&format!("| `{option}` |")),
            "option {option} is not on the page"
        );
        assert!(
            template == "*" || PAGE.contains(&format!("'{template}'")),
            "no example of {template}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_matrix_of_an_open_table_says_that_it_is_open() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run("CREATE TABLE open (id bigserial PRIMARY KEY, user_id text, body text)")
        .await?;
    let open = measured(&sandbox, "open").await?;
    assert!(open.values().all(|outcome| outcome == "rows"), "{open:?}");
    assert!(
        open.contains_key(&("anon".to_owned(), "delete".to_owned())),
        "{open:?}"
    );
    Ok(())
}
