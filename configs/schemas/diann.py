"""The class of DIANN (Fabregat et al., 2018): disabilities in abstracts of biomedicine.
"""


class Entity:
    """
    The base class for all entities.
    """

    def __init__(self, name: str):
        self.name = name


class Disability(Entity):
    """
    Description: A lasting limit of what a body or mind can do, by name, abbreviation or description.
    Examples: tide blindness, loss of speech, impaired gait
    """

    names = {"zh": "残疾"}
    descriptions = {"zh": "身体或精神能力的长期受限，以名称、缩写或描述指称。"}
    examples = {"zh": ["潮盲", "失语", "步态障碍"]}
