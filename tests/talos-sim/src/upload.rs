//! EtcdRecover: chunks go straight to the file of every node that is meant. As on real Talos
//! nothing is checked, and what is cut off leaves nothing.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use etcdbackup_proto::common::Data;
use etcdbackup_proto::machine::{EtcdRecover, EtcdRecoverResponse};
use futures::FutureExt as _;
use tonic::{Request, Response, Status, Streaming};

use crate::calls::{Arguments, Route, Ticket};
use crate::disk::SNAPSHOT;
use crate::faults::Fault;
use crate::labels::Labelled as _;
use crate::machined::Machined;
use crate::routing::{Apid, Caller};
use crate::state::HeldUp;

/// One node's end of an upload. Dropped before it is finished, it removes its file.
struct Upload {
    machined: Machined,
    ticket: Ticket,
    fault: Option<Fault>,
    path: PathBuf,
    file: File,
    bytes: u64,
    /// Bytes that the disk had left.
    room: u64,
    finished: bool,
}

impl Upload {
    async fn begin(machined: Machined, caller: &Caller) -> Result<Self, Status> {
        let arguments = Arguments::Upload(0);
        let (ticket, fault) = machined.enter_as("EtcdRecover", caller, arguments).await?;
        if machined.node.machine().is_held_up(HeldUp::Disk) {
            return Err(Status::failed_precondition(
                "etcd service is not ready for recovery yet",
            ));
        }
        machined.control_plane_only("etcd recover")?;
        let path = machined.node.disk.snapshot();
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o700)
            .open(&path)
            .map_err(|error| failed(&machined, &error))?;
        let room = machined.node.disk.available();
        Ok(Self {
            machined,
            ticket,
            fault,
            path,
            file,
            bytes: 0,
            room,
            finished: false,
        })
    }

    /// The byte at which the fault strikes.
    fn end(&self) -> Option<u64> {
        match self.fault {
            Some(Fault::CutWithOk(at) | Fault::StallAfter(at) | Fault::Reset(at)) => Some(at),
            Some(Fault::Fail { after, .. }) => Some(after),
            _ => None,
        }
    }

    async fn write(&mut self, chunk: &[u8], caller: &Caller) -> Result<(), Status> {
        let left = self.end().map(|end| end.saturating_sub(self.bytes));
        let length = chunk.len() as u64;
        let strikes = left.is_some_and(|left| length > left);
        let taken = usize::try_from(left.unwrap_or(length).min(length)).unwrap_or(chunk.len());
        let mut piece = chunk[..taken].to_vec();
        if let Some(Fault::FlipBit(at)) = self.fault
            && (self.bytes..self.bytes + length).contains(&at)
        {
            piece[usize::try_from(at - self.bytes).unwrap_or(0)] ^= 1;
        }
        if self.bytes + piece.len() as u64 > self.room {
            return Err(failed(&self.machined, &io::ErrorKind::StorageFull.into()));
        }
        let written = self.file.write_all(&piece);
        written.map_err(|error| failed(&self.machined, &error))?;
        self.bytes += piece.len() as u64;
        self.machined
            .cluster
            .calls
            .uploaded(self.ticket, self.bytes);
        if strikes {
            self.strike(caller).await?;
        }
        Ok(())
    }

    async fn strike(&self, caller: &Caller) -> Result<(), Status> {
        match &self.fault {
            Some(Fault::StallAfter(_)) => std::future::pending().await,
            Some(Fault::Reset(_)) => {
                caller.peer.reset.notify_one();
                std::future::pending().await
            }
            Some(Fault::Fail { code, message, .. }) => Err(Status::new(*code, message.clone())),
            _ => Ok(()),
        }
    }

    fn finish(mut self) -> Result<(), Status> {
        let synced = self.file.sync_all();
        synced.map_err(|error| failed(&self.machined, &error))?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.finished {
            fs::remove_file(&self.path).ok();
        }
    }
}

fn failed(machined: &Machined, error: &io::Error) -> Status {
    let text = match error.kind() {
        io::ErrorKind::StorageFull => "no space left on device".to_owned(),
        _ => error.to_string(),
    };
    let text = machined.node.disk.in_own_words(&text);
    Status::unknown(format!("write {SNAPSHOT}: {text}"))
}

impl Apid {
    /// One node's upload, or the same to many: `nodes` broadcasts it.
    pub(crate) async fn upload(
        &self,
        request: Request<Streaming<Data>>,
    ) -> Result<Response<EtcdRecoverResponse>, Status> {
        let caller = self.admit("EtcdRecover", &request, Arguments::Upload(0))?;
        let chunks = request.into_inner();
        let messages = match caller.route.clone() {
            Route::Local => {
                one(self.machined(&self.node), &caller, chunks).await?;
                vec![EtcdRecover::default()]
            }
            Route::Node(target) => {
                one(self.forward(&target)?, &caller, chunks).await?;
                vec![EtcdRecover::default()]
            }
            Route::Nodes(targets) => self.broadcast(targets, &caller, chunks).await?,
        };
        Ok(Response::new(EtcdRecoverResponse { messages }))
    }

    async fn broadcast(
        &self,
        targets: Vec<String>,
        caller: &Caller,
        mut chunks: Streaming<Data>,
    ) -> Result<Vec<EtcdRecover>, Status> {
        let mut uploads = Vec::new();
        for target in targets {
            let upload = match self.forward_one(&target)? {
                Ok(machined) => Upload::begin(machined, caller).await,
                Err(status) => Err(status),
            };
            uploads.push((target, upload));
        }
        while let Some(chunk) = chunks.message().await? {
            for (_, upload) in &mut uploads {
                if let Ok(one) = upload
                    && let Err(status) = one.write(&chunk.bytes, caller).await
                {
                    *upload = Err(status);
                }
            }
        }
        let message = |(target, upload): (String, Result<Upload, Status>)| match upload
            .and_then(Upload::finish)
        {
            Ok(()) => EtcdRecover::default().label(&target),
            Err(status) => EtcdRecover::failure(&target, &status),
        };
        Ok(uploads.into_iter().map(message).collect())
    }
}

async fn one(
    machined: Machined,
    caller: &Caller,
    mut chunks: Streaming<Data>,
) -> Result<(), Status> {
    let gone = machined.gone();
    let upload = async {
        let mut upload = Upload::begin(machined, caller).await?;
        while let Some(chunk) = chunks.message().await? {
            upload.write(&chunk.bytes, caller).await?;
        }
        let fault = upload.fault.clone();
        let finished = upload.finish();
        crate::routing::lose(fault, &caller.peer).await;
        finished
    };
    crate::gone::unless(gone, upload.boxed()).await
}
