//! What a rank answers before the first phase and behind the last one.

use super::{Outcome, Progress, Rank, WORTH_TELLING};
use crate::Error;
use crate::checkpoint;
use crate::evaluate::Evaluation;
use crate::network::{base, untrained};
use crate::whereabouts::{self, LOADING};
use model::Decoder;

impl Rank<'_> {
    /// What the untrained model and the base alone give, beside which the result is read.
    pub(super) fn evaluate_baselines(&mut self) -> Result<Outcome, Error> {
        for which in &self.recipe.evaluation.baselines {
            let (decoder, model) = match which.as_str() {
                "untrained" => (untrained(self.recipe, &self.tokenizer, &self.device)?, None),
                _ => (self.base()?, self.recipe.model.path.as_deref()),
            };
            let model = match model {
                Some(path) => checkpoint::fingerprint_of_weights(path)?,
                None => format!("{:?}, seed {}", self.recipe.model, self.recipe.run.seed),
            };
            if self.evaluate(which, &decoder, &model)? == Outcome::Stopped {
                return Ok(Outcome::Stopped);
            }
        }
        Ok(Outcome::Done)
    }

    /// The model that training starts from; large ones say how far they are.
    pub(super) fn base(&mut self) -> Result<Decoder, Error> {
        let report = &mut *self.report;
        whereabouts::own().at(LOADING);
        base(self.recipe, &self.tokenizer, &self.device, &mut |read, total| {
            whereabouts::own().at(LOADING);
            if total >= WORTH_TELLING {
                report(Progress::Loading(read, total));
            }
        })
    }

    pub(super) fn evaluate(
        &mut self,
        which: &str,
        decoder: &Decoder,
        model: &str,
    ) -> Result<Outcome, Error> {
        let prompt = self.recipe.evaluation_prompt();
        let evaluation =
            Evaluation::of_run(self.recipe, self.run_dir, self.data_root, &self.tokenizer, &prompt);
        let report = &mut *self.report;
        whereabouts::own().answering(which);
        let mut tell = |label: &str, done, total| {
            whereabouts::own().answering(label);
            report(Progress::Evaluation { label: label.to_owned(), done, total });
        };
        evaluation
            .run(which, (decoder, model), self.collective, self.stop, &mut tell)
            .map_err(|error| error.during(|| format!("evaluation of the `{which}` model")))
    }
}
