"""The classes of PHEE (Sun et al., 2022): two kinds of event in case reports of medicine.

`subject` is the whole phrase, `subject_age` and its like are parts of it; so `treatment` with
`drug`, `dosage` and the others. `speculated`, `negated` and `severity` are the words that say so.
"""

from typing import List


class Entity:
    """
    The base class for all entities.
    """

    def __init__(self, name: str):
        self.name = name


class Event:
    """
    The base class for all events.
    """

    def __init__(self, trigger: str):
        self.trigger = trigger


class AdverseEvent(Event):
    """
    Description: A treatment harms, or may harm, a patient.
    Examples: induced, after taking, developed
    """

    names = {"zh": "不良事件"}
    descriptions = {"zh": "治疗对患者造成或可能造成伤害。"}
    examples = {"zh": ["引起", "服药后出现"]}

    def __init__(
        self,
        trigger: str,
        subject: List[Entity],
        subject_age: List[Entity],
        subject_gender: List[Entity],
        subject_race: List[Entity],
        subject_population: List[Entity],
        subject_disorder: List[Entity],
        treatment: List[Entity],
        drug: List[Entity],
        dosage: List[Entity],
        route: List[Entity],
        duration: List[Entity],
        frequency: List[Entity],
        time_elapsed: List[Entity],
        treatment_disorder: List[Entity],
        effect: List[Entity],
        severity: List[Entity],
        speculated: List[Entity],
        negated: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.subject = subject
        self.subject_age = subject_age
        self.subject_gender = subject_gender
        self.subject_race = subject_race
        self.subject_population = subject_population
        self.subject_disorder = subject_disorder
        self.treatment = treatment
        self.drug = drug
        self.dosage = dosage
        self.route = route
        self.duration = duration
        self.frequency = frequency
        self.time_elapsed = time_elapsed
        self.treatment_disorder = treatment_disorder
        self.effect = effect
        self.severity = severity
        self.speculated = speculated
        self.negated = negated


class PotentialTherapeuticEvent(Event):
    """
    Description: A treatment helps, or may help, a patient.
    Examples: relieved, effective, treated with
    """

    names = {"zh": "潜在治疗事件"}
    descriptions = {"zh": "治疗对患者有益或可能有益。"}
    examples = {"zh": ["缓解", "有效"]}

    def __init__(
        self,
        trigger: str,
        subject: List[Entity],
        subject_age: List[Entity],
        subject_gender: List[Entity],
        subject_race: List[Entity],
        subject_population: List[Entity],
        subject_disorder: List[Entity],
        treatment: List[Entity],
        drug: List[Entity],
        dosage: List[Entity],
        route: List[Entity],
        duration: List[Entity],
        frequency: List[Entity],
        time_elapsed: List[Entity],
        treatment_disorder: List[Entity],
        effect: List[Entity],
        severity: List[Entity],
        speculated: List[Entity],
        negated: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.subject = subject
        self.subject_age = subject_age
        self.subject_gender = subject_gender
        self.subject_race = subject_race
        self.subject_population = subject_population
        self.subject_disorder = subject_disorder
        self.treatment = treatment
        self.drug = drug
        self.dosage = dosage
        self.route = route
        self.duration = duration
        self.frequency = frequency
        self.time_elapsed = time_elapsed
        self.treatment_disorder = treatment_disorder
        self.effect = effect
        self.severity = severity
        self.speculated = speculated
        self.negated = negated
