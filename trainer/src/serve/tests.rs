//! An engine on a tiny random model: fair, cancellable, bounded, and with the answers that the model gives
//! without one.
#![allow(clippy::unwrap_used)]

use super::*;
use burn::tensor::Device;
use data_pipeline::tokenizer::Tokenizer;
use model::generate::{Constraint, End, GenerateConfig, Mask, Request, Sampling, answers};
use model::init::Init;
use model::{Decoder, DecoderConfig};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Longer than anything here takes, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(120);

fn decoder() -> Decoder {
    let config = DecoderConfig {
        vocab_size: 300,
        hidden_size: 32,
        intermediate_size: 48,
        num_hidden_layers: 2,
        initializer_range: 0.2,
        ..DecoderConfig::baichuan2_tiny()
    };
    Decoder::init(&config, Init::Normal, 7, &Device::flex())
}

fn tokenizer() -> Arc<Tokenizer> {
    let text = "results = [ Person City Ann lives in Bonn ]";
    Arc::new(Tokenizer::train(&[text.to_owned(), text.to_owned()], 300).unwrap())
}

/// Answers never end by themselves: they are as long as they may be.
fn config(rows: usize) -> GenerateConfig {
    GenerateConfig {
        max_new_tokens: 4000,
        rows,
        end_ids: Some(Vec::new()),
        ..GenerateConfig::default()
    }
}

fn engine(rows: usize, queue: usize) -> (Engine, Thread) {
    Engine::start(decoder(), tokenizer(), config(rows), queue).unwrap()
}

fn request(number: u32, tokens: usize) -> Request {
    let prefix = if number.is_multiple_of(2) { vec![5, 6, 7] } else { Vec::new() };
    Request { max_new_tokens: Some(tokens), ..Request::new(prefix, vec![9 + number % 200, 20, 30]) }
}

fn order(number: u32, tokens: usize) -> Order {
    Order { request: request(number, tokens), ..Order::default() }
}

/// Asks, and gives what is heard.
fn ask(engine: &Engine, orders: Vec<Order>) -> (Result<Ticket, Refusal>, Receiver<(usize, Event)>) {
    let (sender, receiver) = channel();
    let listener: Listener = Box::new(move |place, event| drop(sender.send((place, event))));
    (engine.submit(orders, None, listener), receiver)
}

/// Waits until `is_so`.
fn until(engine: &Engine, is_so: impl Fn(Stats) -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so(engine.stats()) {
        assert!(Instant::now() < end, "{:?}", engine.stats());
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn answered(receiver: &Receiver<(usize, Event)>) -> (usize, Answered) {
    loop {
        match receiver.recv_timeout(PATIENCE).unwrap() {
            (_, Event::Piece(_)) => {}
            (place, Event::Done(answered)) => return (place, answered),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn answers_are_those_of_the_model_whoever_asks_at_the_same_time() {
    let requests: Vec<Request> =
        (0..12).map(|number| request(number, 3 + number as usize)).collect();
    let expected = answers(&decoder(), &requests, &config(3)).unwrap();
    let (engine, thread) = engine(3, 100);
    let asked: Vec<_> =
        (0..12).map(|number| ask(&engine, vec![order(number, 3 + number as usize)])).collect();
    for ((ticket, receiver), expected) in asked.iter().zip(&expected) {
        assert!(ticket.is_ok());
        let (place, found) = answered(receiver);
        assert_eq!((place, &found.ids, found.end), (0, expected, End::Length));
        assert_eq!(found.text, engine.tokenizer().decode(expected));
    }
    // All of them in one call, and again, now behind prefixes that are still cached.
    for _ in 0..2 {
        let orders = (0..12).map(|number| order(number, 3 + number as usize)).collect();
        let (ticket, receiver) = ask(&engine, orders);
        let mut found = vec![Vec::new(); 12];
        for _ in 0..12 {
            let (place, answered) = answered(&receiver);
            found[place] = answered.ids;
        }
        assert_eq!(found, expected);
        drop(ticket);
    }
    let stats = engine.stats();
    assert_eq!((stats.taken, stats.answered, stats.waiting, stats.in_work), (36, 36, 0, 0));
    let tokens: usize = expected.iter().map(Vec::len).sum();
    assert_eq!(stats.prompt_tokens, 3 * (6 * 6 + 6 * 3));
    engine.stop();
    thread.join().unwrap();
    // The last step is counted behind its answers.
    assert_eq!(engine.stats().answer_tokens, 3 * tokens as u64);
}

#[test]
fn pieces_are_the_text_and_end_in_front_of_a_stop_string() {
    let (engine, thread) = engine(2, 10);
    let heard = |stops: &[String]| {
        let order = Order { stops: stops.to_vec(), streams: true, ..order(4, 40) };
        let (ticket, receiver) = ask(&engine, vec![order]);
        let mut pieces = String::new();
        loop {
            match receiver.recv_timeout(PATIENCE).unwrap().1 {
                Event::Piece(piece) => pieces += &piece,
                Event::Done(answered) => {
                    drop(ticket);
                    return (pieces, answered);
                }
                Event::Failed(failure) => panic!("{failure}"),
            }
        }
    };
    let (pieces, whole) = heard(&[]);
    assert_eq!(pieces, whole.text);
    assert_eq!(whole.end, End::Length);
    // A character from the middle that has not come before.
    let fresh =
        |(at, c): &(usize, char)| *at > 5 && *c != '\u{fffd}' && whole.text.find(*c) == Some(*at);
    let (at, stop) = whole.text.char_indices().find(fresh).unwrap();
    let (pieces, stopped) = heard(&["never said".into(), stop.to_string()]);
    assert_eq!((pieces.as_str(), stopped.text.as_str()), (&whole.text[..at], &whole.text[..at]));
    assert_eq!(stopped.end, End::Stop);
    assert!(whole.ids.starts_with(&stopped.ids));
    engine.stop();
    thread.join().unwrap();
}

#[test]
fn long_answers_do_not_keep_short_ones_waiting_for_their_end() {
    let (engine, thread) = engine(2, 100);
    let (long, heard) = ask(&engine, vec![order(1, 3000)]);
    until(&engine, |stats| stats.in_work == 1);
    for number in 2..12 {
        let (ticket, receiver) = ask(&engine, vec![order(number, 2)]);
        answered(&receiver);
        drop(ticket);
    }
    assert!(heard.try_recv().is_err(), "3000 tokens are not there before ten times two");
    drop(long);
    until(&engine, |stats| stats.withdrawn == 1 && stats.in_work == 0);
    engine.stop();
    thread.join().unwrap();
}

#[test]
fn who_goes_away_leaves_the_row_to_others() {
    let (engine, thread) = engine(1, 10);
    let (first, _) = ask(&engine, vec![order(1, 4000)]);
    until(&engine, |stats| stats.in_work == 1);
    let (second, _) = ask(&engine, vec![order(2, 4000)]);
    let (third, receiver) = ask(&engine, vec![order(3, 2)]);
    until(&engine, |stats| stats.waiting == 2);
    // One that waits, then the one in work.
    drop(second);
    drop(first);
    answered(&receiver);
    drop(third);
    let stats = engine.stats();
    assert_eq!((stats.withdrawn, stats.answered, stats.waiting), (2, 1, 0));
    engine.stop();
    thread.join().unwrap();
}

#[test]
fn the_queue_is_bounded_and_says_when_to_come_again() {
    let (engine, thread) = engine(1, 2);
    let (first, _) = ask(&engine, vec![order(1, 4000)]);
    until(&engine, |stats| stats.in_work == 1);
    let (second, _) = ask(&engine, vec![order(2, 1), order(3, 1)]);
    let refusal = ask(&engine, vec![order(4, 1)]).0.unwrap_err();
    assert!(
        matches!(refusal, Refusal::Full { waiting: 2, queue: 2, seconds: 1..=60 }),
        "{refusal}"
    );
    let refusal = ask(&engine, vec![order(5, 1), order(6, 1), order(7, 1)]).0.unwrap_err();
    assert_eq!(refusal, Refusal::TooMany { asked: 3, queue: 2 });
    assert_eq!(engine.stats().refused, 1);
    drop((first, second));
    engine.stop();
    assert_eq!(ask(&engine, vec![order(8, 1)]).0.unwrap_err(), Refusal::Ending);
    thread.join().unwrap();
}

#[test]
fn what_the_model_cannot_read_is_refused() {
    let (engine, thread) = engine(1, 2);
    let empty = Order { request: Request::new(vec![5], Vec::new()), ..Order::default() };
    assert_eq!(ask(&engine, vec![empty]).0.unwrap_err(), Refusal::Empty);
    let foreign = Order { request: Request::new(vec![300], vec![5]), ..Order::default() };
    let refusal = ask(&engine, vec![foreign]).0.unwrap_err();
    assert_eq!(refusal, Refusal::Foreign { id: 300, vocabulary: 300 });
    // An answer without tokens is one.
    let (ticket, receiver) = ask(&engine, vec![order(1, 0)]);
    let nothing = Answered { ids: Vec::new(), text: String::new(), end: End::Length };
    assert_eq!(answered(&receiver), (0, nothing));
    drop(ticket);
    assert_eq!(engine.stats().waiting, 0);
    engine.stop();
    thread.join().unwrap();
}

#[test]
fn time_is_over_for_what_waits_and_for_what_is_in_work() {
    let (engine, thread) = engine(1, 10);
    let (sender, receiver) = channel();
    let listener: Listener = Box::new(move |place, event| drop(sender.send((place, event))));
    let deadline = Some(Instant::now() + Duration::from_millis(300));
    let ticket = engine.submit(vec![order(1, 4000), order(2, 4000)], deadline, listener).unwrap();
    let mut late = Vec::new();
    for _ in 0..2 {
        match receiver.recv_timeout(PATIENCE).unwrap() {
            (place, Event::Failed(Failure::Late)) => late.push(place),
            other => panic!("{other:?}"),
        }
    }
    late.sort_unstable();
    assert_eq!((late, engine.stats().late), (vec![0, 1], 2));
    drop(ticket);
    engine.stop();
    thread.join().unwrap();
    assert_eq!(engine.stats().withdrawn, 0, "told already");
}

#[test]
fn a_stop_drains_and_a_cut_does_not() {
    let (first, thread) = engine(1, 10);
    let (ticket, receiver) = ask(&first, vec![order(1, 30), order(2, 30), order(3, 30)]);
    first.stop();
    assert!(!first.is_open());
    thread.join().unwrap();
    for _ in 0..3 {
        assert_eq!(answered(&receiver).1.ids.len(), 30);
    }
    drop(ticket);

    let (second, thread) = engine(1, 10);
    let (ticket, receiver) = ask(&second, vec![order(1, 4000), order(2, 4000)]);
    until(&second, |stats| stats.in_work == 1);
    second.cut();
    thread.join().unwrap();
    let mut ended: Vec<usize> = receiver
        .try_iter()
        .filter_map(|(place, event)| (event == Event::Failed(Failure::Ended)).then_some(place))
        .collect();
    ended.sort_unstable();
    assert_eq!(ended, [0, 1]);
    assert_eq!((second.stats().waiting, second.stats().in_work), (0, 0));
    drop(ticket);
    // Nothing is in work: it ends as well.
    let (idle, thread) = engine(1, 10);
    idle.cut();
    thread.join().unwrap();
    let (dropped, thread) = engine(1, 10);
    drop(dropped);
    thread.join().unwrap();
}

/// Allows one id, a few times.
struct Only(u32, usize);

impl Constraint for Only {
    fn allowed(&mut self, generated: &[u32]) -> Option<Mask> {
        let ids = if generated.len() < self.1 { vec![self.0] } else { Vec::new() };
        Some(Mask::of(300, &ids))
    }
}

#[test]
fn orders_are_drawn_and_constrained_each_in_its_own_way() {
    let (engine, thread) = engine(4, 10);
    let sampling = |seed| Some(Sampling { temperature: 1.0, seed, ..Sampling::default() });
    let drawn = |seed| {
        let request = Request { sampling: sampling(seed), stream: Some(0), ..request(1, 20) };
        Order { request, ..Order::default() }
    };
    let constrained = Order { constraint: Some(Box::new(Only(42, 3))), ..order(1, 20) };
    let (ticket, receiver) =
        ask(&engine, vec![drawn(1), drawn(1), drawn(2), constrained, order(1, 20)]);
    let mut found = vec![Vec::new(); 5];
    for _ in 0..5 {
        let (place, answered) = answered(&receiver);
        found[place] = answered.ids;
    }
    assert_eq!(found[0], found[1]);
    assert_ne!(found[0], found[2]);
    assert_eq!(found[3], [42, 42, 42]);
    assert_eq!(found[4].len(), 20);
    drop(ticket);
    engine.stop();
    thread.join().unwrap();
}
