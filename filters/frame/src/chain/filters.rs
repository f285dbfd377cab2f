//! The filters of a chain, in the order of a request's way: tuples of [`Filter`]s.
//!
//! Invariant: a stage is told by its number from outside and is itself inside; a number that no stage has does nothing.

use super::ChainVm;
use super::desk::Desk;
use super::host::StageHost;
use crate::{Filter, Head, Setup, Stream, Vm};
use std::rc::Rc;
use switchyard_config::Document;
use switchyard_core::chain::{Call, Direction, Part};
use switchyard_core::memory::Memory;
use switchyard_core::status::SnapshotWriter;
use switchyard_host::{Flow, Host, HostError};

/// `N` filters.
pub trait Filters<const N: usize>: Sized + 'static {
    /// What they are called together.
    const NAME: &'static str;
    /// What each shares with its other configurations.
    type Vms: 'static;
    /// Each under one configuration.
    type Made: 'static;
    /// Each one's stream, once it has begun.
    type Streams: Default + 'static;

    /// What all their configurations in a VM share.
    fn vms(memory: &Memory) -> Self::Vms;

    /// All under one configuration.
    ///
    /// # Errors
    /// When one refuses.
    fn make<H: Host>(
        document: &Document,
        vms: &Self::Vms,
        setup: &Setup<ChainVm<Self, N>>,
        desk: &Desk<N>,
        host: &H,
    ) -> Result<Self::Made, HostError>;

    /// Which of them have anything to do.
    fn used(made: &Self::Made) -> [bool; N];

    /// What they do, for the log.
    fn summary(made: &Self::Made) -> String;

    /// A callback of one's stream of this context.
    fn call<H: Host>(
        made: &Self::Made,
        streams: &mut Self::Streams,
        at: (u32, usize, Call),
        head: &Head,
        host: &H,
    ) -> Flow;

    /// See [`Filter::tick`].
    fn tick<H: Host>(made: &Self::Made, stage: usize, host: &H);

    /// See [`Filter::look`].
    fn look<H: Host>(made: &Self::Made, stage: usize, host: &H, queue: u32);

    /// See [`Filter::called`]: the call, its headers, and the size of its body.
    fn called<H: Host>(made: &Self::Made, stage: usize, host: &H, answer: (u32, usize, usize));

    /// See [`Filter::snapshot`]; and what each has counted.
    fn snapshot<H: Host>(made: &Self::Made, vms: &Self::Vms, host: &H, into: &mut SnapshotWriter);

    /// See [`Filter::ended`].
    fn ended<H: Host>(made: &Self::Made, stage: usize, host: &H);
}

/// A stage's own setup: as the chain's, but that no two draw the same random numbers.
fn setup_of<V, T: Filters<N>, const N: usize>(
    setup: &Setup<ChainVm<T, N>>,
    vm: &Vm<V>,
    stage: u32,
) -> Setup<V> {
    Setup {
        number: setup.number,
        vm: vm.clone(),
        clusters: Rc::clone(&setup.clusters),
        timer: Rc::clone(&setup.timer),
        effective_context: Rc::clone(&setup.effective_context),
        configuration: setup.configuration,
        now: setup.now,
        seed: setup.seed.rotate_left(16 * stage),
    }
}

/// One callback of a stream.
fn call_one<S: Stream>(stream: &mut S, call: Call, head: &Head, host: &impl Host) -> Flow {
    match call {
        Call::Message(Direction::Request, Part::Headers { ended }) => {
            stream.on_request_headers(host, head, ended)
        }
        Call::Message(Direction::Request, Part::Body { size, ended, .. }) => {
            stream.on_request_body(host, size, ended)
        }
        Call::Message(Direction::Request, Part::Trailers) => stream.on_request_trailers(host),
        Call::Message(Direction::Response, Part::Headers { ended }) => {
            stream.on_response_headers(host, ended)
        }
        Call::Message(Direction::Response, Part::Body { size, ended, .. }) => {
            stream.on_response_body(host, size, ended)
        }
        Call::Message(Direction::Response, Part::Trailers) => stream.on_response_trailers(host),
        Call::Done => {
            stream.on_done(host);
            Flow::Continue
        }
    }
}

macro_rules! filters {
    ($count:literal $name:expr => $($filter:ident $stage:tt),+) => {
        impl<$($filter: Filter),+> Filters<$count> for ($($filter,)+) {
            const NAME: &'static str = $name;
            type Vms = ($(Vm<$filter::Vm>,)+);
            type Made = ($(Rc<$filter>,)+);
            type Streams = ($(Option<$filter::Stream>,)+);

            fn vms(memory: &Memory) -> Self::Vms {
                ($(Vm::<$filter::Vm>::with_memory(memory.clone()),)+)
            }

            fn make<H: Host>(
                document: &Document,
                vms: &Self::Vms,
                setup: &Setup<ChainVm<Self, $count>>,
                desk: &Desk<$count>,
                host: &H,
            ) -> Result<Self::Made, HostError> {
                Ok(($(Rc::new($filter::new(
                    document,
                    setup_of(setup, &vms.$stage, $stage),
                    &StageHost::of_new(&setup.own, desk, $stage, host),
                )?),)+))
            }

            fn used(made: &Self::Made) -> [bool; $count] {
                [$(made.$stage.is_used()),+]
            }

            fn summary(made: &Self::Made) -> String {
                [$(made.$stage.summary()),+].join("; ")
            }

            fn call<H: Host>(
                made: &Self::Made,
                streams: &mut Self::Streams,
                (context, stage, call): (u32, usize, Call),
                head: &Head,
                host: &H,
            ) -> Flow {
                match stage {
                    $($stage => {
                        let stream = streams.$stage.get_or_insert_with(|| made.$stage.stream(context));
                        call_one(stream, call, head, host)
                    })+
                    _ => Flow::Continue,
                }
            }

            fn tick<H: Host>(made: &Self::Made, stage: usize, host: &H) {
                match stage {
                    $($stage => made.$stage.tick(host),)+
                    _ => {}
                }
            }

            fn look<H: Host>(made: &Self::Made, stage: usize, host: &H, queue: u32) {
                match stage {
                    $($stage => made.$stage.look(host, queue),)+
                    _ => {}
                }
            }

            fn called<H: Host>(
                made: &Self::Made,
                stage: usize,
                host: &H,
                (call, headers, body_size): (u32, usize, usize),
            ) {
                match stage {
                    $($stage => made.$stage.called(host, call, headers, body_size),)+
                    _ => {}
                }
            }

            fn snapshot<H: Host>(
                made: &Self::Made,
                vms: &Self::Vms,
                host: &H,
                into: &mut SnapshotWriter,
            ) {
                // Upstreams leave room for what is counted, as far as that needs it, and have what it does not.
                let counted = [$(vms.$stage.registry.room()),+];
                into.keep_room(counted.into_iter().fold(0, usize::saturating_add));
                $(made.$stage.snapshot(host, into);)+
                $(vms.$stage.registry.say(host, into);)+
            }

            fn ended<H: Host>(made: &Self::Made, stage: usize, host: &H) {
                match stage {
                    $($stage => made.$stage.ended(host),)+
                    _ => {}
                }
            }
        }
    };
}

filters!(1 A::NAME => A 0);
filters!(4 "switchyard" => A 0, B 1, C 2, D 3);
