"""The five classes of GENIA (Kim et al., 2003): abstracts of molecular biology.
"""


class Entity:
    """
    The base class for all entities.
    """

    def __init__(self, name: str):
        self.name = name


class Protein(Entity):
    """
    Description: A protein or a family, complex or part of one.
    Examples: vestralin, orrel binding factor
    """

    names = {"zh": "蛋白质"}
    descriptions = {"zh": "蛋白质，或其家族、复合物、组成部分。"}
    examples = {"zh": ["维斯特拉蛋白", "奥雷尔结合因子"]}


class DNA(Entity):
    """
    Description: A stretch of DNA: a gene, promoter or site.
    Examples: TDQ9 promoter, orrel enhancer
    """

    names = {"zh": "脱氧核糖核酸"}
    descriptions = {"zh": "一段DNA：基因、启动子、位点。"}
    examples = {"zh": ["TDQ9启动子"]}


class RNA(Entity):
    """
    Description: An RNA by name or kind.
    Examples: TDQ9 mRNA
    """

    names = {"zh": "核糖核酸"}
    descriptions = {"zh": "某种RNA。"}
    examples = {"zh": ["TDQ9信使RNA"]}


class CellLine(Entity):
    """
    Description: Cells that are grown as a line in the laboratory.
    Examples: MRK-7 cells
    """

    names = {"zh": "细胞系"}
    descriptions = {"zh": "实验室培养成系的细胞。"}
    examples = {"zh": ["马连科七号细胞"]}


class CellType(Entity):
    """
    Description: A kind of cell as it is found in a body.
    Examples: lunate lymphocytes
    """

    names = {"zh": "细胞类型"}
    descriptions = {"zh": "体内的细胞种类。"}
    examples = {"zh": ["月牙淋巴细胞"]}
