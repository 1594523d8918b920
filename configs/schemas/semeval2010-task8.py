"""The nine relations of SemEval-2010 Task 8 (Hendrickx et al., 2010) between two nouns.

The first word of a name is the head: in `CauseEffect` the cause. The corpus does not give the types
of their arguments.
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


class CauseEffect(Relation):
    """
    Description: The first brings the second about.
    Examples: (storm, flood)
    """

    names = {"zh": "原因与结果"}
    descriptions = {"zh": "前者引起后者。"}
    examples = {"zh": ["(暴雨, 洪水)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class InstrumentAgency(Relation):
    """
    Description: The first is what the second, who acts, uses.
    Examples: (lantern, keeper)
    """

    names = {"zh": "工具与使用者"}
    descriptions = {"zh": "前者是行动者后者所用的工具。"}
    examples = {"zh": ["(灯笼, 守塔人)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class ProductProducer(Relation):
    """
    Description: The first is made by the second.
    Examples: (chart, cartographer)
    """

    names = {"zh": "产品与生产者"}
    descriptions = {"zh": "前者由后者制作。"}
    examples = {"zh": ["(海图, 制图师)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class ContentContainer(Relation):
    """
    Description: The first is kept or carried inside the second.
    Examples: (oil, barrel)
    """

    names = {"zh": "内容与容器"}
    descriptions = {"zh": "前者装在后者里面。"}
    examples = {"zh": ["(油, 木桶)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class EntityOrigin(Relation):
    """
    Description: The first comes from the second: a place, a material, a source.
    Examples: (letter, harbour)
    """

    names = {"zh": "事物与来源"}
    descriptions = {"zh": "前者来自后者：地点、材料、源头。"}
    examples = {"zh": ["(信, 港口)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class EntityDestination(Relation):
    """
    Description: The first is moved or moves to the second.
    Examples: (cargo, warehouse)
    """

    names = {"zh": "事物与去向"}
    descriptions = {"zh": "前者去往后者。"}
    examples = {"zh": ["(货物, 仓库)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class ComponentWhole(Relation):
    """
    Description: The first is a part with a function of the second.
    Examples: (rudder, ship)
    """

    names = {"zh": "部件与整体"}
    descriptions = {"zh": "前者是后者有功能的一部分。"}
    examples = {"zh": ["(舵, 船)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class MemberCollection(Relation):
    """
    Description: The first is one of those that make up the second.
    Examples: (sailor, crew)
    """

    names = {"zh": "成员与集体"}
    descriptions = {"zh": "前者是构成后者的一员。"}
    examples = {"zh": ["(水手, 船员队)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class MessageTopic(Relation):
    """
    Description: The first, said or written, is about the second.
    Examples: (lecture, tides)
    """

    names = {"zh": "信息与主题"}
    descriptions = {"zh": "前者讲述后者。"}
    examples = {"zh": ["(讲座, 潮汐)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)
