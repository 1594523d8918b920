"""The three classes of the Youku corpus of Ding et al. (2019): titles of videos.
"""


class Entity:
    """
    The base class for all entities.
    """

    def __init__(self, name: str):
        self.name = name


class Show(Entity):
    """
    Description: The title of a film, series, show or cartoon.
    Examples: The Keeper of the Tide
    """

    names = {"zh": "影视节目"}
    descriptions = {"zh": "影片、剧集、综艺、动画的名称。"}
    examples = {"zh": ["守潮人"]}


class Person(Entity):
    """
    Description: A person by name or stage name.
    Examples: Lin Muxue, Captain Kelp
    """

    names = {"zh": "人物"}
    descriptions = {"zh": "人的姓名或艺名。"}
    examples = {"zh": ["林慕雪", "海藻船长"]}


class OtherThing(Entity):
    """
    Description: Another name in a title: a song, a place, a season or part.
    Examples: Song of the Shoals, part three
    """

    names = {"zh": "其他实体"}
    descriptions = {"zh": "标题中的其他实体：歌曲、地名、季或部。"}
    examples = {"zh": ["浅滩之歌", "第三部"]}
