//! The peer program of iceoryx2: publish and subscribe between two processes, one service each way. wake=spin polls, wake=block
//! sends an event after each message and waits for one. experiments/cell/peers.h tells how it is called and what it prints.

mod meter;

use iceoryx2::port::{listener::Listener, notifier::Notifier, publisher::Publisher, subscriber::Subscriber};
use iceoryx2::prelude::*;
use meter::{number_of, Cell, Fault, Message, Meter};
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

const VERSION: &str = "iceoryx2 0.10.0";
const STOP: u64 = u64::MAX; // the other process ends
const SETTLE: u64 = u64::MAX - 1; // it tells how many messages it has seen
const PATIENCE: Duration = Duration::from_secs(20);
const CHUNK_MAX: u64 = 64; // sends between two looks at the clock

type Service = ipc::Service;

struct Events {
    notifier: Notifier<Service>,
    listener: Listener<Service>,
}

/// One side's ends of both services.
struct Channel {
    publisher: Publisher<Service, [u8], ()>,
    subscriber: Subscriber<Service, [u8], ()>,
    events: Option<Events>,
    _node: Node<Service>,
}

impl Channel {
    /// Side 0 publishes to "there", side 1 to "back".
    fn open(cell: &Cell, name: &str, side: usize) -> Result<Channel, Fault> {
        let bytes = cell.bytes()?;
        let node = NodeBuilder::new().create::<Service>()?;
        let data = |way: &str| -> Result<_, Fault> {
            Ok(node
                .service_builder(&format!("{name}/{way}").as_str().try_into()?)
                .publish_subscribe::<[u8]>()
                .enable_safe_overflow(false) // or messages are lost when the receiver is slower
                .subscriber_max_buffer_size(if bytes <= 4096 { 256 } else { 16 })
                .max_publishers(1)
                .max_subscribers(1)
                .open_or_create()?)
        };
        let event = |way: &str| -> Result<_, Fault> {
            Ok(node.service_builder(&format!("{name}/{way}").as_str().try_into()?).event().open_or_create()?)
        };
        let (there, back) = (data("there")?, data("back")?);
        let (out, input) = if side == 0 { (&there, &back) } else { (&back, &there) };
        let bells =
            if cell.text("wake")? == "block" { vec![event("wake-there")?, event("wake-back")?] } else { vec![] };
        let events = match bells.as_slice() {
            [] => None,
            _ => Some(Events {
                notifier: bells[side].notifier_builder().create()?,
                listener: bells[1 - side].listener_builder().create()?,
            }),
        };
        let channel = Channel {
            publisher: out
                .publisher_builder()
                .initial_max_slice_len(bytes)
                .backpressure_strategy(if bells.is_empty() {
                    BackpressureStrategy::DiscardData // `send` tries again; the other strategy would sleep meanwhile
                } else {
                    BackpressureStrategy::RetryUntilDelivered
                })
                .create()?,
            subscriber: input.subscriber_builder().create()?,
            events,
            _node: node,
        };
        let begin = Instant::now();
        while there.dynamic_config().number_of_subscribers() + back.dynamic_config().number_of_subscribers() < 2
            || bells.iter().any(|bell| bell.dynamic_config().number_of_listeners() == 0)
        {
            if begin.elapsed() > PATIENCE {
                return Err("the other process does not come".into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(channel)
    }

    fn send(&self, message: &[u8]) -> Result<(), Fault> {
        let mut begin = None;
        while self.publisher.loan_slice_uninit(message.len())?.write_from_slice(message).send()? != 1 {
            std::hint::spin_loop(); // the other side's buffer is full
            if begin.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                return Err("the other process takes no message".into());
            }
        }
        if let Some(events) = &self.events {
            events.notifier.notify()?;
        }
        Ok(())
    }

    /// Waits for one message and hands it to `use_it`, in the shared memory where it lies.
    fn receive<T>(&self, mut use_it: impl FnMut(&[u8]) -> T) -> Result<T, Fault> {
        let mut turns: u64 = 0;
        let mut begin = None;
        loop {
            if let Some(sample) = self.subscriber.receive()? {
                return Ok(use_it(sample.payload()));
            }
            match &self.events {
                Some(events) => {
                    events.listener.timed_wait(|_| {}, Duration::from_secs(1))?;
                }
                None => std::hint::spin_loop(),
            }
            turns += 1;
            if (self.events.is_some() || turns % (1 << 20) == 0)
                && begin.get_or_insert_with(Instant::now).elapsed() > PATIENCE
            {
                return Err("a message did not come: it is lost".into());
            }
        }
    }
}

/// The other process of ping-pong: sends back what comes.
fn answer(channel: &Channel) -> Result<(), Fault> {
    loop {
        let stop = channel.receive(|message| {
            let stop = number_of(message) == STOP;
            if !stop {
                channel.send(message)?;
            }
            Ok::<bool, Fault>(stop)
        })??;
        if stop {
            return Ok(());
        }
    }
}

/// The other process of a stream: checks and counts.
fn count(channel: &Channel, mut message: Message) -> Result<(), Fault> {
    let mut seen = 0;
    let mut fault: Option<Fault> = None;
    loop {
        let number = channel.receive(|got| {
            let number = number_of(got);
            if number < SETTLE && fault.is_none() {
                fault = message.check(seen, got).err();
            }
            number
        })?;
        match number {
            STOP => return Ok(()),
            SETTLE => channel.send(message.numbered(if fault.is_none() { seen } else { STOP }))?,
            _ => seen += 1,
        }
    }
}

fn round_trip(channel: &Channel, message: &mut Message, number: u64) -> Result<u64, Fault> {
    let begin = Instant::now();
    channel.send(message.numbered(number))?;
    let (took_ns, fine) = channel.receive(|got| (begin.elapsed().as_nanos() as u64, message.check(number, got)))?;
    fine.map(|()| took_ns)
}

fn echo(channel: &Channel, mut message: Message, meter: &mut Meter) -> Result<&'static str, Fault> {
    let mut next = 0;
    while !meter.warm_enough(next) {
        round_trip(channel, &mut message, next)?;
        next += 1;
    }
    meter.begin();
    while !meter.enough() {
        let took_ns = round_trip(channel, &mut message, next)?;
        meter.record(took_ns, 1);
        meter.total_ns += took_ns;
        next += 1;
    }
    meter.end();
    Ok("seconds is the sum of the round trips")
}

/// Asks how many came; the answer comes after all of them.
fn settle(channel: &Channel, message: &mut Message, sent: u64) -> Result<(), Fault> {
    channel.send(message.numbered(SETTLE))?;
    let came = channel.receive(number_of)?;
    if came == sent {
        Ok(())
    } else {
        Err(format!("{sent} messages were sent, and not all came, once, in order and whole").into())
    }
}

fn stream(channel: &Channel, mut message: Message, meter: &mut Meter) -> Result<&'static str, Fault> {
    let chunk = ((1 << 20) / message.bytes.len() as u64).clamp(1, CHUNK_MAX);
    let mut next = 0;
    while !meter.warm_enough(next) {
        channel.send(message.numbered(next))?;
        next += 1;
    }
    settle(channel, &mut message, next)?;
    meter.begin();
    while !meter.enough() {
        let begin = Instant::now();
        for _ in 0..chunk {
            channel.send(message.numbered(next))?;
            next += 1;
        }
        meter.record(begin.elapsed().as_nanos() as u64 / chunk, chunk);
    }
    settle(channel, &mut message, next)?;
    meter.total_ns = meter.passed_ns();
    meter.end();
    Ok("latency is the sender's time for one send, averaged over up to 64; seconds runs until the last has come")
}

fn other(cell: &Cell, name: &str) -> Result<(), Fault> {
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    cell.pin(1)?;
    let channel = Channel::open(cell, name, 1)?;
    match cell.text("workload")? {
        "echo" => answer(&channel),
        _ => count(&channel, Message::new(cell)?),
    }
}

fn start_other(name: &str) -> Result<Child, Fault> {
    let arguments = std::env::args().skip(1).chain([format!("other={name}")]);
    Ok(Command::new(std::env::current_exe()?).args(arguments).spawn()?)
}

fn measure(cell: &Cell) -> Result<String, Fault> {
    let name = format!("corps-peer-{}", std::process::id());
    let mut child = start_other(&name)?;
    let run = |pid| -> Result<String, Fault> {
        cell.pin(0)?;
        let channel = Channel::open(cell, &name, 0)?;
        let mut meter = Meter::new(cell, pid)?;
        let message = Message::new(cell)?;
        let note = match cell.text("workload")? {
            "echo" => echo(&channel, message, &mut meter)?,
            _ => stream(&channel, message, &mut meter)?,
        };
        let answer = meter.json(VERSION, cell.bytes()?, note);
        channel.send(Message::new(cell)?.numbered(STOP))?;
        Ok(answer)
    };
    let answer = run(child.id());
    if answer.is_err() {
        child.kill()?;
    }
    child.wait()?;
    answer
}

fn main() -> ExitCode {
    let cell = Cell::new(std::env::args().skip(1));
    set_log_level(LogLevel::Error);
    if std::env::args().nth(1).as_deref() == Some("--version") {
        println!("{{\"version\": \"{VERSION}\"}}");
        return ExitCode::SUCCESS;
    }
    if let Ok(name) = cell.text("other") {
        if let Err(error) = other(&cell, name) {
            eprintln!("the other process: {error}");
            return ExitCode::FAILURE;
        }
        return ExitCode::SUCCESS;
    }
    match measure(&cell) {
        Ok(answer) => println!("{answer}"),
        Err(error) => {
            println!("{{\"error\": \"{}\"}}", error.to_string().replace(['"', '\\', '\n'], " "));
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
