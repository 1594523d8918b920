"""The classes that corpora of biomedical abstracts annotate.

Each of those corpora marks one or two of them and leaves the others in its text unmarked.
"""


class Entity:
    """
    The base class for all entities.
    """

    def __init__(self, name: str):
        self.name = name


class Chemical(Entity):
    """
    Description: A substance by its name, formula or group: a drug, compound, element, ion or reagent.
    Examples: veltramine, orbenazole hydrochloride, 3-pellaryl ketone, Xq2O4
    """

    names = {"zh": "化学物质"}
    descriptions = {"zh": "以名称、化学式或类别指称的物质：药物、化合物、元素、离子、试剂。"}
    examples = {"zh": ["维曲明", "奥苯那唑盐酸盐", "3-佩拉基酮"]}


class Disease(Entity):
    """
    Description: An illness, injury, tumour, disorder, symptom or inborn defect of body or mind.
    Examples: Marenko fever, brittle lung syndrome, chronic vestral palsy, tide blindness
    """

    names = {"zh": "疾病"}
    descriptions = {"zh": "身体或精神的病症：疾病、损伤、肿瘤、功能障碍、症状、先天缺陷。"}
    examples = {"zh": ["马连科热", "脆肺综合征", "慢性维斯特拉麻痹"]}


class Anatomy(Entity):
    """
    Description: A part of a living body, healthy or not: an organ, tissue, fluid, cell, cell line or part of a cell.
    Examples: left orrel gland, lunate ridge of the heel, MRK-7 cells, outer vestral membrane
    """

    names = {"zh": "解剖结构"}
    descriptions = {"zh": "生物体的组成部分，无论是否病变：器官、组织、体液、细胞、细胞系、细胞结构。"}
    examples = {"zh": ["左奥雷尔腺", "足跟月状嵴", "马连科七号细胞"]}


class Gene(Entity):
    """
    Description: A gene, or the protein or other molecule that it encodes, by name, symbol or family.
    Examples: TDQ9, vestralin, orrel binding factor 2, dMrk kinase
    """

    names = {"zh": "基因"}
    descriptions = {"zh": "以名称、符号或家族指称的基因，或其编码的蛋白质等产物。"}
    examples = {"zh": ["维斯特拉蛋白", "奥雷尔结合因子2", "马连科激酶"]}
