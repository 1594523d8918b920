"""The classes of CLUENER2020 below those that others merge them into."""


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


class Address(Location):
    """
    Description: A country, region, city, district or street by name.
    Examples: Qinghe Township, Harbour Street
    """

    names = {"zh": "地址"}
    descriptions = {"zh": "有名称的国家、地区、城市、街区或道路。"}
    examples = {"zh": ["清禾镇", "海港街"]}


class Scene(Location):
    """
    Description: A sight that people visit: a park, temple, mountain or lake.
    Examples: Lake Vestra, Temple of Tides
    """

    names = {"zh": "景点"}
    descriptions = {"zh": "供人游览的地方：公园、寺庙、山、湖。"}
    examples = {"zh": ["维斯特拉湖", "潮音寺"]}


class Company(Organization):
    """
    Description: A business by name.
    Examples: Vestra Shipping Ltd, Marenko Steel
    """

    names = {"zh": "公司"}
    descriptions = {"zh": "有名称的企业。"}
    examples = {"zh": ["维斯特拉航运公司", "马连科钢铁"]}


class Government(Organization):
    """
    Description: A body of the state, central or local.
    Examples: Ministry of Tides, Qinghe Tax Office
    """

    names = {"zh": "政府"}
    descriptions = {"zh": "中央或地方的国家机关。"}
    examples = {"zh": ["潮汐部", "清禾税务局"]}


class Institution(Organization):
    """
    Description: An organization that is neither a company nor of the state: a team, school, band or party.
    Examples: Marenko United, Qinghe College
    """

    names = {"zh": "机构"}
    descriptions = {"zh": "公司和国家机关以外的组织：球队、学校、乐队、政党。"}
    examples = {"zh": ["马连科联队", "清禾学院"]}
