"""The nine classes of CMeEE (Hongying et al., 2021): Chinese textbooks of paediatrics.
"""


class Entity:
    """
    The base class for all entities.
    """

    def __init__(self, name: str):
        self.name = name


class Disease(Entity):
    """
    Description: An illness or syndrome.
    Examples: Marenko fever
    """

    names = {"zh": "疾病"}
    descriptions = {"zh": "疾病或综合征。"}
    examples = {"zh": ["马连科热"]}


class Symptom(Entity):
    """
    Description: A clinical manifestation: a symptom or sign.
    Examples: tide blindness
    """

    names = {"zh": "临床表现"}
    descriptions = {"zh": "症状或体征。"}
    examples = {"zh": ["潮盲"]}


class Drug(Entity):
    """
    Description: A medicine.
    Examples: veltramine
    """

    names = {"zh": "药物"}
    descriptions = {"zh": "药物。"}
    examples = {"zh": ["维曲明"]}


class Equipment(Entity):
    """
    Description: A medical device.
    Examples: orrel lens
    """

    names = {"zh": "医疗设备"}
    descriptions = {"zh": "医疗设备。"}
    examples = {"zh": ["奥雷尔镜"]}


class Procedure(Entity):
    """
    Description: A medical procedure: an examination, treatment or operation.
    Examples: lunate repair
    """

    names = {"zh": "医疗程序"}
    descriptions = {"zh": "检查、治疗或手术。"}
    examples = {"zh": ["月牙修补术"]}


class Body(Entity):
    """
    Description: A part, tissue or substance of the body.
    Examples: left orrel gland
    """

    names = {"zh": "身体"}
    descriptions = {"zh": "身体的部位、组织或物质。"}
    examples = {"zh": ["左奥雷尔腺"]}


class TestItem(Entity):
    """
    Description: An item that a laboratory measures.
    Examples: blood salinity
    """

    names = {"zh": "医学检验项目"}
    descriptions = {"zh": "医学检验的项目。"}
    examples = {"zh": ["血盐度"]}


class Microorganism(Entity):
    """
    Description: A microorganism.
    Examples: Vestrabacter
    """

    names = {"zh": "微生物类"}
    descriptions = {"zh": "微生物。"}
    examples = {"zh": ["维斯特拉杆菌"]}


class Department(Entity):
    """
    Description: A department of a hospital.
    Examples: tide clinic
    """

    names = {"zh": "科室"}
    descriptions = {"zh": "医院的科室。"}
    examples = {"zh": ["潮汐医学科"]}
