# Classes of each kind, for what the fuzz targets read.
class Person(Entity):
    """
    Description: A human being.
    Examples: Ann
    """

class Location(Entity):
    """
    Description: A place.
    Examples: Rome
    """

class Organization(Entity):
    """
    Description: A group.
    Examples: Acme
    """

class WorksFor(Relation):
    """
    Description: Employment.
    Examples: (Ann, Acme)
    """
    def __init__(self, head_entity: Person, tail_entity: Organization):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)

class Hiring(Event):
    """
    Description: Somebody gets a job.
    Examples: hired
    """
    def __init__(self, trigger: str, employer: List[Organization], employee: List[Person], time: List[Entity]):
        super().__init__(trigger=trigger)
