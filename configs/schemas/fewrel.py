"""The 16 relations of the validation set of FewRel (Han et al., 2018), which are of Wikidata.

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


class Crosses(Relation):
    """
    Description: The bridge or tunnel goes over or under the obstacle: a river, a road, a strait.
    Examples: (Vestra Bridge, Marenko River)
    """

    names = {"zh": "跨越"}
    descriptions = {"zh": "桥梁或隧道跨越某障碍：河流、道路、海峡。"}
    examples = {"zh": ["(清禾大桥, 清禾河)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class OriginalLanguage(Relation):
    """
    Description: The film, series or work was made in the language.
    Examples: (The Tide Keeper, Vestran)
    """

    names = {"zh": "原始语言"}
    descriptions = {"zh": "影视或作品最初使用的语言。"}
    examples = {"zh": ["(守潮人, 维斯特拉语)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class CompetitionClass(Relation):
    """
    Description: The event, team or person competes in the class.
    Examples: (Amalia Nystrom, flyweight)
    """

    names = {"zh": "竞赛级别"}
    descriptions = {"zh": "赛事、队伍或选手所属的级别。"}
    examples = {"zh": ["(林慕雪, 蝇量级)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class PartOf(Relation):
    """
    Description: The first is a part of the second.
    Examples: (Upper Marenko, Marenko)
    """

    names = {"zh": "属于一部分"}
    descriptions = {"zh": "前者是后者的一部分。"}
    examples = {"zh": ["(上马连科, 马连科)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Sport(Relation):
    """
    Description: The person, team or event is of the sport.
    Examples: (Marenko United, football)
    """

    names = {"zh": "运动项目"}
    descriptions = {"zh": "人、队伍或赛事所属的运动。"}
    examples = {"zh": ["(马连科联队, 足球)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Constellation(Relation):
    """
    Description: The star or galaxy stands in the constellation.
    Examples: (VT 114, the Anchor)
    """

    names = {"zh": "所在星座"}
    descriptions = {"zh": "恒星或星系所在的星座。"}
    examples = {"zh": ["(维星114, 船锚座)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class PositionPlayed(Relation):
    """
    Description: The player plays in the position.
    Examples: (Kaveh Tehrani, goalkeeper)
    """

    names = {"zh": "场上位置"}
    descriptions = {"zh": "运动员在队中的位置。"}
    examples = {"zh": ["(周云志, 守门员)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class LocatedNextToWater(Relation):
    """
    Description: The place lies on or in the sea, lake or river.
    Examples: (Port Vestra, Lake Vestra)
    """

    names = {"zh": "临近水域"}
    descriptions = {"zh": "地点位于海洋、湖泊或河流之滨。"}
    examples = {"zh": ["(维斯特拉港, 维斯特拉湖)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class VoiceType(Relation):
    """
    Description: The singer has the voice.
    Examples: (Amalia Nystrom, contralto)
    """

    names = {"zh": "声部"}
    descriptions = {"zh": "歌唱者的声部。"}
    examples = {"zh": ["(林慕雪, 女低音)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Follows(Relation):
    """
    Description: The first comes after the second in a series.
    Examples: (The Tide Keeper II, The Tide Keeper)
    """

    names = {"zh": "继……之后"}
    descriptions = {"zh": "在系列中前者接在后者之后。"}
    examples = {"zh": ["(守潮人二, 守潮人)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Spouse(Relation):
    """
    Description: The two are married, or were.
    Examples: (Amalia Nystrom, Kaveh Tehrani)
    """

    names = {"zh": "配偶"}
    descriptions = {"zh": "两人是或曾是夫妻。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class MilitaryRank(Relation):
    """
    Description: The person holds or held the rank.
    Examples: (Lord Marenko, vice admiral)
    """

    names = {"zh": "军衔"}
    descriptions = {"zh": "某人的军衔。"}
    examples = {"zh": ["(周云志, 少校)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Mother(Relation):
    """
    Description: The mother of the first is the second.
    Examples: (Lena Nystrom, Amalia Nystrom)
    """

    names = {"zh": "母亲"}
    descriptions = {"zh": "前者的母亲是后者。"}
    examples = {"zh": ["(周小禾, 林慕雪)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class MemberOf(Relation):
    """
    Description: The person or body is a member of the group.
    Examples: (Vestra, Tide League)
    """

    names = {"zh": "成员"}
    descriptions = {"zh": "个人或团体是某组织的成员。"}
    examples = {"zh": ["(维斯特拉, 潮汐联盟)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Child(Relation):
    """
    Description: The first has the second as a child.
    Examples: (Amalia Nystrom, Lena Nystrom)
    """

    names = {"zh": "子女"}
    descriptions = {"zh": "前者的子女是后者。"}
    examples = {"zh": ["(林慕雪, 周小禾)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class MainSubject(Relation):
    """
    Description: The work is about the subject.
    Examples: (The Tide Keeper, lighthouses)
    """

    names = {"zh": "主题"}
    descriptions = {"zh": "作品的主题。"}
    examples = {"zh": ["(守潮人, 灯塔)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)
