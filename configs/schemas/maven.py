"""The classes of MAVEN (Wang et al., 2020): 168 kinds of events in Wikipedia, without arguments.
"""


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


class Know(Event):
    """
    Description: Somebody knows or comes to know something.
    Examples: knew
    """

    names = {"zh": "知晓"}
    descriptions = {"zh": "发生了知晓。"}
    examples = {"zh": ["知晓"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Warning(Event):
    """
    Description: Somebody is warned.
    Examples: warned
    """

    names = {"zh": "警告"}
    descriptions = {"zh": "发生了警告。"}
    examples = {"zh": ["警告"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Catastrophe(Event):
    """
    Description: A disaster happens.
    Examples: disaster
    """

    names = {"zh": "灾难"}
    descriptions = {"zh": "发生了灾难。"}
    examples = {"zh": ["灾难"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Placing(Event):
    """
    Description: Something is put somewhere.
    Examples: placed
    """

    names = {"zh": "放置"}
    descriptions = {"zh": "发生了放置。"}
    examples = {"zh": ["放置"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Causation(Event):
    """
    Description: Something causes something.
    Examples: caused
    """

    names = {"zh": "引起"}
    descriptions = {"zh": "发生了引起。"}
    examples = {"zh": ["引起"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Arriving(Event):
    """
    Description: Somebody or something arrives.
    Examples: arrived
    """

    names = {"zh": "到达"}
    descriptions = {"zh": "发生了到达。"}
    examples = {"zh": ["到达"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Sending(Event):
    """
    Description: Something or somebody is sent.
    Examples: sent
    """

    names = {"zh": "派送"}
    descriptions = {"zh": "发生了派送。"}
    examples = {"zh": ["派送"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Protest(Event):
    """
    Description: People protest.
    Examples: protested
    """

    names = {"zh": "抗议"}
    descriptions = {"zh": "发生了抗议。"}
    examples = {"zh": ["抗议"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class PreventingOrLetting(Event):
    """
    Description: Something is prevented or let happen.
    Examples: prevented
    """

    names = {"zh": "阻止或允许"}
    descriptions = {"zh": "发生了阻止或允许。"}
    examples = {"zh": ["阻止或允许"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Motion(Event):
    """
    Description: Something moves.
    Examples: moved
    """

    names = {"zh": "移动"}
    descriptions = {"zh": "发生了移动。"}
    examples = {"zh": ["移动"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Damaging(Event):
    """
    Description: Something is damaged.
    Examples: damaged
    """

    names = {"zh": "损坏"}
    descriptions = {"zh": "发生了损坏。"}
    examples = {"zh": ["损坏"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Destroying(Event):
    """
    Description: Something is destroyed.
    Examples: destroyed
    """

    names = {"zh": "摧毁"}
    descriptions = {"zh": "发生了摧毁。"}
    examples = {"zh": ["摧毁"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Death(Event):
    """
    Description: Somebody dies.
    Examples: died
    """

    names = {"zh": "死亡"}
    descriptions = {"zh": "发生了死亡。"}
    examples = {"zh": ["死亡"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class PerceptionActive(Event):
    """
    Description: Somebody watches or listens on purpose.
    Examples: watched
    """

    names = {"zh": "主动感知"}
    descriptions = {"zh": "发生了主动感知。"}
    examples = {"zh": ["主动感知"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Presence(Event):
    """
    Description: Something is there.
    Examples: was present
    """

    names = {"zh": "存在"}
    descriptions = {"zh": "发生了存在。"}
    examples = {"zh": ["存在"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Influence(Event):
    """
    Description: Something influences something.
    Examples: influenced
    """

    names = {"zh": "影响"}
    descriptions = {"zh": "发生了影响。"}
    examples = {"zh": ["影响"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Receiving(Event):
    """
    Description: Somebody receives something.
    Examples: received
    """

    names = {"zh": "收到"}
    descriptions = {"zh": "发生了收到。"}
    examples = {"zh": ["收到"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Check(Event):
    """
    Description: Something is checked.
    Examples: checked
    """

    names = {"zh": "核查"}
    descriptions = {"zh": "发生了核查。"}
    examples = {"zh": ["核查"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class HostileEncounter(Event):
    """
    Description: Sides fight or clash.
    Examples: battle
    """

    names = {"zh": "敌对冲突"}
    descriptions = {"zh": "发生了敌对冲突。"}
    examples = {"zh": ["敌对冲突"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Killing(Event):
    """
    Description: Somebody kills somebody.
    Examples: killed
    """

    names = {"zh": "杀害"}
    descriptions = {"zh": "发生了杀害。"}
    examples = {"zh": ["杀害"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Conquering(Event):
    """
    Description: A place is conquered.
    Examples: captured
    """

    names = {"zh": "征服"}
    descriptions = {"zh": "发生了征服。"}
    examples = {"zh": ["征服"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Releasing(Event):
    """
    Description: Somebody or something is let go.
    Examples: released
    """

    names = {"zh": "释放"}
    descriptions = {"zh": "发生了释放。"}
    examples = {"zh": ["释放"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Attack(Event):
    """
    Description: Somebody attacks.
    Examples: attacked
    """

    names = {"zh": "攻击"}
    descriptions = {"zh": "发生了攻击。"}
    examples = {"zh": ["攻击"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class EarningsAndLosses(Event):
    """
    Description: Money or goods are earned or lost.
    Examples: lost
    """

    names = {"zh": "得失"}
    descriptions = {"zh": "发生了得失。"}
    examples = {"zh": ["得失"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Choosing(Event):
    """
    Description: Something is chosen.
    Examples: chose
    """

    names = {"zh": "选择"}
    descriptions = {"zh": "发生了选择。"}
    examples = {"zh": ["选择"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Traveling(Event):
    """
    Description: Somebody travels.
    Examples: travelled
    """

    names = {"zh": "旅行"}
    descriptions = {"zh": "发生了旅行。"}
    examples = {"zh": ["旅行"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Recovering(Event):
    """
    Description: Something or somebody recovers.
    Examples: recovered
    """

    names = {"zh": "恢复"}
    descriptions = {"zh": "发生了恢复。"}
    examples = {"zh": ["恢复"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Using(Event):
    """
    Description: Something is used.
    Examples: used
    """

    names = {"zh": "使用"}
    descriptions = {"zh": "发生了使用。"}
    examples = {"zh": ["使用"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class ComingToBe(Event):
    """
    Description: Something comes into being.
    Examples: emerged
    """

    names = {"zh": "产生"}
    descriptions = {"zh": "发生了产生。"}
    examples = {"zh": ["产生"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class CauseToBeIncluded(Event):
    """
    Description: Something is added to something.
    Examples: added
    """

    names = {"zh": "纳入"}
    descriptions = {"zh": "发生了纳入。"}
    examples = {"zh": ["纳入"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class ProcessStart(Event):
    """
    Description: Something begins.
    Examples: began
    """

    names = {"zh": "开始"}
    descriptions = {"zh": "发生了开始。"}
    examples = {"zh": ["开始"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class ChangeEventTime(Event):
    """
    Description: An event is put off or brought forward.
    Examples: postponed
    """

    names = {"zh": "改期"}
    descriptions = {"zh": "发生了改期。"}
    examples = {"zh": ["改期"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Reporting(Event):
    """
    Description: Something is reported.
    Examples: reported
    """

    names = {"zh": "报告"}
    descriptions = {"zh": "发生了报告。"}
    examples = {"zh": ["报告"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class BodilyHarm(Event):
    """
    Description: Somebody is hurt in body.
    Examples: injured
    """

    names = {"zh": "身体伤害"}
    descriptions = {"zh": "发生了身体伤害。"}
    examples = {"zh": ["身体伤害"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Suspicion(Event):
    """
    Description: Somebody is suspected.
    Examples: suspected
    """

    names = {"zh": "怀疑"}
    descriptions = {"zh": "发生了怀疑。"}
    examples = {"zh": ["怀疑"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Statement(Event):
    """
    Description: Somebody states something.
    Examples: stated
    """

    names = {"zh": "陈述"}
    descriptions = {"zh": "发生了陈述。"}
    examples = {"zh": ["陈述"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class CauseChangeOfPositionOnAScale(Event):
    """
    Description: A value is raised or lowered.
    Examples: increased
    """

    names = {"zh": "数值变动"}
    descriptions = {"zh": "发生了数值变动。"}
    examples = {"zh": ["数值变动"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class ComingToBelieve(Event):
    """
    Description: Somebody comes to believe something.
    Examples: concluded
    """

    names = {"zh": "得出看法"}
    descriptions = {"zh": "发生了得出看法。"}
    examples = {"zh": ["得出看法"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class ExpressingPublicly(Event):
    """
    Description: Something is expressed in public.
    Examples: announced
    """

    names = {"zh": "公开表达"}
    descriptions = {"zh": "发生了公开表达。"}
    examples = {"zh": ["公开表达"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Request(Event):
    """
    Description: Somebody asks for something.
    Examples: requested
    """

    names = {"zh": "请求"}
    descriptions = {"zh": "发生了请求。"}
    examples = {"zh": ["请求"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Control(Event):
    """
    Description: Something is controlled.
    Examples: controlled
    """

    names = {"zh": "控制"}
    descriptions = {"zh": "发生了控制。"}
    examples = {"zh": ["控制"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Supporting(Event):
    """
    Description: Somebody supports somebody or something.
    Examples: supported
    """

    names = {"zh": "支持"}
    descriptions = {"zh": "发生了支持。"}
    examples = {"zh": ["支持"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Defending(Event):
    """
    Description: Something is defended.
    Examples: defended
    """

    names = {"zh": "防御"}
    descriptions = {"zh": "发生了防御。"}
    examples = {"zh": ["防御"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Building(Event):
    """
    Description: Something is built.
    Examples: built
    """

    names = {"zh": "建造"}
    descriptions = {"zh": "发生了建造。"}
    examples = {"zh": ["建造"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class MilitaryOperation(Event):
    """
    Description: Forces carry out an operation.
    Examples: campaign
    """

    names = {"zh": "军事行动"}
    descriptions = {"zh": "发生了军事行动。"}
    examples = {"zh": ["军事行动"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class SelfMotion(Event):
    """
    Description: Somebody moves by own power.
    Examples: walked
    """

    names = {"zh": "自主移动"}
    descriptions = {"zh": "发生了自主移动。"}
    examples = {"zh": ["自主移动"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class GetReady(Event):
    """
    Description: Somebody gets ready.
    Examples: prepared
    """

    names = {"zh": "准备"}
    descriptions = {"zh": "发生了准备。"}
    examples = {"zh": ["准备"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class FormingRelationships(Event):
    """
    Description: People form a tie, such as marriage.
    Examples: married
    """

    names = {"zh": "建立关系"}
    descriptions = {"zh": "发生了建立关系。"}
    examples = {"zh": ["建立关系"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class BecomingAMember(Event):
    """
    Description: Somebody becomes a member.
    Examples: joined
    """

    names = {"zh": "成为成员"}
    descriptions = {"zh": "发生了成为成员。"}
    examples = {"zh": ["成为成员"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Action(Event):
    """
    Description: Somebody acts.
    Examples: acted
    """

    names = {"zh": "行动"}
    descriptions = {"zh": "发生了行动。"}
    examples = {"zh": ["行动"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Removing(Event):
    """
    Description: Something is removed.
    Examples: removed
    """

    names = {"zh": "移除"}
    descriptions = {"zh": "发生了移除。"}
    examples = {"zh": ["移除"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Surrendering(Event):
    """
    Description: A side surrenders.
    Examples: surrendered
    """

    names = {"zh": "投降"}
    descriptions = {"zh": "发生了投降。"}
    examples = {"zh": ["投降"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class AgreeOrRefuseToAct(Event):
    """
    Description: Somebody agrees or refuses to act.
    Examples: refused
    """

    names = {"zh": "同意或拒绝行动"}
    descriptions = {"zh": "发生了同意或拒绝行动。"}
    examples = {"zh": ["同意或拒绝行动"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Participation(Event):
    """
    Description: Somebody takes part.
    Examples: took part
    """

    names = {"zh": "参与"}
    descriptions = {"zh": "发生了参与。"}
    examples = {"zh": ["参与"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Deciding(Event):
    """
    Description: Somebody decides.
    Examples: decided
    """

    names = {"zh": "决定"}
    descriptions = {"zh": "发生了决定。"}
    examples = {"zh": ["决定"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class EducationTeaching(Event):
    """
    Description: Somebody teaches or learns.
    Examples: taught
    """

    names = {"zh": "教学"}
    descriptions = {"zh": "发生了教学。"}
    examples = {"zh": ["教学"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Emptying(Event):
    """
    Description: Something is emptied.
    Examples: evacuated
    """

    names = {"zh": "清空"}
    descriptions = {"zh": "发生了清空。"}
    examples = {"zh": ["清空"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Getting(Event):
    """
    Description: Somebody gets something.
    Examples: gained
    """

    names = {"zh": "获得"}
    descriptions = {"zh": "发生了获得。"}
    examples = {"zh": ["获得"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Besieging(Event):
    """
    Description: A place is besieged.
    Examples: siege
    """

    names = {"zh": "围攻"}
    descriptions = {"zh": "发生了围攻。"}
    examples = {"zh": ["围攻"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Creating(Event):
    """
    Description: Something is created.
    Examples: created
    """

    names = {"zh": "创造"}
    descriptions = {"zh": "发生了创造。"}
    examples = {"zh": ["创造"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class ProcessEnd(Event):
    """
    Description: Something ends.
    Examples: ended
    """

    names = {"zh": "结束"}
    descriptions = {"zh": "发生了结束。"}
    examples = {"zh": ["结束"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class BodyMovement(Event):
    """
    Description: A part of a body moves.
    Examples: nodded
    """

    names = {"zh": "肢体动作"}
    descriptions = {"zh": "发生了肢体动作。"}
    examples = {"zh": ["肢体动作"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Expansion(Event):
    """
    Description: Something grows in size.
    Examples: expanded
    """

    names = {"zh": "扩张"}
    descriptions = {"zh": "发生了扩张。"}
    examples = {"zh": ["扩张"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Telling(Event):
    """
    Description: Somebody tells somebody something.
    Examples: told
    """

    names = {"zh": "告知"}
    descriptions = {"zh": "发生了告知。"}
    examples = {"zh": ["告知"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Change(Event):
    """
    Description: Something changes.
    Examples: changed
    """

    names = {"zh": "变化"}
    descriptions = {"zh": "发生了变化。"}
    examples = {"zh": ["变化"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class LegalRulings(Event):
    """
    Description: A court or judge rules.
    Examples: ruled
    """

    names = {"zh": "司法裁决"}
    descriptions = {"zh": "发生了司法裁决。"}
    examples = {"zh": ["司法裁决"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class BearingArms(Event):
    """
    Description: Somebody bears arms.
    Examples: armed
    """

    names = {"zh": "携带武器"}
    descriptions = {"zh": "发生了携带武器。"}
    examples = {"zh": ["携带武器"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Giving(Event):
    """
    Description: Somebody gives something.
    Examples: gave
    """

    names = {"zh": "给予"}
    descriptions = {"zh": "发生了给予。"}
    examples = {"zh": ["给予"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class NameConferral(Event):
    """
    Description: Something or somebody is named.
    Examples: named
    """

    names = {"zh": "命名"}
    descriptions = {"zh": "发生了命名。"}
    examples = {"zh": ["命名"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Arranging(Event):
    """
    Description: Something is arranged.
    Examples: organized
    """

    names = {"zh": "安排"}
    descriptions = {"zh": "发生了安排。"}
    examples = {"zh": ["安排"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class UseFirearm(Event):
    """
    Description: Somebody fires a gun.
    Examples: fired
    """

    names = {"zh": "使用枪械"}
    descriptions = {"zh": "发生了使用枪械。"}
    examples = {"zh": ["使用枪械"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class CommittingCrime(Event):
    """
    Description: Somebody commits a crime.
    Examples: crime
    """

    names = {"zh": "犯罪"}
    descriptions = {"zh": "发生了犯罪。"}
    examples = {"zh": ["犯罪"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Assistance(Event):
    """
    Description: Somebody helps somebody.
    Examples: helped
    """

    names = {"zh": "协助"}
    descriptions = {"zh": "发生了协助。"}
    examples = {"zh": ["协助"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Surrounding(Event):
    """
    Description: Something is surrounded.
    Examples: surrounded
    """

    names = {"zh": "包围"}
    descriptions = {"zh": "发生了包围。"}
    examples = {"zh": ["包围"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Quarreling(Event):
    """
    Description: People quarrel.
    Examples: argued
    """

    names = {"zh": "争吵"}
    descriptions = {"zh": "发生了争吵。"}
    examples = {"zh": ["争吵"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class ExpendResource(Event):
    """
    Description: Resources are spent.
    Examples: spent
    """

    names = {"zh": "消耗资源"}
    descriptions = {"zh": "发生了消耗资源。"}
    examples = {"zh": ["消耗资源"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class MotionDirectional(Event):
    """
    Description: Something moves in a direction.
    Examples: fell
    """

    names = {"zh": "定向移动"}
    descriptions = {"zh": "发生了定向移动。"}
    examples = {"zh": ["定向移动"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Bringing(Event):
    """
    Description: Somebody brings something.
    Examples: brought
    """

    names = {"zh": "带来"}
    descriptions = {"zh": "发生了带来。"}
    examples = {"zh": ["带来"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Communication(Event):
    """
    Description: People communicate.
    Examples: contacted
    """

    names = {"zh": "沟通"}
    descriptions = {"zh": "发生了沟通。"}
    examples = {"zh": ["沟通"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Containing(Event):
    """
    Description: Something contains something.
    Examples: contained
    """

    names = {"zh": "包含"}
    descriptions = {"zh": "发生了包含。"}
    examples = {"zh": ["包含"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Manufacturing(Event):
    """
    Description: Something is manufactured.
    Examples: manufactured
    """

    names = {"zh": "制造"}
    descriptions = {"zh": "发生了制造。"}
    examples = {"zh": ["制造"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class SocialEvent(Event):
    """
    Description: A social event takes place.
    Examples: festival
    """

    names = {"zh": "社交活动"}
    descriptions = {"zh": "发生了社交活动。"}
    examples = {"zh": ["社交活动"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Robbery(Event):
    """
    Description: Somebody is robbed.
    Examples: robbed
    """

    names = {"zh": "抢劫"}
    descriptions = {"zh": "发生了抢劫。"}
    examples = {"zh": ["抢劫"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Competition(Event):
    """
    Description: Sides compete.
    Examples: tournament
    """

    names = {"zh": "竞赛"}
    descriptions = {"zh": "发生了竞赛。"}
    examples = {"zh": ["竞赛"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Writing(Event):
    """
    Description: Somebody writes something.
    Examples: wrote
    """

    names = {"zh": "写作"}
    descriptions = {"zh": "发生了写作。"}
    examples = {"zh": ["写作"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Rescuing(Event):
    """
    Description: Somebody is rescued.
    Examples: rescued
    """

    names = {"zh": "营救"}
    descriptions = {"zh": "发生了营救。"}
    examples = {"zh": ["营救"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class JudgmentCommunication(Event):
    """
    Description: Somebody praises or blames.
    Examples: criticized
    """

    names = {"zh": "评判表达"}
    descriptions = {"zh": "发生了评判表达。"}
    examples = {"zh": ["评判表达"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class ChangeTool(Event):
    """
    Description: A tool or means is changed.
    Examples: switched
    """

    names = {"zh": "更换工具"}
    descriptions = {"zh": "发生了更换工具。"}
    examples = {"zh": ["更换工具"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Hold(Event):
    """
    Description: Something is held or takes place.
    Examples: held
    """

    names = {"zh": "举行或持有"}
    descriptions = {"zh": "发生了举行或持有。"}
    examples = {"zh": ["举行或持有"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class BeingInOperation(Event):
    """
    Description: Something is in operation.
    Examples: operated
    """

    names = {"zh": "运行"}
    descriptions = {"zh": "发生了运行。"}
    examples = {"zh": ["运行"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Recording(Event):
    """
    Description: Something is recorded.
    Examples: recorded
    """

    names = {"zh": "记录"}
    descriptions = {"zh": "发生了记录。"}
    examples = {"zh": ["记录"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class CarryGoods(Event):
    """
    Description: Goods are carried.
    Examples: carried
    """

    names = {"zh": "运货"}
    descriptions = {"zh": "发生了运货。"}
    examples = {"zh": ["运货"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Cost(Event):
    """
    Description: Something costs a sum.
    Examples: cost
    """

    names = {"zh": "花费"}
    descriptions = {"zh": "发生了花费。"}
    examples = {"zh": ["花费"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Departing(Event):
    """
    Description: Somebody or something departs.
    Examples: left
    """

    names = {"zh": "离开"}
    descriptions = {"zh": "发生了离开。"}
    examples = {"zh": ["离开"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class GiveUp(Event):
    """
    Description: Somebody gives something up.
    Examples: abandoned
    """

    names = {"zh": "放弃"}
    descriptions = {"zh": "发生了放弃。"}
    examples = {"zh": ["放弃"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class ChangeOfLeadership(Event):
    """
    Description: A leader comes or goes.
    Examples: elected
    """

    names = {"zh": "领导更替"}
    descriptions = {"zh": "发生了领导更替。"}
    examples = {"zh": ["领导更替"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Escaping(Event):
    """
    Description: Somebody escapes.
    Examples: escaped
    """

    names = {"zh": "逃脱"}
    descriptions = {"zh": "发生了逃脱。"}
    examples = {"zh": ["逃脱"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Aiming(Event):
    """
    Description: Somebody aims at something.
    Examples: targeted
    """

    names = {"zh": "瞄准"}
    descriptions = {"zh": "发生了瞄准。"}
    examples = {"zh": ["瞄准"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Hindering(Event):
    """
    Description: Something is hindered.
    Examples: hampered
    """

    names = {"zh": "妨碍"}
    descriptions = {"zh": "发生了妨碍。"}
    examples = {"zh": ["妨碍"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Preserving(Event):
    """
    Description: Something is preserved.
    Examples: preserved
    """

    names = {"zh": "保存"}
    descriptions = {"zh": "发生了保存。"}
    examples = {"zh": ["保存"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class CreateArtwork(Event):
    """
    Description: A work of art is made.
    Examples: composed
    """

    names = {"zh": "艺术创作"}
    descriptions = {"zh": "发生了艺术创作。"}
    examples = {"zh": ["艺术创作"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Openness(Event):
    """
    Description: Something is opened or open.
    Examples: opened
    """

    names = {"zh": "开放"}
    descriptions = {"zh": "发生了开放。"}
    examples = {"zh": ["开放"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Connect(Event):
    """
    Description: Things are connected.
    Examples: linked
    """

    names = {"zh": "连接"}
    descriptions = {"zh": "发生了连接。"}
    examples = {"zh": ["连接"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class RevealSecret(Event):
    """
    Description: A secret is revealed.
    Examples: revealed
    """

    names = {"zh": "揭露秘密"}
    descriptions = {"zh": "发生了揭露秘密。"}
    examples = {"zh": ["揭露秘密"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Response(Event):
    """
    Description: Somebody responds.
    Examples: responded
    """

    names = {"zh": "回应"}
    descriptions = {"zh": "发生了回应。"}
    examples = {"zh": ["回应"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Scrutiny(Event):
    """
    Description: Something is examined closely.
    Examples: searched
    """

    names = {"zh": "审视"}
    descriptions = {"zh": "发生了审视。"}
    examples = {"zh": ["审视"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Lighting(Event):
    """
    Description: Something gives light or is lit.
    Examples: lit
    """

    names = {"zh": "照亮"}
    descriptions = {"zh": "发生了照亮。"}
    examples = {"zh": ["照亮"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class CriminalInvestigation(Event):
    """
    Description: A crime is investigated.
    Examples: investigated
    """

    names = {"zh": "刑事侦查"}
    descriptions = {"zh": "发生了刑事侦查。"}
    examples = {"zh": ["刑事侦查"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class HidingObjects(Event):
    """
    Description: Something is hidden.
    Examples: hid
    """

    names = {"zh": "藏匿"}
    descriptions = {"zh": "发生了藏匿。"}
    examples = {"zh": ["藏匿"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class ConfrontingProblem(Event):
    """
    Description: Somebody faces a problem.
    Examples: faced
    """

    names = {"zh": "面对问题"}
    descriptions = {"zh": "发生了面对问题。"}
    examples = {"zh": ["面对问题"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Renting(Event):
    """
    Description: Something is rented.
    Examples: rented
    """

    names = {"zh": "租赁"}
    descriptions = {"zh": "发生了租赁。"}
    examples = {"zh": ["租赁"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Breathing(Event):
    """
    Description: Somebody breathes.
    Examples: breathed
    """

    names = {"zh": "呼吸"}
    descriptions = {"zh": "发生了呼吸。"}
    examples = {"zh": ["呼吸"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Patrolling(Event):
    """
    Description: Somebody patrols.
    Examples: patrolled
    """

    names = {"zh": "巡逻"}
    descriptions = {"zh": "发生了巡逻。"}
    examples = {"zh": ["巡逻"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Arrest(Event):
    """
    Description: Somebody is arrested.
    Examples: arrested
    """

    names = {"zh": "逮捕"}
    descriptions = {"zh": "发生了逮捕。"}
    examples = {"zh": ["逮捕"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Convincing(Event):
    """
    Description: Somebody is convinced.
    Examples: persuaded
    """

    names = {"zh": "说服"}
    descriptions = {"zh": "发生了说服。"}
    examples = {"zh": ["说服"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class CommerceSell(Event):
    """
    Description: Something is sold.
    Examples: sold
    """

    names = {"zh": "出售"}
    descriptions = {"zh": "发生了出售。"}
    examples = {"zh": ["出售"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Cure(Event):
    """
    Description: Somebody is cured or treated.
    Examples: treated
    """

    names = {"zh": "治疗"}
    descriptions = {"zh": "发生了治疗。"}
    examples = {"zh": ["治疗"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class TemporaryStay(Event):
    """
    Description: Somebody stays for a while.
    Examples: stayed
    """

    names = {"zh": "暂住"}
    descriptions = {"zh": "发生了暂住。"}
    examples = {"zh": ["暂住"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Dispersal(Event):
    """
    Description: Things or people are spread apart.
    Examples: dispersed
    """

    names = {"zh": "分散"}
    descriptions = {"zh": "发生了分散。"}
    examples = {"zh": ["分散"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Collaboration(Event):
    """
    Description: Parties work together.
    Examples: collaborated
    """

    names = {"zh": "合作"}
    descriptions = {"zh": "发生了合作。"}
    examples = {"zh": ["合作"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Extradition(Event):
    """
    Description: Somebody is extradited.
    Examples: extradited
    """

    names = {"zh": "引渡"}
    descriptions = {"zh": "发生了引渡。"}
    examples = {"zh": ["引渡"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class ChangeSentiment(Event):
    """
    Description: Somebody's feeling changes.
    Examples: shocked
    """

    names = {"zh": "情绪变化"}
    descriptions = {"zh": "发生了情绪变化。"}
    examples = {"zh": ["情绪变化"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Commitment(Event):
    """
    Description: Somebody commits to something.
    Examples: promised
    """

    names = {"zh": "承诺"}
    descriptions = {"zh": "发生了承诺。"}
    examples = {"zh": ["承诺"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class CommercePay(Event):
    """
    Description: Somebody pays.
    Examples: paid
    """

    names = {"zh": "付款"}
    descriptions = {"zh": "发生了付款。"}
    examples = {"zh": ["付款"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Filling(Event):
    """
    Description: Something is filled or covered.
    Examples: filled
    """

    names = {"zh": "填充"}
    descriptions = {"zh": "发生了填充。"}
    examples = {"zh": ["填充"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Becoming(Event):
    """
    Description: Something becomes something.
    Examples: became
    """

    names = {"zh": "变成"}
    descriptions = {"zh": "发生了变成。"}
    examples = {"zh": ["变成"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Achieve(Event):
    """
    Description: Something is achieved.
    Examples: achieved
    """

    names = {"zh": "达成"}
    descriptions = {"zh": "发生了达成。"}
    examples = {"zh": ["达成"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Practice(Event):
    """
    Description: Somebody practises.
    Examples: trained
    """

    names = {"zh": "练习"}
    descriptions = {"zh": "发生了练习。"}
    examples = {"zh": ["练习"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class CauseChangeOfStrength(Event):
    """
    Description: Something is made stronger or weaker.
    Examples: strengthened
    """

    names = {"zh": "强弱变化"}
    descriptions = {"zh": "发生了强弱变化。"}
    examples = {"zh": ["强弱变化"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Supply(Event):
    """
    Description: Something is supplied.
    Examples: supplied
    """

    names = {"zh": "供应"}
    descriptions = {"zh": "发生了供应。"}
    examples = {"zh": ["供应"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class CauseToAmalgamate(Event):
    """
    Description: Things are made one.
    Examples: merged
    """

    names = {"zh": "合并"}
    descriptions = {"zh": "发生了合并。"}
    examples = {"zh": ["合并"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Scouring(Event):
    """
    Description: A place is searched or swept.
    Examples: combed
    """

    names = {"zh": "搜寻"}
    descriptions = {"zh": "发生了搜寻。"}
    examples = {"zh": ["搜寻"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Violence(Event):
    """
    Description: There is violence.
    Examples: violence
    """

    names = {"zh": "暴力"}
    descriptions = {"zh": "发生了暴力。"}
    examples = {"zh": ["暴力"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class ReformingASystem(Event):
    """
    Description: A system is reformed.
    Examples: reformed
    """

    names = {"zh": "改革制度"}
    descriptions = {"zh": "发生了改革制度。"}
    examples = {"zh": ["改革制度"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class ComeTogether(Event):
    """
    Description: People come together.
    Examples: met
    """

    names = {"zh": "聚集"}
    descriptions = {"zh": "发生了聚集。"}
    examples = {"zh": ["聚集"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Wearing(Event):
    """
    Description: Somebody wears something.
    Examples: wore
    """

    names = {"zh": "穿戴"}
    descriptions = {"zh": "发生了穿戴。"}
    examples = {"zh": ["穿戴"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class CauseToMakeProgress(Event):
    """
    Description: Something is improved or developed.
    Examples: developed
    """

    names = {"zh": "推进"}
    descriptions = {"zh": "发生了推进。"}
    examples = {"zh": ["推进"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Legality(Event):
    """
    Description: Something is or is made lawful or unlawful.
    Examples: banned
    """

    names = {"zh": "合法性"}
    descriptions = {"zh": "发生了合法性。"}
    examples = {"zh": ["合法性"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Employment(Event):
    """
    Description: Somebody is employed or dismissed.
    Examples: hired
    """

    names = {"zh": "雇佣"}
    descriptions = {"zh": "发生了雇佣。"}
    examples = {"zh": ["雇佣"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Rite(Event):
    """
    Description: A rite is held.
    Examples: funeral
    """

    names = {"zh": "仪式"}
    descriptions = {"zh": "发生了仪式。"}
    examples = {"zh": ["仪式"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Publishing(Event):
    """
    Description: Something is published.
    Examples: published
    """

    names = {"zh": "出版"}
    descriptions = {"zh": "发生了出版。"}
    examples = {"zh": ["出版"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Adducing(Event):
    """
    Description: Something is brought forward as an example or proof.
    Examples: cited
    """

    names = {"zh": "引证"}
    descriptions = {"zh": "发生了引证。"}
    examples = {"zh": ["引证"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Exchange(Event):
    """
    Description: Things are exchanged.
    Examples: exchanged
    """

    names = {"zh": "交换"}
    descriptions = {"zh": "发生了交换。"}
    examples = {"zh": ["交换"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Ratification(Event):
    """
    Description: Something is ratified.
    Examples: ratified
    """

    names = {"zh": "批准"}
    descriptions = {"zh": "发生了批准。"}
    examples = {"zh": ["批准"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class SignAgreement(Event):
    """
    Description: An agreement is signed.
    Examples: signed
    """

    names = {"zh": "签署协议"}
    descriptions = {"zh": "发生了签署协议。"}
    examples = {"zh": ["签署协议"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class CommerceBuy(Event):
    """
    Description: Something is bought.
    Examples: bought
    """

    names = {"zh": "购买"}
    descriptions = {"zh": "发生了购买。"}
    examples = {"zh": ["购买"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class ImposingObligation(Event):
    """
    Description: Somebody is obliged to do something.
    Examples: required
    """

    names = {"zh": "施加义务"}
    descriptions = {"zh": "发生了施加义务。"}
    examples = {"zh": ["施加义务"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class RewardsAndPunishments(Event):
    """
    Description: Somebody is rewarded or punished.
    Examples: punished
    """

    names = {"zh": "奖惩"}
    descriptions = {"zh": "发生了奖惩。"}
    examples = {"zh": ["奖惩"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Institutionalization(Event):
    """
    Description: Somebody is brought to an institution, such as a hospital.
    Examples: hospitalized
    """

    names = {"zh": "收治"}
    descriptions = {"zh": "发生了收治。"}
    examples = {"zh": ["收治"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Testing(Event):
    """
    Description: Something is tested.
    Examples: tested
    """

    names = {"zh": "测试"}
    descriptions = {"zh": "发生了测试。"}
    examples = {"zh": ["测试"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Ingestion(Event):
    """
    Description: Something is eaten or drunk.
    Examples: ate
    """

    names = {"zh": "摄入"}
    descriptions = {"zh": "发生了摄入。"}
    examples = {"zh": ["摄入"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Labeling(Event):
    """
    Description: Something is called something.
    Examples: dubbed
    """

    names = {"zh": "贴标签"}
    descriptions = {"zh": "发生了贴标签。"}
    examples = {"zh": ["贴标签"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Kidnapping(Event):
    """
    Description: Somebody is kidnapped.
    Examples: kidnapped
    """

    names = {"zh": "绑架"}
    descriptions = {"zh": "发生了绑架。"}
    examples = {"zh": ["绑架"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class SubmittingDocuments(Event):
    """
    Description: A document is submitted.
    Examples: filed
    """

    names = {"zh": "提交文件"}
    descriptions = {"zh": "发生了提交文件。"}
    examples = {"zh": ["提交文件"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Prison(Event):
    """
    Description: Somebody is in prison.
    Examples: imprisoned
    """

    names = {"zh": "监禁"}
    descriptions = {"zh": "发生了监禁。"}
    examples = {"zh": ["监禁"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Justifying(Event):
    """
    Description: Something is justified.
    Examples: justified
    """

    names = {"zh": "辩解"}
    descriptions = {"zh": "发生了辩解。"}
    examples = {"zh": ["辩解"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Emergency(Event):
    """
    Description: There is an emergency.
    Examples: emergency
    """

    names = {"zh": "紧急情况"}
    descriptions = {"zh": "发生了紧急情况。"}
    examples = {"zh": ["紧急情况"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Terrorism(Event):
    """
    Description: There is terrorism.
    Examples: terrorism
    """

    names = {"zh": "恐怖主义"}
    descriptions = {"zh": "发生了恐怖主义。"}
    examples = {"zh": ["恐怖主义"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Vocalizations(Event):
    """
    Description: Somebody utters a sound.
    Examples: shouted
    """

    names = {"zh": "发声"}
    descriptions = {"zh": "发生了发声。"}
    examples = {"zh": ["发声"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Risk(Event):
    """
    Description: Something is at risk.
    Examples: risked
    """

    names = {"zh": "风险"}
    descriptions = {"zh": "发生了风险。"}
    examples = {"zh": ["风险"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class ResolveProblem(Event):
    """
    Description: A problem is solved.
    Examples: resolved
    """

    names = {"zh": "解决问题"}
    descriptions = {"zh": "发生了解决问题。"}
    examples = {"zh": ["解决问题"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Revenge(Event):
    """
    Description: Somebody takes revenge.
    Examples: avenged
    """

    names = {"zh": "报复"}
    descriptions = {"zh": "发生了报复。"}
    examples = {"zh": ["报复"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Limiting(Event):
    """
    Description: Something is limited.
    Examples: limited
    """

    names = {"zh": "限制"}
    descriptions = {"zh": "发生了限制。"}
    examples = {"zh": ["限制"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Research(Event):
    """
    Description: Something is researched.
    Examples: studied
    """

    names = {"zh": "研究"}
    descriptions = {"zh": "发生了研究。"}
    examples = {"zh": ["研究"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class HavingOrLackingAccess(Event):
    """
    Description: Somebody has or lacks access.
    Examples: blocked
    """

    names = {"zh": "有无通路"}
    descriptions = {"zh": "发生了有无通路。"}
    examples = {"zh": ["有无通路"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Theft(Event):
    """
    Description: Something is stolen.
    Examples: stole
    """

    names = {"zh": "盗窃"}
    descriptions = {"zh": "发生了盗窃。"}
    examples = {"zh": ["盗窃"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Incident(Event):
    """
    Description: An incident happens.
    Examples: incident
    """

    names = {"zh": "事件"}
    descriptions = {"zh": "发生了事件。"}
    examples = {"zh": ["事件"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)


class Award(Event):
    """
    Description: Somebody is given an award.
    Examples: awarded
    """

    names = {"zh": "授奖"}
    descriptions = {"zh": "发生了授奖。"}
    examples = {"zh": ["授奖"]}

    def __init__(self, trigger: str):
        super().__init__(trigger=trigger)
