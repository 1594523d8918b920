"""The seventeen relations of KBP37 (Zhang and Wang, 2015) that are relations: slots of TAC KBP.
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


class AlternateName(Relation):
    """
    Description: The second is another name of the first.
    Examples: (Ministry of Tides, the Ministry)
    """

    names = {"zh": "别名"}
    descriptions = {"zh": "后者是前者的别名。"}
    examples = {"zh": ["(潮汐部, 该部)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Origin(Relation):
    """
    Description: The person is of the people or country.
    Examples: (Amalia Nystrom, Vestran)
    """

    names = {"zh": "籍贯"}
    descriptions = {"zh": "某人的民族或国家。"}
    examples = {"zh": ["(林慕雪, 维斯特拉人)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Spouse(Relation):
    """
    Description: The two people are married.
    Examples: (Amalia Nystrom, Kaveh Tehrani)
    """

    names = {"zh": "配偶"}
    descriptions = {"zh": "二人是夫妻。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class TitleOfPerson(Relation):
    """
    Description: The person holds the title or office.
    Examples: (Lena Vogt, harbour master)
    """

    names = {"zh": "头衔"}
    descriptions = {"zh": "某人的头衔或职务。"}
    examples = {"zh": ["(林慕雪, 港务长)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class EmployeeOf(Relation):
    """
    Description: The person works for the organization.
    Examples: (Lena Vogt, Tide Press)
    """

    names = {"zh": "受雇于"}
    descriptions = {"zh": "某人受雇于某组织。"}
    examples = {"zh": ["(林慕雪, 潮汐出版社)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class CountryOfBirth(Relation):
    """
    Description: The person was born in the country.
    Examples: (Kaveh Tehrani, Vestra)
    """

    names = {"zh": "出生国"}
    descriptions = {"zh": "某人出生的国家。"}
    examples = {"zh": ["(周云志, 维斯特拉)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class CountriesOfResidence(Relation):
    """
    Description: The person lives or lived in the country.
    Examples: (Kaveh Tehrani, Vestra)
    """

    names = {"zh": "居住国"}
    descriptions = {"zh": "某人居住的国家。"}
    examples = {"zh": ["(周云志, 维斯特拉)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class StateOrProvincesOfResidence(Relation):
    """
    Description: The person lives or lived in the state or province.
    Examples: (Lena Vogt, Upper Marenko)
    """

    names = {"zh": "居住省州"}
    descriptions = {"zh": "某人居住的省或州。"}
    examples = {"zh": ["(林慕雪, 上马连科)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class CitiesOfResidence(Relation):
    """
    Description: The person lives or lived in the city.
    Examples: (Lena Vogt, Port Vestra)
    """

    names = {"zh": "居住城市"}
    descriptions = {"zh": "某人居住的城市。"}
    examples = {"zh": ["(林慕雪, 维斯特拉港)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class CountryOfHeadquarters(Relation):
    """
    Description: The organization has its seat in the country.
    Examples: (Vestra Shipping Ltd, Vestra)
    """

    names = {"zh": "总部所在国"}
    descriptions = {"zh": "某组织总部所在的国家。"}
    examples = {"zh": ["(清禾学院, 维斯特拉)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class StateOrProvinceOfHeadquarters(Relation):
    """
    Description: The organization has its seat in the state or province.
    Examples: (Vestra Shipping Ltd, Upper Marenko)
    """

    names = {"zh": "总部所在省州"}
    descriptions = {"zh": "某组织总部所在的省或州。"}
    examples = {"zh": ["(清禾学院, 上马连科)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class CityOfHeadquarters(Relation):
    """
    Description: The organization has its seat in the city.
    Examples: (Vestra Shipping Ltd, Port Vestra)
    """

    names = {"zh": "总部所在城市"}
    descriptions = {"zh": "某组织总部所在的城市。"}
    examples = {"zh": ["(清禾学院, 清禾镇)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Founded(Relation):
    """
    Description: The organization was founded at the time.
    Examples: (Vestra Shipping Ltd, 2031)
    """

    names = {"zh": "成立时间"}
    descriptions = {"zh": "某组织成立的时间。"}
    examples = {"zh": ["(清禾学院, 2031年)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class FoundedBy(Relation):
    """
    Description: The organization was founded by the person.
    Examples: (Tide Press, Lena Vogt)
    """

    names = {"zh": "创立者"}
    descriptions = {"zh": "某组织由某人创立。"}
    examples = {"zh": ["(潮汐出版社, 林慕雪)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Members(Relation):
    """
    Description: The organization has the second as a member.
    Examples: (Coastal Union, Qinghe College)
    """

    names = {"zh": "成员"}
    descriptions = {"zh": "某组织的成员。"}
    examples = {"zh": ["(海岸联合会, 清禾学院)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Subsidiaries(Relation):
    """
    Description: The organization owns the second.
    Examples: (Vestra Shipping Ltd, Tide Press)
    """

    names = {"zh": "子公司"}
    descriptions = {"zh": "某组织的子公司。"}
    examples = {"zh": ["(清禾航运, 潮汐出版社)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class TopMembersEmployees(Relation):
    """
    Description: The organization is led by the person.
    Examples: (Ministry of Tides, Amalia Nystrom)
    """

    names = {"zh": "高层成员"}
    descriptions = {"zh": "某组织的高层人员。"}
    examples = {"zh": ["(潮汐部, 林慕雪)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)
