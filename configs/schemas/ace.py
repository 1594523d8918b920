"""The classes of ACE 2004 and ACE 2005: seven of entities, six of relations, 33 of events.

Roles are those that entities fill; the values of the corpus (times, sums, crimes, posts) are not
among its usual preprocessed forms. Roles keep the names of the corpus in lower case, `organization`
for `Org`.
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
    Description: A human being or a group of them, by name, noun or pronoun.
    Examples: Amalia Nystrom, the harbour master, they
    """

    names = {"zh": "人物"}
    descriptions = {"zh": "人或一群人，以名字、名词或代词指称。"}
    examples = {"zh": ["林慕雪", "港务长", "他们"]}


class Organization(Entity):
    """
    Description: A company, agency, party, team or another body of people.
    Examples: Vestra Shipping Ltd, the ministry
    """

    names = {"zh": "组织机构"}
    descriptions = {"zh": "公司、机关、政党、球队等团体。"}
    examples = {"zh": ["维斯特拉航运公司", "该部"]}


class GeopoliticalEntity(Entity):
    """
    Description: A place with a people and a government: a country, state or city.
    Examples: Vestra, the township
    """

    names = {"zh": "地缘政治实体"}
    descriptions = {"zh": "有居民和政府的地方：国家、州、城市。"}
    examples = {"zh": ["维斯特拉", "该镇"]}


class Location(Entity):
    """
    Description: A place without a government: land, water, a region or a border.
    Examples: Lake Vestra, the coast
    """

    names = {"zh": "地点"}
    descriptions = {"zh": "没有政府的地方：陆地、水域、地区、边界。"}
    examples = {"zh": ["维斯特拉湖", "海岸"]}


class Facility(Entity):
    """
    Description: A structure made by people: a building, airport, road or bridge.
    Examples: Tide Tower, the airport
    """

    names = {"zh": "设施"}
    descriptions = {"zh": "人造的建筑：楼宇、机场、公路、桥梁。"}
    examples = {"zh": ["潮汐塔", "机场"]}


class Vehicle(Entity):
    """
    Description: A thing that carries people or goods: a car, ship or aircraft.
    Examples: the ferry Amalia, two trucks
    """

    names = {"zh": "交通工具"}
    descriptions = {"zh": "载人或载货之物：车、船、飞机。"}
    examples = {"zh": ["渡轮", "两辆卡车"]}


class Weapon(Entity):
    """
    Description: A thing used to hurt or destroy.
    Examples: harpoons, a tide mine
    """

    names = {"zh": "武器"}
    descriptions = {"zh": "用于伤害或破坏之物。"}
    examples = {"zh": ["鱼叉", "潮雷"]}


class AgentArtifact(Relation):
    """
    Description: The person, group or government owns, uses or made the thing.
    Examples: (the captain, the ferry)
    """

    names = {"zh": "制造或使用"}
    descriptions = {"zh": "人、组织或政府拥有、使用或制造某物。"}
    examples = {"zh": ["(船长, 渡轮)"]}

    def __init__(self, head_entity: Person | Organization | GeopoliticalEntity, tail_entity: Facility | Vehicle | Weapon):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class GeneralAffiliation(Relation):
    """
    Description: The first belongs to a people, belief or place, or has its seat there.
    Examples: (fishermen, Vestra)
    """

    names = {"zh": "一般从属"}
    descriptions = {"zh": "前者属于某民族、信仰或地方，或设在那里。"}
    examples = {"zh": ["(渔民, 维斯特拉)"]}

    def __init__(self, head_entity: Person | Organization, tail_entity: Person | Organization | GeopoliticalEntity | Location):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class OrganizationAffiliation(Relation):
    """
    Description: The person or group works for, leads, founded or is a member of the second.
    Examples: (Amalia Nystrom, Vestra Shipping Ltd)
    """

    names = {"zh": "组织从属"}
    descriptions = {"zh": "前者受雇于、领导、创立后者或是其成员。"}
    examples = {"zh": ["(林慕雪, 维斯特拉航运公司)"]}

    def __init__(self, head_entity: Person | Organization | GeopoliticalEntity, tail_entity: Organization | GeopoliticalEntity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class PartWhole(Relation):
    """
    Description: The first is a part of the second.
    Examples: (the harbour, Port Vestra)
    """

    names = {"zh": "部分与整体"}
    descriptions = {"zh": "前者是后者的一部分。"}
    examples = {"zh": ["(港口, 维斯特拉港)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class PersonalSocial(Relation):
    """
    Description: The two people are kin, colleagues or otherwise close.
    Examples: (Lord Marenko, his sister)
    """

    names = {"zh": "个人社会关系"}
    descriptions = {"zh": "二人是亲属、同事或有其他关系。"}
    examples = {"zh": ["(马连科勋爵, 他的妹妹)"]}

    def __init__(self, head_entity: Person, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Physical(Relation):
    """
    Description: The first is at or near the second.
    Examples: (the crew, the lighthouse)
    """

    names = {"zh": "位置"}
    descriptions = {"zh": "前者在后者处或附近。"}
    examples = {"zh": ["(船员, 灯塔)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class BeBorn(Event):
    """
    Description: A person is born.
    Examples: born, birth
    """

    names = {"zh": "出生"}
    descriptions = {"zh": "有人出生。"}
    examples = {"zh": ["出生"]}

    def __init__(
        self,
        trigger: str,
        person: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.person = person
        self.place = place


class Marry(Event):
    """
    Description: Two people marry.
    Examples: married, wedding
    """

    names = {"zh": "结婚"}
    descriptions = {"zh": "二人结婚。"}
    examples = {"zh": ["结婚", "婚礼"]}

    def __init__(
        self,
        trigger: str,
        person: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.person = person
        self.place = place


class Divorce(Event):
    """
    Description: Two people end their marriage.
    Examples: divorced
    """

    names = {"zh": "离婚"}
    descriptions = {"zh": "二人离婚。"}
    examples = {"zh": ["离婚"]}

    def __init__(
        self,
        trigger: str,
        person: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.person = person
        self.place = place


class Injure(Event):
    """
    Description: Somebody is hurt in body.
    Examples: wounded, injured
    """

    names = {"zh": "受伤"}
    descriptions = {"zh": "有人身体受伤。"}
    examples = {"zh": ["受伤", "打伤"]}

    def __init__(
        self,
        trigger: str,
        agent: List[Entity],
        victim: List[Entity],
        instrument: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.agent = agent
        self.victim = victim
        self.instrument = instrument
        self.place = place


class Die(Event):
    """
    Description: Somebody dies or is killed.
    Examples: died, killed, death
    """

    names = {"zh": "死亡"}
    descriptions = {"zh": "有人死亡或被杀。"}
    examples = {"zh": ["死亡", "遇难"]}

    def __init__(
        self,
        trigger: str,
        agent: List[Entity],
        victim: List[Entity],
        person: List[Entity],
        instrument: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.agent = agent
        self.victim = victim
        self.person = person
        self.instrument = instrument
        self.place = place


class Transport(Event):
    """
    Description: People or things are moved, or move, from a place to another.
    Examples: sailed, arrived, shipped
    """

    names = {"zh": "运送"}
    descriptions = {"zh": "人或物从一地移到另一地。"}
    examples = {"zh": ["前往", "抵达", "运送"]}

    def __init__(
        self,
        trigger: str,
        agent: List[Entity],
        artifact: List[Entity],
        vehicle: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
        place: List[Entity],
        victim: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.agent = agent
        self.artifact = artifact
        self.vehicle = vehicle
        self.origin = origin
        self.destination = destination
        self.place = place
        self.victim = victim


class TransferOwnership(Event):
    """
    Description: Things or organizations are bought, sold, lent or given.
    Examples: bought, sold, acquired
    """

    names = {"zh": "转让所有权"}
    descriptions = {"zh": "物品或组织被买卖、出借或赠与。"}
    examples = {"zh": ["购买", "出售"]}

    def __init__(
        self,
        trigger: str,
        buyer: List[Entity],
        seller: List[Entity],
        beneficiary: List[Entity],
        artifact: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.buyer = buyer
        self.seller = seller
        self.beneficiary = beneficiary
        self.artifact = artifact
        self.place = place


class TransferMoney(Event):
    """
    Description: Money is paid, lent or given and nothing is bought.
    Examples: paid, donated, borrowed
    """

    names = {"zh": "转移资金"}
    descriptions = {"zh": "支付、借出或赠与钱款而不购物。"}
    examples = {"zh": ["捐款", "借款"]}

    def __init__(
        self,
        trigger: str,
        giver: List[Entity],
        recipient: List[Entity],
        beneficiary: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.giver = giver
        self.recipient = recipient
        self.beneficiary = beneficiary
        self.place = place


class StartOrganization(Event):
    """
    Description: An organization is founded.
    Examples: founded, opened
    """

    names = {"zh": "成立组织"}
    descriptions = {"zh": "某组织成立。"}
    examples = {"zh": ["成立", "创办"]}

    def __init__(
        self,
        trigger: str,
        agent: List[Entity],
        organization: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.agent = agent
        self.organization = organization
        self.place = place


class MergeOrganization(Event):
    """
    Description: Organizations become one.
    Examples: merged, merger
    """

    names = {"zh": "合并组织"}
    descriptions = {"zh": "组织合为一个。"}
    examples = {"zh": ["合并"]}

    def __init__(
        self,
        trigger: str,
        organization: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.organization = organization
        self.place = place


class DeclareBankruptcy(Event):
    """
    Description: An organization asks for protection from its creditors.
    Examples: bankrupt, insolvency
    """

    names = {"zh": "宣告破产"}
    descriptions = {"zh": "某组织宣告破产。"}
    examples = {"zh": ["破产"]}

    def __init__(
        self,
        trigger: str,
        organization: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.organization = organization
        self.place = place


class EndOrganization(Event):
    """
    Description: An organization ceases to be.
    Examples: dissolved, closed down
    """

    names = {"zh": "组织终止"}
    descriptions = {"zh": "某组织不复存在。"}
    examples = {"zh": ["解散", "倒闭"]}

    def __init__(
        self,
        trigger: str,
        agent: List[Entity],
        organization: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.agent = agent
        self.organization = organization
        self.place = place


class Attack(Event):
    """
    Description: Somebody does violence to people or things.
    Examples: attacked, shelling, war
    """

    names = {"zh": "攻击"}
    descriptions = {"zh": "对人或物施加暴力。"}
    examples = {"zh": ["袭击", "战争"]}

    def __init__(
        self,
        trigger: str,
        attacker: List[Entity],
        target: List[Entity],
        instrument: List[Entity],
        place: List[Entity],
        agent: List[Entity],
        victim: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attacker = attacker
        self.target = target
        self.instrument = instrument
        self.place = place
        self.agent = agent
        self.victim = victim


class Demonstrate(Event):
    """
    Description: People gather in public to protest or demand.
    Examples: marched, protest, strike
    """

    names = {"zh": "示威"}
    descriptions = {"zh": "人们公开聚集抗议或提出要求。"}
    examples = {"zh": ["示威", "游行"]}

    def __init__(
        self,
        trigger: str,
        entity: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.entity = entity
        self.place = place


class Meet(Event):
    """
    Description: People meet in one place.
    Examples: met, talks, summit
    """

    names = {"zh": "会见"}
    descriptions = {"zh": "人们在一处会面。"}
    examples = {"zh": ["会晤", "会谈"]}

    def __init__(
        self,
        trigger: str,
        entity: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.entity = entity
        self.place = place


class PhoneWrite(Event):
    """
    Description: People talk or write to each other from a distance.
    Examples: called, wrote, e-mailed
    """

    names = {"zh": "通话或通信"}
    descriptions = {"zh": "人们远距离交谈或通信。"}
    examples = {"zh": ["致电", "写信"]}

    def __init__(
        self,
        trigger: str,
        entity: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.entity = entity
        self.place = place


class StartPosition(Event):
    """
    Description: A person begins to work for an organization or in a post.
    Examples: appointed, hired
    """

    names = {"zh": "就职"}
    descriptions = {"zh": "某人开始任职。"}
    examples = {"zh": ["就任", "受聘"]}

    def __init__(
        self,
        trigger: str,
        person: List[Entity],
        entity: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.person = person
        self.entity = entity
        self.place = place


class EndPosition(Event):
    """
    Description: A person stops working for an organization or in a post.
    Examples: resigned, fired, former
    """

    names = {"zh": "离职"}
    descriptions = {"zh": "某人不再任职。"}
    examples = {"zh": ["辞职", "解雇"]}

    def __init__(
        self,
        trigger: str,
        person: List[Entity],
        entity: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.person = person
        self.entity = entity
        self.place = place


class Nominate(Event):
    """
    Description: A person is proposed for a post.
    Examples: nominated, named
    """

    names = {"zh": "提名"}
    descriptions = {"zh": "某人被提名任职。"}
    examples = {"zh": ["提名"]}

    def __init__(
        self,
        trigger: str,
        person: List[Entity],
        agent: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.person = person
        self.agent = agent
        self.place = place


class Elect(Event):
    """
    Description: A person wins a vote for a post.
    Examples: elected, election
    """

    names = {"zh": "选举"}
    descriptions = {"zh": "某人经选举得到职位。"}
    examples = {"zh": ["当选", "选举"]}

    def __init__(
        self,
        trigger: str,
        person: List[Entity],
        entity: List[Entity],
        agent: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.person = person
        self.entity = entity
        self.agent = agent
        self.place = place


class ArrestJail(Event):
    """
    Description: A person is arrested or held in prison.
    Examples: arrested, jailed
    """

    names = {"zh": "逮捕监禁"}
    descriptions = {"zh": "某人被捕或被关押。"}
    examples = {"zh": ["逮捕", "入狱"]}

    def __init__(
        self,
        trigger: str,
        person: List[Entity],
        agent: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.person = person
        self.agent = agent
        self.place = place


class ReleaseParole(Event):
    """
    Description: A person is let out of custody.
    Examples: released, freed
    """

    names = {"zh": "释放假释"}
    descriptions = {"zh": "某人获释。"}
    examples = {"zh": ["释放", "假释"]}

    def __init__(
        self,
        trigger: str,
        person: List[Entity],
        entity: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.person = person
        self.entity = entity
        self.place = place


class TrialHearing(Event):
    """
    Description: A court sits over a person.
    Examples: trial, hearing
    """

    names = {"zh": "审判听证"}
    descriptions = {"zh": "法院审理某人。"}
    examples = {"zh": ["审判", "听证"]}

    def __init__(
        self,
        trigger: str,
        defendant: List[Entity],
        prosecutor: List[Entity],
        adjudicator: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.defendant = defendant
        self.prosecutor = prosecutor
        self.adjudicator = adjudicator
        self.place = place


class ChargeIndict(Event):
    """
    Description: A person is accused of a crime before a court.
    Examples: charged, indicted
    """

    names = {"zh": "控告起诉"}
    descriptions = {"zh": "某人被控犯罪。"}
    examples = {"zh": ["指控", "公诉"]}

    def __init__(
        self,
        trigger: str,
        defendant: List[Entity],
        prosecutor: List[Entity],
        adjudicator: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.defendant = defendant
        self.prosecutor = prosecutor
        self.adjudicator = adjudicator
        self.place = place


class Sue(Event):
    """
    Description: A party brings another to court.
    Examples: sued, lawsuit
    """

    names = {"zh": "民事诉讼"}
    descriptions = {"zh": "一方将另一方告上法庭。"}
    examples = {"zh": ["起诉", "诉讼"]}

    def __init__(
        self,
        trigger: str,
        plaintiff: List[Entity],
        defendant: List[Entity],
        adjudicator: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.plaintiff = plaintiff
        self.defendant = defendant
        self.adjudicator = adjudicator
        self.place = place


class Convict(Event):
    """
    Description: A person is found guilty.
    Examples: convicted, guilty
    """

    names = {"zh": "定罪"}
    descriptions = {"zh": "某人被判有罪。"}
    examples = {"zh": ["定罪"]}

    def __init__(
        self,
        trigger: str,
        defendant: List[Entity],
        adjudicator: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.defendant = defendant
        self.adjudicator = adjudicator
        self.place = place


class Sentence(Event):
    """
    Description: A punishment is set for a person.
    Examples: sentenced
    """

    names = {"zh": "判刑"}
    descriptions = {"zh": "对某人判处刑罚。"}
    examples = {"zh": ["判处"]}

    def __init__(
        self,
        trigger: str,
        defendant: List[Entity],
        adjudicator: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.defendant = defendant
        self.adjudicator = adjudicator
        self.place = place


class Fine(Event):
    """
    Description: A sum is to be paid as a punishment.
    Examples: fined
    """

    names = {"zh": "罚款"}
    descriptions = {"zh": "被处以罚款。"}
    examples = {"zh": ["罚款"]}

    def __init__(
        self,
        trigger: str,
        entity: List[Entity],
        adjudicator: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.entity = entity
        self.adjudicator = adjudicator
        self.place = place


class Execute(Event):
    """
    Description: A person is put to death by the state.
    Examples: executed
    """

    names = {"zh": "处决"}
    descriptions = {"zh": "某人被国家处死。"}
    examples = {"zh": ["处决"]}

    def __init__(
        self,
        trigger: str,
        person: List[Entity],
        agent: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.person = person
        self.agent = agent
        self.place = place


class Extradite(Event):
    """
    Description: A person is sent to another state for trial.
    Examples: extradited
    """

    names = {"zh": "引渡"}
    descriptions = {"zh": "某人被引渡到他国。"}
    examples = {"zh": ["引渡"]}

    def __init__(
        self,
        trigger: str,
        agent: List[Entity],
        person: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.agent = agent
        self.person = person
        self.origin = origin
        self.destination = destination


class Acquit(Event):
    """
    Description: A person is found not guilty.
    Examples: acquitted, cleared
    """

    names = {"zh": "无罪释放"}
    descriptions = {"zh": "某人被判无罪。"}
    examples = {"zh": ["无罪"]}

    def __init__(
        self,
        trigger: str,
        defendant: List[Entity],
        adjudicator: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.defendant = defendant
        self.adjudicator = adjudicator
        self.place = place


class Appeal(Event):
    """
    Description: A decision is taken to a higher court.
    Examples: appealed
    """

    names = {"zh": "上诉"}
    descriptions = {"zh": "向上级法院上诉。"}
    examples = {"zh": ["上诉"]}

    def __init__(
        self,
        trigger: str,
        plaintiff: List[Entity],
        defendant: List[Entity],
        prosecutor: List[Entity],
        adjudicator: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.plaintiff = plaintiff
        self.defendant = defendant
        self.prosecutor = prosecutor
        self.adjudicator = adjudicator
        self.place = place


class Pardon(Event):
    """
    Description: A person is spared a punishment by a ruler.
    Examples: pardoned, clemency
    """

    names = {"zh": "赦免"}
    descriptions = {"zh": "某人被赦免。"}
    examples = {"zh": ["赦免"]}

    def __init__(
        self,
        trigger: str,
        defendant: List[Entity],
        adjudicator: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.defendant = defendant
        self.adjudicator = adjudicator
        self.place = place
