"""The classes of CMeIE (Guan et al., 2020): relations of Chinese medical textbooks.

The corpus has 53 kinds of triples; ten of them say that two names are synonyms and are one class.
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


class Disease(Entity):
    """
    Description: An illness.
    Examples: Marenko fever
    """

    names = {"zh": "疾病"}
    descriptions = {"zh": "疾病。"}
    examples = {"zh": ["马连科热"]}


class Symptom(Entity):
    """
    Description: What a patient feels or shows.
    Examples: tide blindness
    """

    names = {"zh": "症状"}
    descriptions = {"zh": "患者的感觉或表现。"}
    examples = {"zh": ["潮盲"]}


class Examination(Entity):
    """
    Description: A test or examination.
    Examples: orrel scan
    """

    names = {"zh": "检查"}
    descriptions = {"zh": "检查或化验。"}
    examples = {"zh": ["奥雷尔扫描"]}


class Drug(Entity):
    """
    Description: A medicine.
    Examples: veltramine
    """

    names = {"zh": "药物"}
    descriptions = {"zh": "药物。"}
    examples = {"zh": ["维曲明"]}


class BodyPart(Entity):
    """
    Description: A part of the body.
    Examples: left orrel gland
    """

    names = {"zh": "部位"}
    descriptions = {"zh": "身体部位。"}
    examples = {"zh": ["左奥雷尔腺"]}


class Surgery(Entity):
    """
    Description: An operation.
    Examples: lunate repair
    """

    names = {"zh": "手术治疗"}
    descriptions = {"zh": "手术。"}
    examples = {"zh": ["月牙修补术"]}


class OtherTreatment(Entity):
    """
    Description: A treatment that is no operation.
    Examples: salt baths
    """

    names = {"zh": "其他治疗"}
    descriptions = {"zh": "手术以外的治疗。"}
    examples = {"zh": ["盐浴"]}


class SocialFactor(Entity):
    """
    Description: A cause or circumstance of life, habit, history or inheritance.
    Examples: work at sea
    """

    names = {"zh": "社会学"}
    descriptions = {"zh": "病因、病史、生活习惯等因素。"}
    examples = {"zh": ["海上作业"]}


class Epidemiology(Entity):
    """
    Description: Who has an illness, where, when and how often.
    Examples: children on the coast
    """

    names = {"zh": "流行病学"}
    descriptions = {"zh": "患病的人群、地区、时间、频率。"}
    examples = {"zh": ["沿海儿童"]}


class Prognosis(Entity):
    """
    Description: How an illness ends.
    Examples: full recovery
    """

    names = {"zh": "预后"}
    descriptions = {"zh": "疾病的结局。"}
    examples = {"zh": ["完全康复"]}


class OtherThing(Entity):
    """
    Description: A thing of medicine that is none of the others.
    Examples: clinic for tide medicine
    """

    names = {"zh": "其他"}
    descriptions = {"zh": "其他医学事物。"}
    examples = {"zh": ["潮汐医学科"]}


class Complication(Relation):
    """
    Description: The second comes with or after the first.
    Examples: (Marenko fever, tide blindness)
    """

    names = {"zh": "并发症"}
    descriptions = {"zh": "后者是前者的并发症。"}
    examples = {"zh": ["(马连科热, 潮盲症)"]}

    def __init__(self, head_entity: Disease, tail_entity: Disease):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class PathologicalType(Relation):
    """
    Description: The second is a kind of the first.
    Examples: (Marenko fever, chronic Marenko fever)
    """

    names = {"zh": "病理分型"}
    descriptions = {"zh": "后者是前者的病理分型。"}
    examples = {"zh": ["(马连科热, 慢性马连科热)"]}

    def __init__(self, head_entity: Disease, tail_entity: Disease):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class TurnsInto(Relation):
    """
    Description: The first may turn into the second.
    Examples: (Marenko fever, brittle lung syndrome)
    """

    names = {"zh": "相关（转化）"}
    descriptions = {"zh": "后者是前者的相关疾病（转化）。"}
    examples = {"zh": ["(马连科热, 脆肺综合征)"]}

    def __init__(self, head_entity: Disease, tail_entity: Disease):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class DifferentialDiagnosis(Relation):
    """
    Description: The second must be told from the first.
    Examples: (Marenko fever, low tide fever)
    """

    names = {"zh": "鉴别诊断"}
    descriptions = {"zh": "后者是前者的鉴别诊断。"}
    examples = {"zh": ["(马连科热, 潮热病)"]}

    def __init__(self, head_entity: Disease, tail_entity: Disease):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class RelatedSymptom(Relation):
    """
    Description: The second shows itself in the first.
    Examples: (Marenko fever, tide blindness)
    """

    names = {"zh": "相关（症状）"}
    descriptions = {"zh": "后者是前者的相关疾病（症状）。"}
    examples = {"zh": ["(马连科热, 潮盲症)"]}

    def __init__(self, head_entity: Disease, tail_entity: Disease):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class LeadsTo(Relation):
    """
    Description: The first leads to the second or comes from it.
    Examples: (Marenko fever, brittle lung syndrome)
    """

    names = {"zh": "相关（导致）"}
    descriptions = {"zh": "后者是前者的相关疾病（导致）。"}
    examples = {"zh": ["(马连科热, 脆肺综合征)"]}

    def __init__(self, head_entity: Disease, tail_entity: Disease):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class RiskAssessmentFactor(Relation):
    """
    Description: The factor is weighed for the risk of the disease.
    Examples: (Marenko fever, age)
    """

    names = {"zh": "风险评估因素"}
    descriptions = {"zh": "后者是前者的风险评估因素。"}
    examples = {"zh": ["(马连科热, 年龄)"]}

    def __init__(self, head_entity: Disease, tail_entity: SocialFactor):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class GeneticFactor(Relation):
    """
    Description: The factor of inheritance is behind the disease.
    Examples: (Marenko fever, a change in TDQ9)
    """

    names = {"zh": "遗传因素"}
    descriptions = {"zh": "后者是前者的遗传因素。"}
    examples = {"zh": ["(马连科热, TDQ9突变)"]}

    def __init__(self, head_entity: Disease, tail_entity: SocialFactor):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Mechanism(Relation):
    """
    Description: The disease arises in this way.
    Examples: (Marenko fever, loss of salt balance)
    """

    names = {"zh": "发病机制"}
    descriptions = {"zh": "后者是前者的发病机制。"}
    examples = {"zh": ["(马连科热, 盐分失衡)"]}

    def __init__(self, head_entity: Disease, tail_entity: SocialFactor):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class History(Relation):
    """
    Description: The history is found with the disease.
    Examples: (Marenko fever, years at sea)
    """

    names = {"zh": "病史"}
    descriptions = {"zh": "后者是前者的病史。"}
    examples = {"zh": ["(马连科热, 海上作业史)"]}

    def __init__(self, head_entity: Disease, tail_entity: SocialFactor):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Pathophysiology(Relation):
    """
    Description: This goes on in the body with the disease.
    Examples: (Marenko fever, swollen glands)
    """

    names = {"zh": "病理生理"}
    descriptions = {"zh": "后者是前者的病理生理。"}
    examples = {"zh": ["(马连科热, 腺体肿胀)"]}

    def __init__(self, head_entity: Disease, tail_entity: SocialFactor):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class HighRiskFactor(Relation):
    """
    Description: The factor makes the disease likely.
    Examples: (Marenko fever, life on the coast)
    """

    names = {"zh": "高危因素"}
    descriptions = {"zh": "后者是前者的高危因素。"}
    examples = {"zh": ["(马连科热, 久居海岸)"]}

    def __init__(self, head_entity: Disease, tail_entity: SocialFactor):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Cause(Relation):
    """
    Description: The factor causes the disease.
    Examples: (Marenko fever, salt fog)
    """

    names = {"zh": "病因"}
    descriptions = {"zh": "后者是前者的病因。"}
    examples = {"zh": ["(马连科热, 盐雾)"]}

    def __init__(self, head_entity: Disease, tail_entity: SocialFactor):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Season(Relation):
    """
    Description: The disease is frequent in the season.
    Examples: (Marenko fever, winter)
    """

    names = {"zh": "多发季节"}
    descriptions = {"zh": "后者是前者的多发季节。"}
    examples = {"zh": ["(马连科热, 冬季)"]}

    def __init__(self, head_entity: Disease, tail_entity: Epidemiology):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Region(Relation):
    """
    Description: The disease is frequent in the region.
    Examples: (Marenko fever, Upper Marenko)
    """

    names = {"zh": "多发地区"}
    descriptions = {"zh": "后者是前者的多发地区。"}
    examples = {"zh": ["(马连科热, 上马连科)"]}

    def __init__(self, head_entity: Disease, tail_entity: Epidemiology):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class SexTendency(Relation):
    """
    Description: The disease is frequent in the sex.
    Examples: (Marenko fever, men)
    """

    names = {"zh": "发病性别倾向"}
    descriptions = {"zh": "后者是前者的发病性别倾向。"}
    examples = {"zh": ["(马连科热, 男性)"]}

    def __init__(self, head_entity: Disease, tail_entity: Epidemiology):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Mortality(Relation):
    """
    Description: So many die of the disease.
    Examples: (Marenko fever, 2 per cent)
    """

    names = {"zh": "死亡率"}
    descriptions = {"zh": "后者是前者的死亡率。"}
    examples = {"zh": ["(马连科热, 百分之二)"]}

    def __init__(self, head_entity: Disease, tail_entity: Epidemiology):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Transmission(Relation):
    """
    Description: The disease spreads in this way.
    Examples: (Marenko fever, by sea wind)
    """

    names = {"zh": "传播途径"}
    descriptions = {"zh": "后者是前者的传播途径。"}
    examples = {"zh": ["(马连科热, 海风传播)"]}

    def __init__(self, head_entity: Disease, tail_entity: Epidemiology):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Incidence(Relation):
    """
    Description: So many fall ill with the disease.
    Examples: (Marenko fever, 3 in 1,000)
    """

    names = {"zh": "发病率"}
    descriptions = {"zh": "后者是前者的发病率。"}
    examples = {"zh": ["(马连科热, 千分之三)"]}

    def __init__(self, head_entity: Disease, tail_entity: Epidemiology):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Group(Relation):
    """
    Description: The disease is frequent in the group.
    Examples: (Marenko fever, fishermen)
    """

    names = {"zh": "多发群体"}
    descriptions = {"zh": "后者是前者的多发群体。"}
    examples = {"zh": ["(马连科热, 渔民)"]}

    def __init__(self, head_entity: Disease, tail_entity: Epidemiology):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class AgeOfOnset(Relation):
    """
    Description: The disease begins at the age.
    Examples: (Marenko fever, age 40)
    """

    names = {"zh": "发病年龄"}
    descriptions = {"zh": "后者是前者的发病年龄。"}
    examples = {"zh": ["(马连科热, 四十岁)"]}

    def __init__(self, head_entity: Disease, tail_entity: Epidemiology):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class MetastasisSite(Relation):
    """
    Description: The disease spreads to the part of the body.
    Examples: (Marenko tumour, left orrel gland)
    """

    names = {"zh": "转移部位"}
    descriptions = {"zh": "后者是前者的转移部位。"}
    examples = {"zh": ["(马连科瘤, 左奥雷尔腺)"]}

    def __init__(self, head_entity: Disease, tail_entity: BodyPart):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Site(Relation):
    """
    Description: The disease sits in the part of the body.
    Examples: (Marenko fever, left orrel gland)
    """

    names = {"zh": "发病部位"}
    descriptions = {"zh": "后者是前者的发病部位。"}
    examples = {"zh": ["(马连科热, 左奥雷尔腺)"]}

    def __init__(self, head_entity: Disease, tail_entity: BodyPart):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class InvadedSite(Relation):
    """
    Description: The disease grows into the part of the body.
    Examples: (Marenko tumour, lunate ridge)
    """

    names = {"zh": "外侵部位"}
    descriptions = {"zh": "后者是前者的外侵部位。"}
    examples = {"zh": ["(马连科瘤, 月牙骨)"]}

    def __init__(self, head_entity: Disease, tail_entity: BodyPart):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Imaging(Relation):
    """
    Description: The disease is seen by the imaging.
    Examples: (Marenko fever, orrel scan)
    """

    names = {"zh": "影像学检查"}
    descriptions = {"zh": "后者是前者的影像学检查。"}
    examples = {"zh": ["(马连科热, 奥雷尔扫描)"]}

    def __init__(self, head_entity: Disease, tail_entity: Examination):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Histology(Relation):
    """
    Description: The disease is found by the examination of tissue.
    Examples: (Marenko tumour, gland biopsy)
    """

    names = {"zh": "组织学检查"}
    descriptions = {"zh": "后者是前者的组织学检查。"}
    examples = {"zh": ["(马连科瘤, 腺体活检)"]}

    def __init__(self, head_entity: Disease, tail_entity: Examination):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Endoscopy(Relation):
    """
    Description: The disease is seen by the endoscopy.
    Examples: (Marenko fever, lunate scope)
    """

    names = {"zh": "内窥镜检查"}
    descriptions = {"zh": "后者是前者的内窥镜检查。"}
    examples = {"zh": ["(马连科热, 月牙镜)"]}

    def __init__(self, head_entity: Disease, tail_entity: Examination):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Screening(Relation):
    """
    Description: The disease is searched for by the test.
    Examples: (Marenko fever, tide screening)
    """

    names = {"zh": "筛查"}
    descriptions = {"zh": "后者是前者的筛查。"}
    examples = {"zh": ["(马连科热, 潮汐筛查)"]}

    def __init__(self, head_entity: Disease, tail_entity: Examination):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class LaboratoryTest(Relation):
    """
    Description: The disease is found by the test of the laboratory.
    Examples: (Marenko fever, salinity test)
    """

    names = {"zh": "实验室检查"}
    descriptions = {"zh": "后者是前者的实验室检查。"}
    examples = {"zh": ["(马连科热, 盐度测定)"]}

    def __init__(self, head_entity: Disease, tail_entity: Examination):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class AuxiliaryExamination(Relation):
    """
    Description: The examination helps to find the disease.
    Examples: (Marenko fever, tide listening test)
    """

    names = {"zh": "辅助检查"}
    descriptions = {"zh": "后者是前者的辅助检查。"}
    examples = {"zh": ["(马连科热, 听潮试验)"]}

    def __init__(self, head_entity: Disease, tail_entity: Examination):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Prevention(Relation):
    """
    Description: The disease is prevented by this.
    Examples: (Marenko fever, masks)
    """

    names = {"zh": "预防"}
    descriptions = {"zh": "后者是前者的预防。"}
    examples = {"zh": ["(马连科热, 戴面罩)"]}

    def __init__(self, head_entity: Disease, tail_entity: OtherThing):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Department(Relation):
    """
    Description: The disease is treated in the department.
    Examples: (Marenko fever, tide clinic)
    """

    names = {"zh": "就诊科室"}
    descriptions = {"zh": "后者是前者的就诊科室。"}
    examples = {"zh": ["(马连科热, 潮汐医学科)"]}

    def __init__(self, head_entity: Disease, tail_entity: OtherThing):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Stage(Relation):
    """
    Description: The disease has the stage.
    Examples: (Marenko fever, ebb stage)
    """

    names = {"zh": "阶段"}
    descriptions = {"zh": "后者是前者的阶段。"}
    examples = {"zh": ["(马连科热, 退潮期)"]}

    def __init__(self, head_entity: Disease, tail_entity: OtherThing):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class ClinicalManifestation(Relation):
    """
    Description: The disease shows the symptom.
    Examples: (Marenko fever, tide blindness)
    """

    names = {"zh": "临床表现"}
    descriptions = {"zh": "后者是前者的临床表现。"}
    examples = {"zh": ["(马连科热, 潮盲)"]}

    def __init__(self, head_entity: Disease, tail_entity: Symptom):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class InvasionSymptom(Relation):
    """
    Description: The disease shows the symptom where it has spread.
    Examples: (Marenko tumour, loss of voice)
    """

    names = {"zh": "侵及周围组织转移的症状"}
    descriptions = {"zh": "后者是前者的侵及周围组织转移的症状。"}
    examples = {"zh": ["(马连科瘤, 声哑)"]}

    def __init__(self, head_entity: Disease, tail_entity: Symptom):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class SymptomAfterTreatment(Relation):
    """
    Description: The symptom comes after treatment of the disease.
    Examples: (Marenko fever, weakness)
    """

    names = {"zh": "治疗后症状"}
    descriptions = {"zh": "后者是前者的治疗后症状。"}
    examples = {"zh": ["(马连科热, 乏力)"]}

    def __init__(self, head_entity: Disease, tail_entity: Symptom):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Radiotherapy(Relation):
    """
    Description: The disease is treated by the radiation.
    Examples: (Marenko tumour, orrel beam)
    """

    names = {"zh": "放射治疗"}
    descriptions = {"zh": "后者是前者的放射治疗。"}
    examples = {"zh": ["(马连科瘤, 奥雷尔照射)"]}

    def __init__(self, head_entity: Disease, tail_entity: OtherTreatment):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class SurgicalTreatment(Relation):
    """
    Description: The disease is treated by the operation.
    Examples: (Marenko tumour, lunate repair)
    """

    names = {"zh": "手术治疗"}
    descriptions = {"zh": "后者是前者的手术治疗。"}
    examples = {"zh": ["(马连科瘤, 月牙修补术)"]}

    def __init__(self, head_entity: Disease, tail_entity: Surgery):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class AdjuvantTreatment(Relation):
    """
    Description: The treatment is added to others against the disease.
    Examples: (Marenko fever, salt baths)
    """

    names = {"zh": "辅助治疗"}
    descriptions = {"zh": "后者是前者的辅助治疗。"}
    examples = {"zh": ["(马连科热, 盐浴)"]}

    def __init__(self, head_entity: Disease, tail_entity: OtherTreatment):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class DrugTreatment(Relation):
    """
    Description: The disease is treated by the drug.
    Examples: (Marenko fever, veltramine)
    """

    names = {"zh": "药物治疗"}
    descriptions = {"zh": "后者是前者的药物治疗。"}
    examples = {"zh": ["(马连科热, 维曲明)"]}

    def __init__(self, head_entity: Disease, tail_entity: Drug):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Chemotherapy(Relation):
    """
    Description: The disease is treated by the chemotherapy.
    Examples: (Marenko tumour, orbenazole scheme)
    """

    names = {"zh": "化疗"}
    descriptions = {"zh": "后者是前者的化疗。"}
    examples = {"zh": ["(马连科瘤, 奥苯那唑方案)"]}

    def __init__(self, head_entity: Disease, tail_entity: OtherTreatment):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class PrognosisOf(Relation):
    """
    Description: The disease ends like this.
    Examples: (Marenko fever, full recovery)
    """

    names = {"zh": "预后状况"}
    descriptions = {"zh": "后者是前者的预后状况。"}
    examples = {"zh": ["(马连科热, 完全康复)"]}

    def __init__(self, head_entity: Disease, tail_entity: Prognosis):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class SurvivalRate(Relation):
    """
    Description: So many survive the disease.
    Examples: (Marenko tumour, 90 per cent)
    """

    names = {"zh": "预后生存率"}
    descriptions = {"zh": "后者是前者的预后生存率。"}
    examples = {"zh": ["(马连科瘤, 百分之九十)"]}

    def __init__(self, head_entity: Disease, tail_entity: Prognosis):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Synonym(Relation):
    """
    Description: The two are names of the same.
    Examples: (Marenko fever, Upper Marenko fever)
    """

    names = {"zh": "同义词"}
    descriptions = {"zh": "二者是同一事物的名称。"}
    examples = {"zh": ["(马连科热, 上马连科热)"]}

    def __init__(self, head_entity: Entity, tail_entity: Entity):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)
