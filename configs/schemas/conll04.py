"""The classes of CoNLL04 (Roth and Yih, 2004): four of entities, five of relations.

`Other` is kept, so that scores can be held against published ones.
"""


class Entity:
    """
    The base class for all entities.
    """

    def __init__(self, name: str):
        self.name = name


class Relation:
    """
    The base class for all relations.
    """

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        self.head_entity = head_entity
        self.tail_entity = tail_entity


class Person(Entity):
    """
    Description: A human being known by name.
    Examples: Amalia Nystrom, Zhou Yunzhi, Dr. Okarande
    """

    names = {"zh": "人物"}
    descriptions = {"zh": "有名有姓的人。"}
    examples = {"zh": ["周云志", "林慕雪", "奥卡兰德博士"]}


class Location(Entity):
    """
    Description: A place with a name: a country, state, city, region or body of water.
    Examples: Lake Vestra, Upper Marenko, Qinghe Township
    """

    names = {"zh": "地点"}
    descriptions = {"zh": "有名称的地方：国家、州、城市、地区、水域。"}
    examples = {"zh": ["维斯特拉湖", "上马连科", "清禾镇"]}


class Organization(Entity):
    """
    Description: A named group of people with a purpose: a company, agency, party or team.
    Examples: Vestra Shipping Ltd, Ministry of Tides, Marenko United
    """

    names = {"zh": "组织机构"}
    descriptions = {"zh": "有名称和宗旨的团体：公司、机关、政党、球队。"}
    examples = {"zh": ["维斯特拉航运公司", "潮汐部", "马连科联队"]}


class Other(Entity):
    """
    Description: A named thing that is no person, place or group: a date, work, event, product or people.
    Examples: the Tide Accords, Nov. 31, Vestran
    """

    names = {"zh": "其他"}
    descriptions = {"zh": "人物、地点、组织以外有名称的事物：日期、作品、事件、产品、民族。"}
    examples = {"zh": ["潮汐协定", "维斯特拉人"]}


class WorkFor(Relation):
    """
    Description: The person works for the organization.
    Examples: (Amalia Nystrom, Vestra Shipping Ltd), (Dr. Okarande, Ministry of Tides)
    """

    names = {"zh": "任职于"}
    descriptions = {"zh": "某人在某组织工作。"}
    examples = {"zh": ["(周云志, 清禾学院)"]}

    def __init__(self, head_entity: Person, tail_entity: Organization):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Kill(Relation):
    """
    Description: The first person killed, or tried to kill, the second.
    Examples: (Lord Marenko, Amalia Nystrom)
    """

    names = {"zh": "杀害"}
    descriptions = {"zh": "前者杀害或企图杀害后者。"}
    examples = {"zh": ["(马连科勋爵, 林慕雪)"]}

    def __init__(self, head_entity: Person, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class OrgBasedIn(Relation):
    """
    Description: The organization has its seat in the place.
    Examples: (Marenko United, Upper Marenko), (Ministry of Tides, Port Vestra)
    """

    names = {"zh": "总部位于"}
    descriptions = {"zh": "某组织设在某地。"}
    examples = {"zh": ["(清禾学院, 清禾镇)"]}

    def __init__(self, head_entity: Organization, tail_entity: Location):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class LiveIn(Relation):
    """
    Description: The person lives in the place or comes from it.
    Examples: (Zhou Yunzhi, Qinghe Township), (Dr. Okarande, Port Vestra)
    """

    names = {"zh": "居住于"}
    descriptions = {"zh": "某人住在某地或来自某地。"}
    examples = {"zh": ["(周云志, 清禾镇)"]}

    def __init__(self, head_entity: Person, tail_entity: Location):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class LocatedIn(Relation):
    """
    Description: The first place lies in the second.
    Examples: (Port Vestra, Upper Marenko)
    """

    names = {"zh": "位于"}
    descriptions = {"zh": "前一地点在后一地点之内。"}
    examples = {"zh": ["(维斯特拉港, 上马连科)"]}

    def __init__(self, head_entity: Location, tail_entity: Location):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)
