"""The six classes of BosonNLP, Chinese news: names and times.
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
    Description: A named body of people that is no company: an agency, party, school or team.
    Examples: Ministry of Tides, Qinghe College
    """

    names = {"zh": "组织"}
    descriptions = {"zh": "公司以外有名称的团体：机关、政党、院校、球队。"}
    examples = {"zh": ["潮汐部", "清禾学院"]}


class Company(Entity):
    """
    Description: A named company.
    Examples: Vestra Shipping Ltd
    """

    names = {"zh": "公司"}
    descriptions = {"zh": "有名称的公司。"}
    examples = {"zh": ["维斯特拉航运公司"]}


class Product(Entity):
    """
    Description: A named product.
    Examples: Tidewing 4
    """

    names = {"zh": "产品"}
    descriptions = {"zh": "有名称的产品。"}
    examples = {"zh": ["潮翼四号"]}


class Time(Entity):
    """
    Description: A date, a time of day or a period.
    Examples: last winter, the third of March
    """

    names = {"zh": "时间"}
    descriptions = {"zh": "日期、时刻或时段。"}
    examples = {"zh": ["去年冬天", "三月三日"]}
