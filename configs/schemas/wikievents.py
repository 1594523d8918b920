"""The classes of WikiEvents (Li et al., 2021) that its dev and test documents have.

Sixteen of entities and 41 of events, of the ontology KAIROS; roles keep its names in snake_case.
"""

from typing import List


class Entity:
    """
    The base class for all entities.
    """

    def __init__(self, name: str):
        self.name = name


class Event:
    """
    The base class for all events.
    """

    def __init__(self, trigger: str):
        self.trigger = trigger


class Person(Entity):
    """
    Description: A human being or a group of them.
    Examples: the harbour master, Amalia Nystrom
    """

    names = {"zh": "人物"}
    descriptions = {"zh": "人或一群人。"}
    examples = {"zh": ["港务长", "林慕雪"]}


class Organization(Entity):
    """
    Description: A company, agency, party or another body of people.
    Examples: Ministry of Tides, the police
    """

    names = {"zh": "组织机构"}
    descriptions = {"zh": "公司、机关、政党等团体。"}
    examples = {"zh": ["潮汐部", "警方"]}


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
    Description: A place without a government: a region, a mountain, a body of water.
    Examples: Lake Vestra, the north
    """

    names = {"zh": "地点"}
    descriptions = {"zh": "没有政府的地方：地区、山、水域。"}
    examples = {"zh": ["维斯特拉湖", "北部"]}


class Facility(Entity):
    """
    Description: A building or another structure made by people.
    Examples: the lighthouse, Harbour Street
    """

    names = {"zh": "设施"}
    descriptions = {"zh": "建筑物等人造设施。"}
    examples = {"zh": ["灯塔", "港口街"]}


class Vehicle(Entity):
    """
    Description: A thing to travel or carry with.
    Examples: a ferry, the truck
    """

    names = {"zh": "交通工具"}
    descriptions = {"zh": "用于出行或运输的工具。"}
    examples = {"zh": ["渡船", "卡车"]}


class Weapon(Entity):
    """
    Description: A thing to attack with.
    Examples: a pipe bomb, the rifle
    """

    names = {"zh": "武器"}
    descriptions = {"zh": "用于攻击的物品。"}
    examples = {"zh": ["土制炸弹", "步枪"]}


class Commodity(Entity):
    """
    Description: A thing or a good that is made, used or traded.
    Examples: tide charts, fuel
    """

    names = {"zh": "物品"}
    descriptions = {"zh": "制造、使用或买卖的物品。"}
    examples = {"zh": ["潮汐图", "燃料"]}


class Value(Entity):
    """
    Description: A number or an amount.
    Examples: three crates, 40
    """

    names = {"zh": "数值"}
    descriptions = {"zh": "数目或数量。"}
    examples = {"zh": ["三箱", "40"]}


class Money(Entity):
    """
    Description: A sum of money or a means of payment.
    Examples: 900 crowns
    """

    names = {"zh": "钱款"}
    descriptions = {"zh": "金额或支付手段。"}
    examples = {"zh": ["九百克朗"]}


class Title(Entity):
    """
    Description: The title of an office or a rank.
    Examples: Minister of Tides
    """

    names = {"zh": "职衔"}
    descriptions = {"zh": "职务或头衔。"}
    examples = {"zh": ["潮汐部长"]}


class MedicalHealthIssue(Entity):
    """
    Description: A disease, an injury or another matter of health.
    Examples: tide fever
    """

    names = {"zh": "健康问题"}
    descriptions = {"zh": "疾病、伤情等健康问题。"}
    examples = {"zh": ["潮热病"]}


class BodyPart(Entity):
    """
    Description: A part of a body.
    Examples: the left hand
    """

    names = {"zh": "身体部位"}
    descriptions = {"zh": "身体的一部分。"}
    examples = {"zh": ["左手"]}


class Abstract(Entity):
    """
    Description: A thing of the mind: an idea, a plan, a text.
    Examples: the plan
    """

    names = {"zh": "抽象事物"}
    descriptions = {"zh": "想法、计划、文本等。"}
    examples = {"zh": ["计划"]}


class Side(Entity):
    """
    Description: A side of a conflict.
    Examples: the rebels
    """

    names = {"zh": "冲突一方"}
    descriptions = {"zh": "冲突中的一方。"}
    examples = {"zh": ["叛军"]}


class Crime(Entity):
    """
    Description: A crime as a thing that somebody is accused of.
    Examples: arson
    """

    names = {"zh": "罪行"}
    descriptions = {"zh": "被指控的罪行。"}
    examples = {"zh": ["纵火"]}


class Damage(Event):
    """
    Description: A thing is damaged.
    Examples: damaged, cracked
    """

    names = {"zh": "损坏"}
    descriptions = {"zh": "物品受到损坏。"}
    examples = {"zh": ["损坏", "砸坏"]}

    def __init__(
        self,
        trigger: str,
        damager: List[Entity],
        artifact: List[Entity],
        instrument: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.damager = damager
        self.artifact = artifact
        self.instrument = instrument
        self.place = place


class Destroy(Event):
    """
    Description: A thing is destroyed.
    Examples: destroyed, burned down
    """

    names = {"zh": "摧毁"}
    descriptions = {"zh": "物品被毁掉。"}
    examples = {"zh": ["摧毁", "烧毁"]}

    def __init__(
        self,
        trigger: str,
        destroyer: List[Entity],
        artifact: List[Entity],
        instrument: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.destroyer = destroyer
        self.artifact = artifact
        self.instrument = instrument
        self.place = place


class DisableDefuse(Event):
    """
    Description: A thing, such as a bomb, is made harmless or put out of order.
    Examples: defused, switched off
    """

    names = {"zh": "拆除失效"}
    descriptions = {"zh": "使物品（如炸弹）失去作用。"}
    examples = {"zh": ["拆弹", "停用"]}

    def __init__(
        self,
        trigger: str,
        disabler: List[Entity],
        artifact: List[Entity],
        instrument: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.disabler = disabler
        self.artifact = artifact
        self.instrument = instrument
        self.place = place


class Dismantle(Event):
    """
    Description: A thing is taken apart.
    Examples: dismantled, took apart
    """

    names = {"zh": "拆解"}
    descriptions = {"zh": "物品被拆开。"}
    examples = {"zh": ["拆解"]}

    def __init__(
        self,
        trigger: str,
        dismantler: List[Entity],
        artifact: List[Entity],
        instrument: List[Entity],
        components: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.dismantler = dismantler
        self.artifact = artifact
        self.instrument = instrument
        self.components = components
        self.place = place


class ManufactureAssemble(Event):
    """
    Description: A thing is made or put together.
    Examples: built, assembled
    """

    names = {"zh": "制造"}
    descriptions = {"zh": "制造或组装物品。"}
    examples = {"zh": ["制造", "组装"]}

    def __init__(
        self,
        trigger: str,
        manufacturer_assembler: List[Entity],
        artifact: List[Entity],
        components: List[Entity],
        instrument: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.manufacturer_assembler = manufacturer_assembler
        self.artifact = artifact
        self.components = components
        self.instrument = instrument
        self.place = place


class IdentifyCategorize(Event):
    """
    Description: Somebody or something is recognized as what it is.
    Examples: identified, named as
    """

    names = {"zh": "识别"}
    descriptions = {"zh": "辨认出人或物。"}
    examples = {"zh": ["确认身份", "认出"]}

    def __init__(
        self,
        trigger: str,
        identifier: List[Entity],
        identified_object: List[Entity],
        identified_role: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.identifier = identifier
        self.identified_object = identified_object
        self.identified_role = identified_role
        self.place = place


class SensoryObserve(Event):
    """
    Description: Somebody perceives or watches something.
    Examples: saw, watched, filmed
    """

    names = {"zh": "观察"}
    descriptions = {"zh": "看到、听到或监视。"}
    examples = {"zh": ["看见", "拍到"]}

    def __init__(
        self,
        trigger: str,
        observer: List[Entity],
        observed_entity: List[Entity],
        instrument: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.observer = observer
        self.observed_entity = observed_entity
        self.instrument = instrument
        self.place = place


class Research(Event):
    """
    Description: Somebody looks into a subject.
    Examples: researched, studied
    """

    names = {"zh": "研究"}
    descriptions = {"zh": "对某事进行研究。"}
    examples = {"zh": ["研究"]}

    def __init__(
        self,
        trigger: str,
        researcher: List[Entity],
        subject: List[Entity],
        means: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.researcher = researcher
        self.subject = subject
        self.means = means
        self.place = place


class DetonateExplode(Event):
    """
    Description: A bomb or another device goes off.
    Examples: exploded, blast, bombing
    """

    names = {"zh": "爆炸"}
    descriptions = {"zh": "炸弹等装置爆炸。"}
    examples = {"zh": ["爆炸", "引爆"]}

    def __init__(
        self,
        trigger: str,
        attacker: List[Entity],
        target: List[Entity],
        instrument: List[Entity],
        explosive_device: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attacker = attacker
        self.target = target
        self.instrument = instrument
        self.explosive_device = explosive_device
        self.place = place


class Attack(Event):
    """
    Description: Somebody attacks somebody or something with force.
    Examples: attacked, shot at, raid
    """

    names = {"zh": "袭击"}
    descriptions = {"zh": "以武力攻击人或物。"}
    examples = {"zh": ["袭击", "开枪"]}

    def __init__(
        self,
        trigger: str,
        attacker: List[Entity],
        target: List[Entity],
        instrument: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attacker = attacker
        self.target = target
        self.instrument = instrument
        self.place = place


class DemonstrateWithViolence(Event):
    """
    Description: People protest in public with violence.
    Examples: rioted, riot
    """

    names = {"zh": "暴力示威"}
    descriptions = {"zh": "民众以暴力方式示威。"}
    examples = {"zh": ["骚乱"]}

    def __init__(
        self,
        trigger: str,
        demonstrator: List[Entity],
        regulator: List[Entity],
        visual_display: List[Entity],
        topic: List[Entity],
        target: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.demonstrator = demonstrator
        self.regulator = regulator
        self.visual_display = visual_display
        self.topic = topic
        self.target = target
        self.place = place


class Demonstrate(Event):
    """
    Description: People protest in public.
    Examples: protested, marched
    """

    names = {"zh": "示威"}
    descriptions = {"zh": "民众公开示威。"}
    examples = {"zh": ["抗议", "游行"]}

    def __init__(
        self,
        trigger: str,
        demonstrator: List[Entity],
        regulator: List[Entity],
        visual_display: List[Entity],
        topic: List[Entity],
        target: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.demonstrator = demonstrator
        self.regulator = regulator
        self.visual_display = visual_display
        self.topic = topic
        self.target = target
        self.place = place


class Broadcast(Event):
    """
    Description: Somebody says something to the public, or a medium reports it.
    Examples: announced, reported, said
    """

    names = {"zh": "公开发布"}
    descriptions = {"zh": "向公众发布或由媒体报道。"}
    examples = {"zh": ["宣布", "报道"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        instrument: List[Entity],
        topic: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.instrument = instrument
        self.topic = topic
        self.place = place


class Correspondence(Event):
    """
    Description: People are in contact over a distance: by letter, mail or telephone.
    Examples: wrote, phoned
    """

    names = {"zh": "通信"}
    descriptions = {"zh": "通过书信、邮件、电话联系。"}
    examples = {"zh": ["写信", "致电"]}

    def __init__(
        self,
        trigger: str,
        participant: List[Entity],
        instrument: List[Entity],
        topic: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.participant = participant
        self.instrument = instrument
        self.topic = topic
        self.place = place


class Meet(Event):
    """
    Description: People meet in one place.
    Examples: met, summit
    """

    names = {"zh": "会面"}
    descriptions = {"zh": "人们面对面会见。"}
    examples = {"zh": ["会见", "峰会"]}

    def __init__(
        self,
        trigger: str,
        participant: List[Entity],
        topic: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.participant = participant
        self.topic = topic
        self.place = place


class Contact(Event):
    """
    Description: People are in contact; how is not said.
    Examples: talked, told
    """

    names = {"zh": "接触"}
    descriptions = {"zh": "人们有联系，方式不明。"}
    examples = {"zh": ["交谈", "告诉"]}

    def __init__(
        self,
        trigger: str,
        participant: List[Entity],
        topic: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.participant = participant
        self.topic = topic
        self.place = place


class RequestCommandBroadcast(Event):
    """
    Description: Somebody asks for or orders something in public.
    Examples: called on, urged
    """

    names = {"zh": "公开要求"}
    descriptions = {"zh": "公开提出要求或命令。"}
    examples = {"zh": ["呼吁"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        topic: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.topic = topic
        self.place = place


class RequestCommandMeet(Event):
    """
    Description: Somebody asks for or orders something face to face.
    Examples: asked, ordered
    """

    names = {"zh": "当面要求"}
    descriptions = {"zh": "当面提出要求或命令。"}
    examples = {"zh": ["当面要求"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        topic: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.topic = topic
        self.place = place


class RequestCommand(Event):
    """
    Description: Somebody asks for or orders something.
    Examples: asked, ordered
    """

    names = {"zh": "要求"}
    descriptions = {"zh": "提出要求或命令。"}
    examples = {"zh": ["要求", "命令"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        topic: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.topic = topic
        self.place = place


class ThreatenCoerceBroadcast(Event):
    """
    Description: Somebody threatens somebody in public.
    Examples: threatened, warned
    """

    names = {"zh": "公开威胁"}
    descriptions = {"zh": "公开威胁他人。"}
    examples = {"zh": ["扬言"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        topic: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.topic = topic
        self.place = place


class ThreatenCoerce(Event):
    """
    Description: Somebody threatens or forces somebody.
    Examples: threatened, forced
    """

    names = {"zh": "威胁"}
    descriptions = {"zh": "威胁或强迫他人。"}
    examples = {"zh": ["威胁", "逼迫"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        topic: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.topic = topic
        self.place = place


class ImpedeInterfereWith(Event):
    """
    Description: Somebody hinders what would have happened.
    Examples: foiled, prevented
    """

    names = {"zh": "阻碍"}
    descriptions = {"zh": "阻止某事发生。"}
    examples = {"zh": ["挫败", "阻止"]}

    def __init__(
        self,
        trigger: str,
        impeder: List[Entity],
        impeded_event: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.impeder = impeder
        self.impeded_event = impeded_event
        self.place = place


class Crash(Event):
    """
    Description: A vehicle hits something or comes down.
    Examples: crashed, collision
    """

    names = {"zh": "撞毁"}
    descriptions = {"zh": "车辆相撞或飞机坠毁。"}
    examples = {"zh": ["坠毁", "相撞"]}

    def __init__(
        self,
        trigger: str,
        driver_passenger: List[Entity],
        vehicle: List[Entity],
        crash_object: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.driver_passenger = driver_passenger
        self.vehicle = vehicle
        self.crash_object = crash_object
        self.place = place


class DiseaseOutbreak(Event):
    """
    Description: A disease spreads.
    Examples: outbreak, epidemic
    """

    names = {"zh": "疫情爆发"}
    descriptions = {"zh": "疾病流行。"}
    examples = {"zh": ["疫情", "爆发"]}

    def __init__(
        self,
        trigger: str,
        disease: List[Entity],
        victim: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.disease = disease
        self.victim = victim
        self.place = place


class GenericCrime(Event):
    """
    Description: A crime is committed, of a kind that no other class names.
    Examples: crime, offence
    """

    names = {"zh": "犯罪"}
    descriptions = {"zh": "其他类别未列出的犯罪。"}
    examples = {"zh": ["犯罪", "作案"]}

    def __init__(
        self,
        trigger: str,
        perpetrator: List[Entity],
        victim: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.perpetrator = perpetrator
        self.victim = victim
        self.place = place


class ArrestJailDetain(Event):
    """
    Description: Somebody is arrested or kept in prison.
    Examples: arrested, detained, jailed
    """

    names = {"zh": "逮捕"}
    descriptions = {"zh": "某人被逮捕或关押。"}
    examples = {"zh": ["逮捕", "关押"]}

    def __init__(
        self,
        trigger: str,
        jailer: List[Entity],
        detainee: List[Entity],
        crime: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.jailer = jailer
        self.detainee = detainee
        self.crime = crime
        self.place = place


class ChargeIndict(Event):
    """
    Description: Somebody is charged with a crime.
    Examples: charged, indicted
    """

    names = {"zh": "起诉"}
    descriptions = {"zh": "某人被控犯罪。"}
    examples = {"zh": ["起诉", "指控"]}

    def __init__(
        self,
        trigger: str,
        prosecutor: List[Entity],
        defendant: List[Entity],
        judge_court: List[Entity],
        crime: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.prosecutor = prosecutor
        self.defendant = defendant
        self.judge_court = judge_court
        self.crime = crime
        self.place = place


class Convict(Event):
    """
    Description: A court finds somebody guilty.
    Examples: convicted, found guilty
    """

    names = {"zh": "定罪"}
    descriptions = {"zh": "法庭判定某人有罪。"}
    examples = {"zh": ["定罪"]}

    def __init__(
        self,
        trigger: str,
        judge_court: List[Entity],
        defendant: List[Entity],
        crime: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.judge_court = judge_court
        self.defendant = defendant
        self.crime = crime
        self.place = place


class InvestigateCrime(Event):
    """
    Description: Somebody looks into a crime.
    Examples: investigated, probe
    """

    names = {"zh": "调查犯罪"}
    descriptions = {"zh": "对犯罪进行调查。"}
    examples = {"zh": ["调查", "侦查"]}

    def __init__(
        self,
        trigger: str,
        investigator: List[Entity],
        defendant: List[Entity],
        crime: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.investigator = investigator
        self.defendant = defendant
        self.crime = crime
        self.place = place


class ReleaseParole(Event):
    """
    Description: Somebody is let out of prison or custody.
    Examples: released, paroled
    """

    names = {"zh": "释放"}
    descriptions = {"zh": "某人获释或假释。"}
    examples = {"zh": ["释放", "假释"]}

    def __init__(
        self,
        trigger: str,
        judge_court: List[Entity],
        defendant: List[Entity],
        crime: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.judge_court = judge_court
        self.defendant = defendant
        self.crime = crime
        self.place = place


class Sentence(Event):
    """
    Description: A court says what the punishment is.
    Examples: sentenced, life in prison
    """

    names = {"zh": "判刑"}
    descriptions = {"zh": "法庭宣布刑罚。"}
    examples = {"zh": ["判处", "判刑"]}

    def __init__(
        self,
        trigger: str,
        judge_court: List[Entity],
        defendant: List[Entity],
        crime: List[Entity],
        sentence: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.judge_court = judge_court
        self.defendant = defendant
        self.crime = crime
        self.sentence = sentence
        self.place = place


class TrialHearing(Event):
    """
    Description: Somebody stands before a court.
    Examples: trial, hearing
    """

    names = {"zh": "审判"}
    descriptions = {"zh": "某人受审。"}
    examples = {"zh": ["审判", "听证"]}

    def __init__(
        self,
        trigger: str,
        prosecutor: List[Entity],
        defendant: List[Entity],
        judge_court: List[Entity],
        crime: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.prosecutor = prosecutor
        self.defendant = defendant
        self.judge_court = judge_court
        self.crime = crime
        self.place = place


class Die(Event):
    """
    Description: Somebody dies or is killed.
    Examples: died, killed, death
    """

    names = {"zh": "死亡"}
    descriptions = {"zh": "某人死亡或被杀。"}
    examples = {"zh": ["死亡", "遇害"]}

    def __init__(
        self,
        trigger: str,
        victim: List[Entity],
        place: List[Entity],
        killer: List[Entity],
        medical_issue: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.victim = victim
        self.place = place
        self.killer = killer
        self.medical_issue = medical_issue


class Injure(Event):
    """
    Description: Somebody is hurt.
    Examples: injured, wounded
    """

    names = {"zh": "受伤"}
    descriptions = {"zh": "某人受伤。"}
    examples = {"zh": ["受伤", "打伤"]}

    def __init__(
        self,
        trigger: str,
        victim: List[Entity],
        injurer: List[Entity],
        instrument: List[Entity],
        body_part: List[Entity],
        medical_condition: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.victim = victim
        self.injurer = injurer
        self.instrument = instrument
        self.body_part = body_part
        self.medical_condition = medical_condition
        self.place = place


class MedicalIntervention(Event):
    """
    Description: Somebody is treated by medicine.
    Examples: treated, operated on
    """

    names = {"zh": "医疗救治"}
    descriptions = {"zh": "对某人进行医治。"}
    examples = {"zh": ["救治", "手术"]}

    def __init__(
        self,
        trigger: str,
        treater: List[Entity],
        patient: List[Entity],
        medical_issue: List[Entity],
        instrument: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.treater = treater
        self.patient = patient
        self.medical_issue = medical_issue
        self.instrument = instrument
        self.place = place


class Evacuation(Event):
    """
    Description: People are brought out of danger.
    Examples: evacuated
    """

    names = {"zh": "疏散"}
    descriptions = {"zh": "把人员撤离险境。"}
    examples = {"zh": ["疏散", "撤离"]}

    def __init__(
        self,
        trigger: str,
        transporter: List[Entity],
        passenger_artifact: List[Entity],
        vehicle: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.transporter = transporter
        self.passenger_artifact = passenger_artifact
        self.vehicle = vehicle
        self.origin = origin
        self.destination = destination


class IllegalTransportation(Event):
    """
    Description: People or goods are moved against the law.
    Examples: smuggled, trafficked
    """

    names = {"zh": "非法运输"}
    descriptions = {"zh": "违法运送人员或货物。"}
    examples = {"zh": ["走私", "偷运"]}

    def __init__(
        self,
        trigger: str,
        transporter: List[Entity],
        passenger_artifact: List[Entity],
        vehicle: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.transporter = transporter
        self.passenger_artifact = passenger_artifact
        self.vehicle = vehicle
        self.origin = origin
        self.destination = destination


class Transportation(Event):
    """
    Description: People or things go or are brought to a place.
    Examples: drove, sent, arrived
    """

    names = {"zh": "运输"}
    descriptions = {"zh": "人或物前往或被运往某地。"}
    examples = {"zh": ["驶往", "抵达"]}

    def __init__(
        self,
        trigger: str,
        transporter: List[Entity],
        passenger_artifact: List[Entity],
        vehicle: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.transporter = transporter
        self.passenger_artifact = passenger_artifact
        self.vehicle = vehicle
        self.origin = origin
        self.destination = destination


class EndPosition(Event):
    """
    Description: Somebody leaves a job or an office.
    Examples: resigned, fired
    """

    names = {"zh": "离职"}
    descriptions = {"zh": "某人离开职位。"}
    examples = {"zh": ["辞职", "解雇"]}

    def __init__(
        self,
        trigger: str,
        employee: List[Entity],
        place_of_employment: List[Entity],
        position: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.employee = employee
        self.place_of_employment = place_of_employment
        self.position = position
        self.place = place


class StartPosition(Event):
    """
    Description: Somebody takes up a job or an office.
    Examples: appointed, hired
    """

    names = {"zh": "任职"}
    descriptions = {"zh": "某人就任职位。"}
    examples = {"zh": ["任命", "受聘"]}

    def __init__(
        self,
        trigger: str,
        employee: List[Entity],
        place_of_employment: List[Entity],
        position: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.employee = employee
        self.place_of_employment = place_of_employment
        self.position = position
        self.place = place


class ExchangeBuySell(Event):
    """
    Description: Something changes hands for something else.
    Examples: bought, sold
    """

    names = {"zh": "买卖交换"}
    descriptions = {"zh": "以一物换另一物。"}
    examples = {"zh": ["购买", "出售"]}

    def __init__(
        self,
        trigger: str,
        giver: List[Entity],
        recipient: List[Entity],
        acquired_entity: List[Entity],
        payment_barter: List[Entity],
        beneficiary: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.giver = giver
        self.recipient = recipient
        self.acquired_entity = acquired_entity
        self.payment_barter = payment_barter
        self.beneficiary = beneficiary
        self.place = place
