//! Placeholder.
use crate::standing::Rank;
/// Who kept the others waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Which rank.
    pub rank: usize,
    /// As a sentence.
    pub sentence: String,
}
/// x
pub fn verdict(_ranks: &[Rank], _names: &[String]) -> Option<Verdict> {
    None
}
