"""The nine relations of SanWen (Xu et al., 2017): Chinese literature.

The corpus does not give the types of their arguments.
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


class Located(Relation):
    """
    Description: The first is in the second, a place.
    Examples: (the old mill, Qinghe Township)
    """

    names = {"zh": "位于"}
    descriptions = {"zh": "前者位于后者之处。"}
    examples = {"zh": ["(老磨坊, 清禾镇)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class PartWhole(Relation):
    """
    Description: The first is a part of the second.
    Examples: (the roof, the old mill)
    """

    names = {"zh": "部分与整体"}
    descriptions = {"zh": "前者是后者的一部分。"}
    examples = {"zh": ["(屋顶, 老磨坊)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class GeneralSpecial(Relation):
    """
    Description: One is a kind of the other.
    Examples: (flowers, daylilies)
    """

    names = {"zh": "一般与特殊"}
    descriptions = {"zh": "一方是另一方的一种。"}
    examples = {"zh": ["(花, 萱草)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Social(Relation):
    """
    Description: The two know each other in a way that is not of one family: friends, neighbours, teacher and pupil.
    Examples: (the miller, my teacher)
    """

    names = {"zh": "社会关系"}
    descriptions = {"zh": "两人有非亲属的往来：朋友、邻居、师生。"}
    examples = {"zh": ["(磨坊主, 我的老师)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Family(Relation):
    """
    Description: The two are of one family.
    Examples: (Zhou Yunzhi, his mother)
    """

    names = {"zh": "亲属"}
    descriptions = {"zh": "两人是亲属。"}
    examples = {"zh": ["(周云志, 他的母亲)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Ownership(Relation):
    """
    Description: One has the other.
    Examples: (the miller, the white horse)
    """

    names = {"zh": "拥有"}
    descriptions = {"zh": "一方拥有另一方。"}
    examples = {"zh": ["(磨坊主, 白马)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Use(Relation):
    """
    Description: The first uses the second.
    Examples: (the miller, the lamp)
    """

    names = {"zh": "使用"}
    descriptions = {"zh": "前者使用后者。"}
    examples = {"zh": ["(磨坊主, 油灯)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Create(Relation):
    """
    Description: The first made the second.
    Examples: (Lin Muxue, the poem)
    """

    names = {"zh": "创作"}
    descriptions = {"zh": "前者创造了后者。"}
    examples = {"zh": ["(林慕雪, 诗)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Near(Relation):
    """
    Description: The first is close to the second.
    Examples: (the willow, the mill pond)
    """

    names = {"zh": "邻近"}
    descriptions = {"zh": "前者靠近后者。"}
    examples = {"zh": ["(柳树, 磨坊池塘)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)
