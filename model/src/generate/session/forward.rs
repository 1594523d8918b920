//! A step's tokens through the blocks: all together, but for attention.

use super::{Piece, Session};
use crate::config::Position;
use crate::generate::sight::New;
use crate::ops::{self, CacheBias, rope_tables};
use burn::tensor::{Int, Tensor, TensorData};

impl Session<'_> {
    /// Runs the tokens of `pieces` through the blocks and caches them: `[1, tokens, hidden]`.
    pub(super) fn forward(&mut self, pieces: &[Piece]) -> Tensor<3> {
        let decoder = self.decoder;
        let config = &decoder.config;
        let (mut ids, mut positions, mut biases) = (Vec::new(), Vec::new(), Vec::new());
        for piece in pieces {
            biases.push(self.open(piece, &mut ids, &mut positions));
        }
        let counts: Vec<usize> = pieces.iter().map(|piece| self.count(piece)).collect();
        let shape = [1, ids.len()];
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, shape), &self.device);
        let rotary = (config.position() == Position::Rope)
            .then(|| rope_tables(&positions, 1, config, &self.device));
        let mut x = decoder.embed(ids);
        for (number, block) in decoder.blocks.iter().enumerate() {
            let (q, k, v) = block.queries_keys_values(x.clone(), rotary.as_ref(), false);
            let mut start = 0;
            let mut mixed = Vec::with_capacity(pieces.len());
            for ((piece, bias), count) in pieces.iter().zip(&biases).zip(&counts) {
                let part = |t: &Tensor<4>| t.clone().narrow(2, start, *count);
                mixed.push(self.attend(number, piece, [part(&q), part(&k), part(&v)], bias));
                start += count;
            }
            x = block.finish(x, Tensor::cat(mixed, 2), false);
        }
        for piece in pieces {
            if let Piece::Part { reading, ids } = piece {
                self.reading[*reading].done = ids.end;
            }
        }
        x
    }

    /// Adds the ids of a piece and their positions, makes room for them, and says what they see.
    fn open(&mut self, piece: &Piece, ids: &mut Vec<i32>, positions: &mut Vec<usize>) -> CacheBias {
        match piece {
            Piece::Rows { lane } => {
                let Some(lane) = self.lanes.get_mut(lane) else { return CacheBias::default() };
                lane.cache.open();
                for (row, length) in lane.rows.iter().zip(lane.cache.lengths()) {
                    ids.extend(row.answer.last().map(|id| *id as i32));
                    positions.push(lane.length + length - 1);
                }
                let (prefix, lengths) = (lane.length, lane.cache.lengths());
                self.sight.bias(&New { prefix, lengths, new: 1 })
            }
            Piece::Part { reading, ids: part } => {
                let reading = &self.reading[*reading];
                let prefix = match reading.row {
                    Some(_) => self.lanes[&reading.lane].length,
                    None => 0,
                };
                ids.extend(reading.ids[part.clone()].iter().map(|id| *id as i32));
                positions.extend(part.clone().map(|i| prefix + i));
                self.sight.bias(&New { prefix, lengths: &[part.end], new: part.len() })
            }
        }
    }

    pub(super) fn count(&self, piece: &Piece) -> usize {
        match piece {
            Piece::Rows { lane } => self.lanes[lane].rows.len(),
            Piece::Part { ids, .. } => ids.len(),
        }
    }

    /// Attention of one piece in one block; all tensors are `[1, heads, tokens, head_dim]`.
    fn attend(
        &mut self,
        block: usize,
        piece: &Piece,
        [q, k, v]: [Tensor<4>; 3],
        bias: &CacheBias,
    ) -> Tensor<4> {
        match piece {
            Piece::Rows { lane } => {
                let Some(lane) = self.lanes.get_mut(lane) else { return q };
                // The tokens of a piece are one of each row.
                let turned = |t: Tensor<4>| t.swap_dims(0, 2);
                let own = lane.cache.write(block, turned(k), turned(v));
                turned(ops::cached_attention(turned(q), lane.prefix.get(block), own, bias))
            }
            Piece::Part { reading, .. } => {
                let reading = &mut self.reading[*reading];
                let own = reading.add(block, k, v);
                let lane = reading.row.is_some().then(|| &self.lanes[&reading.lane]);
                let prefix = lane.and_then(|lane| lane.prefix.get(block));
                ops::cached_attention(q, prefix, own, bias)
            }
        }
    }
}
