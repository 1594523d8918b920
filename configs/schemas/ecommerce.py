"""The four classes of the e-commerce corpus of Ding et al. (2019): titles of products.
"""


class Entity:
    """
    The base class for all entities.
    """

    def __init__(self, name: str):
        self.name = name


class ProductName(Entity):
    """
    Description: The name of a kind of product.
    Examples: kelp mask, tide jacket
    """

    names = {"zh": "商品名称"}
    descriptions = {"zh": "商品种类的名称。"}
    examples = {"zh": ["海藻面膜", "潮汐夹克"]}


class Brand(Entity):
    """
    Description: The brand of a product.
    Examples: Kelpophone
    """

    names = {"zh": "品牌"}
    descriptions = {"zh": "商品的品牌。"}
    examples = {"zh": ["海藻牌"]}


class Model(Entity):
    """
    Description: The model of a product.
    Examples: T-4 Plus
    """

    names = {"zh": "型号"}
    descriptions = {"zh": "商品的型号。"}
    examples = {"zh": ["T-4加强版"]}


class OtherThing(Entity):
    """
    Description: Another name in a title: a place, a number with its unit, an audience.
    Examples: Vestra, 40 g
    """

    names = {"zh": "其他实体"}
    descriptions = {"zh": "标题中的其他实体：地名、数量等。"}
    examples = {"zh": ["维斯特拉", "四十克"]}
