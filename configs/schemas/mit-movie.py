"""The twelve classes of MIT Movie: what a question about films can name.

The corpus's RATING is `AgeRating` here and its RATINGS_AVERAGE `AverageRating`.
"""


class Entity:
    """
    The base class for all entities.
    """

    def __init__(self, name: str):
        self.name = name


class Actor(Entity):
    """
    Description: Somebody who plays, or lends a voice, in a film.
    Examples: amalia nystrom, kaveh tehrani, zhou yunzhi
    """

    names = {"zh": "演员"}
    descriptions = {"zh": "在电影中出演或配音的人。"}
    examples = {"zh": ["林慕雪", "周云志", "卡维·德黑兰尼"]}


class Character(Entity):
    """
    Description: A figure of the story that a film tells, by name.
    Examples: captain orra veil, detective sunday moss, the baker of marenko
    """

    names = {"zh": "角色"}
    descriptions = {"zh": "电影故事中的人物。"}
    examples = {"zh": ["奥拉·维尔船长", "莫斯探长", "清禾婆婆"]}


class Director(Entity):
    """
    Description: Somebody who directs a film, or words that ask for that person.
    Examples: ilse varga thorne, tomas okarande, who helmed it
    """

    names = {"zh": "导演"}
    descriptions = {"zh": "执导电影的人，或询问导演的词语。"}
    examples = {"zh": ["伊尔丝·瓦尔加", "奥卡兰德", "谁掌镜"]}


class Genre(Entity):
    """
    Description: A kind of film, by its style, audience or manner of making.
    Examples: seaside noir, kung fu operetta, courtroom puppet film
    """

    names = {"zh": "类型"}
    descriptions = {"zh": "按风格、观众或制作方式划分的电影种类。"}
    examples = {"zh": ["海滨黑色片", "功夫轻歌剧", "法庭木偶片"]}


class Year(Entity):
    """
    Description: When a film came out: a year, decade or span of years.
    Examples: 1893, the late 1890s, twelve summers ago
    """

    names = {"zh": "年份"}
    descriptions = {"zh": "电影上映的时间：年份、年代或一段年月。"}
    examples = {"zh": ["1893年", "一八九零年代末", "十二年前的夏天"]}


class Movie(Entity):
    """
    Description: A film, or a series of films, by its title.
    Examples: the salt orchard, midnight in marenko, a clock for zhou
    """

    names = {"zh": "电影"}
    descriptions = {"zh": "以片名或系列名指称的电影。"}
    examples = {"zh": ["盐果园", "马连科的午夜", "送周先生的钟"]}


class Plot(Entity):
    """
    Description: What a film is about: an event, thing, place or motif of its story.
    Examples: a clockmaker who loses a day, lighthouse keepers at odds, smuggled pears
    """

    names = {"zh": "情节"}
    descriptions = {"zh": "电影讲述的内容：故事中的事件、事物、地点或主题。"}
    examples = {"zh": ["丢了一天的钟表匠", "灯塔看守人失和", "走私梨子"]}


class AgeRating(Entity):
    """
    Description: The age or audience that a film is cleared for, or words that ask for it.
    Examples: cleared for twelve and up, not before sixteen, fit for toddlers
    """

    names = {"zh": "分级"}
    descriptions = {"zh": "电影适合的年龄或观众，或询问分级的词语。"}
    examples = {"zh": ["十二岁以上可看", "未满十六岁不宜", "幼儿可看"]}


class AverageRating(Entity):
    """
    Description: How well viewers or critics like a film, as a score or in words.
    Examples: eleven out of twelve, panned nearly everywhere, adored by critics at home
    """

    names = {"zh": "平均评分"}
    descriptions = {"zh": "观众或影评人对电影的喜好程度，以分数或词语表示。"}
    examples = {"zh": ["十二分得十一分", "恶评如潮", "国内影评人钟爱"]}


class Review(Entity):
    """
    Description: What is said or written about a film, or a word of praise or blame that a review would use.
    Examples: verdict of the marenko courier, column by a critic, worth the bus fare
    """

    names = {"zh": "评论"}
    descriptions = {"zh": "关于电影的评说，或评论中褒贬的词语。"}
    examples = {"zh": ["马连科信使报的评语", "影评专栏", "值回车费"]}


class Song(Entity):
    """
    Description: A song or score of a film, its singer or composer, or words that ask for its music.
    Examples: waltz for a paper boat, ballad of the tin gate, tune of the last dance
    """

    names = {"zh": "歌曲"}
    descriptions = {"zh": "电影的歌曲、配乐及其歌者与作曲者，或询问音乐的词语。"}
    examples = {"zh": ["纸船圆舞曲", "铁皮门之歌", "最后一舞的曲子"]}


class Trailer(Entity):
    """
    Description: A short piece of a film that is shown to advertise it.
    Examples: sixty second foretaste, advance reel, promotional snippet
    """

    names = {"zh": "预告片"}
    descriptions = {"zh": "为宣传而放映的电影片段。"}
    examples = {"zh": ["六十秒先睹", "宣传短片", "抢先看"]}
