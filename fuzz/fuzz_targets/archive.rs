//! A file of an archive with other bytes in it: the archive is refused or gives what it says, and never more memory than it may.
#![no_main]

use adjutant_model::{Alert, Decision, Digest, Row, Schema};
use adjutant_runtime::archive::{Archive, Batch, Cursor, Keep, Writer};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A sound archive, as path and content of its files.
struct Sound {
    dir: PathBuf,
    files: Vec<(PathBuf, Vec<u8>)>,
}

static SOUND: LazyLock<Sound> = LazyLock::new(|| {
    let dir = adjutant_fuzz::directory("archive");
    let schema = Schema::built_in();
    let mut writer =
        Writer::create(&dir, Digest::of(b"book"), &BTreeMap::new(), &schema, vec!["input".into()]).expect("an archive");
    let mut batch = Batch::new().expect("a batch");
    let alert = Alert { digest: Digest::of(b"{}"), row: Row::new(schema.len()), ..Alert::default() };
    batch.add(&Keep { raw: b"{}", alert: &alert, decision: &decision(&alert), problems: &[], duplicate: false });
    batch.pack().and_then(|()| writer.append(&batch)).and_then(|()| writer.finish(true)).expect("the archive is written");
    let mut files = Vec::new();
    collect(&dir, &mut files);
    files.sort();
    Sound { dir, files }
});

fn decision(alert: &Alert) -> Decision {
    Decision { alert: alert.id(), ..Decision::undecided(Digest::of(b"book")) }
}

fn collect(dir: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(dir).expect("the archive is readable").flatten() {
        match entry.path() {
            path if path.is_dir() => collect(&path, files),
            path => files.push((path.clone(), fs::read(&path).expect("a file of the archive"))),
        }
    }
}

fn read(dir: &Path) -> Option<()> {
    let schema = Schema::built_in();
    let archive = Archive::open(dir).ok()?;
    let mut cursor = Cursor::new().ok()?;
    for segment in archive.segments().ok()? {
        let map = segment.map(&schema);
        for block in 0..segment.blocks() {
            let _ = segment.read(block, &map, &mut cursor, |entry| assert!(entry.alert.row.len() <= schema.len()));
        }
        let raws = segment.raws().ok()?;
        for block in 0..segment.blocks() {
            let _ = raws.read(block, &mut cursor, |_| {});
        }
    }
    Some(())
}

fuzz_target!(|data: &[u8]| {
    let Some(([which, mode, at, rest @ ..], sound)) = Some((data, &*SOUND)) else { return };
    let (path, content) = &sound.files[usize::from(*which) % sound.files.len()];
    let mut damaged = content.clone();
    let at = usize::from(*at) * content.len() / 256;
    match mode % 3 {
        0 => damaged = rest.to_vec(),
        1 => damaged.truncate(at),
        _ => damaged.iter_mut().skip(at).zip(rest).for_each(|(byte, other)| *byte ^= other),
    }
    fs::write(path, &damaged).expect("the archive can be damaged");
    read(&sound.dir);
    fs::write(path, content).expect("the archive can be mended");
});
