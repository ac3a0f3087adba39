//! MISP warning lists: infrastructure that must not decide an alert by itself.
//!
//! A directory holds one list a file (`NAME.json`, or `NAME/list.json` as in the MISP repository); a file holds one
//! list a line, each with its `file` name. Lists of anything but addresses and domains are passed over.

use super::{Fault, Read, data, json};
use adjutant_engine::context::{Members, Stands, Table};
use serde_json::Value;

/// Reads the lists at `path`.
pub(super) fn read(read: &Read<'_>, path: &str) -> Result<Table, Fault> {
    let mut members = Members::new(read.contract);
    let modified = match read.data.list(path)? {
        Some(files) => read_directory(read, &files, &mut members)?,
        None => {
            let found = read.data.read(path)?;
            let text = data::text(&found.bytes)?;
            for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
                match json::parse(line) {
                    Ok(list) => add(&list, list["file"].as_str().unwrap_or(""), &mut members),
                    Err(sentence) => skip(&format!("line {number}"), &sentence, &mut members),
                }
            }
            found.modified
        }
    };
    Ok(members.finish(read.given().or(modified), read.previous))
}

fn read_directory(read: &Read<'_>, files: &[String], members: &mut Members<'_>) -> Result<Option<adjutant_model::Time>, Fault> {
    let mut modified = None;
    for file in files.iter().filter(|file| file.ends_with(".json")) {
        let found = read.data.read(file)?;
        modified = modified.max(found.modified);
        match data::text(&found.bytes).and_then(|text| json::parse(&text)) {
            Ok(list) => add(&list, name_of(file), members),
            Err(sentence) => skip(file, &sentence, members),
        }
    }
    Ok(modified)
}

/// A whole list that cannot be read breaks the contract: what it would have held is not known.
fn skip(place: &str, sentence: &str, members: &mut Members<'_>) {
    members.lost(format!("{place}: {sentence}"));
}

/// `vpn-ipv4` of `lists/vpn-ipv4.json` and of `lists/vpn-ipv4/list.json`.
fn name_of(file: &str) -> &str {
    let stem = file.strip_suffix(".json").unwrap_or(file);
    let stem = stem.strip_suffix("/list").unwrap_or(stem);
    stem.rsplit('/').next().unwrap_or(stem)
}

fn add(list: &Value, file: &str, members: &mut Members<'_>) {
    let attributes = list["matching_attributes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let about = |names: &[&str]| attributes.iter().filter_map(Value::as_str).any(|attribute| names.contains(&attribute));
    if list.is_object() && !about(&["ip-src", "ip-dst", "domain", "hostname", "domain|ip"]) {
        return;
    }
    let Some(entries) = list["list"].as_array() else {
        return skip(file, "it has no `list` of entries", members);
    };
    let title = list["name"].as_str().unwrap_or(file);
    let stands = match list["type"].as_str() {
        Some("cidr") => Stands::Network,
        // A part of a name that a list looks for is, in the lists that exist, the end of one.
        Some("hostname" | "substring") => Stands::Below,
        Some("string") => Stands::Exactly,
        other => return members.note(format!("`{file}` is of the type `{}`, which is not read", other.unwrap_or("?"))),
    };
    members.list(file, title);
    for entry in entries {
        match entry.as_str() {
            // A path on a site says nothing about the site.
            Some(text) if stands != Stands::Network && text.contains('/') => {}
            Some(text) => members.push(text, stands),
            None => members.bad(),
        }
    }
}
