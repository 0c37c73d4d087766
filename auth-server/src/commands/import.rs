//! `user import`: many people from a table. It is read and checked as a whole before anybody is
//! added, and all are added or nobody.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{Read, stdin};
use std::path::Path;

use common::identity::{Alias, Role};
use csv::{ReaderBuilder, StringRecord};
use secrecy::ExposeSecret;

use super::desk::Desk;
use super::user::{self, moment};
use crate::administration::{GivenRole, Imported, Newcomer};
use crate::details;
use crate::failure::Failure;
use crate::options::{Format, Import, names};
use crate::ui;

/// The first line of a table.
const HEADER: [&str; 4] = ["alias", "role", "name", "email"];
/// Bytes of a table: its people's passwords alone would take an hour to hash.
const MAX_TABLE_BYTES: u64 = 4 * 1024 * 1024;
/// Wrong lines that are told; who has more begins with these.
const MAX_TOLD: usize = 20;

/// A person, and the line that names him.
type Row = (u64, Newcomer);

/// What is wrong, and in which line.
type Flaw = (u64, String);

/// Does what was asked.
///
/// # Errors
/// When a line is wrong, an alias is taken, or somebody cannot be added: then nobody was.
pub async fn run(desk: &Desk, import: &Import) -> Result<(), Failure> {
    let table = read(&import.table)?;
    let (rows, mut flaws) = parse(&table, import.new_role)?;
    flaws.extend(taken(desk, &rows).await?);
    flaws.extend(unknown_roles(desk, &rows).await?);
    refuse(flaws)?;
    let people: Vec<Newcomer> = rows.into_iter().map(|(_, person)| person).collect();
    if people.is_empty() {
        return Err(Failure::local_file("the table names nobody")
            .cure("write a line for each person, such as alice,member,,"));
    }
    if import.dry_run {
        ui::message(&format!("{} could be added; nobody was.", count(&people)));
        return Ok(());
    }
    let imported = desk.administration().import(&people).await?;
    ui::message(&format!(
        "Added {}. Each logs in with this password once, within a week, and chooses another one then:",
        count(&people)
    ));
    print(&imported, import.format)
}

fn count(people: &[Newcomer]) -> String {
    let people = u64::try_from(people.len()).unwrap_or(u64::MAX);
    ui::counted(people, "user", "users")
}

fn print(imported: &[Imported], format: Format) -> Result<(), Failure> {
    if format == Format::Text {
        ui::data("alias,password");
    }
    for Imported { alias, password } in imported {
        let (alias, password) = (alias.as_str(), password.expose_secret());
        match format {
            // Neither holds what CSV would have to quote.
            Format::Text => ui::data(&format!("{alias},{password}")),
            Format::Json => {
                ui::json(&serde_json::json!({"alias": alias, "password": password}))?;
            }
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        stdin().take(MAX_TABLE_BYTES + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(MAX_TABLE_BYTES + 1).read_to_end(&mut bytes))
    };
    let length = read.map_err(|error| {
        Failure::io(path, &error).cure(format!(
            "give a table that begins with {}, or - for standard input",
            HEADER.join(",")
        ))
    })?;
    if u64::try_from(length).is_ok_and(|length| length <= MAX_TABLE_BYTES) {
        return Ok(bytes);
    }
    let wrong = format!("the table has more than {MAX_TABLE_BYTES} bytes");
    Err(Failure::local_file(wrong).cure("split it"))
}

fn parse(table: &[u8], new_role: bool) -> Result<(Vec<Row>, Vec<Flaw>), Failure> {
    // The reader counts a line's feed too late when a carriage return stands before it.
    let before_feed = |at: usize| table[at] == b'\r' && table.get(at + 1) == Some(&b'\n');
    let table: Vec<u8> = (0..table.len())
        .filter(|at| !before_feed(*at))
        .map(|at| table[at])
        .collect();
    let mut reader = ReaderBuilder::new()
        .flexible(true)
        .from_reader(table.as_slice());
    let header = reader.headers().is_ok_and(|header| *header == HEADER[..]);
    if !header {
        return Err(wrong_header(&table));
    }
    let (mut rows, mut flaws) = (Vec::<Row>::new(), Vec::new());
    let mut seen: HashMap<Alias, u64> = HashMap::new();
    for record in reader.records() {
        let (line, person) = match record {
            Ok(record) => (line(record.position()), person(&record, new_role)),
            Err(error) => (
                line(error.position()),
                Err(vec!["is not text in UTF-8".to_owned()]),
            ),
        };
        match person {
            Ok(person) => match seen.insert(person.alias.clone(), line) {
                Some(first) => {
                    flaws.push((line, format!("{} stands in line {first}", person.alias)))
                }
                None => rows.push((line, person)),
            },
            Err(found) => flaws.extend(found.into_iter().map(|flaw| (line, flaw))),
        }
    }
    Ok((rows, flaws))
}

fn wrong_header(table: &[u8]) -> Failure {
    let first = table.split(|byte| *byte == b'\n').next();
    let failure = Failure::local_file(format!("the first line is not {}", HEADER.join(",")));
    match first {
        Some(line) if line.contains(&b';') => failure.cure("separate the fields by commas"),
        _ => {
            failure.cure("write that line above the people; name and email may be empty in theirs")
        }
    }
}

fn line(position: Option<&csv::Position>) -> u64 {
    position.map_or(0, csv::Position::line)
}

/// What a line says, or all that is wrong with it.
fn person(record: &StringRecord, may_be_new: bool) -> Result<Newcomer, Vec<String>> {
    let fields: Vec<&str> = record.iter().collect();
    let [alias, role, name, email] = fields[..] else {
        let wrong = format!("has {} fields instead of {}", fields.len(), HEADER.len());
        return Err(vec![wrong]);
    };
    let mut flaws = Vec::new();
    let alias = alias.parse().map_err(|error| format!("alias: {error}"));
    let alias = kept(alias, &mut flaws);
    let role = names::role(role).map_err(|error| format!("role: {error}"));
    let role = kept(role, &mut flaws);
    let details = |name, email| details::checked(name, email).map_err(|error| error.to_string());
    let name = kept(details(name, ""), &mut flaws);
    let email = kept(details("", email), &mut flaws);
    match (alias, role, name, email) {
        (Some(alias), Some(role), Some(name), Some(email)) => Ok(Newcomer {
            alias,
            role: GivenRole { role, may_be_new },
            display_name: name.display_name,
            email: email.email,
        }),
        _ => Err(flaws),
    }
}

fn kept<T>(read: Result<T, String>, flaws: &mut Vec<String>) -> Option<T> {
    read.map_err(|flaw| flaws.push(flaw)).ok()
}

/// Aliases that somebody has or had.
async fn taken(desk: &Desk, rows: &[Row]) -> Result<Vec<Flaw>, Failure> {
    let mut flaws = Vec::new();
    for (line, person) in rows {
        if let Some(owner) = user::owner(desk, &person.alias).await? {
            let since = moment(owner.created_at);
            flaws.push((*line, format!("{} was given out on {since}", person.alias)));
        }
    }
    Ok(flaws)
}

/// Roles that nobody has, and that were not said to be new.
async fn unknown_roles(desk: &Desk, rows: &[Row]) -> Result<Vec<Flaw>, Failure> {
    let users = desk.administration().users().await?;
    let in_use: BTreeSet<Role> = users.into_iter().map(|user| user.role).collect();
    let in_use: Vec<Role> = in_use.into_iter().collect();
    let flaw = |(line, person): &Row| {
        let unknown = person.role.check(&in_use).err()?;
        Some((*line, format!("role: {unknown}")))
    };
    Ok(rows.iter().filter_map(flaw).collect())
}

fn refuse(mut flaws: Vec<Flaw>) -> Result<(), Failure> {
    if flaws.is_empty() {
        return Ok(());
    }
    flaws.sort_by_key(|(line, _)| *line);
    for (line, flaw) in flaws.iter().take(MAX_TOLD) {
        ui::message(&format!("line {line}: {}", ui::safe(flaw)));
    }
    if let Some(more @ 1..) = flaws.len().checked_sub(MAX_TOLD) {
        ui::message(&format!("and {more} more"));
    }
    flaws.dedup_by_key(|(line, _)| *line);
    let wrong = match flaws.len() {
        1 => "one line is wrong".to_owned(),
        many => format!("{many} lines are wrong"),
    };
    Err(Failure::local_file(format!("nobody was added: {wrong}")).cure("correct the table"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaws(body: &str) -> Vec<Flaw> {
        parse(format!("alias,role,name,email\n{body}").as_bytes(), false)
            .unwrap()
            .1
    }

    #[test]
    fn tables_as_spreadsheets_write_them_are_read() {
        let table =
            "\u{feff}alias,role,name,email\r\nann,member,\"Lee, Ann\",ann@a.org\r\nbo,ops,,\r\n";
        let (rows, flaws) = parse(table.as_bytes(), false).unwrap();
        assert_eq!(flaws, []);
        let lines: Vec<u64> = rows.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3]);
        assert_eq!(rows[0].1.display_name, "Lee, Ann");
        assert_eq!(rows[1].1.role.role.as_str(), "ops");
    }

    #[test]
    fn every_wrong_line_is_told_by_its_number() {
        let body = "ann,member,,\nann,member,,\nb\u{1b}c,member,,\ncy,Boss,,\ndi,member\n\
            ed,member,\u{202e}x,\nfo,member,,nobody\n../x,member,,\n\u{430}nn,member,,\n";
        let found: Vec<u64> = flaws(body).iter().map(|(line, _)| *line).collect();
        assert_eq!(found, [3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(
            flaws("ann,member,,\nann,member,,\n")[0].1,
            "ann stands in line 2"
        );
    }

    #[test]
    fn all_that_is_wrong_with_a_line_is_told() {
        let found = flaws("Ann,Boss,\u{202e}x,nobody\nbo,member,,nobody\n");
        let lines: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 2, 2, 2, 3]);
        assert!(found[0].1.starts_with("alias: ") && found[1].1.starts_with("role: "));
        assert_ne!(found[2].1, found[3].1);
        assert_eq!(found[3].1, found[4].1);
    }

    #[test]
    fn what_is_no_such_table_is_refused() {
        for table in [
            "",
            "ann,member,,\n",
            "alias,role\n",
            "alias,role,name,email,x\n",
            "\u{0}",
        ] {
            assert!(parse(table.as_bytes(), false).is_err(), "{table:?}");
        }
        let (rows, flaws) = parse(b"alias,role,name,email\na,member,\xff,\n", false).unwrap();
        assert_eq!((rows.len(), flaws.len()), (0, 1));
    }
}
