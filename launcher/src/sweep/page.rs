//! What a sweep came to, on a page of its own.

mod coordinates;
mod curve;

use super::definition::Sweep;
use super::importance;
use super::log::Line;
use super::space::Point;
use super::state::{Fate, State, Trial};
use super::summary::{Counts, confidence, counts, hours, paired, ranked, reached, standing};
use super::trial::Setting;
use crate::page::html::{escape, figure};
use crate::page::{Page, Section, header, tile};
use data_pipeline::shell;
use std::path::Path;

/// Pairs that explain less together are not shown.
const LEAST: f64 = 0.01;

/// The whole page.
pub fn html(setting: &Setting, state: &State, lines: &[Line]) -> String {
    let sweep = &setting.sweep;
    let seeds: Vec<String> = sweep.seeds.iter().map(u64::to_string).collect();
    let facts = [
        ("recipe", sweep.recipe.display().to_string()),
        ("method", format!("{:?}", sweep.method).to_lowercase()),
        ("metric", format!("{} of phase {}", sweep.metric, sweep.phase)),
        ("seeds", seeds.join(", ")),
        ("began", state.begun.as_ref().map_or(String::new(), |it| moment(&it.1))),
    ];
    let best = state.best(sweep);
    let Counts { done, running, waiting, paused, stopped, failed, infeasible } = counts(state);
    let kinds = [
        (done, "done"),
        (running, "running"),
        (waiting, "waiting"),
        (paused, "paused"),
        (stopped, "stopped"),
    ];
    let kinds = kinds.iter().filter(|it| it.0 > 0 || it.1 == "done");
    let kinds: Vec<String> = kinds.map(|(count, kind)| format!("{count} {kind}")).collect();
    let tiles = [
        tile(
            &sweep.metric.to_string(),
            &best.and_then(Trial::newest).map_or("–".to_owned(), |(_, value)| figure(value)),
            &best.map_or(String::new(), |trial| format!("trial {}", trial.number)),
        ),
        tile("trials", &state.trials.len().to_string(), &kinds.join(", ")),
        tile("not trained", &infeasible.to_string(), &format!("{failed} failed")),
        tile("hours of ranks", &figure(hours(setting, state)), ""),
    ];
    let page = Page {
        title: sweep.name.clone(),
        header: header("knowcoder sweep", &sweep.name, &facts, &tiles.concat()),
        sections: vec![
            Section::new("best", "Best values", chosen(setting, best)),
            Section::new("coordinates", "Parallel coordinates", coordinates::figure(sweep, state)),
            Section::new("importance", "Importance", importances(setting, state)),
            Section::new("budget", "Best value by hours used", curve::figure(setting, lines)),
            Section::new("trials", "Trials", table(setting, state)),
        ],
        style: include_str!("page/sweep.css"),
        script: include_str!("page/sweep.js"),
        empty: "No trial has been asked for yet.",
    };
    page.to_html()
}

/// `2026-01-31 09:30:00 UTC` of a time of the log.
fn moment(time: &str) -> String {
    match time.get(..19) {
        Some(second) => second.replace('T', " ") + " UTC",
        None => time.to_owned(),
    }
}

fn chosen(setting: &Setting, best: Option<&Trial>) -> String {
    let Some(trial) = best else { return String::new() };
    format!(
        "<pre>{}</pre><p class=\"note\">Trial {}: {}.</p>",
        escape(&command(setting, trial)),
        trial.number,
        escape(&reached(&setting.sweep, trial))
    )
}

/// What trains a trial again, with a seed of one's own.
pub fn command(setting: &Setting, trial: &Trial) -> String {
    let sweep = &setting.sweep;
    let own = Sweep::sets_of(&trial.values);
    let sets = sweep.sets.iter().chain(&own);
    let sets: Vec<String> = sets.map(|set| format!(" \\\n  --set {}", shell::word(set))).collect();
    // Without the way there that the sweep's file has.
    let recipe = sweep.recipe.canonicalize().unwrap_or_else(|_| sweep.recipe.clone());
    let run_dir = Path::new("runs").join(format!("{}-best", sweep.name));
    format!(
        "knowcoder run {} \\\n  --run-dir {}{}",
        shell::path(&recipe),
        shell::path(&run_dir),
        sets.concat()
    )
}

fn importances(setting: &Setting, state: &State) -> String {
    let sweep = &setting.sweep;
    let Some(found) = importance::of(sweep, state) else { return String::new() };
    let place = sweep.stop.rungs().get(found.rung);
    let place = place.map_or("at their end".to_owned(), |step| format!("at step {step}"));
    if !found.is_known() {
        return format!(
            "<p class=\"note\">What differs between the {} trials that came there {place} cannot be foreseen from their \
             values: a random forest says no more of those that it did not learn from than their mean does \
             (R² {}). No key can be named.</p>",
            found.trials,
            figure(found.foreseen)
        );
    }
    let row = |name: &str, share: f64, spread: &str, trials: &str| {
        format!(
            "<tr><th scope=\"row\"><code>{}</code></th><td>{:.0}\u{a0}%{spread}</td><td class=\"bar\">\
             <i style=\"width:{:.1}%\"></i></td><td>{trials}</td></tr>",
            escape(name),
            100.0 * share,
            100.0 * share.clamp(0.0, 1.0)
        )
    };
    let keys: String = found
        .keys
        .iter()
        .map(|it| {
            let spread = format!(" ± {:.0}", 100.0 * it.spread);
            row(&it.key, it.share, &spread, &it.trials.to_string())
        })
        .collect();
    let pairs = found.pairs.iter().filter(|it| it.share >= LEAST);
    let pairs: String = pairs.map(|it| row(&it.keys.join(" × "), it.share, "", "")).collect();
    format!(
        "<p class=\"note\">How much of the variance over the whole searched space each key explains alone (±: standard \
         deviation between trees), and pairs of keys (×) beyond that: functional analysis of variance on a random \
         forest. It learned from {} trials {place}, and foresees {:.0}\u{a0}% of what differs between trials that it did \
         not learn from: the less, the less the shares mean. A key that a trial does not have counts as any of its \
         values there; what is far out on the bad side, as the last that is not.</p>\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Importance\"><table><thead><tr>\
         <th scope=\"col\">key</th><th scope=\"col\">share</th><th scope=\"col\" class=\"bar\"></th>\
         <th scope=\"col\">trials</th></tr></thead><tbody>{keys}{pairs}</tbody></table></div>",
        found.trials,
        100.0 * found.foreseen
    )
}

/// In a cell: values, each of which stays on a line.
fn values_text(values: &Point) -> String {
    let one = |(key, value)| format!("<code>{}</code>", escape(&format!("{key} = {value}")));
    values.iter().map(one).collect::<Vec<String>>().join(" ")
}

/// In a cell: what a trial came to.
fn value_text(sweep: &Sweep, trial: &Trial) -> String {
    match reached(sweep, trial) {
        text if !text.is_empty() => text,
        _ if trial.is_done() => "no number".to_owned(),
        _ => "–".to_owned(),
    }
}

fn table(setting: &Setting, state: &State) -> String {
    let sweep = &setting.sweep;
    if state.trials.is_empty() {
        return String::new();
    }
    let best = state.best(sweep);
    let rows: String = ranked(sweep, state)
        .into_iter()
        .map(|trial| {
            let values: Vec<f64> = trial.results().into_iter().map(|(_, value)| value).collect();
            let interval = confidence(&values).map_or("–".to_owned(), |half| format!("± {}", figure(half)));
            let against = best.filter(|best| best.number != trial.number);
            let difference = against.and_then(|best| paired(trial, best, sweep)).map_or("–".to_owned(), told_pair);
            let why = match &trial.fate {
                Fate::Infeasible(why) | Fate::Stopped(why) | Fate::Failed { cause: why, .. } => {
                    format!("<br><small>{}</small>", escape(why))
                }
                Fate::Open => String::new(),
            };
            format!(
                "<tr data-trial=\"{number}\"><th scope=\"row\">{number}</th><td class=\"left why\">{}{why}</td><td>{}</td>\
                 <td>{interval}</td><td>{difference}</td><td class=\"wrap left values\">{}</td></tr>",
                standing(trial),
                escape(&value_text(sweep, trial)),
                values_text(&trial.values),
                number = trial.number,
            )
        })
        .collect();
    let heads: String = ["trial", "state", "value", "95\u{a0}%", "against the best", "values"]
        .map(|head| format!("<th scope=\"col\">{head}</th>"))
        .concat();
    format!(
        "<p class=\"note\">The best first: trials that are done before those that are not. Intervals are 95\u{a0}% over \
         seeds, by Student’s t. The difference to the best trial is taken seed by seed, above 0 where it is \
         better. Arrow keys go from trial to trial.</p><div class=\"scroll\" tabindex=\"0\" role=\"region\" \
         aria-label=\"Trials\"><table class=\"all\"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

fn told_pair((mean, half): (f64, Option<f64>)) -> String {
    let half = half.map_or(String::new(), |half| format!(" ± {}", figure(half)));
    format!("{}{half}", figure(mean))
}

#[cfg(test)]
mod tests {
    use super::super::definition::tests::specimen;
    use super::super::log::Event;
    use super::super::state::tests::finished;
    use super::super::trial;
    use super::*;
    use crate::page::assert_sound;

    fn setting() -> Setting {
        let sweep = Sweep { name: "a <b>".to_owned(), ..specimen() };
        Setting { sweep, ..trial::tests::setting("sweeps/x") }
    }

    #[test]
    fn pages_of_none_one_and_many_trials_are_sound() {
        let setting = setting();
        let mut state = State::default();
        let mut lines = Vec::new();
        let page = html(&setting, &state, &lines);
        assert_sound(&page);
        assert!(page.contains("No trial has been asked for yet."), "{page}");
        for trial in 0..12 {
            let at = f64::from(trial) / 12.0;
            let values = setting.sweep.space.point(&[at, 1.0 - at, at, 0.5, at]);
            let trial = trial as usize;
            for event in [
                Event::Asked { trial, values },
                Event::Finished { trial, seed: 5, value: Some(at), seconds: 10.0 },
            ] {
                let line = Line { time: "2026-01-01T00:00:00.000Z".to_owned(), event };
                state.take(&line, &setting.sweep);
                lines.push(line);
            }
            let value = if trial == 3 { None } else { Some(30.0 + at) };
            finished(&mut state, &setting.sweep, trial, value);
            let page = html(&setting, &state, &lines);
            assert_sound(&page);
        }
        let page = html(&setting, &state, &lines);
        assert!(page.contains("a &lt;b&gt;"), "{page}");
        assert_eq!(page.matches("<tr data-trial=").count(), 12);
        assert!(page.contains("knowcoder run tiny.toml"), "{page}");
    }

    #[test]
    fn many_trials_of_every_kind_make_a_sound_page() {
        let setting = setting();
        let mut state = State::default();
        for trial in 0..500 {
            let at = |prime: usize| (trial * prime % 101) as f64 / 101.0;
            let space = &setting.sweep.space;
            let values = space.point(&[at(7), at(11), at(13), at(17), at(19)]);
            let rate = space.dimensions.iter().position(|it| it.key == "rate").unwrap_or_default();
            let worth = space.place(&values)[rate].map(|it| 10.0 * it);
            let mut take = |event| {
                let line = Line { time: "2026-01-01T00:00:00.000Z".to_owned(), event };
                state.take(&line, &setting.sweep);
            };
            take(Event::Asked { trial, values });
            let cause = "needs <9 GiB> & more".to_owned();
            match trial % 10 {
                0 => take(Event::Infeasible { trial, cause }),
                1 => {
                    let (code, again, out_of_memory, seconds) = (75, false, false, 1.0);
                    take(Event::Failed {
                        trial,
                        seed: 5,
                        code,
                        cause,
                        again,
                        out_of_memory,
                        seconds,
                    });
                }
                2 => take(Event::Stopped { trial, rung: 0, why: cause }),
                3 => finished(&mut state, &setting.sweep, trial, None),
                _ => finished(&mut state, &setting.sweep, trial, worth),
            }
        }
        let page = html(&setting, &state, &[]);
        assert_sound(&page);
        assert_eq!(page.matches("<tr data-trial=").count(), 500);
        assert_eq!(page.matches("<path class=\"trial ").count(), 300);
        assert!(page.contains("Not drawn: 50 failed, 50 infeasible, 50 without a number at the end, 50 without a value."));
        assert!(page.contains("needs &lt;9 GiB&gt; &amp; more"), "{page}");
        assert!(page.contains("<td>no number</td>"));
        // What decides everything is named first.
        let first = page.split("<section id=\"importance\"").nth(1).unwrap_or_default();
        let first = first.split("<code>").nth(1).unwrap_or_default();
        assert!(first.starts_with("rate<"), "{first}");
    }
}
