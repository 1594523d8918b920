//! Texts without what publishers change: case, width of letters, spacing, punctuation.

use unicode_normalization::UnicodeNormalization;

/// Letters, digits and the marks on them, in NFKC and lower case; words run together.
///
/// Corpora tokenise the same sentence in different ways, so spaces carry no information here.
pub(crate) fn normal(text: &str) -> String {
    text.nfkc()
        .flat_map(char::to_lowercase)
        .filter(|c| c.is_alphanumeric() || is_mark(*c))
        .collect()
}

/// Whether `c` belongs to the letter before it: tones of Yoruba, vowels of Indic scripts.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishers_choices_disappear() {
        let check = |text: &str, expected: &str| assert_eq!(normal(text), expected);
        check("“Hello” , World !", "helloworld");
        check("Ｈｅｌｌｏ　Ｗｏｒｌｄ", "helloworld");
        check("Ọ̀sẹ́gun lọ sí Ìbàdàn.", "ọ̀sẹ́gunlọsíìbàdàn");
        check("Os\u{0323}un", "o\u{1e63}un");
        check("2008年，北京", "2008年北京");
        check("… — !", "");
    }
}
