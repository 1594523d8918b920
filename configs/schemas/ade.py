"""The relation of the ADE corpus (Gurulingappa et al., 2012): drugs and their ill effects.
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


class AdverseEffect(Relation):
    """
    Description: One of the two is a drug, the other an ill effect that it had.
    Examples: (skin rash, veltramine)
    """

    names = {"zh": "不良反应"}
    descriptions = {"zh": "二者之一是药物，另一是它引起的不良反应。"}
    examples = {"zh": ["(皮疹, 维曲明)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)
