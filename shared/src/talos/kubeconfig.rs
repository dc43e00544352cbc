//! The kubeconfig that a control plane makes for an administrator, anew for each call.

use std::io::Read;

use flate2::read::GzDecoder;
use zeroize::Zeroizing;

use super::client::Via;
use super::error::{Kind, TalosError};
use super::files::small;
use super::node::Node;

const METHOD: &str = "Kubeconfig";
/// Bytes of the archive, and of what is in it: a kubeconfig has some 6 KiB.
const SMALL: usize = 256 * 1024;
/// Bytes of a tar's block.
const BLOCK: usize = 512;
/// Where a tar's header has the size, in octal digits.
const SIZE: std::ops::Range<usize> = 124..136;

impl Node<'_> {
    /// A kubeconfig with an administrator's certificate. Role os:admin only.
    ///
    /// # Errors
    /// The call failed, or the answer is no gzipped tar of one small text.
    pub async fn kubeconfig(&self) -> Result<Zeroizing<String>, TalosError> {
        let packed = self
            .ask(METHOD, async |mut via: Via| {
                let stream = via.client.kubeconfig(via.request(())).await?.into_inner();
                small(stream, SMALL).await.map(Zeroizing::new)
            })
            .await?;
        only_file(&packed).ok_or_else(|| {
            let what = "no kubeconfig in a gzipped tar".to_owned();
            self.error(METHOD, Kind::Answer(what))
        })
    }
}

/// The one file of a gzipped tar, as text.
fn only_file(packed: &[u8]) -> Option<Zeroizing<String>> {
    let mut tar = Zeroizing::new(Vec::new());
    let most = u64::try_from(SMALL).ok()?;
    GzDecoder::new(packed)
        .take(most)
        .read_to_end(&mut tar)
        .ok()?;
    let digits = std::str::from_utf8(tar.get(SIZE)?).ok()?;
    let digits = digits.trim_matches(['\0', ' ']);
    let size = usize::from_str_radix(digits, 8).ok()?;
    let file = tar.get(BLOCK..BLOCK.checked_add(size)?)?;
    String::from_utf8(file.to_vec()).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn archive(size: &str, text: &[u8]) -> Vec<u8> {
        let mut tar = vec![0_u8; BLOCK];
        tar[..10].copy_from_slice(b"kubeconfig");
        tar[SIZE.start..SIZE.start + size.len()].copy_from_slice(size.as_bytes());
        tar.extend(text);
        tar.resize(3 * BLOCK, 0);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&tar).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn the_file_in_the_archive_is_read() {
        let text = only_file(&archive("00000000013", b"apiVersion:")).unwrap();
        assert_eq!(text.as_str(), "apiVersion:");
    }

    #[test]
    fn what_is_no_such_archive_is_none() {
        for wrong in [
            Vec::new(),
            b"apiVersion: v1".to_vec(),
            archive("77777777777", b"x"),
            archive("not octal", b"x"),
            archive("00000000001", b"\xff"),
        ] {
            assert!(only_file(&wrong).is_none());
        }
        let whole = archive("00000000013", b"apiVersion:");
        assert!(only_file(&whole[..whole.len() / 3]).is_none());
    }
}
