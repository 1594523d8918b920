"""Relations between companies in FinRE (Li et al., 2019): Chinese financial news.

Each is told from the side of the one who acts; the corpus does not give the types of arguments.
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


class CapitalInjection(Relation):
    """
    Description: The first puts capital into the second.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "注资"}
    descriptions = {"zh": "前者向后者注入资金。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Owns(Relation):
    """
    Description: The first owns the second, or has it as a part.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "拥有"}
    descriptions = {"zh": "前者拥有后者。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Dispute(Relation):
    """
    Description: The two have a dispute or a lawsuit.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "纠纷"}
    descriptions = {"zh": "双方有争议或诉讼。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class IncreasesHolding(Relation):
    """
    Description: The first buys more shares of the second, of which it has some.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "增持"}
    descriptions = {"zh": "前者增加所持后者的股份。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Restructuring(Relation):
    """
    Description: The two are part of one restructuring.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "重组"}
    descriptions = {"zh": "双方进行重组。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class BuysAssets(Relation):
    """
    Description: The first buys from the second or pays for what it offers.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "买资"}
    descriptions = {"zh": "前者向后者购买资产或项目。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class SignsContract(Relation):
    """
    Description: The two sign a contract.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "签约"}
    descriptions = {"zh": "双方签订合同。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class HoldsShares(Relation):
    """
    Description: The first holds shares of the second.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "持股"}
    descriptions = {"zh": "前者持有后者的股份。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Trades(Relation):
    """
    Description: The two trade with each other.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "交易"}
    descriptions = {"zh": "双方进行交易。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class BuysInto(Relation):
    """
    Description: The first becomes a shareholder of the second.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "入股"}
    descriptions = {"zh": "前者成为后者的股东。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Transfers(Relation):
    """
    Description: The first hands shares or assets over, the second is what is handed over or takes it.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "转让"}
    descriptions = {"zh": "前者转让股权或资产，后者为标的或受让方。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Establishes(Relation):
    """
    Description: The first founds the second.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "成立"}
    descriptions = {"zh": "前者设立后者。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Analyzes(Relation):
    """
    Description: The first, an analyst or a firm of them, speaks about the second.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "分析"}
    descriptions = {"zh": "前者对后者作出分析评论。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class CooperatesWith(Relation):
    """
    Description: The two work together.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "合作"}
    descriptions = {"zh": "双方合作。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Helps(Relation):
    """
    Description: The first supports the second.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "帮助"}
    descriptions = {"zh": "前者帮助后者。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Issues(Relation):
    """
    Description: The first issues the second: shares, a bond, a fund, a product.
    Examples: (Vestra Shipping, Vestra Tide Fund)
    """

    names = {"zh": "发行"}
    descriptions = {"zh": "前者发行后者：股票、债券、基金、产品。"}
    examples = {"zh": ["(清禾航运, 清禾潮汐基金)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Negotiates(Relation):
    """
    Description: The two talk about a deal.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "商讨"}
    descriptions = {"zh": "双方商谈。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class MergesWith(Relation):
    """
    Description: The two merge.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "合并"}
    descriptions = {"zh": "双方合并。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class CompetesWith(Relation):
    """
    Description: The two compete with each other.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "竞争"}
    descriptions = {"zh": "双方相互竞争。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Orders(Relation):
    """
    Description: The two are the sides of an order.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "订单"}
    descriptions = {"zh": "双方之间有订单。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class ReducesHolding(Relation):
    """
    Description: The first sells some of its shares of the second.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "减持"}
    descriptions = {"zh": "前者减少所持后者的股份。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class JointVenture(Relation):
    """
    Description: The two found a company together.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "合资"}
    descriptions = {"zh": "双方合资。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Acquires(Relation):
    """
    Description: The first acquires the second.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "收购"}
    descriptions = {"zh": "前者收购后者。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class BackdoorListing(Relation):
    """
    Description: The first is listed through the shell of the second.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "借壳"}
    descriptions = {"zh": "前者借后者之壳上市。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Owes(Relation):
    """
    Description: The first owes money to the second.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "欠款"}
    descriptions = {"zh": "前者欠后者款项。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class PlansToAcquire(Relation):
    """
    Description: The first plans to acquire the second.
    Examples: (Vestra Shipping, Marenko Steel)
    """

    names = {"zh": "拟收购"}
    descriptions = {"zh": "前者拟收购后者。"}
    examples = {"zh": ["(清禾航运, 马连科钢铁)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)
