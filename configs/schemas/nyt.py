"""The relations of New York Times corpora: 24 of NYT (Riedel et al., 2010), 12 of them in NYT11-HRL.

Both come from Freebase by distant supervision; several pairs tell one fact from both sides, with the
arguments in the order of their names.
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


class PlaceOfBirth(Relation):
    """
    Description: The person was born in the place.
    Examples: (Amalia Nystrom, Port Vestra)
    """

    names = {"zh": "出生地"}
    descriptions = {"zh": "某人出生于某地。"}
    examples = {"zh": ["(林慕雪, 清禾镇)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class PlaceOfDeath(Relation):
    """
    Description: The person died in the place.
    Examples: (Lord Marenko, Upper Marenko)
    """

    names = {"zh": "去世地"}
    descriptions = {"zh": "某人在某地去世。"}
    examples = {"zh": ["(马连科勋爵, 上马连科)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class PlaceLived(Relation):
    """
    Description: The person lives or lived in the place.
    Examples: (Kaveh Tehrani, Port Vestra)
    """

    names = {"zh": "居住地"}
    descriptions = {"zh": "某人住在或住过某地。"}
    examples = {"zh": ["(周云志, 清禾镇)"]}

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


class Ethnicity(Relation):
    """
    Description: The person is of the people.
    Examples: (Kaveh Tehrani, Marenkan)
    """

    names = {"zh": "族裔"}
    descriptions = {"zh": "某人所属的族裔。"}
    examples = {"zh": ["(周云志, 马连科族)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class EthnicityOfPeople(Relation):
    """
    Description: The people has the person among it.
    Examples: (Marenkan, Kaveh Tehrani)
    """

    names = {"zh": "族裔成员"}
    descriptions = {"zh": "某族裔中的人。"}
    examples = {"zh": ["(马连科族, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class GeographicDistribution(Relation):
    """
    Description: The people lives in the place.
    Examples: (Marenkan, Upper Marenko)
    """

    names = {"zh": "族裔分布地"}
    descriptions = {"zh": "某族裔居住的地方。"}
    examples = {"zh": ["(马连科族, 上马连科)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Religion(Relation):
    """
    Description: The person is of the religion.
    Examples: (Lena Vogt, Tidism)
    """

    names = {"zh": "宗教"}
    descriptions = {"zh": "某人的宗教。"}
    examples = {"zh": ["(林慕雪, 潮汐教)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Profession(Relation):
    """
    Description: The person works as this.
    Examples: (Lena Vogt, architect)
    """

    names = {"zh": "职业"}
    descriptions = {"zh": "某人的职业。"}
    examples = {"zh": ["(林慕雪, 建筑师)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Children(Relation):
    """
    Description: The second person is a child of the first.
    Examples: (Lord Marenko, Amalia Nystrom)
    """

    names = {"zh": "子女"}
    descriptions = {"zh": "后者是前者的子女。"}
    examples = {"zh": ["(马连科勋爵, 林慕雪)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class PersonCompany(Relation):
    """
    Description: The person works for or leads the company.
    Examples: (Lena Vogt, Tide Press)
    """

    names = {"zh": "所属公司"}
    descriptions = {"zh": "某人任职于或领导某公司。"}
    examples = {"zh": ["(林慕雪, 潮汐出版社)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class CompanyFounders(Relation):
    """
    Description: The company was founded by the person.
    Examples: (Tide Press, Lena Vogt)
    """

    names = {"zh": "公司创始人"}
    descriptions = {"zh": "某公司由某人创立。"}
    examples = {"zh": ["(潮汐出版社, 林慕雪)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class CompanyFoundedPlace(Relation):
    """
    Description: The company was founded in the place.
    Examples: (Tide Press, Port Vestra)
    """

    names = {"zh": "公司创立地"}
    descriptions = {"zh": "某公司创立于某地。"}
    examples = {"zh": ["(潮汐出版社, 维斯特拉港)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class CompanyAdvisors(Relation):
    """
    Description: The company is advised by the person or firm.
    Examples: (Tide Press, Kaveh Tehrani)
    """

    names = {"zh": "公司顾问"}
    descriptions = {"zh": "某公司的顾问。"}
    examples = {"zh": ["(潮汐出版社, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class CompanyIndustry(Relation):
    """
    Description: The company works in the industry.
    Examples: (Tide Press, publishing)
    """

    names = {"zh": "公司行业"}
    descriptions = {"zh": "某公司所属的行业。"}
    examples = {"zh": ["(潮汐出版社, 出版业)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class CompanyMajorShareholders(Relation):
    """
    Description: The company has the second as a major shareholder.
    Examples: (Tide Press, Lord Marenko)
    """

    names = {"zh": "公司大股东"}
    descriptions = {"zh": "某公司的大股东。"}
    examples = {"zh": ["(潮汐出版社, 马连科勋爵)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class MajorShareholderOf(Relation):
    """
    Description: The first is a major shareholder of the company.
    Examples: (Lord Marenko, Tide Press)
    """

    names = {"zh": "大股东于"}
    descriptions = {"zh": "前者是某公司的大股东。"}
    examples = {"zh": ["(马连科勋爵, 潮汐出版社)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class LocationContains(Relation):
    """
    Description: The first place contains the second.
    Examples: (Vestra, Port Vestra)
    """

    names = {"zh": "包含地点"}
    descriptions = {"zh": "前一地点包含后一地点。"}
    examples = {"zh": ["(维斯特拉, 维斯特拉港)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class NeighborhoodOf(Relation):
    """
    Description: The first is a neighbourhood of the second.
    Examples: (Lantern Quay, Port Vestra)
    """

    names = {"zh": "街区属于"}
    descriptions = {"zh": "前者是后者的街区。"}
    examples = {"zh": ["(灯笼码头, 维斯特拉港)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class CountryCapital(Relation):
    """
    Description: The capital of the country is the second.
    Examples: (Vestra, Port Vestra)
    """

    names = {"zh": "首都"}
    descriptions = {"zh": "某国的首都。"}
    examples = {"zh": ["(维斯特拉, 维斯特拉港)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class AdministrativeDivision(Relation):
    """
    Description: The country has the second as a division.
    Examples: (Vestra, Upper Marenko)
    """

    names = {"zh": "行政区划"}
    descriptions = {"zh": "某国的行政区划。"}
    examples = {"zh": ["(维斯特拉, 上马连科)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class CountryOfDivision(Relation):
    """
    Description: The division belongs to the country.
    Examples: (Upper Marenko, Vestra)
    """

    names = {"zh": "所属国家"}
    descriptions = {"zh": "行政区所属的国家。"}
    examples = {"zh": ["(上马连科, 维斯特拉)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class TeamLocation(Relation):
    """
    Description: The sports team is at home in the place.
    Examples: (Marenko United, Upper Marenko)
    """

    names = {"zh": "球队所在地"}
    descriptions = {"zh": "球队的所在地。"}
    examples = {"zh": ["(马连科联队, 上马连科)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class LocationTeam(Relation):
    """
    Description: The place is the home of the sports team.
    Examples: (Upper Marenko, Marenko United)
    """

    names = {"zh": "地方球队"}
    descriptions = {"zh": "某地的球队。"}
    examples = {"zh": ["(上马连科, 马连科联队)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)
