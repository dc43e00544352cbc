//! What can be made to go wrong, for which requests, how often.

use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::request::{Operation, Request};

/// One thing that goes wrong with a request.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Answered with this status and S3 error code; not carried out.
    Status(u16, String),
    /// Carried out, and answered with this error all the same, as by an impatient gateway.
    StatusAfter(u16, String),
    /// Answered with 200 and this S3 error code in the body, as Complete may be; not carried out.
    ErrorIn200(String),
    /// Answered with 200 and a web page; not carried out.
    WebPage,
    /// The connection is reset once the head of the request came; not carried out.
    Reset,
    /// Carried out; the connection is reset instead of an answer.
    LostAnswer,
    /// Never answered; not carried out.
    Hang,
    /// Carried out, and never answered.
    HangAfter,
    /// The answer comes a byte at a time with this pause between.
    Drip(Duration),
    /// The body of the request is taken in slowly: this pause after each piece of it.
    SlowReceive(Duration),
    /// After so many bytes of the answer, its head included, the connection is reset.
    CutAnswer(u64),
    /// Waits at the gate before it is carried out.
    Hold(Gate),
}

/// Holds requests until it is opened.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    open: Semaphore,
    waiting: Mutex<usize>,
}

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Inner {
            open: Semaphore::new(0),
            waiting: Mutex::new(0),
        }))
    }
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn closed() -> Self {
        Self::default()
    }

    /// Lets everybody through, from now on.
    pub fn open(&self) {
        self.0.open.close();
    }

    /// Lets `count` requests through.
    pub fn let_through(&self, count: usize) {
        self.0.open.add_permits(count);
    }

    /// How many requests have come to the gate.
    #[must_use]
    pub fn arrived(&self) -> usize {
        *self
            .0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn pass(&self) {
        *self
            .0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner) += 1;
        // A closed semaphore is an open gate.
        if let Ok(permit) = self.0.open.acquire().await {
            permit.forget();
        }
    }
}

/// A planned fault: which requests it meets, and what it does to them.
#[derive(Debug, Clone)]
pub struct Fault {
    operation: Operation,
    bucket: Option<String>,
    part: Option<u32>,
    key: Option<String>,
    skip: u32,
    times: Option<u32>,
    effect: Effect,
}

impl Fault {
    /// Meets every request of `operation`.
    #[must_use]
    pub fn new(operation: Operation, effect: Effect) -> Self {
        Self {
            operation,
            bucket: None,
            part: None,
            key: None,
            skip: 0,
            times: None,
            effect,
        }
    }

    /// Only of this bucket.
    #[must_use]
    pub fn bucket(mut self, name: &str) -> Self {
        self.bucket = Some(name.to_owned());
        self
    }

    /// Only of this part number.
    #[must_use]
    pub fn part(mut self, number: u32) -> Self {
        self.part = Some(number);
        self
    }

    /// Only of keys that contain this.
    #[must_use]
    pub fn key(mut self, text: &str) -> Self {
        self.key = Some(text.to_owned());
        self
    }

    /// Not the first `count` of them.
    #[must_use]
    pub fn after(mut self, count: u32) -> Self {
        self.skip = count;
        self
    }

    /// `count` times, then no more.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.times = Some(count);
        self
    }

    fn fits(&self, request: &Request) -> bool {
        self.operation == request.operation
            && self.times != Some(0)
            && (self.part.is_none() || self.part == request.part_number)
            && self
                .bucket
                .as_ref()
                .is_none_or(|name| request.bucket == *name)
            && self
                .key
                .as_ref()
                .is_none_or(|text| request.key.contains(text))
    }
}

/// The faults that are planned; the first that fits is met.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub(crate) fn plan(&self, fault: Fault) {
        self.planned().push(fault);
    }

    pub(crate) fn clear(&self) {
        self.planned().clear();
    }

    pub(crate) fn met_by(&self, request: &Request) -> Option<Effect> {
        for fault in self.planned().iter_mut() {
            if !fault.fits(request) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            if let Some(left) = &mut fault.times {
                *left -= 1;
            }
            return Some(fault.effect.clone());
        }
        None
    }

    fn planned(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FromStr for Fault {
    type Err = String;

    /// `OPERATION[#PART][*TIMES]=EFFECT`, as `UploadPart#2*1=503:SlowDown`. Effects: a status
    /// and code, `reset`, `lost`, `hang`, `hang-after`, `page`, `drip:MILLISECONDS`,
    /// `slow:MILLISECONDS`, `cut:BYTES`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (which, effect) = text
            .split_once('=')
            .ok_or_else(|| format!("`{text}` has no `=`"))?;
        let (which, times) = counted(which, '*')?;
        let (which, part) = counted(which, '#')?;
        let operation = Operation::named(which);
        if operation == Operation::Other {
            return Err(format!("`{which}` is no operation of S3"));
        }
        let fault = Self::new(operation, effect.parse()?);
        Ok(Self {
            part,
            times,
            ..fault
        })
    }
}

/// `text` and the number behind `sign`, where there is one.
fn counted(text: &str, sign: char) -> Result<(&str, Option<u32>), String> {
    match text.split_once(sign) {
        None => Ok((text, None)),
        Some((text, number)) => number
            .parse()
            .map(|number| (text, Some(number)))
            .map_err(|_| format!("`{number}` is not a number")),
    }
}

impl FromStr for Effect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, argument) = text.split_once(':').unwrap_or((text, ""));
        let number = || {
            argument
                .parse::<u64>()
                .map_err(|_| format!("effect `{kind}` needs a number: {kind}:N"))
        };
        Ok(match kind {
            "reset" => Self::Reset,
            "lost" => Self::LostAnswer,
            "hang" => Self::Hang,
            "hang-after" => Self::HangAfter,
            "page" => Self::WebPage,
            "drip" => Self::Drip(Duration::from_millis(number()?)),
            "slow" => Self::SlowReceive(Duration::from_millis(number()?)),
            "cut" => Self::CutAnswer(number()?),
            status => {
                let status = status.parse().map_err(|_| {
                    format!("unknown effect `{text}`: a status, reset, lost, hang, hang-after, page, drip, slow or cut")
                })?;
                Self::Status(status, argument.to_owned())
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(number: u32) -> Request {
        let request = http::Request::builder()
            .method("PUT")
            .uri(format!("/b/prod/k?partNumber={number}&uploadId=u"));
        Request::of(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_fault_meets_what_it_names_and_as_often() {
        let faults = Faults::default();
        let reset = || Fault::new(Operation::UploadPart, Effect::Reset);
        faults.plan(reset().part(2).after(1).times(1));
        faults.plan(reset().key("other"));
        faults.plan(reset().bucket("other"));
        faults.plan(Fault::new(Operation::PutObject, Effect::Hang));
        assert!(faults.met_by(&part(1)).is_none());
        assert!(faults.met_by(&part(2)).is_none(), "the first is let pass");
        assert!(matches!(faults.met_by(&part(2)), Some(Effect::Reset)));
        assert!(faults.met_by(&part(2)).is_none(), "only once");
        faults.plan(reset());
        assert!(faults.met_by(&part(2)).is_some());
        faults.clear();
        assert!(faults.met_by(&part(2)).is_none());
    }

    #[test]
    fn written_faults_are_read() {
        let fault: Fault = "UploadPart#2*1=503:SlowDown".parse().unwrap();
        assert_eq!((fault.part, fault.times), (Some(2), Some(1)));
        assert!(matches!(fault.effect, Effect::Status(503, code) if code == "SlowDown"));
        let fault: Fault = "GetObject=drip:20".parse().unwrap();
        assert!(matches!(fault.effect, Effect::Drip(pause) if pause.as_millis() == 20));
        for wrong in [
            "UploadPart",
            "Upload=reset",
            "UploadPart=melt",
            "UploadPart#x=reset",
            "PutObject=cut",
        ] {
            assert!(wrong.parse::<Fault>().is_err(), "{wrong}");
        }
    }
}
