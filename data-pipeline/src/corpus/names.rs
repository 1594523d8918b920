//! Names for the slots of frames: listed ones, and invented ones that no list holds.
//!
//! A small model learns to copy a name only if it cannot know the name; so a share of the training
//! names is made up, syllables in English and random characters in Chinese.

use super::random::Random;
use super::source::Source;
use crate::Error;
use crate::error::explain;
use serde::Deserialize;
use std::collections::{BTreeMap, HashSet};

/// One line of a list.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    class: String,
    part: String,
    en: String,
    zh: String,
}

/// A name in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub en: String,
    pub zh: String,
}

/// The names of one part, and what an invented name must not look like.
#[derive(Debug, Default)]
pub(crate) struct Names {
    listed: BTreeMap<String, Vec<Name>>,
    /// Words of the English names of other parts.
    foreign_words: HashSet<String>,
    /// Chinese names of other parts.
    foreign_zh: Vec<String>,
    /// First characters of the Chinese names of people of other parts.
    foreign_families: HashSet<char>,
}

impl Names {
    /// Reads the lists; `part` says which names are ours.
    pub(crate) fn read(sources: &[Source], part: &str) -> Result<Self, Error> {
        let mut names = Self::default();
        for source in sources {
            for (number, text) in source.lines().filter(|(_, line)| !line.trim().is_empty()) {
                let line: Line = serde_json::from_str(text).map_err(|error| {
                    let message = explain(&super::json::without_place(&error));
                    Error::data(&source.path, number, format!("not a name: {message}"))
                })?;
                if line.en.trim().is_empty() || line.zh.trim().is_empty() {
                    return Err(Error::data(&source.path, number, "a name is empty"));
                }
                names.add(line, part);
            }
        }
        Ok(names)
    }

    fn add(&mut self, line: Line, part: &str) {
        let name = Name { en: line.en, zh: line.zh };
        if line.part == part {
            self.listed.entry(line.class).or_default().push(name);
            return;
        }
        self.foreign_words.extend(name.en.split_whitespace().map(str::to_lowercase));
        if is_person(&line.class) {
            self.foreign_families.extend(name.zh.chars().next());
        }
        self.foreign_zh.push(name.zh);
    }

    /// Whether this part lists a name at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// A name of `class`, unlike those in `used`; none if the list is used up.
    pub(crate) fn draw(
        &self,
        class: &str,
        used: &[Name],
        made_up: bool,
        random: &mut Random,
    ) -> Option<Name> {
        let fresh = |name: &Name| !used.iter().any(|it| it.en == name.en || it.zh == name.zh);
        if made_up {
            // Two streams, so that the sides of a pair are invented independently.
            let (mut en, mut zh) = (Random::of(&["en"]), Random::of(&["zh"]));
            en.mix(random.next());
            zh.mix(random.next());
            loop {
                let name =
                    Name { en: self.english(class, &mut en), zh: self.chinese(class, &mut zh) };
                if fresh(&name) {
                    return Some(name);
                }
            }
        }
        let free: Vec<&Name> = self.listed.get(class)?.iter().filter(|name| fresh(name)).collect();
        (!free.is_empty()).then(|| random.pick(&free).clone())
    }

    /// An invented English name; its made-up words stand in no list of another part.
    fn english(&self, class: &str, random: &mut Random) -> String {
        if is_person(class) {
            return format!("{} {}", self.word(random), self.word(random));
        }
        let endings = endings(class).map_or(&[][..], |(_, en, _)| en);
        loop {
            let mut name = self.word(random);
            if !endings.is_empty() && random.chance(0.5) {
                name.push_str(random.pick(endings));
            }
            // An ending without a space makes another word of it.
            let word = name.split(' ').next().unwrap_or_default().to_lowercase();
            if !self.foreign_words.contains(&word) {
                return name;
            }
        }
    }

    /// Two or three syllables; only the first begins with two consonants, only the last ends hard.
    fn word(&self, random: &mut Random) -> String {
        loop {
            let mut word = String::from(random.pick(FIRST_ONSETS));
            word.push_str(random.pick(VOWELS));
            for _ in 0..random.below(2) {
                word.push_str(random.pick(MIDDLE_ONSETS));
                word.push_str(random.pick(MIDDLE_VOWELS));
            }
            word.push_str(random.pick(MIDDLE_ONSETS));
            word.push_str(random.pick(ENDS));
            if !self.foreign_words.contains(&word) {
                return word[..1].to_uppercase() + &word[1..];
            }
        }
    }

    /// An invented Chinese name; no name of another part holds its made-up characters.
    fn chinese(&self, class: &str, random: &mut Random) -> String {
        if is_person(class) {
            return self.chinese_person(random);
        }
        let mut name = self.characters(2 + random.below(3), random);
        let endings = endings(class).map_or(&[][..], |(_, _, zh)| zh);
        if !endings.is_empty() && random.chance(0.5) {
            name.push_str(random.pick(endings));
        }
        name
    }

    /// A family name and one or two characters, or now and then a transliterated name.
    fn chinese_person(&self, random: &mut Random) -> String {
        loop {
            let name = if random.chance(0.25) {
                let given = self.characters(2 + random.below(2), random);
                format!("{given}·{}", self.characters(2 + random.below(3), random))
            } else {
                let family: char = random.pick(&FAMILIES.chars().collect::<Vec<_>>());
                format!("{family}{}", self.characters(1 + random.below(2), random))
            };
            let foreign = name.chars().next().is_some_and(|c| self.foreign_families.contains(&c));
            if !foreign && !self.foreign_zh.iter().any(|other| other.contains(&name)) {
                return name;
            }
        }
    }

    fn characters(&self, count: usize, random: &mut Random) -> String {
        let characters: Vec<char> = CHARACTERS.chars().collect();
        loop {
            let name: String = (0..count).map(|_| random.pick(&characters)).collect();
            if count == 1 || !self.foreign_zh.iter().any(|other| other.contains(&name)) {
                return name;
            }
        }
    }
}

/// Whether names of the class are names of people.
fn is_person(class: &str) -> bool {
    ["Person", "Politician", "Writer", "Scientist", "Singer", "Athlete", "Actor"].contains(&class)
}

/// A class, its English endings (with their space where they are words) and its Chinese ones.
type Endings = (&'static str, &'static [&'static str], &'static [&'static str]);

fn endings(class: &str) -> Option<&'static Endings> {
    ENDINGS.iter().find(|(known, _, _)| *known == class)
}

const ENDINGS: &[Endings] = &[
    (
        "Organization",
        &[" Alliance", " Foundation", " Council", " Group", " Institute", " League"],
        &["联盟", "基金会", "协会", "集团", "委员会", "中心"],
    ),
    (
        "Company",
        &[" Ltd", " Works", " Systems", " Motors", " Foods", " Partners"],
        &["公司", "集团", "科技", "实业", "制造"],
    ),
    ("University", &[" University", " College", " Polytechnic"], &["大学", "学院"]),
    ("Hospital", &[" Hospital", " Clinic", " Infirmary"], &["医院", "诊所"]),
    ("School", &[" School", " Academy", " Primary School"], &["中学", "小学", "学校"]),
    ("Newspaper", &[" Times", " Herald", " Post", " Gazette"], &["日报", "晚报", "时报", "周报"]),
    ("Bank", &[" Bank", " Savings Bank", " Trust"], &["银行", "信用社"]),
    ("Museum", &[" Museum", " Gallery"], &["博物馆", "美术馆"]),
    ("Station", &[" Station", " Central", " Junction"], &["站", "车站"]),
    ("Restaurant", &[" Kitchen", " Grill", " Diner"], &["饭店", "餐厅", "酒楼"]),
    ("Hotel", &[" Hotel", " Inn", " Lodge"], &["酒店", "宾馆", "客栈"]),
    ("Team", &[" United", " Rovers", " Hawks"], &["队", "俱乐部"]),
    ("City", &["ton", "ville", "burg", " City"], &["市", "城"]),
    ("Country", &["ia", "land", "stan"], &["国", "共和国"]),
    ("River", &[" River", " Creek"], &["河", "江", "溪"]),
    ("Mountain", &[" Peak", " Ridge", " Hills"], &["山", "岭", "峰"]),
    ("Island", &[" Island", " Isle"], &["岛", "屿"]),
    ("Location", &[" Valley", " Bay", " Square", " Park"], &["谷", "湾", "广场", "公园"]),
    ("Vehicle", &[" GT", " 500", " X2"], &["轿车", "卡车"]),
    ("Ship", &[" Star", " II"], &["号"]),
    ("Software", &[" Studio", " OS", " Pro"], &["系统", "软件"]),
    ("Medicine", &["ol", "ine", "ex"], &["胶囊", "片", "素"]),
    ("Festival", &[" Festival", " Fair", " Days"], &["节", "文化节"]),
    ("Product", &[" Pro", " Mini", " One"], &["牌手机", "台灯", "音箱"]),
];

const FIRST_ONSETS: &[&str] = &[
    "b", "br", "c", "ch", "d", "dr", "f", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "pr", "r",
    "s", "sh", "st", "t", "th", "tr", "v", "w", "z",
];
const VOWELS: &[&str] = &["a", "a", "e", "e", "i", "o", "o", "u", "ai", "ea", "au", "ei"];
const MIDDLE_ONSETS: &[&str] = &[
    "b", "d", "g", "k", "l", "l", "m", "n", "n", "r", "r", "s", "t", "v", "z", "lm", "ld", "nd",
    "nt", "rd", "rn", "rv", "sk", "st", "th", "ll", "nn", "rr",
];
const MIDDLE_VOWELS: &[&str] = &["a", "e", "i", "o", "u"];
const ENDS: &[&str] = &[
    "a", "e", "i", "o", "an", "ar", "as", "el", "en", "er", "es", "et", "ia", "ik", "in", "is",
    "oa", "om", "on", "or", "os", "ova", "um", "us", "y",
];

/// Common family names.
const FAMILIES: &str = "王李张刘陈杨黄赵周吴徐孙朱马胡郭林何高梁郑罗宋谢唐韩曹许邓萧冯曾程蔡彭潘\
    袁于董余苏叶吕魏蒋田杜丁沈姜范江傅钟卢汪戴崔任陆廖姚方金邱夏谭韦贾邹石熊孟秦阎薛侯雷白龙段郝孔\
    邵史毛常万顾赖武康贺严尹钱施牛洪龚";

/// Common characters of names; none that a sentence would read as grammar.
const CHARACTERS: &str = "安白百柏宝北贝本碧斌冰博彩灿苍草昌长超朝晨诚春慈聪翠达丹德登迪鼎定东冬\
    栋度恩尔凡方芳飞菲丰风峰凤福富刚歌格耕宫古谷冠光广桂海涵寒航豪浩荷恒红宏虹鸿厚湖虎花华怀欢环晖\
    辉慧火吉佳家嘉坚建健娇杰洁金津锦晋京晶景静九君俊凯科克坤兰蓝朗乐磊黎礼里力立丽利莲良林玲凌露鲁绿\
    伦罗洛曼茂梅美萌梦米苗民明鸣墨木慕南宁娜诺欧攀培鹏萍普琪奇启千谦乾强乔巧钦青清晴庆秋曲泉仁荣容柔\
    瑞若森沙珊善尚少深升生声圣胜诗石时世书舒双水顺思松素塔泰涛腾天庭同望威维卫文雯沃西希熙霞仙先贤祥\
    翔向晓笑欣新鑫信星兴雄秀旭轩雪雅亚妍言艳燕阳洋野依仪怡宜义艺逸毅银英盈颖永勇优友宇羽雨玉裕誉元源\
    远月悦云运泽展章昭照哲珍真振正志智舟洲珠竹卓紫宗祖";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use expect_test::expect;

    fn names(part: &str) -> Names {
        let text = r#"
            {"class":"Person","part":"train","en":"Lena Vogt","zh":"莱娜·沃格特"}
            {"class":"Person","part":"train","en":"Tom Hill","zh":"汤姆·希尔"}
            {"class":"Person","part":"test","en":"Wang Mei","zh":"王梅"}"#;
        let source = Source { path: "names.jsonl".into(), text: text.to_owned() };
        Names::read(&[source], part).unwrap()
    }

    #[test]
    fn listed_names_are_drawn_without_repeating_one() {
        let names = names("train");
        let mut random = Random::of(&["draw"]);
        let first = names.draw("Person", &[], false, &mut random).unwrap();
        let second =
            names.draw("Person", std::slice::from_ref(&first), false, &mut random).unwrap();
        assert_ne!(first, second);
        assert_eq!(names.draw("Person", &[first, second], false, &mut random), None);
        assert_eq!(names.draw("Ship", &[], false, &mut random), None);
    }

    #[test]
    fn invented_names_are_plausible_and_foreign_to_other_parts() {
        let names = names("train");
        let mut random = Random::of(&["invent"]);
        for _ in 0..5_000 {
            let name = names.draw("Person", &[], true, &mut random).unwrap();
            assert!(!name.zh.starts_with('王') && name.en.split(' ').count() == 2, "{name:?}");
        }
        let sample: Vec<String> = ["Person", "Person", "Organization", "City", "Song", "Ship"]
            .into_iter()
            .map(|class| {
                let name = names.draw(class, &[], true, &mut random).unwrap();
                format!("{class}: {} / {}", name.en, name.zh)
            })
            .collect();
        expect![[r#"
            Person: Bernin Pregor / 施青
            Person: Medutha Zillastas / 运冬·妍晖昌
            Organization: Misan / 普真祖哲
            City: Nanner / 北启市
            Song: Chamelo / 妍诗
            Ship: Prarer / 鼎良绿希"#]]
        .assert_eq(&sample.join("\n"));
    }

    #[test]
    fn a_bad_line_is_named() {
        for (text, expected) in [
            (
                r#"{"class":"Person","part":"x","en":"A","zn":"B"}"#,
                "unknown key `zn`; did you mean `en`?",
            ),
            (r#"{"class":"Person","part":"x","en":"A"}"#, "missing field `zh`"),
        ] {
            let source = Source { path: "n.jsonl".into(), text: text.to_owned() };
            let error = Names::read(&[source], "x").unwrap_err().to_string();
            assert_eq!(error, format!("n.jsonl:1: not a name: {expected}"));
        }
    }
}
