"""The classes of the smoke runs with persons and organizations under one name, beside their own classes."""


class Entity:
    """
    The base class for all entities.
    """

    def __init__(self, name: str):
        self.name = name


class Agent(Entity):
    """
    Description: Who acts: a human being or an organization, by name.
    Examples: Nora Webb, Castor Institute
    """

    names = {"zh": "主体"}
    descriptions = {"zh": "行动者：有名称的人或组织。"}
    examples = {"zh": ["诺拉·韦布", "海狸研究所"]}


class Person(Entity):
    """
    Description: A human being, known by name.
    Examples: Zhou Minghua, Nora Webb, Mateo Cano, Haruka Mizuno
    """

    names = {"zh": "人物"}
    descriptions = {"zh": "有名有姓的人。"}
    examples = {"zh": ["周鸣华", "诺拉·韦布", "马特奥·卡诺", "水野遥香"]}


class Organization(Entity):
    """
    Description: A group with a name and a purpose, such as a company, school, club or newspaper.
    Examples: Greenstalk Foods, Tarn Rovers, Castor Institute, Morrow Courier
    """

    names = {"zh": "组织机构"}
    descriptions = {"zh": "有名称、有宗旨的团体，如公司、学校、俱乐部或报社。"}
    examples = {"zh": ["青禾食品", "塔恩流浪者", "海狸研究所", "莫罗信使报"]}


class Location(Entity):
    """
    Description: A place with a name, such as a town, district, street, bay or valley.
    Examples: Wexcombe, Alder Bay, Qingshi Town, Puerto Claro
    """

    names = {"zh": "地点"}
    descriptions = {"zh": "有名称的地方，如城镇、街区、道路、海湾或山谷。"}
    examples = {"zh": ["韦克斯库姆", "桤木湾", "青石镇", "克拉罗港"]}
