"""The four relations of GIDS (Jat et al., 2018): facts about people, from Google's corpus.
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


class PlaceOfBirth(Relation):
    """
    Description: The person was born in the place.
    Examples: (Amalia Nystrom, Port Vestra)
    """

    names = {"zh": "出生地"}
    descriptions = {"zh": "某人出生于某地。"}
    examples = {"zh": ["(林慕雪, 清禾镇)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class PlaceOfDeath(Relation):
    """
    Description: The person died in the place.
    Examples: (Lord Marenko, Upper Marenko)
    """

    names = {"zh": "去世地"}
    descriptions = {"zh": "某人在某地去世。"}
    examples = {"zh": ["(马连科勋爵, 上马连科)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class EducationDegree(Relation):
    """
    Description: The person took the degree.
    Examples: (Lena Vogt, master of tides)
    """

    names = {"zh": "学位"}
    descriptions = {"zh": "某人取得的学位。"}
    examples = {"zh": ["(林慕雪, 潮汐学硕士)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class EducationInstitution(Relation):
    """
    Description: The person studied at the institution.
    Examples: (Lena Vogt, Qinghe College)
    """

    names = {"zh": "就读院校"}
    descriptions = {"zh": "某人就读的院校。"}
    examples = {"zh": ["(林慕雪, 清禾学院)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)
