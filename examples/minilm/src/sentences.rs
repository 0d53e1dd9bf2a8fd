//! The sentences as token ids, and numpy's float32 results for them.

use crate::error::Failure;
use crate::model::{HIDDEN, POSITIONS, VOCABULARY};
use crate::tensors::Tensors;
use std::ops::Range;

/// Sentences, one after the other.
pub struct Sentences {
    /// Token ids of all sentences.
    pub ids: Vec<usize>,
    /// Tokens of each sentence.
    pub ranges: Vec<Range<usize>>,
    /// numpy's hidden states after the first layer, `[tokens, HIDDEN]`.
    pub first_layer: Vec<f32>,
    /// numpy's sentence embeddings, `[sentences, HIDDEN]`, of length one.
    pub embeddings: Vec<f32>,
}

impl Sentences {
    /// Reads and checks them.
    ///
    /// # Errors
    /// If a tensor is missing, a token does not exist, or lengths and tokens do not agree.
    pub fn read(file: &Tensors<'_>) -> Result<Self, Failure> {
        let ids = file.i32("token_ids")?;
        if let Some(id) = ids.iter().find(|&&id| !(0..VOCABULARY as i32).contains(&id)) {
            return Err(refusal("token ids have", id.to_string(), format!("0 to {}", VOCABULARY - 1)));
        }
        let mut ranges = Vec::new();
        let mut start = 0;
        for length in file.i32("lengths")? {
            let end = usize::try_from(length).ok().filter(|l| (1..=POSITIONS).contains(l)).map(|l| start + l);
            let Some(end) = end else {
                return Err(refusal("lengths have", length.to_string(), format!("1 to {POSITIONS} tokens")));
            };
            ranges.push(start..end);
            start = end;
        }
        if ranges.is_empty() {
            return Err(refusal("lengths are", "none".to_owned(), "1 or more".to_owned()));
        }
        if start != ids.len() {
            return Err(refusal("lengths add up to", start.to_string(), format!("the {} token ids", ids.len())));
        }
        Ok(Self {
            first_layer: file.f32("first_layer", &[ids.len(), HIDDEN])?,
            embeddings: file.f32("embeddings", &[ranges.len(), HIDDEN])?,
            ids: ids.into_iter().map(|id| id as usize).collect(),
            ranges,
        })
    }

    /// The first `count` of them, or all if there are fewer.
    #[must_use]
    pub fn first(mut self, count: usize) -> Self {
        self.ranges.truncate(count);
        let tokens = self.ranges.last().map_or(0, |range| range.end);
        self.ids.truncate(tokens);
        self.first_layer.truncate(tokens * HIDDEN);
        self.embeddings.truncate(self.ranges.len() * HIDDEN);
        self
    }

    /// Tokens of all sentences.
    pub fn tokens(&self) -> usize {
        self.ids.len()
    }
}

fn refusal(what: &'static str, found: String, expected: String) -> Failure {
    Failure::Sentences { what, found, expected }
}
