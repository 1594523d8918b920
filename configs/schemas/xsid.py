"""The classes of xSID (van der Goot et al., 2021): slots of requests to a voice assistant.

They come from two older sets of requests, on alarms, reminders and weather and on music, films,
books and tables, so that some lie close to one another: three are about the weather.
"""


class Entity:
    """
    The base class for all entities.
    """

    def __init__(self, name: str):
        self.name = name


class DateTime(Entity):
    """
    Description: A point or span of time that a request names: a date, day, hour or how long.
    Examples: the ninth of Frostmonth, in seventeen minutes, before the last ferry
    """

    names = {"zh": "时间"}
    descriptions = {"zh": "请求中的时间点或时长：日期、星期、钟点或多久。"}
    examples = {"zh": ["霜月九日", "十七分钟后", "末班渡轮之前"]}


class RecurringDateTime(Entity):
    """
    Description: A time that comes again and again.
    Examples: every second Thursday at dusk, each dawn, hourly until the ferry leaves
    """

    names = {"zh": "重复时间"}
    descriptions = {"zh": "反复出现的时间。"}
    examples = {"zh": ["每隔一个周四黄昏", "每日破晓", "开船前每小时一次"]}


class Location(Entity):
    """
    Description: Words that say where: a place with a name, or how near.
    Examples: Upper Marenko, Lake Vestra, two streets from the pier
    """

    names = {"zh": "位置"}
    descriptions = {"zh": "说明在哪里的词语：有名称的地方或远近。"}
    examples = {"zh": ["上马连科", "维斯特拉湖", "离码头两条街"]}


class WeatherAttribute(Entity):
    """
    Description: What a request about the weather asks for: a kind of weather, a measure of it or a thing to wear for it.
    Examples: hoarfrost, gusts, rubber boots
    """

    names = {"zh": "天气属性"}
    descriptions = {"zh": "天气请求所问的内容：天气现象、气象数值或应穿戴的物品。"}
    examples = {"zh": ["白霜", "阵风", "胶靴"]}


class WeatherCondition(Entity):
    """
    Description: A state of the sky or the air in a question after a forecast: what will fall, blow or cover.
    Examples: sleet squalls, dust haze, drizzling
    """

    names = {"zh": "天气状况"}
    descriptions = {"zh": "询问预报时天空与空气的状态：降水、风、云雾。"}
    examples = {"zh": ["雨夹雪", "浮尘", "毛毛雨"]}


class TemperatureCondition(Entity):
    """
    Description: How warm or cold it is, in a question after a forecast.
    Examples: glacial, balmier, scorching
    """

    names = {"zh": "冷热"}
    descriptions = {"zh": "询问预报时气温的冷暖。"}
    examples = {"zh": ["冰冷", "更暖", "酷热"]}


class Reference(Entity):
    """
    Description: Words that say which of the user's own alarms or reminders are meant.
    Examples: both of ours, the earliest one, whichever rings next
    """

    names = {"zh": "指代"}
    descriptions = {"zh": "说明是用户的哪些闹钟或提醒的词语。"}
    examples = {"zh": ["咱们那两个", "最早的那个", "下一个要响的"]}


class ReminderTask(Entity):
    """
    Description: What the user is to be reminded of.
    Examples: feed the lighthouse cat, return Amalia's ladder, water the quince tree
    """

    names = {"zh": "提醒事项"}
    descriptions = {"zh": "需要提醒用户去做的事。"}
    examples = {"zh": ["喂灯塔的猫", "归还梯子", "给榅桲树浇水"]}


class Artist(Entity):
    """
    Description: A singer, musician, composer or band.
    Examples: Amalia Nystrom, The Tin Gate Quartet, Zhou Yunzhi
    """

    names = {"zh": "艺人"}
    descriptions = {"zh": "歌手、乐手、作曲家或乐队。"}
    examples = {"zh": ["林慕雪", "铁皮门四重奏", "周云志"]}


class Album(Entity):
    """
    Description: A collection of music, by its title.
    Examples: Songs for a Dry Harbour, Barley Years, Kiln Light
    """

    names = {"zh": "专辑"}
    descriptions = {"zh": "以名称指称的音乐专辑。"}
    examples = {"zh": ["旱港之歌", "大麦年代", "窑火"]}


class Track(Entity):
    """
    Description: A single piece of music, by its title.
    Examples: Waltz for a Paper Boat, Nine Crowns, Pellar Brook
    """

    names = {"zh": "曲目"}
    descriptions = {"zh": "以名称指称的单首乐曲。"}
    examples = {"zh": ["纸船圆舞曲", "九枚克朗", "佩拉尔溪"]}


class MusicItem(Entity):
    """
    Description: The kind of music that is asked for, as a common noun.
    Examples: cantata, B-side, lullaby
    """

    names = {"zh": "音乐种类"}
    descriptions = {"zh": "所求音乐的种类，用普通名词表示。"}
    examples = {"zh": ["康塔塔", "摇篮曲", "唱片反面"]}


class Genre(Entity):
    """
    Description: A style of music.
    Examples: harbour folk, tin jazz, barley polka
    """

    names = {"zh": "曲风"}
    descriptions = {"zh": "音乐的风格。"}
    examples = {"zh": ["港口民谣", "铁皮爵士", "大麦波尔卡"]}


class Playlist(Entity):
    """
    Description: A list of music that a user keeps, by its name.
    Examples: rainy ferry mornings, Songs to Mend Nets By, kiln shift
    """

    names = {"zh": "歌单"}
    descriptions = {"zh": "用户保存的歌单名称。"}
    examples = {"zh": ["雨天渡轮", "补网时听的歌", "窑工夜班"]}


class PlaylistEntry(Entity):
    """
    Description: The title that is to be put on a list of music.
    Examples: Ballad of the Last Tram, Vestra Serenade, Letter to a Weir
    """

    names = {"zh": "歌单条目"}
    descriptions = {"zh": "要加入歌单的作品名称。"}
    examples = {"zh": ["末班电车之歌", "维斯特拉小夜曲", "致水坝的信"]}


class MusicService(Entity):
    """
    Description: A program or site that music is played from.
    Examples: Tunewharf, Orrel Radio, EarBarrel
    """

    names = {"zh": "音乐服务"}
    descriptions = {"zh": "播放音乐的应用或网站。"}
    examples = {"zh": ["曲码头", "奥雷尔电台", "耳桶音乐"]}


class SortOrder(Entity):
    """
    Description: Words that ask for the first by some order: the best, newest or most liked.
    Examples: least known, longest, most argued about
    """

    names = {"zh": "排序"}
    descriptions = {"zh": "按某种次序取首位的词语：最好、最新、最受欢迎。"}
    examples = {"zh": ["最冷门", "最长", "争议最大"]}


class Movie(Entity):
    """
    Description: A film by its title.
    Examples: The Salt Orchard, Midnight in Marenko, A Clock for Zhou
    """

    names = {"zh": "电影"}
    descriptions = {"zh": "以片名指称的电影。"}
    examples = {"zh": ["盐果园", "马连科的午夜", "送周先生的钟"]}


class MovieType(Entity):
    """
    Description: A kind of film, or films as such.
    Examples: puppet shorts, seaside noir, talkies
    """

    names = {"zh": "电影种类"}
    descriptions = {"zh": "电影的种类，或泛指电影。"}
    examples = {"zh": ["木偶短片", "海滨黑色片", "有声片"]}


class VenueType(Entity):
    """
    Description: The kind of place where films are shown.
    Examples: drive-in, picture palace, open-air screen
    """

    names = {"zh": "场所种类"}
    descriptions = {"zh": "放映电影的场所种类。"}
    examples = {"zh": ["汽车影院", "电影宫", "露天银幕"]}


class WorkTitle(Entity):
    """
    Description: A book, show, picture, game, record or other work by its title.
    Examples: The Ferryman's Ledger, Nine Doors to Qinghe, Turnip Quest
    """

    names = {"zh": "作品名"}
    descriptions = {"zh": "以名称指称的书、节目、图画、游戏、唱片等作品。"}
    examples = {"zh": ["船夫的账簿", "通往清禾的九扇门", "萝卜远征"]}


class WorkType(Entity):
    """
    Description: The kind of work or listing that is asked for, as a common noun.
    Examples: pamphlet, radio drama, seating plan
    """

    names = {"zh": "作品种类"}
    descriptions = {"zh": "所求作品或信息表的种类，用普通名词表示。"}
    examples = {"zh": ["小册子", "广播剧", "座位表"]}


class SeriesType(Entity):
    """
    Description: A word for several works that belong together.
    Examples: cycle, tetralogy, omnibus
    """

    names = {"zh": "系列种类"}
    descriptions = {"zh": "表示多部作品成一套的词语。"}
    examples = {"zh": ["四部曲", "合集", "连环本"]}


class WorkSelector(Entity):
    """
    Description: Words that single out the work that is meant by where the user is in it.
    Examples: the one in my hands, preceding, aforesaid
    """

    names = {"zh": "作品指示"}
    descriptions = {"zh": "按用户所处位置指明是哪一部作品的词语。"}
    examples = {"zh": ["手上这部", "前一部", "上述那部"]}


class RatingValue(Entity):
    """
    Description: The mark that the user gives to a work.
    Examples: thirty-one, minus two, seven and a half
    """

    names = {"zh": "评分"}
    descriptions = {"zh": "用户给作品打的分数。"}
    examples = {"zh": ["三十一", "负二", "七个半"]}


class BestRating(Entity):
    """
    Description: The highest mark of the scale on which the user rates.
    Examples: two dozen, a gross, 1000
    """

    names = {"zh": "满分"}
    descriptions = {"zh": "评分所用标准的最高分。"}
    examples = {"zh": ["二十四", "一打", "一千"]}


class RatingUnit(Entity):
    """
    Description: What the marks of a rating are counted in.
    Examples: quinces, thumbs, medals
    """

    names = {"zh": "评分单位"}
    descriptions = {"zh": "评分所用的计数单位。"}
    examples = {"zh": ["颗榅桲", "个大拇指", "枚奖章"]}


class Restaurant(Entity):
    """
    Description: A restaurant, café or bar by its name.
    Examples: The Gilded Turnip, Okarande's Kitchen, Qinghe Noodle Hall
    """

    names = {"zh": "餐馆"}
    descriptions = {"zh": "以店名指称的餐馆、咖啡馆、酒吧。"}
    examples = {"zh": ["金萝卜饭庄", "奥卡兰德厨房", "清禾面馆"]}


class RestaurantType(Entity):
    """
    Description: The kind of place to eat or drink at, as a common noun.
    Examples: chowder house, tea barge, pie counter
    """

    names = {"zh": "餐馆种类"}
    descriptions = {"zh": "就餐饮酒场所的种类，用普通名词表示。"}
    examples = {"zh": ["海鲜汤馆", "茶船", "馅饼铺"]}


class Cuisine(Entity):
    """
    Description: A manner of cooking, by country, people or style.
    Examples: vestran, old harbour, upland marenko
    """

    names = {"zh": "菜系"}
    descriptions = {"zh": "按国家、民族或风格区分的烹饪方式。"}
    examples = {"zh": ["维斯特拉菜", "老港风味", "马连科山地菜"]}


class Dish(Entity):
    """
    Description: Something to eat or drink that a place is to serve.
    Examples: smoked turnip pie, pickled quince dumplings, barley tea
    """

    names = {"zh": "菜品"}
    descriptions = {"zh": "餐馆应供应的食物或饮料。"}
    examples = {"zh": ["烟熏萝卜派", "腌榅桲饺子", "大麦茶"]}


class Amenity(Entity):
    """
    Description: A feature that a place is to have beside its food.
    Examples: fireplace nook, mooring, coat check
    """

    names = {"zh": "设施"}
    descriptions = {"zh": "餐馆饭菜以外应有的设施。"}
    examples = {"zh": ["壁炉雅座", "泊船处", "衣帽间"]}


class PartySize(Entity):
    """
    Description: For how many people a table is to be booked.
    Examples: fourteen, a table of thirteen, twenty-nine
    """

    names = {"zh": "人数"}
    descriptions = {"zh": "订座的人数。"}
    examples = {"zh": ["十四", "十三位", "十七"]}


class PartyMembers(Entity):
    """
    Description: The people for whom a table is to be booked, by name or kinship.
    Examples: Amalia and the ferryman, the whole lighthouse crew, Kaveh with his twins
    """

    names = {"zh": "同行者"}
    descriptions = {"zh": "订座的人，以姓名或关系指称。"}
    examples = {"zh": ["林慕雪和船夫", "灯塔全体人员", "周云志一家"]}
