//! Records of an event file: TensorFlow's `Event` in the frames of a TFRecord file.
//!
//! ```text
//! length u64 | masked CRC-32C of it u32 | event | masked CRC-32C of it u32       little endian
//! ```

use crate::protobuf::Message;
use std::io::{self, Write};

/// What one record says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event<'a> {
    /// Which rules the file follows; the first record.
    Version,
    /// The program begins, or begins again: what an earlier one wrote of this step and later ones is
    /// void.
    Start,
    /// Numbers, each with its tag.
    Scalars(&'a [(String, f64)]),
}

/// Writes a record.
pub(super) fn write(
    file: &mut impl Write,
    seconds: f64,
    step: usize,
    event: &Event<'_>,
) -> io::Result<()> {
    let bytes = message(seconds, step, event);
    let bytes = bytes.bytes();
    let length = (bytes.len() as u64).to_le_bytes();
    file.write_all(&length)?;
    file.write_all(&masked(crc32c(&length)).to_le_bytes())?;
    file.write_all(bytes)?;
    file.write_all(&masked(crc32c(bytes)).to_le_bytes())
}

/// `tensorflow/core/util/event.proto`, `tensorflow/core/framework/summary.proto`.
fn message(seconds: f64, step: usize, event: &Event<'_>) -> Message {
    let mut message = Message::new().double(1, seconds);
    if step > 0 {
        message = message.int(2, step as i64);
    }
    match event {
        Event::Version => message.text(3, "brain.Event:2"),
        Event::Start => message.message(7, &Message::new().int(1, 1)),
        Event::Scalars(scalars) => {
            let summary = scalars.iter().fold(Message::new(), |summary, (tag, value)| {
                let value = Message::new().text(1, tag).float(2, *value as f32);
                summary.message(1, &value)
            });
            message.message(5, &summary)
        }
    }
}

/// A checksum in a form that may itself be part of what is summed.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC with Castagnoli's polynomial, which TFRecord files are checked by.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    let step = |crc: u32, byte: &u8| crc >> 8 ^ TABLE[usize::from(crc as u8 ^ byte)];
    !bytes.iter().fold(!0, step)
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut crc = i as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
}

/// The records of a file, for tests: each checked, as hexadecimal digits.
#[cfg(test)]
pub(super) fn records(mut bytes: &[u8]) -> Vec<String> {
    let number = |bytes: &[u8]| {
        bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
    };
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let length = number(&bytes[..8]) as usize;
        assert_eq!(number(&bytes[8..12]), u64::from(masked(crc32c(&bytes[..8]))));
        let (event, rest) = bytes[12..].split_at(length);
        assert_eq!(number(&rest[..4]), u64::from(masked(crc32c(event))));
        records.push(event.iter().map(|byte| format!("{byte:02x}")).collect());
        bytes = &rest[4..];
    }
    records
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn checksums_are_those_of_tensorboard() {
        // The check value of CRC-32C, and what TensorBoard's `masked_crc32c` makes of it.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(masked(crc32c(b"123456789")), 0xc78a_b0e5);
    }

    #[test]
    fn events_are_the_bytes_that_tensorboard_writes() {
        // Made with `tensorboard.compat.proto.event_pb2` (TensorBoard 2.21).
        for (step, event, expected) in [
            (0, Event::Version, "09000000000000f83f1a0d627261696e2e4576656e743a32"),
            (8, Event::Start, "09000000000000f83f10083a020801"),
            (
                3,
                Event::Scalars(&[("loss".to_owned(), 0.25)]),
                "09000000000000f83f10032a0d0a0b0a046c6f7373150000803e",
            ),
        ] {
            let mut file = Vec::new();
            write(&mut file, 1.5, step, &event).unwrap();
            assert_eq!(records(&file), [expected]);
        }
    }
}
