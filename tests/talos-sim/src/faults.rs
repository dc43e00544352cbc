//! What can be made to go wrong, for which calls, how often.

use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tonic::Code;

/// One thing that goes wrong. Byte counts are counted in the snapshot stream from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The stream ends after this many bytes, with success. Real Talos does that on any read error.
    CutWithOk(u64),
    /// After this many bytes nothing more comes, and the stream stays open.
    StallAfter(u64),
    /// The lowest bit of this byte is flipped.
    FlipBit(u64),
    /// The call is accepted and never answered, not even with headers.
    Hang,
    /// After this many bytes (0 for a call without a stream) the call fails with this status.
    Fail {
        /// Bytes before the failure.
        after: u64,
        /// The status code.
        code: Code,
        /// The status message.
        message: String,
    },
    /// After this many bytes the TCP connection is reset. A call that streams nothing is done
    /// when they are not 0, and only its answer is lost.
    Reset(u64),
    /// `PermissionDenied`, `not authorized`, whatever the roles say.
    Denied,
    /// The stream drips: so many bytes, a pause, again.
    Drip {
        /// Bytes at once.
        bytes: u64,
        /// Time between.
        pause: Duration,
    },
    /// Connections are refused until the node is brought up again. Not a matter of calls.
    Down,
}

impl FromStr for Fault {
    type Err = String;

    /// `cut:N stall:N flip:N empty hang fail:N reset:N denied drip:N down`; N in bytes, and
    /// for `drip` in bytes every 100 ms.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, bytes) = match text.split_once(':') {
            Some((kind, bytes)) => {
                let bytes = bytes
                    .parse()
                    .map_err(|_| format!("`{bytes}` is not a byte count"))?;
                (kind, Some(bytes))
            }
            None => (text, None),
        };
        let counted =
            || bytes.ok_or_else(|| format!("fault `{kind}` needs a byte count: {kind}:N"));
        Ok(match kind {
            "cut" => Self::CutWithOk(counted()?),
            "empty" => Self::CutWithOk(0),
            "stall" => Self::StallAfter(counted()?),
            "flip" => Self::FlipBit(counted()?),
            "hang" => Self::Hang,
            "fail" => Self::Fail {
                after: bytes.unwrap_or(0),
                code: Code::Unknown,
                message: "rpc error: code = Unknown desc = etcdserver: request timed out"
                    .to_owned(),
            },
            "reset" => Self::Reset(bytes.unwrap_or(0)),
            "denied" => Self::Denied,
            "drip" => Self::Drip {
                bytes: counted()?.max(1),
                pause: Duration::from_millis(100),
            },
            "down" => Self::Down,
            _ => {
                return Err(format!(
                    "unknown fault `{kind}`: cut, empty, stall, flip, hang, fail, reset, denied, drip or down"
                ));
            }
        })
    }
}

#[derive(Debug)]
struct Planned {
    method: String,
    fault: Fault,
    /// `None`: for ever.
    calls_left: Option<u32>,
}

/// The faults planned for one node.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    planned: Mutex<Vec<Planned>>,
}

impl Faults {
    /// Plans a fault for the next `calls` calls of `method`, or for all of them. Plans for one
    /// method are used up in order.
    pub(crate) fn plan(&self, method: &str, fault: Fault, calls: Option<u32>) {
        let planned = Planned {
            method: method.to_owned(),
            fault,
            calls_left: calls,
        };
        self.planned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(planned);
    }

    pub(crate) fn clear(&self) {
        self.planned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// The fault this call of `method` meets.
    pub(crate) fn next(&self, method: &str) -> Option<Fault> {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let position = planned
            .iter()
            .position(|plan| plan.method == method && plan.calls_left != Some(0))?;
        let plan = &mut planned[position];
        let fault = plan.fault.clone();
        if let Some(left) = &mut plan.calls_left {
            *left -= 1;
            if *left == 0 {
                planned.remove(position);
            }
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_used_up_in_order() {
        let faults = Faults::default();
        faults.plan("EtcdSnapshot", Fault::CutWithOk(1), Some(2));
        faults.plan("EtcdSnapshot", Fault::Hang, None);
        assert_eq!(faults.next("EtcdStatus"), None);
        assert_eq!(faults.next("EtcdSnapshot"), Some(Fault::CutWithOk(1)));
        assert_eq!(faults.next("EtcdSnapshot"), Some(Fault::CutWithOk(1)));
        assert_eq!(faults.next("EtcdSnapshot"), Some(Fault::Hang));
        assert_eq!(faults.next("EtcdSnapshot"), Some(Fault::Hang));
        faults.clear();
        assert_eq!(faults.next("EtcdSnapshot"), None);
    }

    #[test]
    fn written_faults_are_read() {
        assert_eq!("cut:1024".parse(), Ok(Fault::CutWithOk(1024)));
        assert_eq!("empty".parse(), Ok(Fault::CutWithOk(0)));
        assert_eq!("down".parse(), Ok(Fault::Down));
        assert!("cut".parse::<Fault>().unwrap_err().contains("cut:N"));
        assert!("cut:x".parse::<Fault>().is_err());
        assert!("melt".parse::<Fault>().is_err());
    }
}
