"""The classes of CoNLL 2003 (Tjong Kim Sang and De Meulder, 2003): the four of newswire.

`Miscellaneous` is kept, so that scores can be held against published ones.
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
    Description: A place with a name: a country, region, city, street, mountain or water.
    Examples: Lake Vestra, Qinghe Township, Upper Marenko
    """

    names = {"zh": "地点"}
    descriptions = {"zh": "有名称的地方：国家、地区、城市、街道、山川湖海。"}
    examples = {"zh": ["清禾镇", "维斯特拉湖", "上马连科"]}


class Organization(Entity):
    """
    Description: A named group of people with a purpose: a company, agency, party, team or school.
    Examples: Vestra Shipping Ltd, Ministry of Tides, Marenko United
    """

    names = {"zh": "组织机构"}
    descriptions = {"zh": "有名称和宗旨的团体：公司、机关、政党、球队、学校。"}
    examples = {"zh": ["维斯特拉航运公司", "清禾学院", "马连科联队"]}


class Miscellaneous(Entity):
    """
    Description: A named thing that is no person, place or group: a people, language, event, work or product.
    Examples: Vestran, Tide Cup, The Keeper of the Tide
    """

    names = {"zh": "其他专名"}
    descriptions = {"zh": "人物、地点、组织以外的专名：民族、语言、赛事、作品、产品。"}
    examples = {"zh": ["维斯特拉人", "潮汐杯", "守潮人"]}
