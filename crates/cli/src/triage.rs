//! `adjutant triage`: alerts in, decisions out.

use crate::args::Triage;
use crate::exit::Exit;
use crate::progress::Bar;
use crate::{interrupt, term};
use adjutant_runtime::pipeline::{self, Job};
use adjutant_runtime::read::{Chunk, Input, Reader};
use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

struct Count {
    seen: Arc<AtomicU64>,
}

impl Job for Count {
    type Batch = u64;
    type Order = ();
    type Sink = (u64, u64, Vec<String>);

    fn batch(&self) -> u64 {
        0
    }
    fn prepare(&self, chunk: &Chunk, batch: &mut u64) {
        *batch = chunk.records().iter().map(|record| chunk.bytes(record).len() as u64).sum();
    }
    fn observe(&self, (): &mut (), _: &Chunk, _: &mut u64) {}
    fn decide(&self, _: &Chunk, _: &mut u64) {}
    fn emit(&self, sink: &mut Self::Sink, chunk: &Chunk, batch: &mut u64) -> io::Result<()> {
        sink.0 += chunk.records().len() as u64;
        sink.1 += *batch;
        let told = |fault: &adjutant_runtime::read::Fault| format!("{}:{}: {}", chunk.input(), fault.line, fault.detail);
        sink.2.extend(chunk.faults().iter().map(told));
        self.seen.store(sink.0, Ordering::Relaxed);
        Ok(())
    }
}

pub(crate) fn run(args: &Triage) -> anyhow::Result<Exit> {
    let inputs: Vec<Input> = args.files.iter().map(|arg| Input::from_arg(arg)).collect();
    let stop = interrupt::flag()?;
    let reader = Reader::new(inputs.clone(), Arc::clone(&stop));
    let job = Count { seen: Arc::default() };
    let bar = Bar::start(&inputs, reader.progress(), Arc::clone(&job.seen), args.quiet);
    let workers = args.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, NonZero::get));
    let ((), sink) = pipeline::run(&job, reader, (), Default::default(), workers)?;
    drop(bar);
    term::output(format!("records {} bytes {} faults {:?}\n", sink.0, sink.1, sink.2).as_bytes())?;
    let interrupted = stop.load(Ordering::Relaxed);
    Ok(if interrupted {
        Exit::Interrupted
    } else if sink.2.is_empty() {
        Exit::Ok
    } else {
        Exit::Problems
    })
}
