"""The classes of RAMS (Ebner et al., 2020): 139 kinds of events in news, of the ontology AIDA.

A type that the corpus leaves open (`n/a`) is the class of its group. Roles keep their names in snake_case.
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


class Damage(Event):
    """
    Description: Something is damaged.
    Examples: wrecked, ruined
    """

    names = {"zh": "损坏"}
    descriptions = {"zh": "发生了损坏。"}
    examples = {"zh": ["毁坏"]}

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
    Description: Something is destroyed.
    Examples: wrecked, ruined
    """

    names = {"zh": "摧毁"}
    descriptions = {"zh": "发生了摧毁。"}
    examples = {"zh": ["毁坏"]}

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


class DamageOrDestroy(Event):
    """
    Description: Something is damaged or destroyed, which of them is not said.
    Examples: wrecked, ruined
    """

    names = {"zh": "损毁"}
    descriptions = {"zh": "发生了损毁。"}
    examples = {"zh": ["毁坏"]}

    def __init__(
        self,
        trigger: str,
        damager_destroyer: List[Entity],
        artifact: List[Entity],
        instrument: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.damager_destroyer = damager_destroyer
        self.artifact = artifact
        self.instrument = instrument
        self.place = place


class AirOrMissileStrike(Event):
    """
    Description: Somebody attacks from the air or with missiles.
    Examples: attacked, assault
    """

    names = {"zh": "空袭或导弹袭击"}
    descriptions = {"zh": "发生了空袭或导弹袭击。"}
    examples = {"zh": ["袭击"]}

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


class PoisonAttack(Event):
    """
    Description: Somebody attacks with poison, chemicals or germs.
    Examples: attacked, assault
    """

    names = {"zh": "生化或毒物袭击"}
    descriptions = {"zh": "发生了生化或毒物袭击。"}
    examples = {"zh": ["袭击"]}

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


class Bombing(Event):
    """
    Description: Somebody attacks with a bomb.
    Examples: attacked, assault
    """

    names = {"zh": "爆炸袭击"}
    descriptions = {"zh": "发生了爆炸袭击。"}
    examples = {"zh": ["袭击"]}

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


class FirearmAttack(Event):
    """
    Description: Somebody attacks with a gun.
    Examples: attacked, assault
    """

    names = {"zh": "枪击"}
    descriptions = {"zh": "发生了枪击。"}
    examples = {"zh": ["袭击"]}

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


class Hanging(Event):
    """
    Description: Somebody is hanged.
    Examples: attacked, assault
    """

    names = {"zh": "绞杀"}
    descriptions = {"zh": "发生了绞杀。"}
    examples = {"zh": ["袭击"]}

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


class Invade(Event):
    """
    Description: Forces enter a place to take it.
    Examples: attacked, assault
    """

    names = {"zh": "入侵"}
    descriptions = {"zh": "发生了入侵。"}
    examples = {"zh": ["袭击"]}

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


class Attack(Event):
    """
    Description: Somebody does violence to people or things.
    Examples: attacked, assault
    """

    names = {"zh": "攻击"}
    descriptions = {"zh": "发生了攻击。"}
    examples = {"zh": ["袭击"]}

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


class SelfDirectedBattle(Event):
    """
    Description: Somebody turns violence on himself in battle.
    Examples: attacked, assault
    """

    names = {"zh": "自杀式战斗"}
    descriptions = {"zh": "发生了自杀式战斗。"}
    examples = {"zh": ["袭击"]}

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


class SetFire(Event):
    """
    Description: Somebody sets something on fire.
    Examples: attacked, assault
    """

    names = {"zh": "纵火"}
    descriptions = {"zh": "发生了纵火。"}
    examples = {"zh": ["袭击"]}

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


class Stabbing(Event):
    """
    Description: Somebody attacks with a blade.
    Examples: attacked, assault
    """

    names = {"zh": "刺杀"}
    descriptions = {"zh": "发生了刺杀。"}
    examples = {"zh": ["袭击"]}

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


class StealRobHijack(Event):
    """
    Description: Somebody takes something by theft or force.
    Examples: attacked, assault
    """

    names = {"zh": "盗窃或劫持"}
    descriptions = {"zh": "发生了盗窃或劫持。"}
    examples = {"zh": ["袭击"]}

    def __init__(
        self,
        trigger: str,
        attacker: List[Entity],
        target: List[Entity],
        instrument: List[Entity],
        place: List[Entity],
        artifact: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attacker = attacker
        self.target = target
        self.instrument = instrument
        self.place = place
        self.artifact = artifact


class Strangling(Event):
    """
    Description: Somebody strangles somebody.
    Examples: attacked, assault
    """

    names = {"zh": "勒杀"}
    descriptions = {"zh": "发生了勒杀。"}
    examples = {"zh": ["袭击"]}

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


class MarchOrProtest(Event):
    """
    Description: People march, protest or gather for politics.
    Examples: marched, protest
    """

    names = {"zh": "游行抗议"}
    descriptions = {"zh": "发生了游行抗议。"}
    examples = {"zh": ["抗议"]}

    def __init__(
        self,
        trigger: str,
        demonstrator: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.demonstrator = demonstrator
        self.place = place


class Demonstrate(Event):
    """
    Description: People demonstrate.
    Examples: marched, protest
    """

    names = {"zh": "示威"}
    descriptions = {"zh": "发生了示威。"}
    examples = {"zh": ["抗议"]}

    def __init__(
        self,
        trigger: str,
        demonstrator: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.demonstrator = demonstrator
        self.place = place


class Yield(Event):
    """
    Description: A side gives way to another.
    Examples: gave up, withdrew
    """

    names = {"zh": "屈服"}
    descriptions = {"zh": "发生了屈服。"}
    examples = {"zh": ["退却"]}

    def __init__(
        self,
        trigger: str,
        yielder: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.yielder = yielder
        self.recipient = recipient
        self.place = place


class Retreat(Event):
    """
    Description: A side draws back.
    Examples: gave up, withdrew
    """

    names = {"zh": "撤退"}
    descriptions = {"zh": "发生了撤退。"}
    examples = {"zh": ["退却"]}

    def __init__(
        self,
        trigger: str,
        retreater: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.retreater = retreater
        self.origin = origin
        self.destination = destination


class Surrender(Event):
    """
    Description: A side gives itself up.
    Examples: gave up, withdrew
    """

    names = {"zh": "投降"}
    descriptions = {"zh": "发生了投降。"}
    examples = {"zh": ["退却"]}

    def __init__(
        self,
        trigger: str,
        surrenderer: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.surrenderer = surrenderer
        self.recipient = recipient
        self.place = place


class CollaborateRemotely(Event):
    """
    Description: Parties work together from a distance.
    Examples: worked together, cooperation
    """

    names = {"zh": "远程协作"}
    descriptions = {"zh": "发生了远程协作。"}
    examples = {"zh": ["合作"]}

    def __init__(
        self,
        trigger: str,
        participant: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.participant = participant
        self.place = place


class CollaborateInPerson(Event):
    """
    Description: Parties meet to work together.
    Examples: worked together, cooperation
    """

    names = {"zh": "会面协作"}
    descriptions = {"zh": "发生了会面协作。"}
    examples = {"zh": ["合作"]}

    def __init__(
        self,
        trigger: str,
        participant: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.participant = participant
        self.place = place


class Collaborate(Event):
    """
    Description: Parties work together.
    Examples: worked together, cooperation
    """

    names = {"zh": "协作"}
    descriptions = {"zh": "发生了协作。"}
    examples = {"zh": ["合作"]}

    def __init__(
        self,
        trigger: str,
        participant: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.participant = participant
        self.place = place


class CommandByBroadcast(Event):
    """
    Description: Somebody gives an order to many at once.
    Examples: ordered, told
    """

    names = {"zh": "公开下令"}
    descriptions = {"zh": "发生了公开下令。"}
    examples = {"zh": ["命令"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
        topic: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place
        self.topic = topic


class CommandRemotely(Event):
    """
    Description: Somebody gives an order from a distance.
    Examples: ordered, told
    """

    names = {"zh": "远程下令"}
    descriptions = {"zh": "发生了远程下令。"}
    examples = {"zh": ["命令"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
        topic: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place
        self.topic = topic


class CommandInPerson(Event):
    """
    Description: Somebody gives an order face to face.
    Examples: ordered, told
    """

    names = {"zh": "当面下令"}
    descriptions = {"zh": "发生了当面下令。"}
    examples = {"zh": ["命令"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
        topic: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place
        self.topic = topic


class Command(Event):
    """
    Description: Somebody gives an order.
    Examples: ordered, told
    """

    names = {"zh": "下令"}
    descriptions = {"zh": "发生了下令。"}
    examples = {"zh": ["命令"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
        topic: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place
        self.topic = topic


class PromiseByBroadcast(Event):
    """
    Description: Somebody promises or tells of a plan to many at once.
    Examples: promised, pledged
    """

    names = {"zh": "公开承诺"}
    descriptions = {"zh": "发生了公开承诺。"}
    examples = {"zh": ["承诺"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
        topic: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place
        self.topic = topic


class PromiseRemotely(Event):
    """
    Description: Somebody promises or tells of a plan from a distance.
    Examples: promised, pledged
    """

    names = {"zh": "远程承诺"}
    descriptions = {"zh": "发生了远程承诺。"}
    examples = {"zh": ["承诺"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
        topic: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place
        self.topic = topic


class PromiseInPerson(Event):
    """
    Description: Somebody promises or tells of a plan face to face.
    Examples: promised, pledged
    """

    names = {"zh": "当面承诺"}
    descriptions = {"zh": "发生了当面承诺。"}
    examples = {"zh": ["承诺"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
        topic: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place
        self.topic = topic


class Promise(Event):
    """
    Description: Somebody promises or tells of a plan.
    Examples: promised, pledged
    """

    names = {"zh": "承诺"}
    descriptions = {"zh": "发生了承诺。"}
    examples = {"zh": ["承诺"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
        topic: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place
        self.topic = topic


class DiscussRemotely(Event):
    """
    Description: Parties talk from a distance.
    Examples: talked, conversation
    """

    names = {"zh": "远程讨论"}
    descriptions = {"zh": "发生了远程讨论。"}
    examples = {"zh": ["交谈"]}

    def __init__(
        self,
        trigger: str,
        participant: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.participant = participant
        self.place = place


class DiscussInPerson(Event):
    """
    Description: Parties talk face to face.
    Examples: talked, conversation
    """

    names = {"zh": "当面讨论"}
    descriptions = {"zh": "发生了当面讨论。"}
    examples = {"zh": ["交谈"]}

    def __init__(
        self,
        trigger: str,
        participant: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.participant = participant
        self.place = place


class Discuss(Event):
    """
    Description: Parties talk.
    Examples: talked, conversation
    """

    names = {"zh": "讨论"}
    descriptions = {"zh": "发生了讨论。"}
    examples = {"zh": ["交谈"]}

    def __init__(
        self,
        trigger: str,
        participant: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.participant = participant
        self.place = place


class FuneralInPerson(Event):
    """
    Description: People meet for a funeral or vigil.
    Examples: funeral, vigil
    """

    names = {"zh": "出席葬礼"}
    descriptions = {"zh": "发生了出席葬礼。"}
    examples = {"zh": ["葬礼"]}

    def __init__(
        self,
        trigger: str,
        participant: List[Entity],
        deceased: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.participant = participant
        self.deceased = deceased
        self.place = place


class Funeral(Event):
    """
    Description: A funeral or vigil is held.
    Examples: funeral, vigil
    """

    names = {"zh": "葬礼"}
    descriptions = {"zh": "发生了葬礼。"}
    examples = {"zh": ["葬礼"]}

    def __init__(
        self,
        trigger: str,
        participant: List[Entity],
        deceased: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.participant = participant
        self.deceased = deceased
        self.place = place


class MediaBroadcast(Event):
    """
    Description: Somebody speaks to the media for all to hear.
    Examples: told reporters, interview
    """

    names = {"zh": "媒体播报"}
    descriptions = {"zh": "发生了媒体播报。"}
    examples = {"zh": ["采访"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place


class MediaStatement(Event):
    """
    Description: Somebody makes a statement in the media.
    Examples: told reporters, interview
    """

    names = {"zh": "媒体声明"}
    descriptions = {"zh": "发生了媒体声明。"}
    examples = {"zh": ["采访"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place


class NegotiateRemotely(Event):
    """
    Description: Parties negotiate from a distance.
    Examples: negotiated, talks
    """

    names = {"zh": "远程谈判"}
    descriptions = {"zh": "发生了远程谈判。"}
    examples = {"zh": ["谈判"]}

    def __init__(
        self,
        trigger: str,
        participant: List[Entity],
        place: List[Entity],
        topic: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.participant = participant
        self.place = place
        self.topic = topic


class NegotiateInPerson(Event):
    """
    Description: Parties negotiate face to face.
    Examples: negotiated, talks
    """

    names = {"zh": "当面谈判"}
    descriptions = {"zh": "发生了当面谈判。"}
    examples = {"zh": ["谈判"]}

    def __init__(
        self,
        trigger: str,
        participant: List[Entity],
        place: List[Entity],
        topic: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.participant = participant
        self.place = place
        self.topic = topic


class Negotiate(Event):
    """
    Description: Parties negotiate.
    Examples: negotiated, talks
    """

    names = {"zh": "谈判"}
    descriptions = {"zh": "发生了谈判。"}
    examples = {"zh": ["谈判"]}

    def __init__(
        self,
        trigger: str,
        participant: List[Entity],
        place: List[Entity],
        topic: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.participant = participant
        self.place = place
        self.topic = topic


class LieByBroadcast(Event):
    """
    Description: Somebody misleads many at once.
    Examples: lied, denied
    """

    names = {"zh": "公开欺骗"}
    descriptions = {"zh": "发生了公开欺骗。"}
    examples = {"zh": ["谎称"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
        topic: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place
        self.topic = topic


class LieRemotely(Event):
    """
    Description: Somebody misleads somebody from a distance.
    Examples: lied, denied
    """

    names = {"zh": "远程欺骗"}
    descriptions = {"zh": "发生了远程欺骗。"}
    examples = {"zh": ["谎称"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
        topic: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place
        self.topic = topic


class LieInPerson(Event):
    """
    Description: Somebody misleads somebody face to face.
    Examples: lied, denied
    """

    names = {"zh": "当面欺骗"}
    descriptions = {"zh": "发生了当面欺骗。"}
    examples = {"zh": ["谎称"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
        topic: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place
        self.topic = topic


class Lie(Event):
    """
    Description: Somebody misleads somebody.
    Examples: lied, denied
    """

    names = {"zh": "欺骗"}
    descriptions = {"zh": "发生了欺骗。"}
    examples = {"zh": ["谎称"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
        topic: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place
        self.topic = topic


class PublicSpeech(Event):
    """
    Description: Somebody speaks to a public that hears it at once.
    Examples: speech, addressed
    """

    names = {"zh": "公开讲话"}
    descriptions = {"zh": "发生了公开讲话。"}
    examples = {"zh": ["演讲"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place


class PublicStatement(Event):
    """
    Description: Somebody makes a statement before a public.
    Examples: speech, addressed
    """

    names = {"zh": "公开声明"}
    descriptions = {"zh": "发生了公开声明。"}
    examples = {"zh": ["演讲"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place


class RequestByBroadcast(Event):
    """
    Description: Somebody asks or advises many at once.
    Examples: asked, urged
    """

    names = {"zh": "公开请求"}
    descriptions = {"zh": "发生了公开请求。"}
    examples = {"zh": ["请求"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
        topic: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place
        self.topic = topic


class RequestRemotely(Event):
    """
    Description: Somebody asks or advises somebody from a distance.
    Examples: asked, urged
    """

    names = {"zh": "远程请求"}
    descriptions = {"zh": "发生了远程请求。"}
    examples = {"zh": ["请求"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
        topic: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place
        self.topic = topic


class RequestInPerson(Event):
    """
    Description: Somebody asks or advises somebody face to face.
    Examples: asked, urged
    """

    names = {"zh": "当面请求"}
    descriptions = {"zh": "发生了当面请求。"}
    examples = {"zh": ["请求"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
        topic: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place
        self.topic = topic


class Request(Event):
    """
    Description: Somebody asks or advises somebody.
    Examples: asked, urged
    """

    names = {"zh": "请求或建议"}
    descriptions = {"zh": "发生了请求或建议。"}
    examples = {"zh": ["请求"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
        topic: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place
        self.topic = topic


class ThreatenByBroadcast(Event):
    """
    Description: Somebody threatens for all to hear.
    Examples: threatened, warned
    """

    names = {"zh": "公开威胁"}
    descriptions = {"zh": "发生了公开威胁。"}
    examples = {"zh": ["威胁"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
        topic: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place
        self.topic = topic


class ThreatenRemotely(Event):
    """
    Description: Somebody threatens somebody from a distance.
    Examples: threatened, warned
    """

    names = {"zh": "远程威胁"}
    descriptions = {"zh": "发生了远程威胁。"}
    examples = {"zh": ["威胁"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
        topic: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place
        self.topic = topic


class ThreatenInPerson(Event):
    """
    Description: Somebody threatens somebody face to face.
    Examples: threatened, warned
    """

    names = {"zh": "当面威胁"}
    descriptions = {"zh": "发生了当面威胁。"}
    examples = {"zh": ["威胁"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
        topic: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place
        self.topic = topic


class Threaten(Event):
    """
    Description: Somebody threatens or forces somebody.
    Examples: threatened, warned
    """

    names = {"zh": "威胁"}
    descriptions = {"zh": "发生了威胁。"}
    examples = {"zh": ["威胁"]}

    def __init__(
        self,
        trigger: str,
        communicator: List[Entity],
        recipient: List[Entity],
        place: List[Entity],
        topic: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.communicator = communicator
        self.recipient = recipient
        self.place = place
        self.topic = topic


class Crash(Event):
    """
    Description: A vehicle crashes.
    Examples: crash, collided
    """

    names = {"zh": "事故碰撞"}
    descriptions = {"zh": "发生了事故碰撞。"}
    examples = {"zh": ["相撞"]}

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


class FireOrExplosion(Event):
    """
    Description: Something burns or explodes.
    Examples: fire, exploded
    """

    names = {"zh": "火灾或爆炸"}
    descriptions = {"zh": "发生了火灾或爆炸。"}
    examples = {"zh": ["起火"]}

    def __init__(
        self,
        trigger: str,
        fire_explosion_object: List[Entity],
        instrument: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.fire_explosion_object = fire_explosion_object
        self.instrument = instrument
        self.place = place


class AcceptAgreement(Event):
    """
    Description: Parties accept an agreement or ceasefire.
    Examples: deal, agreement
    """

    names = {"zh": "接受协议"}
    descriptions = {"zh": "发生了接受协议。"}
    examples = {"zh": ["协议"]}

    def __init__(
        self,
        trigger: str,
        participant: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.participant = participant
        self.place = place


class Agreement(Event):
    """
    Description: Parties make an agreement.
    Examples: deal, agreement
    """

    names = {"zh": "协议"}
    descriptions = {"zh": "发生了协议。"}
    examples = {"zh": ["协议"]}

    def __init__(
        self,
        trigger: str,
        participant: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.participant = participant
        self.place = place


class RejectAgreement(Event):
    """
    Description: A party rejects or ends an agreement.
    Examples: deal, agreement
    """

    names = {"zh": "拒绝或废除协议"}
    descriptions = {"zh": "发生了拒绝或废除协议。"}
    examples = {"zh": ["协议"]}

    def __init__(
        self,
        trigger: str,
        rejecter_nullifier: List[Entity],
        other_participant: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.rejecter_nullifier = rejecter_nullifier
        self.other_participant = other_participant
        self.place = place


class ViolateAgreement(Event):
    """
    Description: A party breaks an agreement.
    Examples: deal, agreement
    """

    names = {"zh": "违反协议"}
    descriptions = {"zh": "发生了违反协议。"}
    examples = {"zh": ["协议"]}

    def __init__(
        self,
        trigger: str,
        violator: List[Entity],
        other_participant: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.violator = violator
        self.other_participant = other_participant
        self.place = place


class MergeCountries(Event):
    """
    Description: Countries or regions become one.
    Examples: founded, united
    """

    names = {"zh": "国家或地区合并"}
    descriptions = {"zh": "发生了国家或地区合并。"}
    examples = {"zh": ["建立"]}

    def __init__(
        self,
        trigger: str,
        participant: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.participant = participant
        self.place = place


class FormCountry(Event):
    """
    Description: A country or region is formed.
    Examples: founded, united
    """

    names = {"zh": "政权形成"}
    descriptions = {"zh": "发生了政权形成。"}
    examples = {"zh": ["建立"]}

    def __init__(
        self,
        trigger: str,
        gpe: List[Entity],
        founder: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.gpe = gpe
        self.founder = founder
        self.place = place


class StartCountry(Event):
    """
    Description: A country or region begins to be.
    Examples: founded, united
    """

    names = {"zh": "政权建立"}
    descriptions = {"zh": "发生了政权建立。"}
    examples = {"zh": ["建立"]}

    def __init__(
        self,
        trigger: str,
        gpe: List[Entity],
        founder: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.gpe = gpe
        self.founder = founder
        self.place = place


class Legislate(Event):
    """
    Description: A body makes a law.
    Examples: passed a law
    """

    names = {"zh": "立法"}
    descriptions = {"zh": "发生了立法。"}
    examples = {"zh": ["通过法案"]}

    def __init__(
        self,
        trigger: str,
        government_body: List[Entity],
        law: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.government_body = government_body
        self.law = law
        self.place = place


class Spy(Event):
    """
    Description: Somebody spies on somebody.
    Examples: spied, espionage
    """

    names = {"zh": "间谍活动"}
    descriptions = {"zh": "发生了间谍活动。"}
    examples = {"zh": ["刺探"]}

    def __init__(
        self,
        trigger: str,
        spy: List[Entity],
        observed_entity: List[Entity],
        beneficiary: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.spy = spy
        self.observed_entity = observed_entity
        self.beneficiary = beneficiary
        self.place = place


class CastVote(Event):
    """
    Description: Somebody casts a vote.
    Examples: voted, ballot
    """

    names = {"zh": "投票"}
    descriptions = {"zh": "发生了投票。"}
    examples = {"zh": ["投票"]}

    def __init__(
        self,
        trigger: str,
        voter: List[Entity],
        candidate: List[Entity],
        ballot: List[Entity],
        result: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.voter = voter
        self.candidate = candidate
        self.ballot = ballot
        self.result = result
        self.place = place


class Vote(Event):
    """
    Description: A vote takes place.
    Examples: voted, ballot
    """

    names = {"zh": "表决"}
    descriptions = {"zh": "发生了表决。"}
    examples = {"zh": ["投票"]}

    def __init__(
        self,
        trigger: str,
        voter: List[Entity],
        candidate: List[Entity],
        ballot: List[Entity],
        result: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.voter = voter
        self.candidate = candidate
        self.ballot = ballot
        self.result = result
        self.place = place


class PreventVote(Event):
    """
    Description: Somebody is kept from voting.
    Examples: voted, ballot
    """

    names = {"zh": "阻止投票"}
    descriptions = {"zh": "发生了阻止投票。"}
    examples = {"zh": ["投票"]}

    def __init__(
        self,
        trigger: str,
        preventer: List[Entity],
        voter: List[Entity],
        candidate: List[Entity],
        ballot: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.preventer = preventer
        self.voter = voter
        self.candidate = candidate
        self.ballot = ballot
        self.place = place


class InspectOrganization(Event):
    """
    Description: Somebody inspects people or an organization.
    Examples: inspected, watched
    """

    names = {"zh": "检查组织或人员"}
    descriptions = {"zh": "发生了检查组织或人员。"}
    examples = {"zh": ["检查"]}

    def __init__(
        self,
        trigger: str,
        inspector: List[Entity],
        inspected_entity: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.inspector = inspector
        self.inspected_entity = inspected_entity
        self.place = place


class MonitorElection(Event):
    """
    Description: Somebody watches over an election.
    Examples: inspected, watched
    """

    names = {"zh": "监督选举"}
    descriptions = {"zh": "发生了监督选举。"}
    examples = {"zh": ["检查"]}

    def __init__(
        self,
        trigger: str,
        monitor: List[Entity],
        monitored_entity: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.monitor = monitor
        self.monitored_entity = monitored_entity
        self.place = place


class Observe(Event):
    """
    Description: Somebody observes something.
    Examples: inspected, watched
    """

    names = {"zh": "观察"}
    descriptions = {"zh": "发生了观察。"}
    examples = {"zh": ["检查"]}

    def __init__(
        self,
        trigger: str,
        observer: List[Entity],
        observed_entity: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.observer = observer
        self.observed_entity = observed_entity
        self.place = place


class InspectSite(Event):
    """
    Description: Somebody looks into a thing or place on the spot.
    Examples: inspected, watched
    """

    names = {"zh": "实地检查"}
    descriptions = {"zh": "发生了实地检查。"}
    examples = {"zh": ["检查"]}

    def __init__(
        self,
        trigger: str,
        inspector: List[Entity],
        inspected_entity: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.inspector = inspector
        self.inspected_entity = inspected_entity
        self.place = place


class Arrest(Event):
    """
    Description: Somebody is arrested or held.
    Examples: arrested, detained
    """

    names = {"zh": "逮捕拘押"}
    descriptions = {"zh": "发生了逮捕拘押。"}
    examples = {"zh": ["逮捕"]}

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


class Charge(Event):
    """
    Description: Somebody is charged with a crime.
    Examples: charged, trial
    """

    names = {"zh": "起诉"}
    descriptions = {"zh": "发生了起诉。"}
    examples = {"zh": ["起诉"]}

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


class JudicialProcess(Event):
    """
    Description: A case is brought before a court.
    Examples: charged, trial
    """

    names = {"zh": "启动司法程序"}
    descriptions = {"zh": "发生了启动司法程序。"}
    examples = {"zh": ["起诉"]}

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


class Trial(Event):
    """
    Description: A court hears a case.
    Examples: charged, trial
    """

    names = {"zh": "审判"}
    descriptions = {"zh": "发生了审判。"}
    examples = {"zh": ["起诉"]}

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


class InvestigateCrime(Event):
    """
    Description: A crime is investigated.
    Examples: probe, investigated
    """

    names = {"zh": "调查犯罪"}
    descriptions = {"zh": "发生了调查犯罪。"}
    examples = {"zh": ["调查"]}

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


class Investigate(Event):
    """
    Description: Somebody is investigated.
    Examples: probe, investigated
    """

    names = {"zh": "调查"}
    descriptions = {"zh": "发生了调查。"}
    examples = {"zh": ["调查"]}

    def __init__(
        self,
        trigger: str,
        investigator: List[Entity],
        defendant: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.investigator = investigator
        self.defendant = defendant
        self.place = place


class Convict(Event):
    """
    Description: Somebody is found guilty.
    Examples: convicted, sentence
    """

    names = {"zh": "定罪"}
    descriptions = {"zh": "发生了定罪。"}
    examples = {"zh": ["判决"]}

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


class Execute(Event):
    """
    Description: Somebody is put to death by the state.
    Examples: convicted, sentence
    """

    names = {"zh": "处决"}
    descriptions = {"zh": "发生了处决。"}
    examples = {"zh": ["判决"]}

    def __init__(
        self,
        trigger: str,
        executioner: List[Entity],
        defendant: List[Entity],
        crime: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.executioner = executioner
        self.defendant = defendant
        self.crime = crime
        self.place = place


class Extradite(Event):
    """
    Description: Somebody is sent to another state for trial.
    Examples: convicted, sentence
    """

    names = {"zh": "引渡"}
    descriptions = {"zh": "发生了引渡。"}
    examples = {"zh": ["判决"]}

    def __init__(
        self,
        trigger: str,
        extraditer: List[Entity],
        defendant: List[Entity],
        crime: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.extraditer = extraditer
        self.defendant = defendant
        self.crime = crime
        self.origin = origin
        self.destination = destination


class JudicialConsequence(Event):
    """
    Description: A court decides what follows from a crime.
    Examples: convicted, sentence
    """

    names = {"zh": "司法裁决"}
    descriptions = {"zh": "发生了司法裁决。"}
    examples = {"zh": ["判决"]}

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


class ViolentDeath(Event):
    """
    Description: Somebody dies by violence.
    Examples: died, killed
    """

    names = {"zh": "暴力致死"}
    descriptions = {"zh": "发生了暴力致死。"}
    examples = {"zh": ["死亡"]}

    def __init__(
        self,
        trigger: str,
        killer: List[Entity],
        victim: List[Entity],
        instrument: List[Entity],
        place: List[Entity],
        medical_issue: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.killer = killer
        self.victim = victim
        self.instrument = instrument
        self.place = place
        self.medical_issue = medical_issue


class Die(Event):
    """
    Description: Somebody dies.
    Examples: died, killed
    """

    names = {"zh": "死亡"}
    descriptions = {"zh": "发生了死亡。"}
    examples = {"zh": ["死亡"]}

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


class NonviolentDeath(Event):
    """
    Description: Somebody dies without violence.
    Examples: died, killed
    """

    names = {"zh": "非暴力死亡"}
    descriptions = {"zh": "发生了非暴力死亡。"}
    examples = {"zh": ["死亡"]}

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


class HungerOrThirst(Event):
    """
    Description: Somebody suffers hunger or thirst.
    Examples: wounded, fell ill
    """

    names = {"zh": "饥渴"}
    descriptions = {"zh": "发生了饥渴。"}
    examples = {"zh": ["受伤"]}

    def __init__(
        self,
        trigger: str,
        victim: List[Entity],
        place: List[Entity],
        injurer: List[Entity],
        medical_issue: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.victim = victim
        self.place = place
        self.injurer = injurer
        self.medical_issue = medical_issue


class PhysicalIllness(Event):
    """
    Description: Somebody falls ill or weak.
    Examples: wounded, fell ill
    """

    names = {"zh": "患病或衰弱"}
    descriptions = {"zh": "发生了患病或衰弱。"}
    examples = {"zh": ["受伤"]}

    def __init__(
        self,
        trigger: str,
        victim: List[Entity],
        place: List[Entity],
        injurer: List[Entity],
        medical_issue: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.victim = victim
        self.place = place
        self.injurer = injurer
        self.medical_issue = medical_issue


class ViolentInjury(Event):
    """
    Description: Somebody is hurt by violence.
    Examples: wounded, fell ill
    """

    names = {"zh": "暴力致伤"}
    descriptions = {"zh": "发生了暴力致伤。"}
    examples = {"zh": ["受伤"]}

    def __init__(
        self,
        trigger: str,
        injurer: List[Entity],
        victim: List[Entity],
        instrument: List[Entity],
        place: List[Entity],
        medical_issue: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.injurer = injurer
        self.victim = victim
        self.instrument = instrument
        self.place = place
        self.medical_issue = medical_issue


class Injure(Event):
    """
    Description: Somebody is hurt.
    Examples: wounded, fell ill
    """

    names = {"zh": "受伤"}
    descriptions = {"zh": "发生了受伤。"}
    examples = {"zh": ["受伤"]}

    def __init__(
        self,
        trigger: str,
        victim: List[Entity],
        injurer: List[Entity],
        place: List[Entity],
        medical_issue: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.victim = victim
        self.injurer = injurer
        self.place = place
        self.medical_issue = medical_issue


class Build(Event):
    """
    Description: Something is built.
    Examples: made, built
    """

    names = {"zh": "建造"}
    descriptions = {"zh": "发生了建造。"}
    examples = {"zh": ["建造"]}

    def __init__(
        self,
        trigger: str,
        manufacturer: List[Entity],
        artifact: List[Entity],
        instrument: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.manufacturer = manufacturer
        self.artifact = artifact
        self.instrument = instrument
        self.place = place


class CreateWork(Event):
    """
    Description: A work of the mind is created.
    Examples: made, built
    """

    names = {"zh": "创作"}
    descriptions = {"zh": "发生了创作。"}
    examples = {"zh": ["建造"]}

    def __init__(
        self,
        trigger: str,
        manufacturer: List[Entity],
        artifact: List[Entity],
        instrument: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.manufacturer = manufacturer
        self.artifact = artifact
        self.instrument = instrument
        self.place = place


class Manufacture(Event):
    """
    Description: Something is manufactured.
    Examples: made, built
    """

    names = {"zh": "制造"}
    descriptions = {"zh": "发生了制造。"}
    examples = {"zh": ["建造"]}

    def __init__(
        self,
        trigger: str,
        manufacturer: List[Entity],
        artifact: List[Entity],
        instrument: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.manufacturer = manufacturer
        self.artifact = artifact
        self.instrument = instrument
        self.place = place


class Produce(Event):
    """
    Description: Something is produced.
    Examples: made, built
    """

    names = {"zh": "生产"}
    descriptions = {"zh": "发生了生产。"}
    examples = {"zh": ["建造"]}

    def __init__(
        self,
        trigger: str,
        manufacturer: List[Entity],
        artifact: List[Entity],
        instrument: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.manufacturer = manufacturer
        self.artifact = artifact
        self.instrument = instrument
        self.place = place


class CarryThing(Event):
    """
    Description: A thing is carried or unloaded.
    Examples: shipped, brought
    """

    names = {"zh": "搬运物品"}
    descriptions = {"zh": "发生了搬运物品。"}
    examples = {"zh": ["运送"]}

    def __init__(
        self,
        trigger: str,
        transporter: List[Entity],
        artifact: List[Entity],
        vehicle: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.transporter = transporter
        self.artifact = artifact
        self.vehicle = vehicle
        self.origin = origin
        self.destination = destination


class DisperseThing(Event):
    """
    Description: Things are spread apart.
    Examples: shipped, brought
    """

    names = {"zh": "分散物品"}
    descriptions = {"zh": "发生了分散物品。"}
    examples = {"zh": ["运送"]}

    def __init__(
        self,
        trigger: str,
        transporter: List[Entity],
        artifact: List[Entity],
        vehicle: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.transporter = transporter
        self.artifact = artifact
        self.vehicle = vehicle
        self.origin = origin
        self.destination = destination


class ThingFalls(Event):
    """
    Description: A thing falls.
    Examples: shipped, brought
    """

    names = {"zh": "物品坠落"}
    descriptions = {"zh": "发生了物品坠落。"}
    examples = {"zh": ["运送"]}

    def __init__(
        self,
        trigger: str,
        artifact: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.artifact = artifact
        self.origin = origin
        self.destination = destination


class AdmitThing(Event):
    """
    Description: A thing is let in.
    Examples: shipped, brought
    """

    names = {"zh": "准许物品进入"}
    descriptions = {"zh": "发生了准许物品进入。"}
    examples = {"zh": ["运送"]}

    def __init__(
        self,
        trigger: str,
        transporter: List[Entity],
        artifact: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.transporter = transporter
        self.artifact = artifact
        self.origin = origin
        self.destination = destination


class HideThing(Event):
    """
    Description: A thing is hidden.
    Examples: shipped, brought
    """

    names = {"zh": "藏匿物品"}
    descriptions = {"zh": "发生了藏匿物品。"}
    examples = {"zh": ["运送"]}

    def __init__(
        self,
        trigger: str,
        transporter: List[Entity],
        artifact: List[Entity],
        hiding_place: List[Entity],
        vehicle: List[Entity],
        origin: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.transporter = transporter
        self.artifact = artifact
        self.hiding_place = hiding_place
        self.vehicle = vehicle
        self.origin = origin


class TransportThing(Event):
    """
    Description: A thing is moved.
    Examples: shipped, brought
    """

    names = {"zh": "运输物品"}
    descriptions = {"zh": "发生了运输物品。"}
    examples = {"zh": ["运送"]}

    def __init__(
        self,
        trigger: str,
        transporter: List[Entity],
        artifact: List[Entity],
        vehicle: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.transporter = transporter
        self.artifact = artifact
        self.vehicle = vehicle
        self.origin = origin
        self.destination = destination


class LaunchThing(Event):
    """
    Description: A thing is thrown or launched without violence.
    Examples: shipped, brought
    """

    names = {"zh": "投掷或发射"}
    descriptions = {"zh": "发生了投掷或发射。"}
    examples = {"zh": ["运送"]}

    def __init__(
        self,
        trigger: str,
        transporter: List[Entity],
        artifact: List[Entity],
        vehicle: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.transporter = transporter
        self.artifact = artifact
        self.vehicle = vehicle
        self.origin = origin
        self.destination = destination


class StopThingEntering(Event):
    """
    Description: A thing is kept from coming in.
    Examples: shipped, brought
    """

    names = {"zh": "阻止物品进入"}
    descriptions = {"zh": "发生了阻止物品进入。"}
    examples = {"zh": ["运送"]}

    def __init__(
        self,
        trigger: str,
        preventer: List[Entity],
        transporter: List[Entity],
        artifact: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.preventer = preventer
        self.transporter = transporter
        self.artifact = artifact
        self.origin = origin
        self.destination = destination


class StopThingLeaving(Event):
    """
    Description: A thing is kept from going out.
    Examples: shipped, brought
    """

    names = {"zh": "阻止物品离开"}
    descriptions = {"zh": "发生了阻止物品离开。"}
    examples = {"zh": ["运送"]}

    def __init__(
        self,
        trigger: str,
        preventer: List[Entity],
        transporter: List[Entity],
        artifact: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.preventer = preventer
        self.transporter = transporter
        self.artifact = artifact
        self.origin = origin
        self.destination = destination


class ImportThing(Event):
    """
    Description: A thing is received or imported.
    Examples: shipped, brought
    """

    names = {"zh": "接收或进口"}
    descriptions = {"zh": "发生了接收或进口。"}
    examples = {"zh": ["运送"]}

    def __init__(
        self,
        trigger: str,
        transporter: List[Entity],
        artifact: List[Entity],
        vehicle: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.transporter = transporter
        self.artifact = artifact
        self.vehicle = vehicle
        self.origin = origin
        self.destination = destination


class ExportThing(Event):
    """
    Description: A thing is sent, supplied or exported.
    Examples: shipped, brought
    """

    names = {"zh": "发送或出口"}
    descriptions = {"zh": "发生了发送或出口。"}
    examples = {"zh": ["运送"]}

    def __init__(
        self,
        trigger: str,
        transporter: List[Entity],
        artifact: List[Entity],
        vehicle: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.transporter = transporter
        self.artifact = artifact
        self.vehicle = vehicle
        self.origin = origin
        self.destination = destination


class SmuggleThing(Event):
    """
    Description: A thing is smuggled or got out.
    Examples: shipped, brought
    """

    names = {"zh": "走私物品"}
    descriptions = {"zh": "发生了走私物品。"}
    examples = {"zh": ["运送"]}

    def __init__(
        self,
        trigger: str,
        transporter: List[Entity],
        artifact: List[Entity],
        vehicle: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.transporter = transporter
        self.artifact = artifact
        self.vehicle = vehicle
        self.origin = origin
        self.destination = destination


class CarryPerson(Event):
    """
    Description: A person is brought or carried.
    Examples: travelled, taken to
    """

    names = {"zh": "运送人员"}
    descriptions = {"zh": "发生了运送人员。"}
    examples = {"zh": ["前往"]}

    def __init__(
        self,
        trigger: str,
        transporter: List[Entity],
        passenger: List[Entity],
        vehicle: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.transporter = transporter
        self.passenger = passenger
        self.vehicle = vehicle
        self.origin = origin
        self.destination = destination


class DispersePeople(Event):
    """
    Description: People are spread apart.
    Examples: travelled, taken to
    """

    names = {"zh": "驱散人群"}
    descriptions = {"zh": "发生了驱散人群。"}
    examples = {"zh": ["前往"]}

    def __init__(
        self,
        trigger: str,
        transporter: List[Entity],
        passenger: List[Entity],
        vehicle: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.transporter = transporter
        self.passenger = passenger
        self.vehicle = vehicle
        self.origin = origin
        self.destination = destination


class EvacuateOrRescue(Event):
    """
    Description: People are taken to safety.
    Examples: travelled, taken to
    """

    names = {"zh": "疏散或营救"}
    descriptions = {"zh": "发生了疏散或营救。"}
    examples = {"zh": ["前往"]}

    def __init__(
        self,
        trigger: str,
        transporter: List[Entity],
        passenger: List[Entity],
        vehicle: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.transporter = transporter
        self.passenger = passenger
        self.vehicle = vehicle
        self.origin = origin
        self.destination = destination


class PersonFalls(Event):
    """
    Description: A person falls.
    Examples: travelled, taken to
    """

    names = {"zh": "人员坠落"}
    descriptions = {"zh": "发生了人员坠落。"}
    examples = {"zh": ["前往"]}

    def __init__(
        self,
        trigger: str,
        passenger: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.passenger = passenger
        self.origin = origin
        self.destination = destination


class GrantAsylum(Event):
    """
    Description: A person is let in or given asylum.
    Examples: travelled, taken to
    """

    names = {"zh": "准许入境或庇护"}
    descriptions = {"zh": "发生了准许入境或庇护。"}
    examples = {"zh": ["前往"]}

    def __init__(
        self,
        trigger: str,
        granter: List[Entity],
        transporter: List[Entity],
        passenger: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.granter = granter
        self.transporter = transporter
        self.passenger = passenger
        self.origin = origin
        self.destination = destination


class HidePerson(Event):
    """
    Description: A person is hidden.
    Examples: travelled, taken to
    """

    names = {"zh": "藏匿人员"}
    descriptions = {"zh": "发生了藏匿人员。"}
    examples = {"zh": ["前往"]}

    def __init__(
        self,
        trigger: str,
        transporter: List[Entity],
        passenger: List[Entity],
        hiding_place: List[Entity],
        vehicle: List[Entity],
        origin: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.transporter = transporter
        self.passenger = passenger
        self.hiding_place = hiding_place
        self.vehicle = vehicle
        self.origin = origin


class TransportPerson(Event):
    """
    Description: A person is moved.
    Examples: travelled, taken to
    """

    names = {"zh": "人员移动"}
    descriptions = {"zh": "发生了人员移动。"}
    examples = {"zh": ["前往"]}

    def __init__(
        self,
        trigger: str,
        transporter: List[Entity],
        passenger: List[Entity],
        vehicle: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.transporter = transporter
        self.passenger = passenger
        self.vehicle = vehicle
        self.origin = origin
        self.destination = destination


class StopPersonEntering(Event):
    """
    Description: A person is kept from coming in.
    Examples: travelled, taken to
    """

    names = {"zh": "阻止入境"}
    descriptions = {"zh": "发生了阻止入境。"}
    examples = {"zh": ["前往"]}

    def __init__(
        self,
        trigger: str,
        preventer: List[Entity],
        transporter: List[Entity],
        passenger: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.preventer = preventer
        self.transporter = transporter
        self.passenger = passenger
        self.origin = origin
        self.destination = destination


class StopPersonLeaving(Event):
    """
    Description: A person is kept from going out.
    Examples: travelled, taken to
    """

    names = {"zh": "阻止离境"}
    descriptions = {"zh": "发生了阻止离境。"}
    examples = {"zh": ["前往"]}

    def __init__(
        self,
        trigger: str,
        preventer: List[Entity],
        transporter: List[Entity],
        passenger: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.preventer = preventer
        self.transporter = transporter
        self.passenger = passenger
        self.origin = origin
        self.destination = destination


class SelfMotion(Event):
    """
    Description: A person goes somewhere.
    Examples: travelled, taken to
    """

    names = {"zh": "自行移动"}
    descriptions = {"zh": "发生了自行移动。"}
    examples = {"zh": ["前往"]}

    def __init__(
        self,
        trigger: str,
        transporter: List[Entity],
        vehicle: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.transporter = transporter
        self.vehicle = vehicle
        self.origin = origin
        self.destination = destination


class SmugglePerson(Event):
    """
    Description: A person is smuggled or got out.
    Examples: travelled, taken to
    """

    names = {"zh": "偷运人员"}
    descriptions = {"zh": "发生了偷运人员。"}
    examples = {"zh": ["前往"]}

    def __init__(
        self,
        trigger: str,
        transporter: List[Entity],
        passenger: List[Entity],
        vehicle: List[Entity],
        origin: List[Entity],
        destination: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.transporter = transporter
        self.passenger = passenger
        self.vehicle = vehicle
        self.origin = origin
        self.destination = destination


class Elect(Event):
    """
    Description: An election takes place.
    Examples: elected, election
    """

    names = {"zh": "选举"}
    descriptions = {"zh": "发生了选举。"}
    examples = {"zh": ["选举"]}

    def __init__(
        self,
        trigger: str,
        voter: List[Entity],
        candidate: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.voter = voter
        self.candidate = candidate
        self.place = place


class WinElection(Event):
    """
    Description: Somebody wins an election.
    Examples: elected, election
    """

    names = {"zh": "当选"}
    descriptions = {"zh": "发生了当选。"}
    examples = {"zh": ["选举"]}

    def __init__(
        self,
        trigger: str,
        voter: List[Entity],
        candidate: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.voter = voter
        self.candidate = candidate
        self.place = place


class Dismiss(Event):
    """
    Description: Somebody is dismissed.
    Examples: resigned, fired
    """

    names = {"zh": "解雇"}
    descriptions = {"zh": "发生了解雇。"}
    examples = {"zh": ["离职"]}

    def __init__(
        self,
        trigger: str,
        employee: List[Entity],
        place_of_employment: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.employee = employee
        self.place_of_employment = place_of_employment
        self.place = place


class EndPosition(Event):
    """
    Description: Somebody stops working in a post.
    Examples: resigned, fired
    """

    names = {"zh": "离职"}
    descriptions = {"zh": "发生了离职。"}
    examples = {"zh": ["离职"]}

    def __init__(
        self,
        trigger: str,
        employee: List[Entity],
        place_of_employment: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.employee = employee
        self.place_of_employment = place_of_employment
        self.place = place


class QuitOrRetire(Event):
    """
    Description: Somebody resigns or retires.
    Examples: resigned, fired
    """

    names = {"zh": "辞职或退休"}
    descriptions = {"zh": "发生了辞职或退休。"}
    examples = {"zh": ["离职"]}

    def __init__(
        self,
        trigger: str,
        employee: List[Entity],
        place_of_employment: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.employee = employee
        self.place_of_employment = place_of_employment
        self.place = place


class Hire(Event):
    """
    Description: Somebody is hired.
    Examples: appointed, hired
    """

    names = {"zh": "聘用"}
    descriptions = {"zh": "发生了聘用。"}
    examples = {"zh": ["任命"]}

    def __init__(
        self,
        trigger: str,
        employee: List[Entity],
        place_of_employment: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.employee = employee
        self.place_of_employment = place_of_employment
        self.place = place


class StartPosition(Event):
    """
    Description: Somebody begins to work in a post.
    Examples: appointed, hired
    """

    names = {"zh": "就职"}
    descriptions = {"zh": "发生了就职。"}
    examples = {"zh": ["任命"]}

    def __init__(
        self,
        trigger: str,
        employee: List[Entity],
        place_of_employment: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.employee = employee
        self.place_of_employment = place_of_employment
        self.place = place


class Embargo(Event):
    """
    Description: Trade is stopped by an embargo.
    Examples: deal, handed over
    """

    names = {"zh": "禁运或制裁"}
    descriptions = {"zh": "发生了禁运或制裁。"}
    examples = {"zh": ["交易"]}

    def __init__(
        self,
        trigger: str,
        preventer: List[Entity],
        giver: List[Entity],
        recipient: List[Entity],
        artifact_money: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.preventer = preventer
        self.giver = giver
        self.recipient = recipient
        self.artifact_money = artifact_money
        self.place = place


class GiveAid(Event):
    """
    Description: Something is given as a gift or aid.
    Examples: deal, handed over
    """

    names = {"zh": "赠与或援助"}
    descriptions = {"zh": "发生了赠与或援助。"}
    examples = {"zh": ["交易"]}

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


class Transaction(Event):
    """
    Description: Parties make a transaction.
    Examples: deal, handed over
    """

    names = {"zh": "交易"}
    descriptions = {"zh": "发生了交易。"}
    examples = {"zh": ["交易"]}

    def __init__(
        self,
        trigger: str,
        participant: List[Entity],
        beneficiary: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.participant = participant
        self.beneficiary = beneficiary
        self.place = place


class TransferControl(Event):
    """
    Description: Control of a place or thing passes over.
    Examples: deal, handed over
    """

    names = {"zh": "移交控制权"}
    descriptions = {"zh": "发生了移交控制权。"}
    examples = {"zh": ["交易"]}

    def __init__(
        self,
        trigger: str,
        giver: List[Entity],
        recipient: List[Entity],
        beneficiary: List[Entity],
        territory_or_facility: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.giver = giver
        self.recipient = recipient
        self.beneficiary = beneficiary
        self.territory_or_facility = territory_or_facility
        self.place = place


class LendMoney(Event):
    """
    Description: Money is lent or borrowed.
    Examples: paid, funds
    """

    names = {"zh": "借贷"}
    descriptions = {"zh": "发生了借贷。"}
    examples = {"zh": ["支付"]}

    def __init__(
        self,
        trigger: str,
        giver: List[Entity],
        recipient: List[Entity],
        beneficiary: List[Entity],
        money: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.giver = giver
        self.recipient = recipient
        self.beneficiary = beneficiary
        self.money = money
        self.place = place


class StopMoney(Event):
    """
    Description: A flow of money is stopped.
    Examples: paid, funds
    """

    names = {"zh": "资金制裁"}
    descriptions = {"zh": "发生了资金制裁。"}
    examples = {"zh": ["支付"]}

    def __init__(
        self,
        trigger: str,
        preventer: List[Entity],
        giver: List[Entity],
        recipient: List[Entity],
        money: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.preventer = preventer
        self.giver = giver
        self.recipient = recipient
        self.money = money
        self.place = place


class GiveMoney(Event):
    """
    Description: Money is given as a gift or aid.
    Examples: paid, funds
    """

    names = {"zh": "捐款或资助"}
    descriptions = {"zh": "发生了捐款或资助。"}
    examples = {"zh": ["支付"]}

    def __init__(
        self,
        trigger: str,
        giver: List[Entity],
        recipient: List[Entity],
        beneficiary: List[Entity],
        money: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.giver = giver
        self.recipient = recipient
        self.beneficiary = beneficiary
        self.money = money
        self.place = place


class TransferMoney(Event):
    """
    Description: Money passes over.
    Examples: paid, funds
    """

    names = {"zh": "转移资金"}
    descriptions = {"zh": "发生了转移资金。"}
    examples = {"zh": ["支付"]}

    def __init__(
        self,
        trigger: str,
        giver: List[Entity],
        recipient: List[Entity],
        beneficiary: List[Entity],
        money: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.giver = giver
        self.recipient = recipient
        self.beneficiary = beneficiary
        self.money = money
        self.place = place


class PayForService(Event):
    """
    Description: Money is paid for a service.
    Examples: paid, funds
    """

    names = {"zh": "付费"}
    descriptions = {"zh": "发生了付费。"}
    examples = {"zh": ["支付"]}

    def __init__(
        self,
        trigger: str,
        giver: List[Entity],
        recipient: List[Entity],
        beneficiary: List[Entity],
        money: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.giver = giver
        self.recipient = recipient
        self.beneficiary = beneficiary
        self.money = money
        self.place = place


class PayForPurchase(Event):
    """
    Description: Money is paid for a thing.
    Examples: paid, funds
    """

    names = {"zh": "付款购买"}
    descriptions = {"zh": "发生了付款购买。"}
    examples = {"zh": ["支付"]}

    def __init__(
        self,
        trigger: str,
        giver: List[Entity],
        recipient: List[Entity],
        beneficiary: List[Entity],
        money: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.giver = giver
        self.recipient = recipient
        self.beneficiary = beneficiary
        self.money = money
        self.place = place


class LendThing(Event):
    """
    Description: A thing is lent or borrowed.
    Examples: bought, delivered
    """

    names = {"zh": "借用物品"}
    descriptions = {"zh": "发生了借用物品。"}
    examples = {"zh": ["购得"]}

    def __init__(
        self,
        trigger: str,
        giver: List[Entity],
        recipient: List[Entity],
        beneficiary: List[Entity],
        artifact: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.giver = giver
        self.recipient = recipient
        self.beneficiary = beneficiary
        self.artifact = artifact
        self.place = place


class StopGoods(Event):
    """
    Description: A flow of goods is stopped.
    Examples: bought, delivered
    """

    names = {"zh": "物品禁运"}
    descriptions = {"zh": "发生了物品禁运。"}
    examples = {"zh": ["购得"]}

    def __init__(
        self,
        trigger: str,
        preventer: List[Entity],
        giver: List[Entity],
        recipient: List[Entity],
        artifact: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.preventer = preventer
        self.giver = giver
        self.recipient = recipient
        self.artifact = artifact
        self.place = place


class GiveThing(Event):
    """
    Description: A thing is given as a gift or aid.
    Examples: bought, delivered
    """

    names = {"zh": "赠送物品"}
    descriptions = {"zh": "发生了赠送物品。"}
    examples = {"zh": ["购得"]}

    def __init__(
        self,
        trigger: str,
        giver: List[Entity],
        recipient: List[Entity],
        beneficiary: List[Entity],
        artifact: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.giver = giver
        self.recipient = recipient
        self.beneficiary = beneficiary
        self.artifact = artifact
        self.place = place


class TransferOwnership(Event):
    """
    Description: A thing passes to another owner.
    Examples: bought, delivered
    """

    names = {"zh": "转移所有权"}
    descriptions = {"zh": "发生了转移所有权。"}
    examples = {"zh": ["购得"]}

    def __init__(
        self,
        trigger: str,
        giver: List[Entity],
        recipient: List[Entity],
        beneficiary: List[Entity],
        artifact: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.giver = giver
        self.recipient = recipient
        self.beneficiary = beneficiary
        self.artifact = artifact
        self.place = place


class Purchase(Event):
    """
    Description: A thing is bought.
    Examples: bought, delivered
    """

    names = {"zh": "购买"}
    descriptions = {"zh": "发生了购买。"}
    examples = {"zh": ["购得"]}

    def __init__(
        self,
        trigger: str,
        giver: List[Entity],
        recipient: List[Entity],
        beneficiary: List[Entity],
        artifact: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.giver = giver
        self.recipient = recipient
        self.beneficiary = beneficiary
        self.artifact = artifact
        self.place = place
