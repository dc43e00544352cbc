//! Protobuf over gRPC with buffers for streams of small messages.
//!
//! A snapshot comes in messages of 1 KiB. tonic gathers them before they are sent, in a buffer
//! that grows from 8 KiB by copying each time; one that begins large enough is never copied.

use prost::Message;
use tonic::codec::BufferSettings;
use tonic_prost::ProstCodec;

/// What glibc and `bytes` hand out again and again.
const BUFFER: usize = 64 * 1024;
/// What is sent at once: so much that another small message still fits.
const GATHER: usize = 60 * 1024;

/// [`ProstCodec`], with larger buffers where messages are encoded.
#[derive(Debug, Clone)]
pub(crate) struct Codec<T, U>(ProstCodec<T, U>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(ProstCodec::new())
    }
}

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = <ProstCodec<T, U> as tonic::codec::Codec>::Encoder;
    type Decoder = <ProstCodec<T, U> as tonic::codec::Codec>::Decoder;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(BufferSettings::new(BUFFER, GATHER))
    }

    fn decoder(&mut self) -> Self::Decoder {
        self.0.decoder()
    }
}
