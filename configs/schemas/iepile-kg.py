"""What IEPile's knowledge graphs say of people: fifteen relations (Gui et al., 2024).

The second argument has no class: it may be a name, a date or a phrase.
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
    Description: A human being with a name.
    Examples: Lin Muxue, Zhou Yunzhi
    """

    names = {"zh": "人物"}
    descriptions = {"zh": "有名有姓的人。"}
    examples = {"zh": ["林慕雪", "周云志"]}


class Alias(Relation):
    """
    Description: The second is another name of the person.
    Examples: (Lin Muxue, Muxue)
    """

    names = {"zh": "别名"}
    descriptions = {"zh": "后者是某人的别名。"}
    examples = {"zh": ["(林慕雪, 慕雪)"]}

    def __init__(self, head_entity: Person, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class BornAt(Relation):
    """
    Description: The person was born in the place.
    Examples: (Lin Muxue, Qinghe Township)
    """

    names = {"zh": "出生地点"}
    descriptions = {"zh": "某人出生的地方。"}
    examples = {"zh": ["(林慕雪, 清河乡)"]}

    def __init__(self, head_entity: Person, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class BirthDate(Relation):
    """
    Description: The person was born on the date.
    Examples: (Lin Muxue, 3 May 1911)
    """

    names = {"zh": "出生日期"}
    descriptions = {"zh": "某人出生的日期。"}
    examples = {"zh": ["(林慕雪, 1911年5月3日)"]}

    def __init__(self, head_entity: Person, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class DiedAt(Relation):
    """
    Description: The person died in the place.
    Examples: (Lin Muxue, Qinghe Township)
    """

    names = {"zh": "死亡地点"}
    descriptions = {"zh": "某人去世的地方。"}
    examples = {"zh": ["(林慕雪, 清河乡)"]}

    def __init__(self, head_entity: Person, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class DeathDate(Relation):
    """
    Description: The person died on the date.
    Examples: (Lin Muxue, 3 May 1991)
    """

    names = {"zh": "死亡日期"}
    descriptions = {"zh": "某人去世的日期。"}
    examples = {"zh": ["(林慕雪, 1991年5月3日)"]}

    def __init__(self, head_entity: Person, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Nationality(Relation):
    """
    Description: The person is of the country.
    Examples: (Lin Muxue, Vestra)
    """

    names = {"zh": "国籍"}
    descriptions = {"zh": "某人的国籍。"}
    examples = {"zh": ["(林慕雪, 维斯特拉)"]}

    def __init__(self, head_entity: Person, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class AncestralHome(Relation):
    """
    Description: The family of the person is from the place.
    Examples: (Lin Muxue, Qinghe Township)
    """

    names = {"zh": "籍贯"}
    descriptions = {"zh": "某人的籍贯。"}
    examples = {"zh": ["(林慕雪, 清河乡)"]}

    def __init__(self, head_entity: Person, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Occupation(Relation):
    """
    Description: What the person does for a living.
    Examples: (Lin Muxue, actor)
    """

    names = {"zh": "职业"}
    descriptions = {"zh": "某人的职业。"}
    examples = {"zh": ["(林慕雪, 演员)"]}

    def __init__(self, head_entity: Person, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class PositionHeld(Relation):
    """
    Description: The office that the person holds.
    Examples: (Lin Muxue, headmaster)
    """

    names = {"zh": "职务"}
    descriptions = {"zh": "某人担任的职务。"}
    examples = {"zh": ["(林慕雪, 校长)"]}

    def __init__(self, head_entity: Person, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class NotableWork(Relation):
    """
    Description: The person made the work.
    Examples: (Lin Muxue, The Tide Keeper)
    """

    names = {"zh": "作品"}
    descriptions = {"zh": "某人的作品。"}
    examples = {"zh": ["(林慕雪, 守潮人)"]}

    def __init__(self, head_entity: Person, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Achievement(Relation):
    """
    Description: What the person achieved.
    Examples: (Lin Muxue, first prize of the harbour games)
    """

    names = {"zh": "成就"}
    descriptions = {"zh": "某人的成就。"}
    examples = {"zh": ["(林慕雪, 海港运动会一等奖)"]}

    def __init__(self, head_entity: Person, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Spouse(Relation):
    """
    Description: The two are married.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "配偶"}
    descriptions = {"zh": "某人的配偶。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Person, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Parent(Relation):
    """
    Description: The second is the father or mother of the first.
    Examples: (Lin Muxue, Lin Haoran)
    """

    names = {"zh": "父母"}
    descriptions = {"zh": "某人的父亲或母亲。"}
    examples = {"zh": ["(林慕雪, 林浩然)"]}

    def __init__(self, head_entity: Person, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Sibling(Relation):
    """
    Description: The two are brothers or sisters.
    Examples: (Lin Muxue, Lin Mufeng)
    """

    names = {"zh": "兄弟姊妹"}
    descriptions = {"zh": "某人的兄弟姊妹。"}
    examples = {"zh": ["(林慕雪, 林慕风)"]}

    def __init__(self, head_entity: Person, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class MemberOf(Relation):
    """
    Description: The person belongs to the organization.
    Examples: (Lin Muxue, Qinghe School)
    """

    names = {"zh": "所属组织"}
    descriptions = {"zh": "某人所属的组织。"}
    examples = {"zh": ["(林慕雪, 清河学校)"]}

    def __init__(self, head_entity: Person, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)
