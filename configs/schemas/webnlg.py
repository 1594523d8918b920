"""Relations of WebNLG (Gardent et al., 2017) that are frequent: properties of DBpedia.

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


class Country(Relation):
    """
    Description: The first is in, or comes from, the country.
    Examples: (Port Vestra, Vestra)
    """

    names = {"zh": "国家"}
    descriptions = {"zh": "前者位于或来自某国。"}
    examples = {"zh": ["(维斯特拉港, 维斯特拉)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class LocatedIn(Relation):
    """
    Description: The first stands in the place.
    Examples: (Tide Tower, Port Vestra)
    """

    names = {"zh": "位于"}
    descriptions = {"zh": "前者位于某地。"}
    examples = {"zh": ["(潮汐塔, 维斯特拉港)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class IsPartOf(Relation):
    """
    Description: The place is part of the larger one.
    Examples: (Port Vestra, Upper Marenko)
    """

    names = {"zh": "隶属于"}
    descriptions = {"zh": "地方属于更大的地方。"}
    examples = {"zh": ["(维斯特拉港, 上马连科)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Leader(Relation):
    """
    Description: The place or group is led by the person.
    Examples: (Vestra, Lord Marenko)
    """

    names = {"zh": "领导人"}
    descriptions = {"zh": "某地或某组织的领导人。"}
    examples = {"zh": ["(维斯特拉, 马连科勋爵)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class LeaderTitle(Relation):
    """
    Description: The leader of the place has the title.
    Examples: (Vestra, Tide Warden)
    """

    names = {"zh": "领导人头衔"}
    descriptions = {"zh": "某地领导人的头衔。"}
    examples = {"zh": ["(维斯特拉, 潮汐守护)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Region(Relation):
    """
    Description: The dish or thing is of the region.
    Examples: (salt-kelp soup, Upper Marenko)
    """

    names = {"zh": "地区"}
    descriptions = {"zh": "菜肴或事物所属的地区。"}
    examples = {"zh": ["(盐藻汤, 上马连科)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Language(Relation):
    """
    Description: The place or work uses the language.
    Examples: (Vestra, Vestran)
    """

    names = {"zh": "语言"}
    descriptions = {"zh": "某地或作品使用的语言。"}
    examples = {"zh": ["(维斯特拉, 维斯特拉语)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class SpokenIn(Relation):
    """
    Description: The language is spoken in the place.
    Examples: (Vestran, Vestra)
    """

    names = {"zh": "使用地"}
    descriptions = {"zh": "语言使用的地方。"}
    examples = {"zh": ["(维斯特拉语, 维斯特拉)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class EthnicGroup(Relation):
    """
    Description: The people live in the country.
    Examples: (Vestra, Marenkans)
    """

    names = {"zh": "族群"}
    descriptions = {"zh": "国家中的族群。"}
    examples = {"zh": ["(维斯特拉, 马连科族)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Capital(Relation):
    """
    Description: The capital of the first is the second.
    Examples: (Vestra, Port Vestra)
    """

    names = {"zh": "首都"}
    descriptions = {"zh": "前者的首都是后者。"}
    examples = {"zh": ["(维斯特拉, 维斯特拉港)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class LargestCity(Relation):
    """
    Description: The largest city of the first is the second.
    Examples: (Upper Marenko, Port Vestra)
    """

    names = {"zh": "最大城市"}
    descriptions = {"zh": "前者最大的城市。"}
    examples = {"zh": ["(上马连科, 维斯特拉港)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class City(Relation):
    """
    Description: The first is in the city.
    Examples: (Qinghe College, Port Vestra)
    """

    names = {"zh": "所在城市"}
    descriptions = {"zh": "前者所在的城市。"}
    examples = {"zh": ["(清禾学院, 维斯特拉港)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class State(Relation):
    """
    Description: The first is in the state.
    Examples: (Qinghe College, Upper Marenko)
    """

    names = {"zh": "所在州"}
    descriptions = {"zh": "前者所在的州。"}
    examples = {"zh": ["(清禾学院, 上马连科)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class CityServed(Relation):
    """
    Description: The airport serves the city.
    Examples: (Vestra Airport, Port Vestra)
    """

    names = {"zh": "服务城市"}
    descriptions = {"zh": "机场所服务的城市。"}
    examples = {"zh": ["(维斯特拉机场, 维斯特拉港)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Club(Relation):
    """
    Description: The player or coach is or was at the club.
    Examples: (Kaveh Tehrani, Marenko United)
    """

    names = {"zh": "俱乐部"}
    descriptions = {"zh": "球员或教练效力的俱乐部。"}
    examples = {"zh": ["(周云志, 马连科联队)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Manager(Relation):
    """
    Description: The team is managed by the person.
    Examples: (Marenko United, Kaveh Tehrani)
    """

    names = {"zh": "主教练"}
    descriptions = {"zh": "球队的教练。"}
    examples = {"zh": ["(马连科联队, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Ground(Relation):
    """
    Description: The team plays at the ground.
    Examples: (Marenko United, Tide Park)
    """

    names = {"zh": "主场"}
    descriptions = {"zh": "球队的主场。"}
    examples = {"zh": ["(马连科联队, 潮汐公园)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class League(Relation):
    """
    Description: The team plays in the league.
    Examples: (Marenko United, Coastal League)
    """

    names = {"zh": "联赛"}
    descriptions = {"zh": "球队所在的联赛。"}
    examples = {"zh": ["(马连科联队, 海岸联赛)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Season(Relation):
    """
    Description: The team plays in the season.
    Examples: (Marenko United, 2031)
    """

    names = {"zh": "赛季"}
    descriptions = {"zh": "球队参加的赛季。"}
    examples = {"zh": ["(马连科联队, 2031)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Champions(Relation):
    """
    Description: The league was won by the team.
    Examples: (Coastal League, Marenko United)
    """

    names = {"zh": "冠军"}
    descriptions = {"zh": "联赛的冠军队。"}
    examples = {"zh": ["(海岸联赛, 马连科联队)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class BirthPlace(Relation):
    """
    Description: The person was born in the place.
    Examples: (Amalia Nystrom, Port Vestra)
    """

    names = {"zh": "出生地"}
    descriptions = {"zh": "某人的出生地。"}
    examples = {"zh": ["(林慕雪, 清禾镇)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class DeathPlace(Relation):
    """
    Description: The person died in the place.
    Examples: (Lord Marenko, Port Vestra)
    """

    names = {"zh": "去世地"}
    descriptions = {"zh": "某人的去世地。"}
    examples = {"zh": ["(马连科勋爵, 维斯特拉港)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Nationality(Relation):
    """
    Description: The person is of the country.
    Examples: (Amalia Nystrom, Vestra)
    """

    names = {"zh": "国籍"}
    descriptions = {"zh": "某人的国籍。"}
    examples = {"zh": ["(林慕雪, 维斯特拉)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Occupation(Relation):
    """
    Description: The person works as this.
    Examples: (Amalia Nystrom, test pilot)
    """

    names = {"zh": "职业"}
    descriptions = {"zh": "某人的职业。"}
    examples = {"zh": ["(林慕雪, 试飞员)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class AlmaMater(Relation):
    """
    Description: The person studied there.
    Examples: (Amalia Nystrom, Qinghe College)
    """

    names = {"zh": "母校"}
    descriptions = {"zh": "某人的母校。"}
    examples = {"zh": ["(林慕雪, 清禾学院)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Award(Relation):
    """
    Description: The person or work won the award.
    Examples: (Amalia Nystrom, Tide Medal)
    """

    names = {"zh": "奖项"}
    descriptions = {"zh": "某人或作品所获的奖项。"}
    examples = {"zh": ["(林慕雪, 潮汐奖章)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Battle(Relation):
    """
    Description: The person fought in the battle.
    Examples: (Lord Marenko, Battle of the Shoals)
    """

    names = {"zh": "参战"}
    descriptions = {"zh": "某人参加的战役。"}
    examples = {"zh": ["(马连科勋爵, 浅滩之战)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Commander(Relation):
    """
    Description: The battle was led by the person.
    Examples: (Battle of the Shoals, Lord Marenko)
    """

    names = {"zh": "指挥官"}
    descriptions = {"zh": "战役的指挥者。"}
    examples = {"zh": ["(浅滩之战, 马连科勋爵)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class CrewMemberOf(Relation):
    """
    Description: The person flew on the mission.
    Examples: (Amalia Nystrom, Tide 4)
    """

    names = {"zh": "机组成员"}
    descriptions = {"zh": "某人是该次飞行任务的成员。"}
    examples = {"zh": ["(林慕雪, 潮汐四号)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Operator(Relation):
    """
    Description: The first is run by the second.
    Examples: (Vestra Airport, Ministry of Tides)
    """

    names = {"zh": "运营方"}
    descriptions = {"zh": "前者由后者运营。"}
    examples = {"zh": ["(维斯特拉机场, 潮汐部)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Owner(Relation):
    """
    Description: The first belongs to the second.
    Examples: (Tide Tower, Vestra Shipping)
    """

    names = {"zh": "所有者"}
    descriptions = {"zh": "前者归后者所有。"}
    examples = {"zh": ["(潮汐塔, 清禾航运)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Tenant(Relation):
    """
    Description: The building is used by the second.
    Examples: (Tide Park, Marenko United)
    """

    names = {"zh": "租用者"}
    descriptions = {"zh": "建筑的使用者。"}
    examples = {"zh": ["(潮汐公园, 马连科联队)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Architect(Relation):
    """
    Description: The building was designed by the person.
    Examples: (Tide Tower, Lena Vogt)
    """

    names = {"zh": "建筑师"}
    descriptions = {"zh": "建筑的设计者。"}
    examples = {"zh": ["(潮汐塔, 林慕雪)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class ArchitecturalStyle(Relation):
    """
    Description: The building is in the style.
    Examples: (Tide Tower, Harbour Gothic)
    """

    names = {"zh": "建筑风格"}
    descriptions = {"zh": "建筑的风格。"}
    examples = {"zh": ["(潮汐塔, 港式哥特)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Affiliation(Relation):
    """
    Description: The school or group belongs to the second.
    Examples: (Qinghe College, Coastal Union)
    """

    names = {"zh": "隶属"}
    descriptions = {"zh": "学校或团体所隶属的组织。"}
    examples = {"zh": ["(清禾学院, 海岸联合会)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Headquarters(Relation):
    """
    Description: The seat of the first is the place.
    Examples: (Vestra Shipping, Port Vestra)
    """

    names = {"zh": "总部"}
    descriptions = {"zh": "前者的总部所在。"}
    examples = {"zh": ["(清禾航运, 清禾镇)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class ParentCompany(Relation):
    """
    Description: The first belongs to the company.
    Examples: (Tide Press, Vestra Shipping)
    """

    names = {"zh": "母公司"}
    descriptions = {"zh": "前者的母公司。"}
    examples = {"zh": ["(潮汐出版社, 清禾航运)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Founder(Relation):
    """
    Description: The first was founded by the second.
    Examples: (Tide Press, Amalia Nystrom)
    """

    names = {"zh": "创立者"}
    descriptions = {"zh": "前者由后者创立。"}
    examples = {"zh": ["(潮汐出版社, 林慕雪)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Author(Relation):
    """
    Description: The work was written by the person.
    Examples: (The Tide Keeper, Amalia Nystrom)
    """

    names = {"zh": "作者"}
    descriptions = {"zh": "作品的作者。"}
    examples = {"zh": ["(守潮人, 林慕雪)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Publisher(Relation):
    """
    Description: The work was published by the second.
    Examples: (The Tide Keeper, Tide Press)
    """

    names = {"zh": "出版者"}
    descriptions = {"zh": "作品的出版者。"}
    examples = {"zh": ["(守潮人, 潮汐出版社)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Creator(Relation):
    """
    Description: The figure or work was created by the person.
    Examples: (Captain Kelp, Lena Vogt)
    """

    names = {"zh": "创作者"}
    descriptions = {"zh": "角色或作品的创作者。"}
    examples = {"zh": ["(海藻船长, 林慕雪)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Starring(Relation):
    """
    Description: The film or series has the actor.
    Examples: (The Tide Keeper, Kaveh Tehrani)
    """

    names = {"zh": "主演"}
    descriptions = {"zh": "影视作品的演员。"}
    examples = {"zh": ["(守潮人, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class PrecededBy(Relation):
    """
    Description: Before the first came the second.
    Examples: (Tide 4, Tide 3)
    """

    names = {"zh": "前任"}
    descriptions = {"zh": "前者之前的是后者。"}
    examples = {"zh": ["(潮汐四号, 潮汐三号)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class FollowedBy(Relation):
    """
    Description: After the first came the second.
    Examples: (Tide 3, Tide 4)
    """

    names = {"zh": "后继"}
    descriptions = {"zh": "前者之后的是后者。"}
    examples = {"zh": ["(潮汐三号, 潮汐四号)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Ingredient(Relation):
    """
    Description: The dish has the second in it.
    Examples: (salt-kelp soup, kelp)
    """

    names = {"zh": "食材"}
    descriptions = {"zh": "菜肴的食材。"}
    examples = {"zh": ["(盐藻汤, 海藻)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class DishVariation(Relation):
    """
    Description: The dish is made in the other way too.
    Examples: (salt-kelp soup, sweet-kelp soup)
    """

    names = {"zh": "菜肴变体"}
    descriptions = {"zh": "菜肴的变体。"}
    examples = {"zh": ["(盐藻汤, 甜藻汤)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Currency(Relation):
    """
    Description: Money of the country is the second.
    Examples: (Vestra, Vestran crown)
    """

    names = {"zh": "货币"}
    descriptions = {"zh": "国家的货币。"}
    examples = {"zh": ["(维斯特拉, 维斯特拉克朗)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class AcademicDiscipline(Relation):
    """
    Description: The journal is of the field.
    Examples: (Journal of Tides, oceanography)
    """

    names = {"zh": "学科"}
    descriptions = {"zh": "期刊所属的学科。"}
    examples = {"zh": ["(潮汐学报, 海洋学)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)
