//! What invented names are made of.

/// A class, its English endings (with their space where they are words) and its Chinese ones.
pub(super) type Endings = (&'static str, &'static [&'static str], &'static [&'static str]);

pub(super) fn endings(class: &str) -> Option<&'static Endings> {
    ENDINGS.iter().find(|(known, _, _)| *known == class)
}

pub(super) const ENDINGS: &[Endings] = &[
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

pub(super) const FIRST_ONSETS: &[&str] = &[
    "b", "br", "c", "ch", "d", "dr", "f", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "pr", "r",
    "s", "sh", "st", "t", "th", "tr", "v", "w", "z",
];
pub(super) const VOWELS: &[&str] =
    &["a", "a", "e", "e", "i", "o", "o", "u", "ai", "ea", "au", "ei"];
pub(super) const MIDDLE_ONSETS: &[&str] = &[
    "b", "d", "g", "k", "l", "l", "m", "n", "n", "r", "r", "s", "t", "v", "z", "lm", "ld", "nd",
    "nt", "rd", "rn", "rv", "sk", "st", "th", "ll", "nn", "rr",
];
pub(super) const MIDDLE_VOWELS: &[&str] = &["a", "e", "i", "o", "u"];
pub(super) const ENDS: &[&str] = &[
    "a", "e", "i", "o", "an", "ar", "as", "el", "en", "er", "es", "et", "ia", "ik", "in", "is",
    "oa", "om", "on", "or", "os", "ova", "um", "us", "y",
];

/// Common family names.
pub(super) const FAMILIES: &str = "王李张刘陈杨黄赵周吴徐孙朱马胡郭林何高梁郑罗宋谢唐韩曹许邓萧冯曾程蔡彭潘\
    袁于董余苏叶吕魏蒋田杜丁沈姜范江傅钟卢汪戴崔任陆廖姚方金邱夏谭韦贾邹石熊孟秦阎薛侯雷白龙段郝孔\
    邵史毛常万顾赖武康贺严尹钱施牛洪龚";

/// Common characters of names; none that a sentence would read as grammar.
pub(super) const CHARACTERS: &str = "安白百柏宝北贝本碧斌冰博彩灿苍草昌长超朝晨诚春慈聪翠达丹德登迪鼎定东冬\
    栋度恩尔凡方芳飞菲丰风峰凤福富刚歌格耕宫古谷冠光广桂海涵寒航豪浩荷恒红宏虹鸿厚湖虎花华怀欢环晖\
    辉慧火吉佳家嘉坚建健娇杰洁金津锦晋京晶景静九君俊凯科克坤兰蓝朗乐磊黎礼里力立丽利莲良林玲凌露鲁绿\
    伦罗洛曼茂梅美萌梦米苗民明鸣墨木慕南宁娜诺欧攀培鹏萍普琪奇启千谦乾强乔巧钦青清晴庆秋曲泉仁荣容柔\
    瑞若森沙珊善尚少深升生声圣胜诗石时世书舒双水顺思松素塔泰涛腾天庭同望威维卫文雯沃西希熙霞仙先贤祥\
    翔向晓笑欣新鑫信星兴雄秀旭轩雪雅亚妍言艳燕阳洋野依仪怡宜义艺逸毅银英盈颖永勇优友宇羽雨玉裕誉元源\
    远月悦云运泽展章昭照哲珍真振正志智舟洲珠竹卓紫宗祖";

/// Words that English names of things are put together from.
pub(super) const WORDS: &str = "Amber Anchor Apple Arrow Ash Aspen Autumn Badger Bamboo Barley Basalt Beacon Bear Birch Blue \
    Bramble Brass Bridge Bright Brook Candle Canyon Cedar Chalk Cherry Cinder Circle Clear Cliff \
    Cloud Clover Coal Cobalt Comet Copper Coral Cotton Crane Creek Crimson Crow Crown Crystal \
    Dawn Deer Delta Desert Dolphin Dove Dragon Drift Dune Eagle Early East Echo Elm Ember \
    Evening Falcon Feather Fern Field Fir First Flame Flint Forest Fox Frost Garden Garnet Gate \
    Giant Ginger Glacier Glass Gold Golden Granite Grape Grass Gravel Green Grey Grove Harbour \
    Hare Harvest Hawk Heath Heather Hedge Heron Hickory High Hollow Honey Horizon Horn Ice \
    Indigo Iris Iron Island Ivory Ivy Jade Jasmine Jay Juniper Kettle Key Kindle Kite Ladder \
    Lagoon Lake Lamp Lantern Larch Lark Laurel Lavender Leaf Lemon Light Lilac Lily Lime Linden \
    Lion Little Long Lotus Magnet Mango Maple Marble Marigold Market Marsh Meadow Midnight Mill \
    Mint Mirror Mist Moon Morning Moss Moth Mountain Mulberry Myrtle Needle Nest New Night North \
    Nut Oak Oasis Ocean Old Olive Onyx Open Orange Orchard Otter Owl Paper Parrot Path Peach \
    Pearl Pebble Pepper Pine Pioneer Planet Plum Polar Poppy Prairie Prism Quartz Quiet Quill \
    Rabbit Rain Rapid Raven Red Reed Ridge River Robin Rock Root Rose Round Ruby Rust Saffron \
    Sage Salt Sand Sapphire Scarlet Sea Second Seed Shadow Sharp Shell Shore Silent Silk Silver \
    Sky Slate Small Smoke Snow Solar South Sparrow Spice Spring Spruce Star Steel Stone Storm \
    Stream Summer Summit Sun Sunny Swan Swift Sycamore Tall Tea Thistle Thorn Thunder Tide Tiger \
    Timber Topaz Torch Tower Tulip Tundra Turtle Twin Valley Velvet Vine Violet Walnut Water \
    Wave West Wheat White Wild Willow Wind Window Winter Wolf Wonder Wood Yellow Young Zinc";

/// Syllables of names in Hanyu Pinyin: beginnings, and ends that go with all of them.
pub(super) const PINYIN_ONSETS: &[&str] =
    &["b", "ch", "d", "g", "h", "l", "m", "n", "p", "sh", "t", "w", "y", "zh", "c", "s", "r"];
pub(super) const PINYIN_ENDS: &[&str] =
    &["a", "ai", "an", "ang", "ao", "e", "en", "eng", "i", "ing", "in", "u", "uo", "ui", "un"];

/// The commoner characters of Chinese news, finance, encyclopedia and curricula vitae, without those that
/// make up grammar: names hold any of them, so a model must have copied each one.
pub(super) const COMMON: &str = include_str!("characters.txt");
