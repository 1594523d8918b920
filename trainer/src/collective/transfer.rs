//! Frames to one neighbour and from the other, at the same time.
//!
//! Both sockets are non-blocking and one `poll` waits for whichever moves first: ranks that all
//! wrote before they read would fill each other's buffers and stand still.

use super::wire::{Content, HEADER, Header, SEGMENT, verify};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// What to send in one exchange. An empty slice is sent too, as one frame without payload.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// Not even a frame.
    Nothing,
    /// Values.
    Floats(&'a [f32]),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// What to do with what arrives.
pub enum Sink<'a> {
    /// Nothing is expected, not even a frame.
    Nothing,
    /// Values are added to those that are there.
    Add(&'a mut [f32]),
    /// Values replace those that are there.
    Store(&'a mut [f32]),
    /// Bytes replace those that are there.
    Bytes(&'a mut [u8]),
}

/// A message beside the operations: why the sender leaves.
#[derive(Debug, PartialEq, Eq)]
pub struct Note {
    /// Whom it holds responsible.
    pub culprit: Option<usize>,
    /// Its reason, a sentence.
    pub reason: String,
}

/// Why nothing more arrives.
#[derive(Debug)]
pub enum Trouble {
    /// The other end is gone.
    End,
    /// It is at another operation.
    Diverged(Header),
    /// What arrived is not what was sent.
    Damaged(String),
    /// It left and said why.
    Left(Note),
}

/// The sending half of an exchange.
pub struct Outgoing<'a> {
    source: Source<'a>,
    header: Header,
    /// The frame on its way: header and payload, in one piece.
    frame: &'a mut Vec<u8>,
    written: usize,
    /// Bytes of the source that are in frames already.
    staged: usize,
    frames_left: usize,
}

impl<'a> Outgoing<'a> {
    /// Sends `source` in frames headed like `header`; `frame` is room to build them in.
    pub fn new(source: Source<'a>, header: Header, frame: &'a mut Vec<u8>) -> Self {
        frame.clear();
        let frames_left = match source {
            Source::Nothing => 0,
            Source::Floats(values) => frames_for(values.len() * 4),
            Source::Bytes(bytes) => frames_for(bytes.len()),
        };
        Self { source, header, frame, written: 0, staged: 0, frames_left }
    }

    /// Everything has been handed to the system.
    pub fn is_done(&self) -> bool {
        self.frames_left == 0 && self.is_between_frames()
    }

    /// No frame is half sent, so that another one may follow.
    pub fn is_between_frames(&self) -> bool {
        self.written == 0 || self.written == self.frame.len()
    }

    /// Writes as much of one frame as the socket takes; true if that was anything.
    pub fn push(&mut self, mut stream: &TcpStream) -> io::Result<bool> {
        if self.written == self.frame.len() {
            self.stage();
        }
        match stream.write(&self.frame[self.written..]) {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                self.written += count;
                Ok(true)
            }
            Err(error) if is_for_later(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Builds the next frame.
    fn stage(&mut self) {
        self.frame.clear();
        self.frame.resize(HEADER, 0);
        let start = self.staged;
        match self.source {
            Source::Nothing => {}
            Source::Floats(values) => {
                let values = &values[start / 4..];
                let values = &values[..values.len().min(SEGMENT / 4)];
                self.frame.resize(HEADER + values.len() * 4, 0);
                let bytes = self.frame[HEADER..].as_chunks_mut::<4>().0;
                for (bytes, value) in bytes.iter_mut().zip(values) {
                    *bytes = value.to_le_bytes();
                }
            }
            Source::Bytes(bytes) => {
                let bytes = &bytes[start..];
                self.frame.extend_from_slice(&bytes[..bytes.len().min(SEGMENT)]);
            }
        }
        let length = self.frame.len() - HEADER;
        let header = Header { length: length as u32, ..self.header }.encode(&self.frame[HEADER..]);
        self.frame[..HEADER].copy_from_slice(&header);
        self.written = 0;
        self.staged += length;
        self.frames_left -= 1;
    }
}

/// The receiving half of an exchange.
pub struct Incoming<'a> {
    sink: Sink<'a>,
    expected: Header,
    header: [u8; HEADER],
    /// The header of the frame that is arriving, once it is complete.
    decoded: Option<Header>,
    payload: &'a mut Vec<u8>,
    /// Bytes of the current frame that are here, header included.
    filled: usize,
    /// Bytes of the sink that are final.
    stored: usize,
    frames_left: usize,
}

impl<'a> Incoming<'a> {
    /// Fills `sink` from frames headed like `expected`; `payload` is room to collect them in.
    pub fn new(sink: Sink<'a>, expected: Header, payload: &'a mut Vec<u8>) -> Self {
        let frames_left = match &sink {
            Sink::Nothing => 0,
            Sink::Add(values) | Sink::Store(values) => frames_for(values.len() * 4),
            Sink::Bytes(bytes) => frames_for(bytes.len()),
        };
        let header = [0; HEADER];
        Self { sink, expected, header, decoded: None, payload, filled: 0, stored: 0, frames_left }
    }

    /// Everything is in the sink.
    pub fn is_done(&self) -> bool {
        self.frames_left == 0
    }

    /// A frame has begun to arrive and is not complete.
    pub fn is_within_frame(&self) -> bool {
        self.filled > 0
    }

    /// Reads what is there of one frame; true if that was anything.
    pub fn pull(&mut self, mut stream: &TcpStream) -> Result<bool, Trouble> {
        let room = match self.decoded {
            None => &mut self.header[self.filled..],
            Some(_) => &mut self.payload[self.filled - HEADER..],
        };
        match stream.read(room) {
            Ok(0) => return Err(Trouble::End),
            Ok(count) => self.filled += count,
            Err(error) if is_for_later(&error) => return Ok(false),
            Err(_) => return Err(Trouble::End),
        }
        if self.decoded.is_none() && self.filled == HEADER {
            self.open()?;
        }
        if let Some(header) = self.decoded
            && self.filled == HEADER + header.length as usize
        {
            self.close(header)?;
        }
        Ok(true)
    }

    /// Looks at a complete header before any of its payload is waited for.
    fn open(&mut self) -> Result<(), Trouble> {
        let header = Header::decode(&self.header).map_err(Trouble::Damaged)?;
        if header.content != Content::Note {
            let expected = Header { length: self.expected_length(), ..self.expected };
            if header != expected {
                return Err(Trouble::Diverged(header));
            }
        }
        self.payload.resize(header.length as usize, 0);
        self.decoded = Some(header);
        Ok(())
    }

    /// Takes over a complete payload.
    fn close(&mut self, header: Header) -> Result<(), Trouble> {
        verify(&self.header, self.payload).map_err(Trouble::Damaged)?;
        if header.content == Content::Note {
            return Err(Trouble::Left(note(header, self.payload)));
        }
        let (start, end) = (self.stored, self.stored + self.payload.len());
        let values = self.payload.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        match &mut self.sink {
            Sink::Nothing => {}
            Sink::Add(room) => {
                room[start / 4..end / 4].iter_mut().zip(values).for_each(|(x, y)| *x += y);
            }
            Sink::Store(room) => {
                room[start / 4..end / 4].iter_mut().zip(values).for_each(|(x, y)| *x = y);
            }
            Sink::Bytes(room) => room[start..end].copy_from_slice(self.payload),
        }
        self.stored = end;
        self.filled = 0;
        self.decoded = None;
        self.frames_left -= 1;
        Ok(())
    }

    fn expected_length(&self) -> u32 {
        let size = match &self.sink {
            Sink::Nothing => 0,
            Sink::Add(values) | Sink::Store(values) => values.len() * 4,
            Sink::Bytes(bytes) => bytes.len(),
        };
        (size - self.stored).min(SEGMENT) as u32
    }
}

/// What can be done now, with the neighbour that we send to and the one that we hear from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ready {
    /// The next one takes bytes.
    pub writable: bool,
    /// The next one says something, or is gone.
    pub answered: bool,
    /// The previous one sent something, or is gone.
    pub readable: bool,
}

/// Waits until one of the `wanted` things can be done, or for `patience`.
pub fn wait(
    next: &TcpStream,
    prev: &TcpStream,
    wanted: Ready,
    patience: Duration,
) -> io::Result<Ready> {
    let mut events = 0;
    if wanted.writable {
        events |= libc::POLLOUT;
    }
    if wanted.answered {
        events |= libc::POLLIN;
    }
    // A negative descriptor is one that poll leaves alone, its hang-up included.
    let watch = |wanted: bool, stream: &TcpStream, events| libc::pollfd {
        fd: if wanted { stream.as_raw_fd() } else { -1 },
        events,
        revents: 0,
    };
    let mut fds = [
        watch(wanted.writable || wanted.answered, next, events),
        watch(wanted.readable, prev, libc::POLLIN),
    ];
    // Rounded up, so that a patience below one millisecond does not spin.
    let milliseconds = patience.as_millis().saturating_add(1).min(60_000) as libc::c_int;
    // SAFETY: `fds` is an array of two initialised `pollfd`, alive during the call.
    let count = unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, milliseconds) };
    if count < 0 {
        let error = io::Error::last_os_error();
        return if is_for_later(&error) { Ok(Ready::default()) } else { Err(error) };
    }
    let broken = libc::POLLERR | libc::POLLHUP | libc::POLLNVAL;
    Ok(Ready {
        writable: wanted.writable && fds[0].revents & (libc::POLLOUT | broken) != 0,
        answered: wanted.answered && fds[0].revents & (libc::POLLIN | broken) != 0,
        readable: fds[1].revents & (libc::POLLIN | broken) != 0,
    })
}

/// What a connection holds that nobody has read yet.
#[derive(Debug)]
pub enum Sight {
    /// Nothing, or not enough to say.
    Nothing,
    /// A frame headed like this, or the beginning of one.
    Frame(Header),
    /// The other end is gone.
    End,
}

/// Looks at what has arrived, and leaves it there.
pub fn peek(stream: &TcpStream) -> Sight {
    let mut bytes = [0; HEADER];
    match stream.peek(&mut bytes) {
        Ok(0) => Sight::End,
        // What cannot be decoded is reported by whoever reads it.
        Ok(HEADER) => Header::decode(&bytes).map_or(Sight::Nothing, Sight::Frame),
        Ok(_) => Sight::Nothing,
        Err(error) if is_for_later(&error) => Sight::Nothing,
        Err(_) => Sight::End,
    }
}

/// Reads a note from a connection that carries nothing else, waiting for at most `patience`.
pub fn read_note(stream: &TcpStream, patience: Duration) -> Option<Note> {
    stream.set_nonblocking(false).ok()?;
    stream.set_read_timeout(Some(patience)).ok()?;
    let note = read_one(stream);
    stream.set_nonblocking(true).ok()?;
    note
}

fn read_one(mut stream: &TcpStream) -> Option<Note> {
    let mut bytes = [0; HEADER];
    stream.read_exact(&mut bytes).ok()?;
    let header = Header::decode(&bytes).ok().filter(|header| header.content == Content::Note)?;
    let mut payload = vec![0; header.length as usize];
    stream.read_exact(&mut payload).ok()?;
    verify(&bytes, &payload).ok()?;
    Some(note(header, &payload))
}

/// Leaves `note` for a neighbour, if its socket takes it at once.
pub fn leave_note(mut stream: &TcpStream, header: Header, note: &Note) {
    let payload = note.reason.as_bytes();
    let header = Header {
        content: Content::Note,
        part: note.culprit.map_or(u32::MAX, |rank| rank as u32),
        length: payload.len() as u32,
        ..header
    };
    let mut frame = header.encode(payload).to_vec();
    frame.extend_from_slice(payload);
    // A neighbour that cannot be told hears our silence.
    let _ = stream.write(&frame);
}

fn note(header: Header, payload: &[u8]) -> Note {
    Note {
        culprit: (header.part != u32::MAX).then_some(header.part as usize),
        reason: String::from_utf8_lossy(payload).into_owned(),
    }
}

/// Even nothing is said with one frame: it carries the header that is compared.
fn frames_for(bytes: usize) -> usize {
    bytes.div_ceil(SEGMENT).max(1)
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
