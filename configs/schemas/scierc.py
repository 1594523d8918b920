"""The classes of SciERC (Luan et al., 2018): six of entities, seven of relations.

Every relation may hold between entities of any class.
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


class Task(Entity):
    """
    Description: A problem to be solved or an application: what a paper is about.
    Examples: parsing of tide tables, lexicon induction
    """

    names = {"zh": "任务"}
    descriptions = {"zh": "要解决的问题或应用。"}
    examples = {"zh": ["潮汐表解析", "词典归纳"]}


class Method(Entity):
    """
    Description: A way of doing something: a model, an algorithm, a system, a tool.
    Examples: nested lattice tagger, two-stage ranking model
    """

    names = {"zh": "方法"}
    descriptions = {"zh": "做某事的办法：模型、算法、系统、工具。"}
    examples = {"zh": ["嵌套格标注器", "两阶段排序模型"]}


class Metric(Entity):
    """
    Description: A measure of how well something works.
    Examples: edge F-score, words per hour
    """

    names = {"zh": "指标"}
    descriptions = {"zh": "衡量效果好坏的量。"}
    examples = {"zh": ["边F值", "每小时词数"]}


class Material(Entity):
    """
    Description: Data, a corpus, a resource, a language or a text that work is done with.
    Examples: Vestra Tide Corpus, Marenko radio news
    """

    names = {"zh": "材料"}
    descriptions = {"zh": "研究所用的数据、语料、资源、语言或文本。"}
    examples = {"zh": ["维斯特拉潮汐语料库", "马连科广播新闻"]}


class OtherScientificTerm(Entity):
    """
    Description: A scientific term that is none of the others: a phenomenon, a property, a concept.
    Examples: long-range agreement, sparse tide vectors
    """

    names = {"zh": "其他科学术语"}
    descriptions = {"zh": "不属于其他类别的科学术语：现象、性质、概念。"}
    examples = {"zh": ["远距离一致", "稀疏向量"]}


class Generic(Entity):
    """
    Description: A general word or pronoun that stands for a scientific term said elsewhere.
    Examples: the approach, it, these models
    """

    names = {"zh": "泛称"}
    descriptions = {"zh": "代指别处所说科学术语的一般词语或代词。"}
    examples = {"zh": ["该方法", "它", "这些模型"]}


class UsedFor(Relation):
    """
    Description: The first is used for the second, or the second is based on the first.
    Examples: (nested lattice tagger, parsing of tide tables)
    """

    names = {"zh": "用于"}
    descriptions = {"zh": "前者用于后者，或后者以前者为基础。"}
    examples = {"zh": ["(嵌套格标注器, 潮汐表解析)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class FeatureOf(Relation):
    """
    Description: The first is a property or feature of the second.
    Examples: (long-range agreement, Marenko radio news)
    """

    names = {"zh": "特征"}
    descriptions = {"zh": "前者是后者的性质或特征。"}
    examples = {"zh": ["(远距离一致, 马连科广播新闻)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class HyponymOf(Relation):
    """
    Description: The first is a kind of the second.
    Examples: (nested lattice tagger, sequence models)
    """

    names = {"zh": "下位"}
    descriptions = {"zh": "前者是后者的一种。"}
    examples = {"zh": ["(嵌套格标注器, 序列模型)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class PartOf(Relation):
    """
    Description: The first is a part of the second.
    Examples: (ranking stage, two-stage ranking model)
    """

    names = {"zh": "部分"}
    descriptions = {"zh": "前者是后者的一部分。"}
    examples = {"zh": ["(排序阶段, 两阶段排序模型)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class EvaluateFor(Relation):
    """
    Description: The first is a measure or a test of the second.
    Examples: (edge F-score, nested lattice tagger)
    """

    names = {"zh": "评测"}
    descriptions = {"zh": "前者是后者的度量或测试。"}
    examples = {"zh": ["(边F值, 嵌套格标注器)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class CompareWith(Relation):
    """
    Description: The two are compared with each other.
    Examples: (nested lattice tagger, flat tagger)
    """

    names = {"zh": "比较"}
    descriptions = {"zh": "两者相互比较。"}
    examples = {"zh": ["(嵌套格标注器, 平面标注器)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class ConjunctionWith(Relation):
    """
    Description: The two are named side by side, in the same role.
    Examples: (tide tables, star charts)
    """

    names = {"zh": "并列"}
    descriptions = {"zh": "两者以同样的身份并列出现。"}
    examples = {"zh": ["(潮汐表, 星图)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)
