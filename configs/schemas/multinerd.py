"""The sixteen classes of MultiNERD (Tedeschi and Navigli, 2022): Wikipedia and Wikinews.
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


class Animal(Entity):
    """
    Description: An animal by its common or scientific name.
    Examples: tide heron, Pisces vestrae
    """

    names = {"zh": "动物"}
    descriptions = {"zh": "动物的俗名或学名。"}
    examples = {"zh": ["潮鹭"]}


class Biology(Entity):
    """
    Description: A group of living things or a part of them that is no animal or plant: a taxon, gene, bacterium.
    Examples: Vestrabacter
    """

    names = {"zh": "生物"}
    descriptions = {"zh": "动植物以外的生物类群或成分：分类群、基因、细菌。"}
    examples = {"zh": ["维斯特拉杆菌"]}


class CelestialBody(Entity):
    """
    Description: A planet, star, comet or another body in the sky.
    Examples: Orrel, the comet Marenko
    """

    names = {"zh": "天体"}
    descriptions = {"zh": "行星、恒星、彗星等天体。"}
    examples = {"zh": ["奥雷尔星"]}


class Disease(Entity):
    """
    Description: An illness or injury.
    Examples: Marenko fever
    """

    names = {"zh": "疾病"}
    descriptions = {"zh": "疾病或伤病。"}
    examples = {"zh": ["马连科热"]}


class Event(Entity):
    """
    Description: A named happening: a war, battle, festival or match.
    Examples: Battle of the Shoals, Tide Cup
    """

    names = {"zh": "事件"}
    descriptions = {"zh": "有名称的事件：战争、战役、节日、赛事。"}
    examples = {"zh": ["浅滩之战", "潮汐杯"]}


class Food(Entity):
    """
    Description: A food or drink.
    Examples: salt-kelp soup
    """

    names = {"zh": "食物"}
    descriptions = {"zh": "食品或饮料。"}
    examples = {"zh": ["盐藻汤"]}


class Instrument(Entity):
    """
    Description: A tool, device or musical instrument.
    Examples: tide harp, orrel lens
    """

    names = {"zh": "器具"}
    descriptions = {"zh": "工具、仪器或乐器。"}
    examples = {"zh": ["潮琴"]}


class Media(Entity):
    """
    Description: The title of a film, book, song, game, paper or programme.
    Examples: The Keeper of the Tide
    """

    names = {"zh": "媒体作品"}
    descriptions = {"zh": "影片、书籍、歌曲、游戏、报刊、节目的名称。"}
    examples = {"zh": ["守潮人"]}


class MythologicalEntity(Entity):
    """
    Description: A god, hero or creature of myth.
    Examples: Vestrus the Deep
    """

    names = {"zh": "神话人物"}
    descriptions = {"zh": "神话中的神、英雄或生物。"}
    examples = {"zh": ["深渊之神维斯特"]}


class Plant(Entity):
    """
    Description: A plant or fungus by its common or scientific name.
    Examples: salt kelp
    """

    names = {"zh": "植物"}
    descriptions = {"zh": "植物或真菌的俗名或学名。"}
    examples = {"zh": ["盐藻"]}


class Time(Entity):
    """
    Description: A named time: a period, era or date of note.
    Examples: the Second Tide Age
    """

    names = {"zh": "时间"}
    descriptions = {"zh": "有名称的时间：时期、年代、重要日期。"}
    examples = {"zh": ["第二潮汐时代"]}


class Vehicle(Entity):
    """
    Description: A vehicle by its name or model.
    Examples: the ferry Amalia, Tidewing 4
    """

    names = {"zh": "交通工具"}
    descriptions = {"zh": "交通工具的名称或型号。"}
    examples = {"zh": ["潮翼四号"]}


class GeographicalPhenomenon(Entity):
    """
    Description: A named feature or force of nature: a storm, current, desert wind.
    Examples: the Marenko Drift
    """

    names = {"zh": "地理现象"}
    descriptions = {"zh": "有名称的自然现象：风暴、洋流。"}
    examples = {"zh": ["马连科暖流"]}
