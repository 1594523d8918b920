//! Greedy answers, in batches that share a prefix.
//!
//! The keys and values of a prefix are computed once and serve every prompt behind it. Prompts of a
//! batch are padded on the right and the padding is masked, so that an answer does not depend on
//! which other prompts stand beside it.

use crate::Decoder;
use crate::block::KeysValues;
use crate::config::Position;
use crate::layout::tensor;
use crate::ops::{self, alibi_slopes, rope_tables};
use burn::tensor::{Device, Int, Tensor, TensorData};

/// One answer to generate.
#[derive(Clone, Debug)]
pub struct Request {
    /// Token ids that neighbouring requests share, possibly empty.
    pub prefix: Vec<u32>,
    /// Token ids after the prefix; at least one.
    pub prompt: Vec<u32>,
}

/// How answers are generated.
#[derive(Clone, Copy, Debug)]
pub struct GenerateConfig {
    /// An answer is cut after so many tokens.
    pub max_new_tokens: usize,
    /// Prompts of one batch.
    pub rows: usize,
}

/// Answers to `requests`, in their order, without the end token.
///
/// `progress` hears after each batch how many are done, and says whether to go on; if not, there are
/// no answers.
pub fn generate(
    decoder: &Decoder,
    requests: &[Request],
    config: GenerateConfig,
    progress: &mut dyn FnMut(usize) -> bool,
) -> Option<Vec<Vec<u32>>> {
    let mut order: Vec<usize> = (0..requests.len()).collect();
    order.sort_by(|a, b| {
        let key = |i: usize| (&requests[i].prefix, requests[i].prompt.len(), i);
        key(*a).cmp(&key(*b))
    });
    let matrix = decoder.head_matrix();
    let mut answers = vec![Vec::new(); requests.len()];
    let mut done = 0;
    let mut start = 0;
    while start < order.len() {
        let prefix = &requests[order[start]].prefix;
        let same = order[start..].iter().take_while(|i| requests[**i].prefix == *prefix).count();
        let session = Session::new(decoder, prefix, matrix.clone());
        for batch in order[start..start + same].chunks(config.rows.max(1)) {
            let prompts: Vec<&[u32]> =
                batch.iter().map(|i| requests[*i].prompt.as_slice()).collect();
            for (i, answer) in batch.iter().zip(session.answers(&prompts, config.max_new_tokens)) {
                answers[*i] = answer;
            }
            done += batch.len();
            if !progress(done) {
                return None;
            }
        }
        start += same;
    }
    Some(answers)
}

/// A prefix whose keys and values are known.
struct Session<'a> {
    decoder: &'a Decoder,
    device: Device,
    /// The head's matrix, `[vocabulary, hidden]`.
    matrix: Tensor<2>,
    /// True length of the prefix.
    length: usize,
    /// Per block, `[1, key_value_heads, prefix, head_dim]`; empty when there is no prefix.
    prefix: Vec<KeysValues>,
}

/// What the rows of a batch have seen behind the prefix.
struct Cache {
    /// Per block, `[rows, key_value_heads, seen, head_dim]`.
    blocks: Vec<KeysValues>,
    /// Position of each cached slot of each row; `None` is padding.
    slots: Vec<Vec<Option<usize>>>,
}

impl<'a> Session<'a> {
    fn new(decoder: &'a Decoder, prefix: &[u32], matrix: Tensor<2>) -> Self {
        let device = decoder.device();
        let mut session = Self { decoder, device, matrix, length: 0, prefix: Vec::new() };
        if !prefix.is_empty() {
            let mut cache = Cache { blocks: Vec::new(), slots: vec![Vec::new()] };
            let positions: Vec<Option<usize>> = (0..prefix.len()).map(Some).collect();
            session.forward(&[prefix.to_vec()], &[positions], &mut cache);
            session.prefix = cache.blocks;
            session.length = prefix.len();
        }
        session
    }

    /// Greedy answers to `prompts` behind the prefix.
    fn answers(&self, prompts: &[&[u32]], max_new_tokens: usize) -> Vec<Vec<u32>> {
        let ends = self.decoder.config.eos_token_ids();
        let width = prompts.iter().map(|prompt| prompt.len()).max().unwrap_or(0);
        let pad = self.decoder.config.pad_token_id;
        let ids: Vec<Vec<u32>> = prompts
            .iter()
            .map(|prompt| {
                prompt.iter().copied().chain(std::iter::repeat(pad)).take(width).collect()
            })
            .collect();
        let positions: Vec<Vec<Option<usize>>> = prompts
            .iter()
            .map(|prompt| {
                (0..width).map(|i| (i < prompt.len()).then_some(self.length + i)).collect()
            })
            .collect();
        let mut cache = Cache { blocks: Vec::new(), slots: vec![Vec::new(); prompts.len()] };
        let states = self.forward(&ids, &positions, &mut cache);
        let last: Vec<usize> = prompts
            .iter()
            .enumerate()
            .map(|(row, prompt)| row * width + prompt.len() - 1)
            .collect();
        let mut next = self.choose(states, &last);

        let mut answers: Vec<Vec<u32>> = vec![Vec::new(); prompts.len()];
        let mut active: Vec<usize> = (0..prompts.len()).collect();
        for step in 0..max_new_tokens {
            let going: Vec<usize> =
                (0..active.len()).filter(|row| !ends.contains(&next[*row])).collect();
            for row in &going {
                answers[active[*row]].push(next[*row]);
            }
            if going.is_empty() || step + 1 == max_new_tokens {
                break;
            }
            if going.len() < active.len() {
                cache.keep(&going, &self.device);
                active = going.iter().map(|row| active[*row]).collect();
                next = going.iter().map(|row| next[*row]).collect();
            }
            let ids: Vec<Vec<u32>> = next.iter().map(|id| vec![*id]).collect();
            let positions: Vec<Vec<Option<usize>>> =
                active.iter().map(|i| vec![Some(self.length + prompts[*i].len() + step)]).collect();
            let states = self.forward(&ids, &positions, &mut cache);
            next = self.choose(states, &(0..active.len()).collect::<Vec<_>>());
        }
        answers
    }

    /// Runs new tokens through the blocks and adds them to `cache`: `[rows, new, hidden]`.
    fn forward(
        &self,
        ids: &[Vec<u32>],
        positions: &[Vec<Option<usize>>],
        cache: &mut Cache,
    ) -> Tensor<3> {
        let config = &self.decoder.config;
        let (rows, new) = (ids.len(), ids[0].len());
        let flat: Vec<i32> = ids.iter().flatten().map(|id| *id as i32).collect();
        let ids = Tensor::<2, Int>::from_data(TensorData::new(flat, [rows, new]), &self.device);
        for (slots, positions) in cache.slots.iter_mut().zip(positions) {
            slots.extend(positions);
        }
        let rotary = (config.position() == Position::Rope).then(|| {
            let places: Vec<usize> =
                positions.iter().flatten().map(|place| place.unwrap_or(0)).collect();
            rope_tables(&places, rows, config, &self.device)
        });
        let bias = self.bias(positions, &cache.slots);
        let mut x = self.decoder.embed(ids);
        for (i, block) in self.decoder.blocks.iter().enumerate() {
            let (q, k, v) = block.queries_keys_values(x.clone(), rotary.as_ref(), false);
            let (k, v) = match cache.blocks.get(i) {
                Some((seen_k, seen_v)) => (
                    Tensor::cat(vec![seen_k.clone(), k], 2),
                    Tensor::cat(vec![seen_v.clone(), v], 2),
                ),
                None => (k, v),
            };
            let kept = (k, v);
            let mixed = ops::cached_attention(q, self.prefix.get(i), &kept, &bias);
            match cache.blocks.get_mut(i) {
                Some(slot) => *slot = kept,
                None => cache.blocks.push(kept),
            }
            x = block.finish(x, mixed, false);
        }
        x
    }

    /// What each new position may see: the whole prefix, and earlier slots of its own row.
    ///
    /// # Shapes
    /// - result: `[rows, 1 or heads, new, prefix + seen]`
    fn bias(&self, queries: &[Vec<Option<usize>>], slots: &[Vec<Option<usize>>]) -> Tensor<4> {
        let config = &self.decoder.config;
        let slopes = match config.position() {
            Position::Rope => vec![0.0],
            Position::Alibi => alibi_slopes(config.num_attention_heads),
        };
        let (new, seen) = (queries[0].len(), slots[0].len());
        let prefix = if self.prefix.is_empty() { 0 } else { self.length };
        let mut values = Vec::with_capacity(queries.len() * slopes.len() * new * (prefix + seen));
        for (queries, slots) in queries.iter().zip(slots) {
            for slope in &slopes {
                for query in queries {
                    // A padded query sees something, lest its row of the softmax is empty.
                    let at = query.unwrap_or(usize::MAX);
                    let distance =
                        |key: usize| (slope * (key as f64 - query.unwrap_or(key) as f64)) as f32;
                    values.extend((0..prefix).map(distance));
                    values.extend(slots.iter().map(|slot| match slot {
                        Some(key) if *key <= at => distance(*key),
                        _ => f32::NEG_INFINITY,
                    }));
                }
            }
        }
        tensor(values, [queries.len(), slopes.len(), new, prefix + seen], &self.device)
    }

    /// The likeliest token after each of the flattened positions `at`.
    fn choose(&self, states: Tensor<3>, at: &[usize]) -> Vec<u32> {
        let [rows, new, hidden] = states.dims();
        let index: Vec<i32> = at.iter().map(|i| *i as i32).collect();
        let index = Tensor::<1, Int>::from_data(TensorData::new(index, [at.len()]), &self.device);
        let states =
            states.reshape([rows * new, hidden]).select(0, index).reshape([1, at.len(), hidden]);
        let logits = ops::linear(self.decoder.head.normed(states), self.matrix.clone());
        let chosen = logits.argmax(2).into_data();
        chosen.iter::<i64>().map(|id| id as u32).collect()
    }
}

impl Cache {
    /// Leaves only the rows in `keep`.
    fn keep(&mut self, keep: &[usize], device: &Device) {
        let index: Vec<i32> = keep.iter().map(|row| *row as i32).collect();
        let index = Tensor::<1, Int>::from_data(TensorData::new(index, [keep.len()]), device);
        for (k, v) in &mut self.blocks {
            *k = k.clone().select(0, index.clone());
            *v = v.clone().select(0, index.clone());
        }
        self.slots = keep.iter().map(|row| std::mem::take(&mut self.slots[*row])).collect();
    }
}
