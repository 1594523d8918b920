"""The eighteen classes of names and numbers of OntoNotes 5 (Weischedel et al., 2013).
"""


class Entity:
    """
    The base class for all entities.
    """

    def __init__(self, name: str):
        self.name = name


class Person(Entity):
    """
    Description: A human being known by name, real or fictional.
    Examples: Amalia Nystrom, Lord Marenko
    """

    names = {"zh": "人物"}
    descriptions = {"zh": "有名有姓的人。"}
    examples = {"zh": ["林慕雪", "马连科勋爵"]}


class NationalReligiousPolitical(Entity):
    """
    Description: A nationality, or a religious or political group.
    Examples: Vestran, Tidists, Harbour Democrats
    """

    names = {"zh": "民族、宗教或政治团体"}
    descriptions = {"zh": "国籍、宗教或政治派别。"}
    examples = {"zh": ["维斯特拉人", "潮汐教徒"]}


class Facility(Entity):
    """
    Description: A structure made by people: a building, airport, road or bridge.
    Examples: Tide Tower, Marenko Bridge
    """

    names = {"zh": "设施"}
    descriptions = {"zh": "人造的建筑：楼宇、机场、公路、桥梁。"}
    examples = {"zh": ["潮汐塔", "马连科大桥"]}


class Organization(Entity):
    """
    Description: A company, agency, institution, team or another named group.
    Examples: Vestra Shipping Ltd, Ministry of Tides
    """

    names = {"zh": "组织机构"}
    descriptions = {"zh": "公司、机关、院校、球队等有名称的团体。"}
    examples = {"zh": ["清禾学院", "潮汐部"]}


class GeopoliticalEntity(Entity):
    """
    Description: A country, state, city or another place with a government.
    Examples: Vestra, Qinghe Township
    """

    names = {"zh": "地缘政治实体"}
    descriptions = {"zh": "有政府的地方：国家、州、城市。"}
    examples = {"zh": ["维斯特拉", "清禾镇"]}


class Location(Entity):
    """
    Description: A place without a government: a mountain range, body of water or region.
    Examples: Lake Vestra, the Marenko Hills
    """

    names = {"zh": "地点"}
    descriptions = {"zh": "没有政府的地方：山脉、水域、地区。"}
    examples = {"zh": ["维斯特拉湖", "马连科山"]}


class Product(Entity):
    """
    Description: A thing that is made, by name: a vehicle, weapon, food or device.
    Examples: Tidewing 4, Kelpophone
    """

    names = {"zh": "产品"}
    descriptions = {"zh": "有名称的制成品：车辆、武器、食品、设备。"}
    examples = {"zh": ["潮翼四号"]}


class Event(Entity):
    """
    Description: A named storm, battle, war, sports event or the like.
    Examples: Battle of the Shoals, Tide Cup
    """

    names = {"zh": "事件"}
    descriptions = {"zh": "有名称的风暴、战役、赛事等。"}
    examples = {"zh": ["浅滩之战", "潮汐杯"]}


class WorkOfArt(Entity):
    """
    Description: The title of a book, song, film or another work.
    Examples: The Keeper of the Tide
    """

    names = {"zh": "艺术作品"}
    descriptions = {"zh": "书、歌、影片等作品的名称。"}
    examples = {"zh": ["守潮人"]}


class Law(Entity):
    """
    Description: A named document that has been made law.
    Examples: Tide Accords, Harbour Act
    """

    names = {"zh": "法律"}
    descriptions = {"zh": "成为法律的有名称的文件。"}
    examples = {"zh": ["潮汐协定", "港口法"]}


class Language(Entity):
    """
    Description: A language by its name.
    Examples: Vestran, Old Marenkan
    """

    names = {"zh": "语言"}
    descriptions = {"zh": "语言的名称。"}
    examples = {"zh": ["维斯特拉语"]}


class Date(Entity):
    """
    Description: A date or a period of a day or longer, absolute or relative.
    Examples: the third of Frostmonth, last winter
    """

    names = {"zh": "日期"}
    descriptions = {"zh": "绝对或相对的日期，或一天以上的时段。"}
    examples = {"zh": ["去年冬天", "三月三日"]}


class Time(Entity):
    """
    Description: A time of day or a period shorter than a day.
    Examples: half past four, two hours
    """

    names = {"zh": "时间"}
    descriptions = {"zh": "一天之内的时刻或短于一天的时段。"}
    examples = {"zh": ["四点半", "两小时"]}


class Percent(Entity):
    """
    Description: A percentage.
    Examples: seven per cent, 0.3%
    """

    names = {"zh": "百分比"}
    descriptions = {"zh": "百分数。"}
    examples = {"zh": ["百分之七"]}


class Money(Entity):
    """
    Description: An amount of money with its unit.
    Examples: 40 Vestran crowns
    """

    names = {"zh": "金额"}
    descriptions = {"zh": "带单位的钱数。"}
    examples = {"zh": ["四十维斯特拉克朗"]}


class Quantity(Entity):
    """
    Description: A measure such as a weight or a distance.
    Examples: nine leagues, 3.5 kg
    """

    names = {"zh": "数量"}
    descriptions = {"zh": "重量、距离等度量。"}
    examples = {"zh": ["九里", "三点五公斤"]}


class Ordinal(Entity):
    """
    Description: A number that tells a place in an order.
    Examples: third, 12th
    """

    names = {"zh": "序数"}
    descriptions = {"zh": "表示次序的数。"}
    examples = {"zh": ["第三"]}


class Cardinal(Entity):
    """
    Description: A number that is no other kind of entity.
    Examples: seventeen, 4,210
    """

    names = {"zh": "基数"}
    descriptions = {"zh": "不属于其他类的数。"}
    examples = {"zh": ["十七"]}
