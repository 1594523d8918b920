//! What a ring knows of its ranks while another carrier does the sums.

use super::super::transfer::{self, Note, Sight};
use super::super::wire::{self, Content, Header};
use super::super::{CollectiveError, Control, Deadlines, Moment, News, Operation, Whereabouts};
use super::{LAST_WORDS, TcpRing, idle, told};
use std::time::Duration;

impl Control for TcpRing {
    fn news(&mut self, during: Moment) -> Option<News> {
        if let Some(reason) = &self.closed {
            return Some(News::Left(CollectiveError::Closed { reason: reason.clone() }));
        }
        let neighbours = [(self.next_rank(), &self.next), (self.before(1), &self.prev)];
        let seen = neighbours.map(|(peer, stream)| (peer, stream, transfer::peek(stream)));
        // A reason first: who leaves says it to one neighbour before it hangs up on the other.
        let note = seen.iter().find_map(|(peer, stream, sight)| match sight {
            Sight::Frame(Header { content: Content::Note, .. }) => {
                Some(told(*peer, transfer::read_note(stream, LAST_WORDS)?))
            }
            _ => None,
        });
        if let Some(error) = note {
            self.close(&idle(during), &error, true);
            return Some(News::Left(error));
        }
        seen.iter().find_map(|(peer, _, sight)| match sight {
            Sight::End => Some(News::Gone(*peer)),
            Sight::Frame(header) if header.moment.operation == Operation::Question => {
                Some(News::Asks)
            }
            _ => None,
        })
    }

    fn ask(
        &mut self,
        here: Whereabouts,
        patience: Duration,
    ) -> Result<Vec<Whereabouts>, CollectiveError> {
        let call = self.begin(Operation::Question, Content::Floats, WORDS * self.world)?;
        // Bits, not values: they are copied and never computed with.
        let mut all = vec![0.0; WORDS * self.world];
        all[self.rank * WORDS..][..WORDS].copy_from_slice(&words(here));
        let usual = self.deadlines;
        self.deadlines = Deadlines { operation: patience, stall: patience, ..usual };
        let answered = self.gather(&call, 0, &mut all);
        self.deadlines = usual;
        answered?;
        Ok(all.chunks(WORDS).map(|words| whereabouts(words).unwrap_or(here)).collect())
    }

    fn end(&mut self, culprit: Option<usize>, reason: &str) {
        if self.closed.is_none() {
            let call = idle(Moment { operation: Operation::Barrier, sequence: self.sequence });
            let note = Note { culprit, reason: reason.to_owned() };
            self.leave(self.header(&call, 0), note, true);
        }
    }
}

/// Numbers that say where a rank is.
const WORDS: usize = 5;

fn words(here: Whereabouts) -> [f32; WORDS] {
    let Moment { operation, sequence } = here.moment;
    let halves = |value: u64| [(value >> 32) as u32, value as u32];
    let ([a, b], [c, d]) = (halves(sequence), halves(here.len));
    [u32::from(wire::code_of(operation)), a, b, c, d].map(f32::from_bits)
}

fn whereabouts(words: &[f32]) -> Option<Whereabouts> {
    let word = |at: usize| u64::from(words[at].to_bits());
    let operation = wire::operation_of(word(0) as u8)?;
    let moment = Moment { operation, sequence: word(1) << 32 | word(2) };
    Some(Whereabouts { moment, len: word(3) << 32 | word(4) })
}
