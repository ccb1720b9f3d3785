//! gzip and Zstandard, known by their first bytes.

use super::Stream;
use std::io::{self, BufRead, BufReader, Read};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packer {
    Gzip,
    Zstandard,
}

pub(super) fn packer(head: &[u8]) -> Option<Packer> {
    match head {
        [0x1f, 0x8b, ..] => Some(Packer::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Packer::Zstandard),
        _ => None,
    }
}

pub(super) fn unpacked(packer: Packer, packed: Stream) -> Stream {
    match packer {
        Packer::Gzip => Box::new(BufReader::with_capacity(
            1 << 16,
            flate2::bufread::MultiGzDecoder::new(packed),
        )),
        Packer::Zstandard => Box::new(BufReader::with_capacity(
            1 << 16,
            Frames { packed: Some(packed), frame: None },
        )),
    }
}

/// Zstandard frames, one behind the other.
struct Frames {
    /// Between frames.
    packed: Option<Stream>,
    frame: Option<Box<ruzstd::decoding::StreamingDecoder<Stream, ruzstd::decoding::FrameDecoder>>>,
}

impl Read for Frames {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                let n = frame.read(into)?;
                if n > 0 || into.is_empty() {
                    return Ok(n);
                }
                self.packed = self.frame.take().map(|frame| frame.into_inner());
            }
            let Some(mut packed) = self.packed.take() else { return Ok(0) };
            if packed.fill_buf()?.is_empty() {
                return Ok(0);
            }
            let decoder = ruzstd::decoding::StreamingDecoder::new(packed)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
            self.frame = Some(Box::new(decoder));
        }
    }
}
