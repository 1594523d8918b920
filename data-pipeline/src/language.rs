//! Codes of languages, as a user names them: `en`, `yue`, `zh-Hant`.

/// The two-letter codes of ISO 639-1.
const TWO_LETTERS: &str = "\
    aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv \
    dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig \
    ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh \
    mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru \
    rw sa sc sd se sg sh si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty \
    ug uk ur uz ve vi vo wa wo xh yi yo za zh zu";

/// Refuses what is no code of a language: a typo would quietly ask with other names than were meant.
///
/// A code of three letters is taken as it is: there are thousands, and new ones each year.
pub fn check(code: &str) -> Result<(), String> {
    let mut parts = code.split('-');
    let first = parts.next().unwrap_or_default();
    let is_known = match first.len() {
        2 => TWO_LETTERS.split(' ').any(|known| known == first),
        3 => first.bytes().all(|byte| byte.is_ascii_lowercase()),
        _ => false,
    };
    let is_part = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    if is_known && parts.all(is_part) {
        return Ok(());
    }
    Err("no language code; expected two letters of ISO 639-1 or three of ISO 639-3, such as en or yue"
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_are_no_codes() {
        for code in ["en", "zh", "yue", "bbj", "mos", "zh-Hant", "pt-BR", "he"] {
            assert_eq!(check(code), Ok(()), "{code}");
        }
        for code in ["", "zz", "EN", "e", "english", "../../x", "en-", "zh_CN", "en-../..", "莱"] {
            assert!(check(code).is_err(), "{code}");
        }
        assert!(TWO_LETTERS.split(' ').all(|code| code.len() == 2));
    }
}
