//! What must hold of generation whatever the weights: a cache changes nothing, nor does what else is
//! generated at the time; what may come and where answers end is the caller's to say.
#![allow(clippy::unwrap_used)]

mod reference;

use burn::tensor::DType;
use model::config::Position;
use model::generate::{
    Answer, Arrivals, Constraint, End, GenerateConfig, Mask, Request, Sampling, Sink, answers,
    generate,
};
use model::init::Init;
use model::layout::{GroupBatch, Piece};
use model::ops::GroupShape;
use model::{Decoder, DecoderConfig};
use reference::device;
use std::ops::ControlFlow;

const VOCABULARY: usize = 50;

/// Rotary, ALiBi, and queries that share keys, with a head of its own and a tied one.
fn decoders() -> Vec<Decoder> {
    let rotary = DecoderConfig {
        vocab_size: VOCABULARY,
        hidden_size: 32,
        intermediate_size: 48,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        initializer_range: 0.2,
        ..DecoderConfig::baichuan2_tiny()
    };
    let llama = DecoderConfig {
        model_type: "llama".into(),
        num_key_value_heads: Some(2),
        norm_head: None,
        position: None,
        ..rotary.clone()
    };
    let configs = [
        DecoderConfig { position: Some(Position::Alibi), ..rotary.clone() },
        rotary,
        DecoderConfig { num_key_value_heads: Some(1), head_dim: Some(12), ..llama.clone() },
        DecoderConfig { tie_word_embeddings: true, ..llama },
    ];
    configs.iter().map(|config| Decoder::init(config, Init::Normal, 7, &device())).collect()
}

fn ids(from: usize, count: usize) -> Vec<u32> {
    (from..from + count).map(|i| (3 + (i * 17 + 5) % 47) as u32).collect()
}

/// Long and short prompts behind two prefixes and none; every answer has its own length and stream.
fn requests() -> Vec<Request> {
    let prefixes = [ids(0, 70), Vec::new(), ids(500, 9)];
    let lengths = [3, 40, 1, 17, 5, 90, 2, 11, 26, 4, 8];
    let request = |(number, length): (usize, &usize)| Request {
        max_new_tokens: Some([9, 3, 14, 1, 20][number % 5]),
        stream: Some(number as u64),
        ..Request::new(prefixes[number % 3].clone(), ids(100 * number + 7, *length))
    };
    lengths.iter().enumerate().map(request).collect()
}

fn greedy() -> GenerateConfig {
    GenerateConfig { max_new_tokens: 100, ..GenerateConfig::default() }
}

fn drawn() -> GenerateConfig {
    let sampling = Sampling {
        temperature: 0.8,
        top_k: 20,
        top_p: 0.9,
        min_p: 0.01,
        repetition_penalty: 1.1,
        seed: 3,
    };
    GenerateConfig { sampling, ..greedy() }
}

/// The likeliest ids, each found by computing everything before it again.
fn without_cache(decoder: &Decoder, request: &Request, limit: usize) -> Vec<u32> {
    let mut ids: Vec<i32> =
        request.prefix.iter().chain(&request.prompt).map(|id| *id as i32).collect();
    let mut answer = Vec::new();
    for _ in 0..limit {
        let piece = Piece {
            groups: 1,
            shape: GroupShape { prefix: 0, k: 1, suffix: ids.len() },
            prefix_lengths: vec![0],
            suffix_lengths: vec![ids.len()],
        };
        let batch = GroupBatch { pieces: vec![piece], ids: ids.clone(), targets: Vec::new() };
        let last = decoder.logits(&batch).narrow(1, ids.len() - 1, 1).argmax(2).into_data();
        let next = last.iter::<i64>().next().unwrap() as u32;
        if next == decoder.config.eos_token_id {
            break;
        }
        answer.push(next);
        ids.push(next as i32);
    }
    answer
}

#[test]
fn generation_with_a_cache_is_generation_without() {
    for decoder in decoders() {
        let requests = requests();
        let limit = |request: &Request| request.max_new_tokens.unwrap();
        let slow: Vec<Vec<u32>> = requests
            .iter()
            .map(|request| without_cache(&decoder, request, limit(request)))
            .collect();
        for rows in [1, 2, 5] {
            let fast = answers(&decoder, &requests, &GenerateConfig { rows, ..greedy() });
            assert_eq!(fast.unwrap(), slow, "{rows} rows");
        }
    }
}

#[test]
fn answers_longer_than_a_chunk_of_the_cache_are_whole() {
    for decoder in decoders() {
        let requests = [
            Request::new(ids(0, 5), ids(9, 60)),
            Request::new(ids(0, 5), ids(80, 2)),
            Request::new(Vec::new(), ids(30, 7)),
        ];
        let config = GenerateConfig { max_new_tokens: 100, end_ids: Some(Vec::new()), ..greedy() };
        let found = answers(&decoder, &requests, &config).unwrap();
        assert!(found.iter().all(|answer| answer.len() == 100));
        for (request, found) in requests.iter().zip(found) {
            // The model's own end id would have ended the slow one.
            let slow = without_cache(&decoder, request, 100);
            assert_eq!(found[..slow.len()], slow);
        }
    }
}

/// Greedy and drawn answers are the same alone and in any company, order and room.
#[test]
fn an_answer_does_not_depend_on_its_company() {
    let requests = requests();
    for decoder in decoders() {
        for settings in [greedy(), drawn()] {
            let alone: Vec<Vec<u32>> = requests
                .iter()
                .map(|request| {
                    let one = std::slice::from_ref(request);
                    answers(&decoder, one, &settings).unwrap().remove(0)
                })
                .collect();
            assert!(alone.iter().any(|answer| answer.len() > 10));
            let turned: Vec<usize> = (0..requests.len()).rev().collect();
            let mixed: Vec<usize> = (0..requests.len()).map(|i| i * 7 % requests.len()).collect();
            for order in [(0..requests.len()).collect(), turned, mixed] {
                let asked: Vec<Request> = order.iter().map(|i| requests[*i].clone()).collect();
                let expected: Vec<&Vec<u32>> = order.iter().map(|i| &alone[*i]).collect();
                for (rows, budget_tokens, prefill_tokens) in [
                    (1, 32_768, 512),
                    (3, 32_768, 512),
                    (64, 32_768, 512),
                    // Less than one request needs, room for some, and prompts in small pieces.
                    (64, 1, 512),
                    (64, 700, 16),
                    (5, 1000, 1),
                ] {
                    let config =
                        GenerateConfig { rows, budget_tokens, prefill_tokens, ..settings.clone() };
                    let found = answers(&decoder, &asked, &config).unwrap();
                    assert_eq!(
                        found.iter().collect::<Vec<_>>(),
                        expected,
                        "{rows} rows, budget {budget_tokens}, {prefill_tokens} tokens of prompts"
                    );
                }
            }
        }
    }
}

#[test]
fn half_types_generate_too() {
    for mut decoder in decoders() {
        for dtype in [DType::BF16, DType::F16] {
            if !device().supports_dtype(dtype) {
                continue;
            }
            decoder.convert(dtype);
            for settings in [greedy(), drawn()] {
                let config = GenerateConfig { rows: 3, end_ids: Some(Vec::new()), ..settings };
                let found = answers(&decoder, &requests(), &config).unwrap();
                for (answer, request) in found.iter().zip(requests()) {
                    assert_eq!(Some(answer.len()), request.max_new_tokens);
                    assert!(answer.iter().all(|id| (*id as usize) < VOCABULARY));
                }
            }
        }
    }
}

#[test]
fn draws_depend_on_seed_and_stream() {
    let decoder = &decoders()[0];
    let request = Request { max_new_tokens: Some(12), ..Request::new(Vec::new(), ids(0, 4)) };
    let with = |seed, stream| {
        let sampling = Sampling { temperature: 2.0, seed, ..Sampling::default() };
        let config = GenerateConfig { sampling, end_ids: Some(Vec::new()), ..greedy() };
        let request = Request { stream, ..request.clone() };
        answers(decoder, &[request.clone(), request], &config).unwrap()
    };
    assert_eq!(with(1, Some(5))[0], with(1, Some(5))[1]);
    // Without a stream it is the request's number.
    assert_ne!(with(1, None)[0], with(1, None)[1]);
    assert_eq!(with(1, None)[1], with(1, Some(1))[0]);
    assert_ne!(with(1, None)[0], with(2, None)[0]);
}

#[derive(Default)]
struct Told {
    answers: Vec<(usize, Answer)>,
    generated: Vec<usize>,
    /// Ends an answer behind this id.
    stop: Option<u32>,
    /// Ids that may come.
    allowed: Option<Vec<u32>>,
    break_after: Option<usize>,
}

/// Allows one id less after each token.
struct Fewer(Vec<u32>);

impl Constraint for Fewer {
    fn allowed(&mut self, generated: &[u32]) -> Option<Mask> {
        let left = self.0.len().saturating_sub(generated.len());
        // The first token is free.
        (!generated.is_empty()).then(|| Mask::of(VOCABULARY, &self.0[..left]))
    }
}

impl Sink for Told {
    fn answer(&mut self, request: usize, answer: Answer) -> ControlFlow<()> {
        self.answers.push((request, answer));
        match self.break_after {
            Some(count) if self.answers.len() >= count => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }

    fn progress(&mut self, generated: usize) -> ControlFlow<()> {
        self.generated.push(generated);
        ControlFlow::Continue(())
    }

    fn stops(&mut self, _: usize, answer: &[u32]) -> bool {
        answer.last().copied() == self.stop
    }

    fn constraint(&mut self, request: usize) -> Option<Box<dyn Constraint>> {
        let allowed = self.allowed.clone().filter(|_| request % 2 == 1)?;
        Some(Box::new(Fewer(allowed)))
    }
}

#[test]
fn each_answer_is_told_once_with_its_end_and_all_tokens_are_counted() {
    let decoder = &decoders()[0];
    let requests = requests();
    let mut told = Told::default();
    let config = GenerateConfig { rows: 4, ..greedy() };
    assert!(generate(decoder, &requests, &config, &mut told).unwrap().is_continue());
    let mut numbers: Vec<usize> = told.answers.iter().map(|(request, _)| *request).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..requests.len()).collect::<Vec<_>>());
    let tokens: usize = told.answers.iter().map(|(_, answer)| answer.ids.len()).sum();
    assert_eq!(told.generated.last(), Some(&tokens));
    assert!(told.generated.is_sorted());
    for (request, answer) in &told.answers {
        let whole = answer.ids.len() == requests[*request].max_new_tokens.unwrap();
        assert_eq!(answer.end, if whole { End::Length } else { End::EndId });
    }

    let mut told = Told { break_after: Some(3), ..Told::default() };
    assert!(generate(decoder, &requests, &config, &mut told).unwrap().is_break());
    assert_eq!(told.answers.len(), 3);
}

#[test]
fn an_answer_stops_where_the_caller_or_an_end_id_says() {
    let decoder = &decoders()[0];
    let requests = [Request { max_new_tokens: Some(30), ..Request::new(ids(0, 6), ids(50, 5)) }];
    let free = GenerateConfig { end_ids: Some(Vec::new()), ..drawn() };
    let whole = answers(decoder, &requests, &free).unwrap().remove(0);
    let at = whole.iter().position(|id| *id == whole[11]).unwrap();
    let mut told = Told { stop: Some(whole[11]), ..Told::default() };
    assert!(generate(decoder, &requests, &free, &mut told).unwrap().is_continue());
    let stopped = Answer { ids: whole[..=at].to_vec(), end: End::Stop };
    assert_eq!(told.answers, [(0, stopped)]);
    // Any of several end ids; the answer is without it.
    let config = GenerateConfig { end_ids: Some(vec![1, whole[11]]), ..free };
    let at = whole.iter().position(|id| *id == whole[11] || *id == 1).unwrap();
    let mut told = Told::default();
    assert!(generate(decoder, &requests, &config, &mut told).unwrap().is_continue());
    let ended = Answer { ids: whole[..at].to_vec(), end: End::EndId };
    assert_eq!(told.answers, [(0, ended)]);
}

#[test]
fn a_constraint_decides_what_may_come_and_leaves_its_neighbours_alone() {
    let decoder = &decoders()[0];
    let request = Request { max_new_tokens: Some(10), ..Request::new(ids(0, 6), ids(50, 5)) };
    let requests = vec![request; 4];
    for settings in [greedy(), drawn()] {
        let config = GenerateConfig { end_ids: Some(Vec::new()), ..settings };
        let free = answers(decoder, &requests, &config).unwrap();
        let allowed = vec![9, 21, 30, 44, 8];
        let mut told = Told { allowed: Some(allowed.clone()), ..Told::default() };
        assert!(generate(decoder, &requests, &config, &mut told).unwrap().is_continue());
        for (request, answer) in told.answers {
            if request.is_multiple_of(2) {
                assert_eq!(answer.ids, free[request]);
                continue;
            }
            assert_eq!((answer.ids.len(), answer.end), (5, End::NothingAllowed));
            assert_eq!(answer.ids[0], free[request][0]);
            for (i, id) in answer.ids.iter().enumerate().skip(1) {
                assert!(allowed[..5 - i].contains(id), "{id} at {i}");
            }
        }
    }
}

#[test]
fn what_cannot_be_generated_is_refused_in_one_sentence() {
    let decoder = &decoders()[0];
    let check = |requests: &[Request], config: GenerateConfig, expected: &str| {
        let error = answers(decoder, requests, &config).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    let fine = || Request::new(Vec::new(), vec![1]);
    check(&[fine(), Request::default()], greedy(), "request 1 has an empty prompt");
    check(
        &[Request::new(vec![50], vec![1])],
        greedy(),
        "token id 50, the model's vocabulary has 50",
    );
    check(&[fine()], GenerateConfig { rows: 0, ..greedy() }, "rows is 0, expected at least 1");
    let sampling = Sampling { top_p: 0.5, ..Sampling::default() };
    check(&[fine()], GenerateConfig { sampling, ..greedy() }, "no effect at temperature 0");
    let nothing = GenerateConfig { max_new_tokens: 0, ..greedy() };
    assert_eq!(answers(decoder, &[fine()], &nothing).unwrap(), [Vec::<u32>::new()]);
    assert!(answers(decoder, &[], &greedy()).unwrap().is_empty());
}

/// A sink to which requests come one after the other, in steps of their own.
struct Coming {
    left: std::collections::VecDeque<Request>,
    /// Asked for so often; idle ones apart.
    steps: usize,
    /// Given up in this step.
    withdrawn: Vec<(usize, usize)>,
    answers: Vec<Option<Answer>>,
    came: usize,
}

impl Sink for Coming {
    fn answer(&mut self, request: usize, answer: Answer) -> ControlFlow<()> {
        assert!(self.answers[request].replace(answer).is_none(), "one answer each");
        ControlFlow::Continue(())
    }

    fn arrivals(&mut self, is_idle: bool) -> Arrivals {
        self.steps += 1;
        let mut requests = Vec::new();
        if is_idle || self.steps.is_multiple_of(3) {
            let count = if self.steps.is_multiple_of(2) { 1 } else { 3 };
            requests.extend((0..count).filter_map(|_| self.left.pop_front()));
        }
        self.came += requests.len();
        let gone = |(step, request): &(usize, usize)| {
            (*step == self.steps && *request < self.came).then_some(*request)
        };
        let withdrawn = self.withdrawn.iter().filter_map(gone).collect();
        Arrivals { requests, withdrawn, is_open: !self.left.is_empty() }
    }
}

#[test]
fn requests_that_come_later_have_the_answers_of_those_that_come_at_once() {
    for decoder in decoders() {
        let requests = requests();
        // What comes alone and what comes among others may add up in another order; a room that holds
        // little throws prefixes out.
        for (rows, budget_tokens) in [(4, 32_768), (2, 300)] {
            let config = GenerateConfig { rows, budget_tokens, ..greedy() };
            let expected = answers(&decoder, &requests, &config).unwrap();
            let mut sink = Coming {
                left: requests.iter().cloned().collect(),
                steps: 0,
                withdrawn: Vec::new(),
                answers: vec![None; requests.len()],
                came: 0,
            };
            assert!(generate(&decoder, &[], &config, &mut sink).unwrap().is_continue());
            let found: Vec<Vec<u32>> =
                sink.answers.into_iter().map(|answer| answer.unwrap().ids).collect();
            assert_eq!(found, expected, "{rows} rows");
        }
    }
}

#[test]
fn what_is_given_up_has_no_answer_and_leaves_its_neighbours_alone() {
    let decoder = &decoders()[0];
    let requests = requests();
    let config = GenerateConfig { rows: 3, ..greedy() };
    let expected = answers(decoder, &requests, &config).unwrap();
    // At once, while it is read, while it is answered, and when it may have ended long ago.
    let withdrawn = vec![(1, 0), (3, 2), (9, 1), (400, 3)];
    let mut sink = Coming {
        left: requests.iter().cloned().collect(),
        steps: 0,
        withdrawn: withdrawn.clone(),
        answers: vec![None; requests.len()],
        came: 0,
    };
    assert!(generate(decoder, &[], &config, &mut sink).unwrap().is_continue());
    assert!(sink.answers[0].is_none(), "given up before its first step");
    for (number, (found, expected)) in sink.answers.iter().zip(&expected).enumerate() {
        match found {
            Some(answer) => assert_eq!(&answer.ids, expected, "request {number}"),
            None => assert!(withdrawn.iter().any(|(_, given_up)| *given_up == number)),
        }
    }
}

#[test]
fn requests_choose_their_tokens_each_in_its_own_way() {
    let decoder = &decoders()[0];
    let request = |sampling: Option<Sampling>| Request {
        max_new_tokens: Some(12),
        stream: Some(7),
        sampling,
        ..Request::new(ids(0, 6), ids(50, 5))
    };
    let own = Sampling { temperature: 1.0, seed: 3, ..Sampling::default() };
    let mixed = [request(None), request(Some(own.clone())), request(None)];
    let config = GenerateConfig { end_ids: Some(Vec::new()), ..greedy() };
    let found = answers(decoder, &mixed, &config).unwrap();
    let drawn = GenerateConfig { sampling: own, ..config.clone() };
    let expected = answers(decoder, &[request(None)], &drawn).unwrap();
    assert_eq!(found[1], expected[0]);
    assert_eq!(found[0], found[2]);
    assert_ne!(found[0], found[1]);
    let wrong = Sampling { temperature: -1.0, ..Sampling::default() };
    let error = answers(decoder, &[request(Some(wrong))], &config).unwrap_err().to_string();
    assert!(error.contains("temperature is -1"), "{error}");
}
