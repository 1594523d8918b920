"""The classes of the quick start: four of entities, five of relations, five of events.

The examples are names of the training part; no test name is among them.
"""

from typing import List


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


class Event:
    """
    The base class for all events.
    """

    def __init__(self, trigger: str):
        self.trigger = trigger


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


class Product(Entity):
    """
    Description: A thing made under a name of its own, such as a device, app, book, drink or car.
    Examples: Starling Phone, Little Star Atlas, Plum Thunder, Caspia Sedan
    """

    names = {"zh": "产品"}
    descriptions = {"zh": "有专名的制成品，如设备、应用、图书、饮料或汽车。"}
    examples = {"zh": ["椋鸟手机", "小星图册", "梅子雷", "卡斯皮轿车"]}


class WorksFor(Relation):
    """
    Description: The person works or plays for the organization, did so, or is about to.
    Examples: (Nora Webb, Castor Institute), (Mateo Cano, Tarn Rovers)
    """

    names = {"zh": "任职于"}
    descriptions = {"zh": "某人现在、曾经或即将在某组织工作或效力。"}
    examples = {"zh": ["(诺拉·韦布, 海狸研究所)", "(马特奥·卡诺, 塔恩流浪者)"]}

    def __init__(self, head_entity: Person, tail_entity: Organization):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class FoundedBy(Relation):
    """
    Description: The organization was founded by the person, alone or with others.
    Examples: (Greenstalk Foods, Zhou Minghua), (Morrow Courier, Haruka Mizuno)
    """

    names = {"zh": "创始人"}
    descriptions = {"zh": "某组织由某人独自或与他人共同创立。"}
    examples = {"zh": ["(青禾食品, 周鸣华)", "(莫罗信使报, 水野遥香)"]}

    def __init__(self, head_entity: Organization, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class LocatedIn(Relation):
    """
    Description: The organization has its seat, a branch or a site in the place, or was founded there.
    Examples: (Castor Institute, Alder Bay), (Greenstalk Foods, Qingshi Town)
    """

    names = {"zh": "位于"}
    descriptions = {"zh": "某组织的总部、分支或场所设在某地，或创立于某地。"}
    examples = {"zh": ["(海狸研究所, 桤木湾)", "(青禾食品, 青石镇)"]}

    def __init__(self, head_entity: Organization, tail_entity: Location):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class LivesIn(Relation):
    """
    Description: The person lives or lived in the place, or comes from it.
    Examples: (Zhou Minghua, Qingshi Town), (Nora Webb, Wexcombe)
    """

    names = {"zh": "居住于"}
    descriptions = {"zh": "某人现在或曾经住在某地，或来自某地。"}
    examples = {"zh": ["(周鸣华, 青石镇)", "(诺拉·韦布, 韦克斯库姆)"]}

    def __init__(self, head_entity: Person, tail_entity: Location):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class MadeBy(Relation):
    """
    Description: The product is designed, made or launched by the organization.
    Examples: (Plum Thunder, Greenstalk Foods), (Little Star Atlas, Castor Institute)
    """

    names = {"zh": "出品方"}
    descriptions = {"zh": "某产品由某组织设计、制造或推出。"}
    examples = {"zh": ["(梅子雷, 青禾食品)", "(小星图册, 海狸研究所)"]}

    def __init__(self, head_entity: Product, tail_entity: Organization):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Hiring(Event):
    """
    Description: A person takes up work with an organization.
    Examples: joined, hired, appointment
    """

    names = {"zh": "入职"}
    descriptions = {"zh": "某人开始为某组织工作。"}
    examples = {"zh": ["加入", "聘请", "任命"]}
    roles = {"zh": {"employee": "入职者", "employer": "用人单位", "time": "时间"}}

    def __init__(
        self,
        trigger: str,
        employee: List[Person],
        employer: List[Organization],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.employee = employee
        self.employer = employer
        self.time = time


class Founding(Event):
    """
    Description: An organization comes into being.
    Examples: founded, set up, launched
    """

    names = {"zh": "创立"}
    descriptions = {"zh": "某组织成立。"}
    examples = {"zh": ["创办", "成立", "创立"]}
    roles = {"zh": {"founder": "创办者", "organization": "组织", "place": "地点"}}

    def __init__(
        self,
        trigger: str,
        founder: List[Person],
        organization: List[Organization],
        place: List[Location],
    ):
        super().__init__(trigger=trigger)
        self.founder = founder
        self.organization = organization
        self.place = place


class Launch(Event):
    """
    Description: A product is shown or offered to the public for the first time.
    Examples: unveiled, released, went on sale
    """

    names = {"zh": "发布"}
    descriptions = {"zh": "某产品首次公开亮相或上市。"}
    examples = {"zh": ["发布", "推出", "上市"]}
    roles = {"zh": {"product": "产品", "maker": "出品方", "place": "地点", "time": "时间"}}

    def __init__(
        self,
        trigger: str,
        product: List[Product],
        maker: List[Organization],
        place: List[Location],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.product = product
        self.maker = maker
        self.place = place
        self.time = time


class Purchase(Event):
    """
    Description: Somebody buys a product or a whole organization.
    Examples: bought, acquired, ordered
    """

    names = {"zh": "购买"}
    descriptions = {"zh": "某人或某组织买下一件产品或一家组织。"}
    examples = {"zh": ["买", "收购", "订购"]}
    roles = {"zh": {"buyer": "买方", "item": "购得物", "price": "价格"}}

    def __init__(
        self,
        trigger: str,
        buyer: List[Person | Organization],
        item: List[Product | Organization],
        price: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.buyer = buyer
        self.item = item
        self.price = price


class Meeting(Event):
    """
    Description: People or organizations come together, by plan or by chance.
    Examples: met, talks, got together
    """

    names = {"zh": "会面"}
    descriptions = {"zh": "人或组织约见、会谈或偶然相遇。"}
    examples = {"zh": ["会面", "会谈", "相遇"]}
    roles = {"zh": {"participant": "参与方", "place": "地点", "time": "时间"}}

    def __init__(
        self,
        trigger: str,
        participant: List[Person | Organization],
        place: List[Location],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.participant = participant
        self.place = place
        self.time = time
