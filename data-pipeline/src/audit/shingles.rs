//! A text as a set of hashed runs of characters, and what two such sets have in common.

/// Characters of a run where letters are an alphabet.
const LETTERS: usize = 5;

/// Characters of a run where each is a syllable or a word: as much is said in fewer of them.
const SYLLABLES: usize = 2;

/// The runs of a normalised text, each once, sorted.
pub(super) fn shingles(normal: &str) -> Box<[u32]> {
    let chars: Vec<char> = normal.chars().collect();
    let dense = chars.iter().filter(|c| is_dense(**c)).count() * 2 > chars.len();
    let width = if dense { SYLLABLES } else { LETTERS };
    let mut hashes: Vec<u32> = match chars.len() {
        0 => Vec::new(),
        short if short <= width => vec![hash(&chars)],
        _ => chars.windows(width).map(hash).collect(),
    };
    hashes.sort_unstable();
    hashes.dedup();
    hashes.into_boxed_slice()
}

/// Han characters, kana and Hangul.
fn is_dense(c: char) -> bool {
    matches!(c,
        '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}'
        | '\u{AC00}'..='\u{D7AF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// FNV-1a over the characters, folded to 32 bits.
fn hash(chars: &[char]) -> u32 {
    let hash = chars.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, c| {
        (hash ^ u64::from(u32::from(*c))).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ (hash >> 32)) as u32
}

/// What two sorted sets share, over what they have together (Jaccard); 0 for two empty ones.
pub(super) fn jaccard(a: &[u32], b: &[u32]) -> f64 {
    let (mut i, mut j, mut common) = (0, 0, 0_usize);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => (i, j, common) = (i + 1, j + 1, common + 1),
        }
    }
    let all = a.len() + b.len() - common;
    if all == 0 { 0.0 } else { common as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_shorter_where_characters_say_more() {
        assert_eq!(shingles("helloworld").len(), 6);
        assert_eq!(shingles("北京大学").len(), 3);
        assert_eq!(shingles("ab").len(), 1);
        assert_eq!(shingles("").len(), 0);
        assert_eq!(shingles("aaaaaaaaaa").len(), 1);
    }

    #[test]
    fn jaccard_is_the_common_share() {
        assert_eq!(jaccard(&[1, 2, 3], &[2, 3, 4]), 0.5);
        assert_eq!(jaccard(&[1], &[1]), 1.0);
        assert_eq!(jaccard(&[], &[]), 0.0);
        assert_eq!(jaccard(&[], &[1]), 0.0);
    }
}
