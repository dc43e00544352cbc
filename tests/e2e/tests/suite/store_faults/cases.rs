//! Every fault on every request of an upload, and how each must end.

use std::time::Duration;

use e2e::World;
use s3_sim::{Effect, Fault, Operation};

/// Where a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    Put,
    Create,
    Part(u32),
    Complete,
    /// The upload is taken back after a refused part.
    Abort,
}

const PUBLISHING: [At; 6] = [
    At::Put,
    At::Create,
    At::Part(1),
    At::Part(2),
    At::Part(3),
    At::Complete,
];

impl At {
    fn operation(self) -> Operation {
        match self {
            Self::Put => Operation::PutObject,
            Self::Create => Operation::CreateMultipartUpload,
            Self::Part(_) => Operation::UploadPart,
            Self::Complete => Operation::CompleteMultipartUpload,
            Self::Abort => Operation::AbortMultipartUpload,
        }
    }

    fn fault(self, effect: Effect, key: &str) -> Fault {
        let fault = Fault::new(self.operation(), effect).key(key);
        match self {
            Self::Part(number) => fault.part(number),
            _ => fault,
        }
    }
}

/// What strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strike {
    /// An error instead of the work.
    Status(u16, &'static str),
    /// A gateway's error after the work.
    Gateway,
    Reset,
    Hang,
    /// The answer is lost: the work was done.
    Lost,
    /// The answer drips so slowly that it never ends in time; the work was done.
    Drip,
}

const STRIKES: [Strike; 9] = [
    Strike::Status(500, "InternalError"),
    Strike::Status(503, "ServiceUnavailable"),
    Strike::Status(503, "SlowDown"),
    Strike::Status(403, "AccessDenied"),
    Strike::Gateway,
    Strike::Reset,
    Strike::Hang,
    Strike::Lost,
    Strike::Drip,
];

impl Strike {
    fn effect(self) -> Effect {
        match self {
            Self::Status(status, code) => Effect::Status(status, code.to_owned()),
            Self::Gateway => Effect::StatusAfter(502, String::new()),
            Self::Reset => Effect::Reset,
            Self::Hang => Effect::Hang,
            Self::Lost => Effect::LostAnswer,
            Self::Drip => Effect::Drip(Duration::from_millis(200)),
        }
    }

    pub(crate) fn needs_patience(self) -> bool {
        matches!(self, Self::Hang | Self::Drip)
    }

    /// Whether the store has done what it was asked for.
    pub(crate) fn is_carried_out(self) -> bool {
        matches!(self, Self::Gateway | Self::Lost | Self::Drip)
    }

    /// Whether the client cannot know.
    fn is_unknown(self) -> bool {
        !matches!(self, Self::Status(..))
    }
}

/// One run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) at: At,
    pub(crate) strike: Strike,
    /// Every time, or the first time only.
    pub(crate) always: bool,
}

/// How a case must end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) exit: i32,
    pub(crate) object: bool,
    /// Open uploads that may remain, each named in the message or a warning.
    pub(crate) open: bool,
}

impl Case {
    pub(crate) fn wanted(self) -> Wanted {
        match (self.at, self.always) {
            (At::Abort, always) => self.wanted_of_abort(always),
            (_, false) => self.wanted_once(),
            (_, true) => self.wanted_always(),
        }
    }

    fn wanted_once(self) -> Wanted {
        let lost_for_good = self.at == At::Complete && self.strike.is_carried_out();
        Wanted {
            exit: match self.strike {
                Strike::Status(403, _) => 77,
                // Asked again, the store knows no such upload: stored or removed, who knows.
                _ if lost_for_good => 75,
                _ => 0,
            },
            object: !matches!(self.strike, Strike::Status(403, _)),
            open: self.at == At::Create && self.strike.is_carried_out(),
        }
    }

    fn wanted_always(self) -> Wanted {
        let part = matches!(self.at, At::Part(_));
        let publishes = matches!(self.at, At::Put | At::Complete);
        Wanted {
            exit: match self.strike {
                Strike::Status(403, _) => 77,
                Strike::Status(_, "SlowDown") => 75,
                strike if strike.is_unknown() && !part => 75,
                _ => 69,
            },
            object: publishes && self.strike.is_carried_out(),
            open: self.at == At::Create && self.strike.is_carried_out(),
        }
    }

    /// The part is refused; what counts is whether the abort came through.
    fn wanted_of_abort(self, always: bool) -> Wanted {
        let refused = matches!(self.strike, Strike::Status(403, _));
        let untold = always || refused;
        Wanted {
            exit: if untold { 75 } else { 77 },
            object: false,
            open: untold && !self.strike.is_carried_out(),
        }
    }

    pub(crate) fn inject(self, world: &World, prefix: &str) {
        let key = format!("{prefix}/{prefix}-");
        let fault = self.at.fault(self.strike.effect(), &key);
        let fault = if self.always { fault } else { fault.times(1) };
        world.s3.inject(fault);
        if self.at == At::Abort {
            let denied = Effect::Status(403, "AccessDenied".to_owned());
            world.s3.inject(At::Part(2).fault(denied, &key));
        }
    }
}

pub(crate) fn every_case() -> Vec<Case> {
    let mut cases = Vec::new();
    for at in PUBLISHING.into_iter().chain([At::Abort]) {
        for strike in STRIKES {
            cases.extend([false, true].map(|always| Case { at, strike, always }));
        }
    }
    cases
}
