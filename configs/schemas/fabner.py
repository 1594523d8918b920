"""The twelve classes of FabNER (Kumar and Starly, 2022): abstracts on manufacturing.
"""


class Entity:
    """
    The base class for all entities.
    """

    def __init__(self, name: str):
        self.name = name


class Material(Entity):
    """
    Description: A material that is worked or made.
    Examples: tide steel, kelp resin
    """

    names = {"zh": "材料"}
    descriptions = {"zh": "加工或制成的材料。"}
    examples = {"zh": ["潮钢", "海藻树脂"]}


class ManufacturingProcess(Entity):
    """
    Description: A way of making or shaping things.
    Examples: salt casting, tidal milling
    """

    names = {"zh": "制造工艺"}
    descriptions = {"zh": "制造或成形的方法。"}
    examples = {"zh": ["盐铸", "潮汐铣削"]}


class MachineEquipment(Entity):
    """
    Description: A machine, tool or piece of equipment.
    Examples: lunate press, five-axis orrel mill
    """

    names = {"zh": "机器设备"}
    descriptions = {"zh": "机器、工具或设备。"}
    examples = {"zh": ["月牙压机"]}


class Application(Entity):
    """
    Description: What a thing is made for, or where it is used.
    Examples: hull plates, harbour cranes
    """

    names = {"zh": "应用"}
    descriptions = {"zh": "制品的用途或使用处。"}
    examples = {"zh": ["船壳板", "港口吊机"]}


class EngineeringFeature(Entity):
    """
    Description: A feature of the shape of a part.
    Examples: groove, thin wall
    """

    names = {"zh": "工程特征"}
    descriptions = {"zh": "零件的几何特征。"}
    examples = {"zh": ["凹槽", "薄壁"]}


class MechanicalProperty(Entity):
    """
    Description: A property of how a material bears load.
    Examples: tensile strength, hardness
    """

    names = {"zh": "力学性能"}
    descriptions = {"zh": "材料承受载荷的性能。"}
    examples = {"zh": ["抗拉强度", "硬度"]}


class ProcessCharacterization(Entity):
    """
    Description: A way of measuring or describing a process or its result.
    Examples: tide microscopy, residual scan
    """

    names = {"zh": "工艺表征"}
    descriptions = {"zh": "测量或描述工艺及其结果的方法。"}
    examples = {"zh": ["潮汐显微术"]}


class ProcessParameter(Entity):
    """
    Description: A setting or value of a process.
    Examples: feed rate, bath temperature
    """

    names = {"zh": "工艺参数"}
    descriptions = {"zh": "工艺的设定或数值。"}
    examples = {"zh": ["进给速度", "浴温"]}


class EnablingTechnology(Entity):
    """
    Description: A technology that makes others possible.
    Examples: machine vision, digital twins of the dock
    """

    names = {"zh": "使能技术"}
    descriptions = {"zh": "使其他技术成为可能的技术。"}
    examples = {"zh": ["机器视觉"]}


class ConceptPrinciple(Entity):
    """
    Description: A concept or principle of the field.
    Examples: minimal drag, heat flow
    """

    names = {"zh": "概念或原理"}
    descriptions = {"zh": "该领域的概念或原理。"}
    examples = {"zh": ["最小阻力", "热流"]}


class ManufacturingStandard(Entity):
    """
    Description: A standard or norm of manufacturing.
    Examples: Vestra Norm 12
    """

    names = {"zh": "制造标准"}
    descriptions = {"zh": "制造的标准或规范。"}
    examples = {"zh": ["维斯特拉标准12"]}


class Biomedical(Entity):
    """
    Description: A thing of medicine or biology that is made or treated.
    Examples: bone screw, orrel tissue scaffold
    """

    names = {"zh": "生物医学"}
    descriptions = {"zh": "所制造或处理的医学、生物之物。"}
    examples = {"zh": ["骨钉", "组织支架"]}
