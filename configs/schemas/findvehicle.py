"""The 21 classes of FindVehicle (Guan et al., 2023): vehicles in descriptions of traffic.
"""


class Entity:
    """
    The base class for all entities.
    """

    def __init__(self, name: str):
        self.name = name


class VehicleType(Entity):
    """
    Description: The kind of a vehicle where it is none of the kinds below.
    Examples: harbour tractor
    """

    names = {"zh": "车辆类型"}
    descriptions = {"zh": "不属于下列种类的车辆类型。"}
    examples = {"zh": ["港口牵引车"]}


class VehiclePosition(Entity):
    """
    Description: Where a vehicle is in the picture or on the road.
    Examples: in the left lane, at the top right
    """

    names = {"zh": "车辆位置"}
    descriptions = {"zh": "车辆在画面或路上的位置。"}
    examples = {"zh": ["左侧车道", "右上方"]}


class VehicleColor(Entity):
    """
    Description: The colour of a vehicle.
    Examples: sea green
    """

    names = {"zh": "车辆颜色"}
    descriptions = {"zh": "车辆的颜色。"}
    examples = {"zh": ["海绿色"]}


class VehicleOrientation(Entity):
    """
    Description: Where a vehicle faces or heads.
    Examples: heading for the harbour
    """

    names = {"zh": "车辆朝向"}
    descriptions = {"zh": "车辆朝向或驶向。"}
    examples = {"zh": ["驶向港口"]}


class VehicleVelocity(Entity):
    """
    Description: The speed of a vehicle.
    Examples: 30 km/h
    """

    names = {"zh": "车辆速度"}
    descriptions = {"zh": "车辆的速度。"}
    examples = {"zh": ["时速三十公里"]}


class VehicleRange(Entity):
    """
    Description: A stretch of road or a distance in which a vehicle is.
    Examples: from pier 3 to pier 5
    """

    names = {"zh": "车辆范围"}
    descriptions = {"zh": "车辆所在的路段或距离范围。"}
    examples = {"zh": ["三号码头到五号码头"]}


class VehicleBrand(Entity):
    """
    Description: The maker of a vehicle.
    Examples: Marenko Motors
    """

    names = {"zh": "车辆品牌"}
    descriptions = {"zh": "车辆的制造商。"}
    examples = {"zh": ["马连科汽车"]}


class VehicleModel(Entity):
    """
    Description: The model of a vehicle.
    Examples: Tidewing 4
    """

    names = {"zh": "车型"}
    descriptions = {"zh": "车辆的型号。"}
    examples = {"zh": ["潮翼四号"]}


class SportUtilityVehicle(Entity):
    """
    Description: A sport utility vehicle.
    Examples: a Marenko SUV
    """

    names = {"zh": "运动型多用途车"}
    descriptions = {"zh": "运动型多用途车。"}
    examples = {"zh": ["越野车"]}


class Hatchback(Entity):
    """
    Description: A car with a rear door that opens upwards.
    Examples: hatchback
    """

    names = {"zh": "掀背车"}
    descriptions = {"zh": "后门向上开的轿车。"}
    examples = {"zh": ["掀背车"]}


class SportsCar(Entity):
    """
    Description: A low, fast car.
    Examples: sports car
    """

    names = {"zh": "跑车"}
    descriptions = {"zh": "低而快的轿车。"}
    examples = {"zh": ["跑车"]}


class Sedan(Entity):
    """
    Description: A car with a closed boot.
    Examples: sedan
    """

    names = {"zh": "三厢轿车"}
    descriptions = {"zh": "有独立后备箱的轿车。"}
    examples = {"zh": ["轿车"]}


class Bus(Entity):
    """
    Description: A vehicle for many passengers.
    Examples: bus, coach
    """

    names = {"zh": "公交车"}
    descriptions = {"zh": "载客多的车辆。"}
    examples = {"zh": ["公交车", "大巴"]}


class Truck(Entity):
    """
    Description: A vehicle for heavy goods.
    Examples: truck, lorry
    """

    names = {"zh": "卡车"}
    descriptions = {"zh": "载重货的车辆。"}
    examples = {"zh": ["卡车"]}


class VintageCar(Entity):
    """
    Description: An old car that is collected.
    Examples: vintage car
    """

    names = {"zh": "老爷车"}
    descriptions = {"zh": "供收藏的旧车。"}
    examples = {"zh": ["老爷车"]}


class Coupe(Entity):
    """
    Description: A closed car with two doors.
    Examples: coupe
    """

    names = {"zh": "双门轿跑车"}
    descriptions = {"zh": "双门的封闭轿车。"}
    examples = {"zh": ["轿跑"]}


class Roadster(Entity):
    """
    Description: An open car with two seats.
    Examples: roadster
    """

    names = {"zh": "敞篷双座车"}
    descriptions = {"zh": "敞篷的双座车。"}
    examples = {"zh": ["敞篷车"]}


class EstateCar(Entity):
    """
    Description: A car with a long roof and much room behind.
    Examples: estate car
    """

    names = {"zh": "旅行车"}
    descriptions = {"zh": "车顶长、后部宽敞的轿车。"}
    examples = {"zh": ["旅行车"]}


class Motorcycle(Entity):
    """
    Description: A motor vehicle with two wheels.
    Examples: motorcycle
    """

    names = {"zh": "摩托车"}
    descriptions = {"zh": "两轮机动车。"}
    examples = {"zh": ["摩托车"]}


class MultiPurposeVehicle(Entity):
    """
    Description: A roomy car for a family or a group.
    Examples: MPV
    """

    names = {"zh": "多用途车"}
    descriptions = {"zh": "供家庭或多人乘坐的宽敞汽车。"}
    examples = {"zh": ["商务车"]}


class Van(Entity):
    """
    Description: A closed vehicle for goods or people.
    Examples: van
    """

    names = {"zh": "厢式货车"}
    descriptions = {"zh": "载货或载人的厢式车。"}
    examples = {"zh": ["面包车"]}
