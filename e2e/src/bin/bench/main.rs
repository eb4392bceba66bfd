//! `make bench`: what the gate costs a request, in CPU time of Envoy's worker.
//!
//! One Envoy with one worker listens four times: alone, with a small filter that decides nothing (bench/noop-filter),
//! and twice with the gate. Each kind of request goes to all four, in bursts over connections that stay open, in an order
//! that is shuffled anew in every round; before and after each burst the kernel is asked how long the worker's thread
//! has run. What is printed is the mean of the rounds without their outermost tenths, and of differences *within* a round,
//! since the rounds themselves drift with whatever else the machine does.
//!
//! Arguments: the number of rounds, then other builds of the gate (`.wasm`) that are measured beside it.

mod client;
mod cpu;
mod rules;
mod scene;
mod sessions;
mod stats;
mod upstream;

use std::collections::BTreeMap;
use std::{env, fs};

use cpu::Worker;
use oidc_gate_e2e::envoy;
use scene::Scene;
use stats::{Estimate, Random};

/// Rounds, unless told: many short ones, since what else the machine does changes from one to the
/// next. A minute and a half on two slow cores.
const ROUNDS: usize = 400;
/// What Envoy and V8 need until they are as fast as they get.
const WARM_UP: usize = 5;

fn main() {
    let mut arguments = env::args().skip(1);
    let rounds = arguments.next().map_or(ROUNDS, |text| text.parse().expect("a number of rounds"));
    let mut scene = Scene::set(&arguments.collect::<Vec<_>>());
    let worker = Worker::find(scene.envoy.process_id());
    let mut random = Random::new();
    let mut times: BTreeMap<(usize, usize), Vec<f64>> = BTreeMap::new();
    for round in 0..WARM_UP + rounds {
        let mut bursts: Vec<_> = scene.bursts().collect();
        random.shuffle(&mut bursts);
        for burst in bursts {
            let (before, requests) = (worker.nanoseconds(), scene.send(burst));
            let spent = (worker.nanoseconds() - before) / 1000.0 / requests as f64;
            if round >= WARM_UP {
                times.entry(burst).or_default().push(spent);
            }
        }
    }
    println!("CPU time of Envoy's worker, µs a request; 95 % confidence; {rounds} rounds\n");
    for (kind, name) in scene.kinds().enumerate() {
        println!("{name}");
        for listener in 0..scene.listeners().len() {
            print_line(scene.listeners(), listener, |other| &times[&(kind, other)], &mut random);
        }
    }
    println!("\n{}", rules::measure());
    println!("{}", sessions::measure());
    let size = fs::metadata(envoy::filter()).expect("the filter was loaded").len();
    println!("oidc_gate.wasm: {size} bytes");
}

/// One listener's lines: its own time, how it differs from those before it, and what it adds to Envoy alone in units of
/// what the no-op filter adds: that depends little on how fast the machine is.
fn print_line<'a>(
    names: &[String],
    listener: usize,
    times: impl Fn(usize) -> &'a Vec<f64>,
    random: &mut Random,
) {
    let own = Estimate::of(times(listener), random);
    let mut line = format!("  {:<16} {:6.1}", names[listener], own.value);
    for (other, name) in names.iter().enumerate().take(listener) {
        let difference = Estimate::of(&differences(times(listener), times(other)), random);
        let ratio = own.value / Estimate::of(times(other), random).value;
        line += &format!("   {difference} to {name} (x {ratio:.2})");
    }
    println!("{line}");
    if listener > scene::NOOP {
        let added = |listener| differences(times(listener), times(scene::ALONE));
        let Estimate { value, low, high } =
            Estimate::of_ratio(&added(listener), &added(scene::NOOP), random);
        let noop = &names[scene::NOOP];
        println!("{:26}adds x {value:.2} [{low:.2}, {high:.2}] of what the {noop} adds", "");
    }
}

/// What one listener takes more than another, in each round.
fn differences(one: &[f64], other: &[f64]) -> Vec<f64> {
    one.iter().zip(other).map(|(one, other)| one - other).collect()
}
