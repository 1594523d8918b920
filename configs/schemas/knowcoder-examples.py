"""The classes of the annotated examples that KnowCoder was released with (Li et al., 2024)."""

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


class Creator(Relation):
    """
    Description: The second made the first.
    Examples: (Tide Hall, Lin Muxue)
    """

    names = {"zh": "创作者"}
    descriptions = {"zh": "后者创作了前者。"}
    examples = {"zh": ["(潮汐厅, 林慕雪)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class LocatedIn(Relation):
    """
    Description: The first is in the second.
    Examples: (Tide Hall, Vestra)
    """

    names = {"zh": "位于"}
    descriptions = {"zh": "前者位于后者。"}
    examples = {"zh": ["(潮汐厅, 维斯特拉)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class OrganizationBoardMembership(Event):
    """
    Description: Somebody is on the board of an organization.
    Examples: member, board
    """

    names = {"zh": "董事会成员"}
    descriptions = {"zh": "某人是某机构董事会的成员。"}
    examples = {"zh": ["成员"]}

    def __init__(
        self,
        trigger: str,
        organization: List[Entity],
        member: List[Entity],
        role: List[Entity],
        title: List[Entity],
    ):
        super().__init__(trigger=trigger)


class Education(Event):
    """
    Description: Somebody learns at a school or university.
    Examples: student, graduated
    """

    names = {"zh": "教育"}
    descriptions = {"zh": "某人在学校或大学学习。"}
    examples = {"zh": ["毕业"]}

    def __init__(
        self,
        trigger: str,
        institution: List[Entity],
        student: List[Entity],
    ):
        super().__init__(trigger=trigger)


class Marriage(Event):
    """
    Description: Two people are or become married.
    Examples: wife, married
    """

    names = {"zh": "婚姻"}
    descriptions = {"zh": "两人结为夫妻。"}
    examples = {"zh": ["结婚"]}

    def __init__(
        self,
        trigger: str,
        spouse: List[Entity],
    ):
        super().__init__(trigger=trigger)
