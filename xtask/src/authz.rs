//! `cargo xtask authz`: every route of the real table, asked by everybody, and hostile bodies through every intake door.
//!
//! What each role may is written here by hand, route by route, and not taken from the product's own table: a mistake there
//! would agree with itself. A route that is served and not written here is wrong, and so is the other way round.

mod hostile;
mod objects;
mod table;
mod world;

use crate::figures::Figures;
use anyhow::Result;
use std::path::PathBuf;
use world::World;

#[derive(clap::Args)]
pub struct Arguments {
    /// Also write the figures as one flat JSON object
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What was asked, and what was answered otherwise than it should be.
#[derive(Default)]
struct Probes {
    asked: u64,
    wrong: u64,
}

impl Probes {
    fn expect(&mut self, right: bool, says: impl FnOnce() -> String) {
        self.asked += 1;
        if !right {
            self.wrong += 1;
            println!("wrong: {}", says());
        }
    }
}

/// `cargo xtask authz`; false when a bar is missed.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (probes, bodies) = runtime.block_on(async {
        let world = World::new()?;
        let (mut probes, mut bodies) = (Probes::default(), Probes::default());
        table::all(&world, &mut probes).await?;
        objects::all(&world, &mut probes).await?;
        hostile::all(&world, &mut bodies).await?;
        world.end();
        anyhow::Ok((probes, bodies))
    })?;
    let mut figures = Figures::default();
    figures.add("authz_probes", probes.asked as f64, "questions of who may what: routes, roles, tokens, other people's things");
    figures.add("authz_wrong", probes.wrong as f64, "answered otherwise than the table says (bar 0)");
    figures.add("hostile_bodies", bodies.asked as f64, "bodies that nobody should send, through every intake door");
    figures.add(
        "hostile_wrong",
        bodies.wrong as f64,
        "answered with a fault, not in time, or the service was worse for it (bar 0)",
    );
    figures.report(arguments.json.as_deref())?;
    Ok(probes.wrong + bodies.wrong == 0)
}
