"""The three classes that every named-entity corpus here can be mapped to.

Corpora differ in what they call a person, a place or a group; their declarations say which of
their labels becomes which class. One set of classes for all of them is what lets a model that
was trained in two languages be asked in a third.
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
    Examples: Amalia Nystrom, Zhou Yunzhi, Dr. Okarande, Kaveh Tehrani
    """

    names = {"zh": "人物"}
    descriptions = {"zh": "有名有姓的人，真实的或虚构的。"}
    examples = {"zh": ["周云志", "林慕雪", "奥卡兰德博士"]}


class Location(Entity):
    """
    Description: A place with a name: a country, region, city, street, building site, mountain or water.
    Examples: Lake Vestra, Qinghe Township, Upper Marenko, Harbour Street
    """

    names = {"zh": "地点"}
    descriptions = {"zh": "有名称的地方：国家、地区、城市、街道、景点、山川湖海。"}
    examples = {"zh": ["清禾镇", "维斯特拉湖", "上马连科"]}


class Organization(Entity):
    """
    Description: A named group of people with a purpose: a company, agency, party, team, school or band.
    Examples: Vestra Shipping Ltd, Ministry of Tides, Marenko United, Qinghe College
    """

    names = {"zh": "组织机构"}
    descriptions = {"zh": "有名称和宗旨的团体：公司、机关、政党、球队、学校、乐队。"}
    examples = {"zh": ["维斯特拉航运公司", "清禾学院", "马连科联队"]}
