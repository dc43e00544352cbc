//! A gzipped tar, as Copy streams it: POSIX headers, and deflate's fixed codes with runs of one
//! byte folded, which is all that sparse databases need.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;

use bytes::Bytes;
use futures::StreamExt as _;
use tokio::sync::mpsc::Sender;

use super::files::Entry;
use crate::snapshot::Blocks;

/// Bytes of a tar's block.
const BLOCK: usize = 512;
/// Read from a file, and handed on, at once.
const PIECE: usize = 64 * 1024;
/// The longest run that deflate has a code for, and that code.
const RUN: usize = 258;
const RUN_CODE: u32 = 0b1100_0101;

/// The archive of these files, made while it is read.
pub(super) fn blocks(files: Vec<(PathBuf, Entry)>) -> Blocks {
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        let failure = sender.clone();
        let mut gzip = Gzip::new(sender);
        let written = files
            .iter()
            .try_for_each(|(path, entry)| write(&mut gzip, path, entry));
        let ended = written.and_then(|()| {
            gzip.write(&[0; 2 * BLOCK])?;
            gzip.finish()
        });
        if let Err(error) = ended {
            failure.blocking_send(Err(error.to_string())).ok();
        }
    });
    tokio_stream::wrappers::ReceiverStream::new(receiver).boxed()
}

fn write(gzip: &mut Gzip, path: &PathBuf, entry: &Entry) -> io::Result<()> {
    if entry.metadata.is_dir() {
        return gzip.write(&header(&format!("{}/", entry.relative), entry, 0, b'5'));
    }
    let mut file = File::open(path)?;
    // A file that is written to has the length that its header says, whatever becomes of it.
    let length = file.metadata()?.len();
    gzip.write(&header(&entry.relative, entry, length, b'0'))?;
    let mut left = length;
    let mut piece = vec![0; PIECE];
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let read = match file.read(&mut piece[..wanted])? {
            0 => {
                piece[..wanted].fill(0);
                wanted
            }
            read => read,
        };
        gzip.write(&piece[..read])?;
        left -= read as u64;
    }
    let rest = usize::try_from(length % BLOCK as u64).unwrap_or(0);
    gzip.write(&[0; BLOCK][..(BLOCK - rest) % BLOCK])
}

fn header(name: &str, entry: &Entry, size: u64, kind: u8) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let name = &name.as_bytes()[..name.len().min(100)];
    header[..name.len()].copy_from_slice(name);
    let mut number = |at: usize, digits: usize, value: u64| {
        let text = format!("{value:0digits$o}");
        header[at..at + text.len()].copy_from_slice(text.as_bytes());
    };
    number(
        100,
        7,
        u64::from(entry.metadata.permissions().mode() & 0o777),
    );
    number(108, 7, 60);
    number(116, 7, 60);
    number(124, 11, size);
    number(136, 11, entry.metadata.mtime().unsigned_abs());
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

/// Writes gzip into a channel.
struct Gzip {
    sender: Sender<Result<Bytes, String>>,
    buffer: Vec<u8>,
    bits: u64,
    count: u32,
    sum: u32,
    length: u32,
    /// The last byte, and how often it came again.
    run: Option<(u8, usize)>,
}

impl Gzip {
    fn new(sender: Sender<Result<Bytes, String>>) -> Self {
        let mut gzip = Self {
            sender,
            buffer: b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec(),
            bits: 0,
            count: 0,
            sum: !0,
            length: 0,
            run: None,
        };
        // One block with fixed codes, and it is the last.
        gzip.put(0b011, 3);
        gzip
    }

    /// The lowest bit first, as deflate has numbers.
    fn put(&mut self, bits: u32, count: u32) {
        self.bits |= u64::from(bits) << self.count;
        self.count += count;
        while self.count >= 8 {
            self.buffer.push(self.bits as u8);
            self.bits >>= 8;
            self.count -= 8;
        }
    }

    /// The highest bit first, as deflate has codes.
    fn code(&mut self, code: u32, count: u32) {
        self.put(code.reverse_bits() >> (32 - count), count);
    }

    fn literal(&mut self, byte: u8) {
        match u32::from(byte) {
            low @ 0..=143 => self.code(0x30 + low, 8),
            high => self.code(0x190 + high - 144, 9),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        for &byte in bytes {
            self.sum ^= u32::from(byte);
            for _ in 0..8 {
                let low = self.sum & 1;
                self.sum = self.sum >> 1 ^ (0xEDB8_8320 & low.wrapping_neg());
            }
            match &mut self.run {
                Some((last, again)) if *last == byte && *again < RUN => *again += 1,
                _ => {
                    self.end_run();
                    self.literal(byte);
                    self.run = Some((byte, 0));
                }
            }
        }
        self.length = self.length.wrapping_add(bytes.len() as u32);
        if self.buffer.len() >= PIECE {
            self.flush()?;
        }
        Ok(())
    }

    /// A whole run is one code and distance 1; a shorter one is spelled out.
    fn end_run(&mut self) {
        match self.run.take() {
            Some((_, RUN)) => {
                self.code(RUN_CODE, 8);
                self.code(0, 5);
            }
            Some((byte, again)) => (0..again).for_each(|_| self.literal(byte)),
            None => {}
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let block = Bytes::from(std::mem::take(&mut self.buffer));
        let sent = self.sender.blocking_send(Ok(block));
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn finish(mut self) -> io::Result<()> {
        self.end_run();
        self.code(0, 7);
        let rest = (8 - self.count) % 8;
        self.put(0, rest);
        self.buffer.extend_from_slice(&(!self.sum).to_le_bytes());
        self.buffer.extend_from_slice(&self.length.to_le_bytes());
        self.flush()
    }
}
