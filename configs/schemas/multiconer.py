"""The classes of MultiCoNER 2022 (Malmasi et al., 2022) and of TweetNER7 (Ushio et al., 2022).

TweetNER7 has all seven, MultiCoNER has no `Event`; a prompt offers what `[labels]` names.
"""


class Entity:
    """
    The base class for all entities.
    """

    def __init__(self, name: str):
        self.name = name


class Person(Entity):
    """
    Description: A human being, real or fictional, known by name.
    Examples: Amalia Nystrom, Zhou Yunzhi, Dr. Okarande
    """

    names = {"zh": "人物"}
    descriptions = {"zh": "有名有姓的人，真实的或虚构的。"}
    examples = {"zh": ["周云志", "林慕雪", "奥卡兰德博士"]}


class Location(Entity):
    """
    Description: A place with a name: a country, city, building, mountain or water.
    Examples: Lake Vestra, Tide Tower
    """

    names = {"zh": "地点"}
    descriptions = {"zh": "有名称的地方：国家、城市、建筑、山川湖海。"}
    examples = {"zh": ["清禾镇", "潮汐塔"]}


class Corporation(Entity):
    """
    Description: A business by its name.
    Examples: Vestra Shipping Ltd, Kelp & Sons
    """

    names = {"zh": "公司"}
    descriptions = {"zh": "企业的名称。"}
    examples = {"zh": ["维斯特拉航运公司"]}


class Group(Entity):
    """
    Description: A named group that is no business: a band, team, party or agency.
    Examples: Marenko United, The Low Tides
    """

    names = {"zh": "团体"}
    descriptions = {"zh": "企业以外有名称的团体：乐队、球队、政党、机关。"}
    examples = {"zh": ["马连科联队", "低潮乐队"]}


class Product(Entity):
    """
    Description: A thing that is made or sold, by its name or kind.
    Examples: Tidewing 4, kelp bread
    """

    names = {"zh": "产品"}
    descriptions = {"zh": "制造或出售的东西，名称或种类。"}
    examples = {"zh": ["潮翼四号", "海藻面包"]}


class CreativeWork(Entity):
    """
    Description: The title of a film, book, song, game or another work.
    Examples: The Keeper of the Tide
    """

    names = {"zh": "创作作品"}
    descriptions = {"zh": "影片、书籍、歌曲、游戏等作品的名称。"}
    examples = {"zh": ["守潮人"]}


class Event(Entity):
    """
    Description: A named happening: a festival, match, storm or campaign.
    Examples: Tide Cup, Night of Lanterns
    """

    names = {"zh": "事件"}
    descriptions = {"zh": "有名称的事件：节日、比赛、风暴、活动。"}
    examples = {"zh": ["潮汐杯", "灯笼夜"]}
