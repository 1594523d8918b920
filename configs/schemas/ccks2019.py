"""The six classes of the medical records of CCKS 2019 (Yidu-S4K).
"""


class Entity:
    """
    The base class for all entities.
    """

    def __init__(self, name: str):
        self.name = name


class DiseaseOrDiagnosis(Entity):
    """
    Description: A disease, or what a doctor found it to be.
    Examples: Marenko fever
    """

    names = {"zh": "疾病和诊断"}
    descriptions = {"zh": "疾病或医生的诊断。"}
    examples = {"zh": ["马连科热"]}


class Imaging(Entity):
    """
    Description: An examination that makes pictures.
    Examples: orrel scan
    """

    names = {"zh": "影像检查"}
    descriptions = {"zh": "成像检查。"}
    examples = {"zh": ["奥雷尔扫描"]}


class LaboratoryTest(Entity):
    """
    Description: A test of the laboratory.
    Examples: blood salinity
    """

    names = {"zh": "实验室检验"}
    descriptions = {"zh": "实验室的化验。"}
    examples = {"zh": ["血盐度"]}


class Operation(Entity):
    """
    Description: An operation.
    Examples: lunate repair
    """

    names = {"zh": "手术"}
    descriptions = {"zh": "手术。"}
    examples = {"zh": ["月牙修补术"]}


class Drug(Entity):
    """
    Description: A medicine.
    Examples: veltramine
    """

    names = {"zh": "药物"}
    descriptions = {"zh": "药物。"}
    examples = {"zh": ["维曲明"]}


class Anatomy(Entity):
    """
    Description: A part of the body.
    Examples: left orrel gland
    """

    names = {"zh": "解剖部位"}
    descriptions = {"zh": "身体部位。"}
    examples = {"zh": ["左奥雷尔腺"]}
