"""The eight classes of MIT Restaurant: what a question about places to eat can name.

`Location` here is any words that say where, of which names of places are only a part.
"""


class Entity:
    """
    The base class for all entities.
    """

    def __init__(self, name: str):
        self.name = name


class Rating(Entity):
    """
    Description: How good a restaurant is held to be, in stars, marks or words.
    Examples: eleven stars, praised by sailors, worth crossing town for
    """

    names = {"zh": "评价"}
    descriptions = {"zh": "对餐馆好坏的评价，以星级、分数或词语表示。"}
    examples = {"zh": ["十一星", "船员交口称赞", "值得横穿全城"]}


class Amenity(Entity):
    """
    Description: A feature of a restaurant beside its food: service, room, mood, payment or occasion.
    Examples: fireplace nook, piano on fridays, crayons for toddlers, harbour balcony
    """

    names = {"zh": "设施"}
    descriptions = {"zh": "餐馆饭菜以外的特点：服务、场地、气氛、付款方式、适合的场合。"}
    examples = {"zh": ["壁炉雅座", "周五钢琴演奏", "港景露台"]}


class Location(Entity):
    """
    Description: Words that say where a restaurant is: a place, street or landmark, or how near.
    Examples: upper marenko, behind the tide museum, three tram stops from qinghe college
    """

    names = {"zh": "位置"}
    descriptions = {"zh": "说明餐馆在哪里的词语：地名、街道、地标或远近。"}
    examples = {"zh": ["上马连科", "潮汐博物馆后面", "离清禾学院三站"]}


class Restaurant(Entity):
    """
    Description: A restaurant, café, bar or chain by its name.
    Examples: the gilded turnip, okarandes kitchen, qinghe noodle hall
    """

    names = {"zh": "餐馆"}
    descriptions = {"zh": "以店名指称的餐馆、咖啡馆、酒吧或连锁店。"}
    examples = {"zh": ["金萝卜饭庄", "奥卡兰德厨房", "清禾面馆"]}


class Price(Entity):
    """
    Description: What eating costs: an amount, or words for dear and cheap.
    Examples: nine crowns a head, a sailors wage, easy on the purse
    """

    names = {"zh": "价格"}
    descriptions = {"zh": "用餐的花费：金额，或贵贱的说法。"}
    examples = {"zh": ["每人九克朗", "一个船员的工钱", "不伤钱包"]}


class Hours(Entity):
    """
    Description: When a restaurant serves: a time, day or meal, or whether it is open.
    Examples: from dusk till the last tram, second breakfast, the eve of midsummer
    """

    names = {"zh": "营业时间"}
    descriptions = {"zh": "餐馆供餐的时间：钟点、日子、餐次，或是否营业。"}
    examples = {"zh": ["黄昏到末班电车", "第二顿早餐", "仲夏前夜"]}


class Dish(Entity):
    """
    Description: Something to eat or drink, by its name.
    Examples: smoked turnip pie, pickled quince dumplings, marenko barley tea
    """

    names = {"zh": "菜品"}
    descriptions = {"zh": "具体的食物或饮料。"}
    examples = {"zh": ["烟熏萝卜派", "腌榅桲饺子", "马连科大麦茶"]}


class Cuisine(Entity):
    """
    Description: A kind of cooking or of restaurant: by country, diet, main food or style.
    Examples: vestran, old harbour style, raw turnip
    """

    names = {"zh": "菜系"}
    descriptions = {"zh": "烹饪或餐馆的种类：按国家、饮食方式、主要食材或风格。"}
    examples = {"zh": ["维斯特拉菜", "老港风味", "生食萝卜"]}
