"""The relations of IPRE (Wang et al., 2019): 34 between two people in Chinese text of the web.

The corpus gives the names without a type.
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


class Husband(Relation):
    """
    Description: The second person is the husband of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "丈夫"}
    descriptions = {"zh": "后者是前者的丈夫。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class FormerHusband(Relation):
    """
    Description: The second person is the former husband of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "前夫"}
    descriptions = {"zh": "后者是前者的前夫。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class MaleFiance(Relation):
    """
    Description: The second person is the fiancé of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "未婚夫"}
    descriptions = {"zh": "后者是前者的未婚夫。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Wife(Relation):
    """
    Description: The second person is the wife of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "妻子"}
    descriptions = {"zh": "后者是前者的妻子。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class FormerWife(Relation):
    """
    Description: The second person is the former wife of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "前妻"}
    descriptions = {"zh": "后者是前者的前妻。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class FemaleFiancee(Relation):
    """
    Description: The second person is the fiancée of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "未婚妻"}
    descriptions = {"zh": "后者是前者的未婚妻。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class PaternalGrandfather(Relation):
    """
    Description: The second person is the father's father of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "爷爷"}
    descriptions = {"zh": "后者是前者的爷爷。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class PaternalGrandmother(Relation):
    """
    Description: The second person is the father's mother of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "奶奶"}
    descriptions = {"zh": "后者是前者的奶奶。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class MaternalGrandfather(Relation):
    """
    Description: The second person is the mother's father of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "外公"}
    descriptions = {"zh": "后者是前者的外公。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Father(Relation):
    """
    Description: The second person is the father of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "父亲"}
    descriptions = {"zh": "后者是前者的父亲。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Mother(Relation):
    """
    Description: The second person is the mother of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "母亲"}
    descriptions = {"zh": "后者是前者的母亲。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Son(Relation):
    """
    Description: The second person is the son of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "儿子"}
    descriptions = {"zh": "后者是前者的儿子。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Daughter(Relation):
    """
    Description: The second person is the daughter of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "女儿"}
    descriptions = {"zh": "后者是前者的女儿。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Grandson(Relation):
    """
    Description: The second person is the grandson of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "孙子"}
    descriptions = {"zh": "后者是前者的孙子。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Granddaughter(Relation):
    """
    Description: The second person is the granddaughter of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "孙女"}
    descriptions = {"zh": "后者是前者的孙女。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class ElderBrother(Relation):
    """
    Description: The second person is the elder brother of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "哥哥"}
    descriptions = {"zh": "后者是前者的哥哥。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class YoungerBrother(Relation):
    """
    Description: The second person is the younger brother of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "弟弟"}
    descriptions = {"zh": "后者是前者的弟弟。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class ElderSister(Relation):
    """
    Description: The second person is the elder sister of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "姐姐"}
    descriptions = {"zh": "后者是前者的姐姐。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class YoungerSister(Relation):
    """
    Description: The second person is the younger sister of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "妹妹"}
    descriptions = {"zh": "后者是前者的妹妹。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class PaternalUncle(Relation):
    """
    Description: The second person is the father's brother of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "叔伯"}
    descriptions = {"zh": "后者是前者的叔伯。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class MaternalUncle(Relation):
    """
    Description: The second person is the mother's brother of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "舅舅"}
    descriptions = {"zh": "后者是前者的舅舅。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class PaternalAunt(Relation):
    """
    Description: The second person is the father's sister of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "姑妈"}
    descriptions = {"zh": "后者是前者的姑妈。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Nephew(Relation):
    """
    Description: The second person is the nephew of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "侄子"}
    descriptions = {"zh": "后者是前者的侄子。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Niece(Relation):
    """
    Description: The second person is the niece of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "侄女"}
    descriptions = {"zh": "后者是前者的侄女。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class DaughterInLaw(Relation):
    """
    Description: The second person is the son's wife of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "儿媳"}
    descriptions = {"zh": "后者是前者的儿媳。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class SonInLaw(Relation):
    """
    Description: The second person is the daughter's husband of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "女婿"}
    descriptions = {"zh": "后者是前者的女婿。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class SisterInLaw(Relation):
    """
    Description: The second person is the brother's wife of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "嫂子"}
    descriptions = {"zh": "后者是前者的嫂子。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class HusbandsFather(Relation):
    """
    Description: The second person is the husband's father of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "公公"}
    descriptions = {"zh": "后者是前者的公公。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class WifesFather(Relation):
    """
    Description: The second person is the wife's father of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "岳父"}
    descriptions = {"zh": "后者是前者的岳父。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Friend(Relation):
    """
    Description: The second person is the friend of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "朋友"}
    descriptions = {"zh": "后者是前者的朋友。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Likes(Relation):
    """
    Description: The first person is in love with the second.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "喜欢"}
    descriptions = {"zh": "前者喜欢后者。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Lover(Relation):
    """
    Description: The second person is the lover of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "恋人"}
    descriptions = {"zh": "后者是前者的恋人。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Teacher(Relation):
    """
    Description: The second person is the teacher of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "老师"}
    descriptions = {"zh": "后者是前者的老师。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Student(Relation):
    """
    Description: The second person is the pupil of the first.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "学生"}
    descriptions = {"zh": "后者是前者的学生。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)
