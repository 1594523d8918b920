"""The classes of DuEE 1.0 (Baidu, 2020): 65 kinds of events in Chinese news.
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


class PriceCut(Event):
    """
    Description: A price is lowered.
    Examples: cut its price
    """

    names = {"zh": "降价"}
    descriptions = {"zh": "价格下降。"}
    examples = {"zh": ["降价"]}
    roles = {
        "zh": {
            "discounted_item": "降价物",
            "time": "时间",
            "discount_size": "降价幅度",
            "discounting_party": "降价方",
        }
    }

    def __init__(
        self,
        trigger: str,
        discounted_item: List[Entity],
        time: List[Entity],
        discount_size: List[Entity],
        discounting_party: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.discounted_item = discounted_item
        self.time = time
        self.discount_size = discount_size
        self.discounting_party = discounting_party


class WinsAward(Event):
    """
    Description: Somebody or a work wins an award.
    Examples: won the prize
    """

    names = {"zh": "获奖"}
    descriptions = {"zh": "人或作品获得奖项。"}
    examples = {"zh": ["获奖", "获得"]}
    roles = {"zh": {"time": "时间", "awarding_body": "颁奖机构", "award": "奖项", "award_winner": "获奖人"}}

    def __init__(
        self,
        trigger: str,
        time: List[Entity],
        awarding_body: List[Entity],
        award: List[Entity],
        award_winner: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.time = time
        self.awarding_body = awarding_body
        self.award = award
        self.award_winner = award_winner


class SaleOrAcquisition(Event):
    """
    Description: A company or a thing is sold or bought.
    Examples: acquired, sold
    """

    names = {"zh": "出售/收购"}
    descriptions = {"zh": "出售或收购公司、物品。"}
    examples = {"zh": ["收购", "出售"]}
    roles = {
        "zh": {
            "time": "时间",
            "selling_price": "出售价格",
            "buyer": "收购方",
            "traded_item": "交易物",
            "seller": "出售方",
        }
    }

    def __init__(
        self,
        trigger: str,
        time: List[Entity],
        selling_price: List[Entity],
        buyer: List[Entity],
        traded_item: List[Entity],
        seller: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.time = time
        self.selling_price = selling_price
        self.buyer = buyer
        self.traded_item = traded_item
        self.seller = seller


class OfficialTalk(Event):
    """
    Description: An authority summons somebody for a talk.
    Examples: summoned
    """

    names = {"zh": "约谈"}
    descriptions = {"zh": "主管机关约谈某方。"}
    examples = {"zh": ["约谈"]}
    roles = {"zh": {"summoned_party": "约谈对象", "time": "时间", "summoning_party": "约谈发起方"}}

    def __init__(
        self,
        trigger: str,
        summoned_party: List[Entity],
        time: List[Entity],
        summoning_party: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.summoned_party = summoned_party
        self.time = time
        self.summoning_party = summoning_party


class Death(Event):
    """
    Description: Somebody dies.
    Examples: died, passed away
    """

    names = {"zh": "死亡"}
    descriptions = {"zh": "有人去世。"}
    examples = {"zh": ["去世", "死亡"]}
    roles = {"zh": {"time": "时间", "age_of_dead": "死者年龄", "place": "地点", "dead_person": "死者"}}

    def __init__(
        self,
        trigger: str,
        time: List[Entity],
        age_of_dead: List[Entity],
        place: List[Entity],
        dead_person: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.time = time
        self.age_of_dead = age_of_dead
        self.place = place
        self.dead_person = dead_person


class Strike(Event):
    """
    Description: Workers stop their work in protest.
    Examples: went on strike
    """

    names = {"zh": "罢工"}
    descriptions = {"zh": "工人罢工抗议。"}
    examples = {"zh": ["罢工"]}
    roles = {
        "zh": {
            "strikers": "罢工人员",
            "striker_number": "罢工人数",
            "time": "时间",
            "organization": "所属组织",
        }
    }

    def __init__(
        self,
        trigger: str,
        strikers: List[Entity],
        striker_number: List[Entity],
        time: List[Entity],
        organization: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.strikers = strikers
        self.striker_number = striker_number
        self.time = time
        self.organization = organization


class Collapse(Event):
    """
    Description: A structure falls down.
    Examples: collapsed
    """

    names = {"zh": "坍/垮塌"}
    descriptions = {"zh": "建筑物倒塌。"}
    examples = {"zh": ["坍塌", "垮塌"]}
    roles = {
        "zh": {
            "collapsed_structure": "坍塌主体",
            "death_toll": "死亡人数",
            "injured_number": "受伤人数",
            "time": "时间",
        }
    }

    def __init__(
        self,
        trigger: str,
        collapsed_structure: List[Entity],
        death_toll: List[Entity],
        injured_number: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.collapsed_structure = collapsed_structure
        self.death_toll = death_toll
        self.injured_number = injured_number
        self.time = time


class RateCut(Event):
    """
    Description: A bank lowers its interest rate.
    Examples: cut rates
    """

    names = {"zh": "降息"}
    descriptions = {"zh": "银行降低利率。"}
    examples = {"zh": ["降息"]}
    roles = {"zh": {"rate_cut_size": "降息幅度", "time": "时间", "rate_cutting_body": "降息机构"}}

    def __init__(
        self,
        trigger: str,
        rate_cut_size: List[Entity],
        time: List[Entity],
        rate_cutting_body: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.rate_cut_size = rate_cut_size
        self.time = time
        self.rate_cutting_body = rate_cutting_body


class CourtSession(Event):
    """
    Description: A court opens the hearing of a case.
    Examples: opened the hearing
    """

    names = {"zh": "开庭"}
    descriptions = {"zh": "法院开庭审理案件。"}
    examples = {"zh": ["开庭", "庭审"]}
    roles = {"zh": {"court": "开庭法院", "time": "时间", "case": "开庭案件"}}

    def __init__(
        self,
        trigger: str,
        court: List[Entity],
        time: List[Entity],
        case: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.court = court
        self.time = time
        self.case = case


class Assault(Event):
    """
    Description: Somebody attacks somebody.
    Examples: attacked, assault
    """

    names = {"zh": "袭击"}
    descriptions = {"zh": "某方遭到袭击。"}
    examples = {"zh": ["袭击"]}
    roles = {
        "zh": {
            "death_toll": "死亡人数",
            "injured_number": "受伤人数",
            "attacker": "袭击者",
            "target": "袭击对象",
            "place": "地点",
            "time": "时间",
        }
    }

    def __init__(
        self,
        trigger: str,
        death_toll: List[Entity],
        injured_number: List[Entity],
        attacker: List[Entity],
        target: List[Entity],
        place: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.death_toll = death_toll
        self.injured_number = injured_number
        self.attacker = attacker
        self.target = target
        self.place = place
        self.time = time


class LimitDown(Event):
    """
    Description: A share falls to its daily limit.
    Examples: hit limit down
    """

    names = {"zh": "跌停"}
    descriptions = {"zh": "股票跌至跌停板。"}
    examples = {"zh": ["跌停"]}
    roles = {"zh": {"limit_down_stock": "跌停股票", "time": "时间"}}

    def __init__(
        self,
        trigger: str,
        limit_down_stock: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.limit_down_stock = limit_down_stock
        self.time = time


class Thanks(Event):
    """
    Description: Somebody thanks somebody.
    Examples: thanked
    """

    names = {"zh": "感谢"}
    descriptions = {"zh": "一方感谢另一方。"}
    examples = {"zh": ["感谢"]}
    roles = {"zh": {"time": "时间", "thanked_person": "被感谢人", "thanker": "致谢人"}}

    def __init__(
        self,
        trigger: str,
        time: List[Entity],
        thanked_person: List[Entity],
        thanker: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.time = time
        self.thanked_person = thanked_person
        self.thanker = thanker


class Dismissal(Event):
    """
    Description: Somebody is dismissed.
    Examples: dismissed, fired
    """

    names = {"zh": "解雇"}
    descriptions = {"zh": "某人被解雇。"}
    examples = {"zh": ["解雇", "辞退"]}
    roles = {"zh": {"dismissed_person": "被解雇人员", "time": "时间", "dismissing_party": "解雇方"}}

    def __init__(
        self,
        trigger: str,
        dismissed_person: List[Entity],
        time: List[Entity],
        dismissing_party: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.dismissed_person = dismissed_person
        self.time = time
        self.dismissing_party = dismissing_party


class ProductLaunch(Event):
    """
    Description: A product or work is presented to the public.
    Examples: released, launched
    """

    names = {"zh": "发布"}
    descriptions = {"zh": "发布产品或作品。"}
    examples = {"zh": ["发布", "推出"]}
    roles = {"zh": {"time": "时间", "publisher": "发布方", "released_product": "发布产品"}}

    def __init__(
        self,
        trigger: str,
        time: List[Entity],
        publisher: List[Entity],
        released_product: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.time = time
        self.publisher = publisher
        self.released_product = released_product


class Imprisonment(Event):
    """
    Description: Somebody goes to prison.
    Examples: was jailed
    """

    names = {"zh": "入狱"}
    descriptions = {"zh": "某人入狱服刑。"}
    examples = {"zh": ["入狱", "服刑"]}
    roles = {"zh": {"prisoner": "入狱者", "prison_term": "刑期", "time": "时间"}}

    def __init__(
        self,
        trigger: str,
        prisoner: List[Entity],
        prison_term: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.prisoner = prisoner
        self.prison_term = prison_term
        self.time = time


class Resignation(Event):
    """
    Description: Somebody leaves a post.
    Examples: resigned
    """

    names = {"zh": "辞/离职"}
    descriptions = {"zh": "某人辞职或离职。"}
    examples = {"zh": ["辞职", "离职"]}
    roles = {"zh": {"leaver": "离职者", "former_organization": "原所属组织", "time": "时间"}}

    def __init__(
        self,
        trigger: str,
        leaver: List[Entity],
        former_organization: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.leaver = leaver
        self.former_organization = former_organization
        self.time = time


class Report(Event):
    """
    Description: Somebody reports a wrong to an authority.
    Examples: reported
    """

    names = {"zh": "举报"}
    descriptions = {"zh": "某方向有关部门举报。"}
    examples = {"zh": ["举报"]}
    roles = {"zh": {"whistleblower": "举报发起方", "time": "时间", "reported_party": "举报对象"}}

    def __init__(
        self,
        trigger: str,
        whistleblower: List[Entity],
        time: List[Entity],
        reported_party: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.whistleblower = whistleblower
        self.time = time
        self.reported_party = reported_party


class GoesMissing(Event):
    """
    Description: Somebody can no longer be reached.
    Examples: went missing
    """

    names = {"zh": "失联"}
    descriptions = {"zh": "某人失去联系。"}
    examples = {"zh": ["失联"]}
    roles = {"zh": {"missing_person": "失联者", "time": "时间", "place": "地点"}}

    def __init__(
        self,
        trigger: str,
        missing_person: List[Entity],
        time: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.missing_person = missing_person
        self.time = time
        self.place = place


class Fine(Event):
    """
    Description: An authority makes somebody pay a fine.
    Examples: fined
    """

    names = {"zh": "罚款"}
    descriptions = {"zh": "主管机关对某方罚款。"}
    examples = {"zh": ["罚款"]}
    roles = {
        "zh": {
            "time": "时间",
            "enforcement_agency": "执法机构",
            "fine_amount": "罚款金额",
            "fined_party": "罚款对象",
        }
    }

    def __init__(
        self,
        trigger: str,
        time: List[Entity],
        enforcement_agency: List[Entity],
        fine_amount: List[Entity],
        fined_party: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.time = time
        self.enforcement_agency = enforcement_agency
        self.fine_amount = fine_amount
        self.fined_party = fined_party


class Marriage(Event):
    """
    Description: Two people marry.
    Examples: married
    """

    names = {"zh": "结婚"}
    descriptions = {"zh": "二人结婚。"}
    examples = {"zh": ["结婚", "领证"]}
    roles = {"zh": {"time": "时间", "married_couple": "结婚双方"}}

    def __init__(
        self,
        trigger: str,
        time: List[Entity],
        married_couple: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.time = time
        self.married_couple = married_couple


class Financing(Event):
    """
    Description: A company raises money.
    Examples: raised money
    """

    names = {"zh": "融资"}
    descriptions = {"zh": "企业获得融资。"}
    examples = {"zh": ["融资"]}
    roles = {
        "zh": {
            "financing_amount": "融资金额",
            "co_investor": "跟投方",
            "financed_party": "融资方",
            "time": "时间",
            "financing_round": "融资轮次",
            "lead_investor": "领投方",
        }
    }

    def __init__(
        self,
        trigger: str,
        financing_amount: List[Entity],
        co_investor: List[Entity],
        financed_party: List[Entity],
        time: List[Entity],
        financing_round: List[Entity],
        lead_investor: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.financing_amount = financing_amount
        self.co_investor = co_investor
        self.financed_party = financed_party
        self.time = time
        self.financing_round = financing_round
        self.lead_investor = lead_investor


class Joining(Event):
    """
    Description: Somebody joins an organization.
    Examples: joined, signed with
    """

    names = {"zh": "加盟"}
    descriptions = {"zh": "某人加入组织。"}
    examples = {"zh": ["加盟", "加入"]}
    roles = {"zh": {"time": "时间", "joiner": "加盟者", "joined_organization": "所加盟组织"}}

    def __init__(
        self,
        trigger: str,
        time: List[Entity],
        joiner: List[Entity],
        joined_organization: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.time = time
        self.joiner = joiner
        self.joined_organization = joined_organization


class Dissolution(Event):
    """
    Description: A group or organization dissolves.
    Examples: disbanded
    """

    names = {"zh": "解散"}
    descriptions = {"zh": "团体或组织解散。"}
    examples = {"zh": ["解散"]}
    roles = {"zh": {"time": "时间", "dissolved_party": "解散方"}}

    def __init__(
        self,
        trigger: str,
        time: List[Entity],
        dissolved_party: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.time = time
        self.dissolved_party = dissolved_party


class Lawsuit(Event):
    """
    Description: Somebody sues somebody.
    Examples: sued
    """

    names = {"zh": "起诉"}
    descriptions = {"zh": "一方起诉另一方。"}
    examples = {"zh": ["起诉", "状告"]}
    roles = {"zh": {"defendant": "被告", "plaintiff": "原告", "time": "时间"}}

    def __init__(
        self,
        trigger: str,
        defendant: List[Entity],
        plaintiff: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.defendant = defendant
        self.plaintiff = plaintiff
        self.time = time


class Recall(Event):
    """
    Description: A maker takes a product back.
    Examples: recalled
    """

    names = {"zh": "召回"}
    descriptions = {"zh": "厂商召回产品。"}
    examples = {"zh": ["召回"]}
    roles = {"zh": {"recalling_party": "召回方", "time": "时间", "recalled_item": "召回内容"}}

    def __init__(
        self,
        trigger: str,
        recalling_party: List[Entity],
        time: List[Entity],
        recalled_item: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.recalling_party = recalling_party
        self.time = time
        self.recalled_item = recalled_item


class Childbirth(Event):
    """
    Description: Somebody has a child.
    Examples: gave birth
    """

    names = {"zh": "产子/女"}
    descriptions = {"zh": "某人生子女。"}
    examples = {"zh": ["生子", "产女"]}
    roles = {"zh": {"parent": "产子者", "newborn": "出生者", "time": "时间"}}

    def __init__(
        self,
        trigger: str,
        parent: List[Entity],
        newborn: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.parent = parent
        self.newborn = newborn
        self.time = time


class PlaneCrash(Event):
    """
    Description: An aircraft crashes.
    Examples: crashed
    """

    names = {"zh": "坠机"}
    descriptions = {"zh": "飞机坠毁。"}
    examples = {"zh": ["坠机", "坠毁"]}
    roles = {"zh": {"place": "地点", "death_toll": "死亡人数", "time": "时间", "injured_number": "受伤人数"}}

    def __init__(
        self,
        trigger: str,
        place: List[Entity],
        death_toll: List[Entity],
        time: List[Entity],
        injured_number: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.place = place
        self.death_toll = death_toll
        self.time = time
        self.injured_number = injured_number


class Explosion(Event):
    """
    Description: Something explodes.
    Examples: exploded, blast
    """

    names = {"zh": "爆炸"}
    descriptions = {"zh": "发生爆炸。"}
    examples = {"zh": ["爆炸"]}
    roles = {"zh": {"death_toll": "死亡人数", "place": "地点", "injured_number": "受伤人数", "time": "时间"}}

    def __init__(
        self,
        trigger: str,
        death_toll: List[Entity],
        place: List[Entity],
        injured_number: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.death_toll = death_toll
        self.place = place
        self.injured_number = injured_number
        self.time = time


class SetVisit(Event):
    """
    Description: Somebody visits somebody at work.
    Examples: visited the set
    """

    names = {"zh": "探班"}
    descriptions = {"zh": "某人到工作现场探望他人。"}
    examples = {"zh": ["探班"]}
    roles = {"zh": {"visited_person": "探班对象", "time": "时间", "visitor": "探班主体"}}

    def __init__(
        self,
        trigger: str,
        visited_person: List[Entity],
        time: List[Entity],
        visitor: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.visited_person = visited_person
        self.time = time
        self.visitor = visitor


class Suspension(Event):
    """
    Description: Somebody is suspended from a post.
    Examples: suspended
    """

    names = {"zh": "停职"}
    descriptions = {"zh": "某人被停职。"}
    examples = {"zh": ["停职"]}
    roles = {"zh": {"organization": "所属组织", "time": "时间", "suspended_person": "停职人员"}}

    def __init__(
        self,
        trigger: str,
        organization: List[Entity],
        time: List[Entity],
        suspended_person: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.organization = organization
        self.time = time
        self.suspended_person = suspended_person


class CompetitionBan(Event):
    """
    Description: Somebody is banned from competing.
    Examples: banned
    """

    names = {"zh": "禁赛"}
    descriptions = {"zh": "某人被禁止参赛。"}
    examples = {"zh": ["禁赛"]}
    roles = {
        "zh": {
            "banned_person": "被禁赛人员",
            "banning_body": "禁赛机构",
            "ban_length": "禁赛时长",
            "time": "时间",
        }
    }

    def __init__(
        self,
        trigger: str,
        banned_person: List[Entity],
        banning_body: List[Entity],
        ban_length: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.banned_person = banned_person
        self.banning_body = banning_body
        self.ban_length = ban_length
        self.time = time


class Proposal(Event):
    """
    Description: Somebody proposes marriage.
    Examples: proposed
    """

    names = {"zh": "求婚"}
    descriptions = {"zh": "某人求婚。"}
    examples = {"zh": ["求婚"]}
    roles = {"zh": {"time": "时间", "proposal_recipient": "求婚对象", "proposer": "求婚者"}}

    def __init__(
        self,
        trigger: str,
        time: List[Entity],
        proposal_recipient: List[Entity],
        proposer: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.time = time
        self.proposal_recipient = proposal_recipient
        self.proposer = proposer


class Infidelity(Event):
    """
    Description: Somebody is unfaithful to a partner.
    Examples: had an affair
    """

    names = {"zh": "出轨"}
    descriptions = {"zh": "某人对伴侣不忠。"}
    examples = {"zh": ["出轨"]}
    roles = {"zh": {"affair_partner": "出轨对象", "time": "时间", "unfaithful_party": "出轨方"}}

    def __init__(
        self,
        trigger: str,
        affair_partner: List[Entity],
        time: List[Entity],
        unfaithful_party: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.affair_partner = affair_partner
        self.time = time
        self.unfaithful_party = unfaithful_party


class Advancement(Event):
    """
    Description: A competitor gets to the next round.
    Examples: advanced
    """

    names = {"zh": "晋级"}
    descriptions = {"zh": "参赛方进入下一轮。"}
    examples = {"zh": ["晋级"]}
    roles = {"zh": {"advancing_party": "晋级方", "advanced_competition": "晋级赛事", "time": "时间"}}

    def __init__(
        self,
        trigger: str,
        advancing_party: List[Entity],
        advanced_competition: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.advancing_party = advancing_party
        self.advanced_competition = advanced_competition
        self.time = time


class LimitUp(Event):
    """
    Description: A share rises to its daily limit.
    Examples: hit limit up
    """

    names = {"zh": "涨停"}
    descriptions = {"zh": "股票涨至涨停板。"}
    examples = {"zh": ["涨停"]}
    roles = {"zh": {"limit_up_stock": "涨停股票", "time": "时间"}}

    def __init__(
        self,
        trigger: str,
        limit_up_stock: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.limit_up_stock = limit_up_stock
        self.time = time


class Opening(Event):
    """
    Description: An event opens.
    Examples: opened
    """

    names = {"zh": "开幕"}
    descriptions = {"zh": "活动开幕。"}
    examples = {"zh": ["开幕"]}
    roles = {"zh": {"place": "地点", "time": "时间", "activity": "活动名称"}}

    def __init__(
        self,
        trigger: str,
        place: List[Entity],
        time: List[Entity],
        activity: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.place = place
        self.time = time
        self.activity = activity


class PriceRise(Event):
    """
    Description: A price is raised.
    Examples: raised its price
    """

    names = {"zh": "涨价"}
    descriptions = {"zh": "价格上涨。"}
    examples = {"zh": ["涨价"]}
    roles = {
        "zh": {
            "price_rise_size": "涨价幅度",
            "price_raising_party": "涨价方",
            "price_raised_item": "涨价物",
            "time": "时间",
        }
    }

    def __init__(
        self,
        trigger: str,
        price_rise_size: List[Entity],
        price_raising_party: List[Entity],
        price_raised_item: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.price_rise_size = price_rise_size
        self.price_raising_party = price_raising_party
        self.price_raised_item = price_raised_item
        self.time = time


class Earthquake(Event):
    """
    Description: The earth quakes.
    Examples: earthquake
    """

    names = {"zh": "地震"}
    descriptions = {"zh": "发生地震。"}
    examples = {"zh": ["地震"]}
    roles = {
        "zh": {
            "death_toll": "死亡人数",
            "time": "时间",
            "injured_number": "受伤人数",
            "focal_depth": "震源深度",
            "epicentre": "震中",
            "magnitude": "震级",
        }
    }

    def __init__(
        self,
        trigger: str,
        death_toll: List[Entity],
        time: List[Entity],
        injured_number: List[Entity],
        focal_depth: List[Entity],
        epicentre: List[Entity],
        magnitude: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.death_toll = death_toll
        self.time = time
        self.injured_number = injured_number
        self.focal_depth = focal_depth
        self.epicentre = epicentre
        self.magnitude = magnitude


class Meeting(Event):
    """
    Description: Somebody receives or meets somebody.
    Examples: met, received
    """

    names = {"zh": "会见"}
    descriptions = {"zh": "一方会见另一方。"}
    examples = {"zh": ["会见", "会晤"]}
    roles = {"zh": {"place": "地点", "host": "会见主体", "guest": "会见对象", "time": "时间"}}

    def __init__(
        self,
        trigger: str,
        place: List[Entity],
        host: List[Entity],
        guest: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.place = place
        self.host = host
        self.guest = guest
        self.time = time


class Apology(Event):
    """
    Description: Somebody apologizes to somebody.
    Examples: apologized
    """

    names = {"zh": "道歉"}
    descriptions = {"zh": "一方向另一方道歉。"}
    examples = {"zh": ["道歉", "致歉"]}
    roles = {"zh": {"apology_recipient": "道歉对象", "apologizer": "道歉者", "time": "时间"}}

    def __init__(
        self,
        trigger: str,
        apology_recipient: List[Entity],
        apologizer: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.apology_recipient = apology_recipient
        self.apologizer = apologizer
        self.time = time


class Divorce(Event):
    """
    Description: Two people end their marriage.
    Examples: divorced
    """

    names = {"zh": "离婚"}
    descriptions = {"zh": "二人离婚。"}
    examples = {"zh": ["离婚"]}
    roles = {"zh": {"divorced_couple": "离婚双方", "time": "时间"}}

    def __init__(
        self,
        trigger: str,
        divorced_couple: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.divorced_couple = divorced_couple
        self.time = time


class ContractTermination(Event):
    """
    Description: A party ends a contract with another.
    Examples: ended the contract
    """

    names = {"zh": "解约"}
    descriptions = {"zh": "一方与另一方解约。"}
    examples = {"zh": ["解约"]}
    roles = {"zh": {"time": "时间", "terminating_party": "解约方", "terminated_party": "被解约方"}}

    def __init__(
        self,
        trigger: str,
        time: List[Entity],
        terminating_party: List[Entity],
        terminated_party: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.time = time
        self.terminating_party = terminating_party
        self.terminated_party = terminated_party


class CarAccident(Event):
    """
    Description: Vehicles crash.
    Examples: car crash
    """

    names = {"zh": "车祸"}
    descriptions = {"zh": "发生车祸。"}
    examples = {"zh": ["车祸", "追尾"]}
    roles = {"zh": {"injured_number": "受伤人数", "time": "时间", "death_toll": "死亡人数", "place": "地点"}}

    def __init__(
        self,
        trigger: str,
        injured_number: List[Entity],
        time: List[Entity],
        death_toll: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.injured_number = injured_number
        self.time = time
        self.death_toll = death_toll
        self.place = place


class Withdrawal(Event):
    """
    Description: Somebody leaves a group or organization.
    Examples: left the group
    """

    names = {"zh": "退出"}
    descriptions = {"zh": "某方退出团体或组织。"}
    examples = {"zh": ["退出", "退群"]}
    roles = {"zh": {"time": "时间", "withdrawing_party": "退出方", "former_organization": "原所属组织"}}

    def __init__(
        self,
        trigger: str,
        time: List[Entity],
        withdrawing_party: List[Entity],
        former_organization: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.time = time
        self.withdrawing_party = withdrawing_party
        self.former_organization = former_organization


class Arrest(Event):
    """
    Description: Somebody is arrested.
    Examples: arrested
    """

    names = {"zh": "拘捕"}
    descriptions = {"zh": "某人被拘捕。"}
    examples = {"zh": ["逮捕", "拘留"]}
    roles = {"zh": {"arresting_party": "拘捕者", "time": "时间", "arrested_person": "被拘捕者"}}

    def __init__(
        self,
        trigger: str,
        arresting_party: List[Entity],
        time: List[Entity],
        arrested_person: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.arresting_party = arresting_party
        self.time = time
        self.arrested_person = arrested_person


class Closing(Event):
    """
    Description: An event closes.
    Examples: closed
    """

    names = {"zh": "闭幕"}
    descriptions = {"zh": "活动闭幕。"}
    examples = {"zh": ["闭幕"]}
    roles = {"zh": {"place": "地点", "activity": "活动名称", "time": "时间"}}

    def __init__(
        self,
        trigger: str,
        place: List[Entity],
        activity: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.place = place
        self.activity = activity
        self.time = time


class BirthdayCelebration(Event):
    """
    Description: Somebody's birthday is celebrated.
    Examples: celebrated the birthday
    """

    names = {"zh": "庆生"}
    descriptions = {"zh": "为某人庆祝生日。"}
    examples = {"zh": ["庆生"]}
    roles = {
        "zh": {
            "age": "生日方年龄",
            "time": "时间",
            "celebrating_party": "庆祝方",
            "birthday_person": "生日方",
        }
    }

    def __init__(
        self,
        trigger: str,
        age: List[Entity],
        time: List[Entity],
        celebrating_party: List[Entity],
        birthday_person: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.age = age
        self.time = time
        self.celebrating_party = celebrating_party
        self.birthday_person = birthday_person


class March(Event):
    """
    Description: People march in the streets.
    Examples: marched
    """

    names = {"zh": "游行"}
    descriptions = {"zh": "人们上街游行。"}
    examples = {"zh": ["游行"]}
    roles = {
        "zh": {
            "marching_organization": "游行组织",
            "time": "时间",
            "place": "地点",
            "marcher_number": "游行人数",
        }
    }

    def __init__(
        self,
        trigger: str,
        marching_organization: List[Entity],
        time: List[Entity],
        place: List[Entity],
        marcher_number: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.marching_organization = marching_organization
        self.time = time
        self.place = place
        self.marcher_number = marcher_number


class RemovalFromSale(Event):
    """
    Description: A product is taken off the shelves.
    Examples: taken down
    """

    names = {"zh": "下架"}
    descriptions = {"zh": "产品被下架。"}
    examples = {"zh": ["下架"]}
    roles = {
        "zh": {
            "removed_party": "被下架方",
            "removing_party": "下架方",
            "removed_product": "下架产品",
            "time": "时间",
        }
    }

    def __init__(
        self,
        trigger: str,
        removed_party: List[Entity],
        removing_party: List[Entity],
        removed_product: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.removed_party = removed_party
        self.removing_party = removing_party
        self.removed_product = removed_product
        self.time = time


class Wedding(Event):
    """
    Description: A wedding is held.
    Examples: wedding
    """

    names = {"zh": "婚礼"}
    descriptions = {"zh": "举行婚礼。"}
    examples = {"zh": ["婚礼"]}
    roles = {"zh": {"time": "时间", "attendee": "参礼人员", "married_couple": "结婚双方", "place": "地点"}}

    def __init__(
        self,
        trigger: str,
        time: List[Entity],
        attendee: List[Entity],
        married_couple: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.time = time
        self.attendee = attendee
        self.married_couple = married_couple
        self.place = place


class Flood(Event):
    """
    Description: Water floods a place.
    Examples: flood
    """

    names = {"zh": "洪灾"}
    descriptions = {"zh": "发生洪灾。"}
    examples = {"zh": ["洪灾", "洪水"]}
    roles = {"zh": {"injured_number": "受伤人数", "death_toll": "死亡人数", "place": "地点", "time": "时间"}}

    def __init__(
        self,
        trigger: str,
        injured_number: List[Entity],
        death_toll: List[Entity],
        place: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.injured_number = injured_number
        self.death_toll = death_toll
        self.place = place
        self.time = time


class Retirement(Event):
    """
    Description: A player ends the career.
    Examples: retired
    """

    names = {"zh": "退役"}
    descriptions = {"zh": "运动员退役。"}
    examples = {"zh": ["退役"]}
    roles = {"zh": {"retired_player": "退役者", "time": "时间"}}

    def __init__(
        self,
        trigger: str,
        retired_player: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.retired_player = retired_player
        self.time = time


class Championship(Event):
    """
    Description: A competitor wins a competition.
    Examples: won the title
    """

    names = {"zh": "夺冠"}
    descriptions = {"zh": "参赛方夺得冠军。"}
    examples = {"zh": ["夺冠"]}
    roles = {"zh": {"time": "时间", "champion": "冠军", "won_competition": "夺冠赛事"}}

    def __init__(
        self,
        trigger: str,
        time: List[Entity],
        champion: List[Entity],
        won_competition: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.time = time
        self.champion = champion
        self.won_competition = won_competition


class Breakup(Event):
    """
    Description: Two people part.
    Examples: broke up
    """

    names = {"zh": "分手"}
    descriptions = {"zh": "二人分手。"}
    examples = {"zh": ["分手"]}
    roles = {"zh": {"time": "时间", "parted_couple": "分手双方"}}

    def __init__(
        self,
        trigger: str,
        time: List[Entity],
        parted_couple: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.time = time
        self.parted_couple = parted_couple


class FilmRelease(Event):
    """
    Description: A film comes out.
    Examples: came out
    """

    names = {"zh": "上映"}
    descriptions = {"zh": "影片上映。"}
    examples = {"zh": ["上映"]}
    roles = {"zh": {"released_film": "上映影视", "releasing_party": "上映方", "time": "时间"}}

    def __init__(
        self,
        trigger: str,
        released_film: List[Entity],
        releasing_party: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.released_film = released_film
        self.releasing_party = releasing_party
        self.time = time


class RateRise(Event):
    """
    Description: A bank raises its interest rate.
    Examples: raised rates
    """

    names = {"zh": "加息"}
    descriptions = {"zh": "银行提高利率。"}
    examples = {"zh": ["加息"]}
    roles = {"zh": {"rate_raising_body": "加息机构", "time": "时间", "rate_rise_size": "加息幅度"}}

    def __init__(
        self,
        trigger: str,
        rate_raising_body: List[Entity],
        time: List[Entity],
        rate_rise_size: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.rate_raising_body = rate_raising_body
        self.time = time
        self.rate_rise_size = rate_rise_size


class CompetitionWithdrawal(Event):
    """
    Description: A competitor withdraws.
    Examples: withdrew
    """

    names = {"zh": "退赛"}
    descriptions = {"zh": "参赛方退出比赛。"}
    examples = {"zh": ["退赛"]}
    roles = {"zh": {"time": "时间", "quit_competition": "退赛赛事", "quitting_party": "退赛方"}}

    def __init__(
        self,
        trigger: str,
        time: List[Entity],
        quit_competition: List[Entity],
        quitting_party: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.time = time
        self.quit_competition = quit_competition
        self.quitting_party = quitting_party


class StockListing(Event):
    """
    Description: A company goes public.
    Examples: went public
    """

    names = {"zh": "上市"}
    descriptions = {"zh": "企业上市。"}
    examples = {"zh": ["上市"]}
    roles = {
        "zh": {
            "listed_company": "上市企业",
            "time": "时间",
            "place": "地点",
            "financing_amount": "融资金额",
        }
    }

    def __init__(
        self,
        trigger: str,
        listed_company: List[Entity],
        time: List[Entity],
        place: List[Entity],
        financing_amount: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.listed_company = listed_company
        self.time = time
        self.place = place
        self.financing_amount = financing_amount


class Pregnancy(Event):
    """
    Description: Somebody is with child.
    Examples: is pregnant
    """

    names = {"zh": "怀孕"}
    descriptions = {"zh": "某人怀孕。"}
    examples = {"zh": ["怀孕"]}
    roles = {"zh": {"time": "时间", "pregnant_person": "怀孕者"}}

    def __init__(
        self,
        trigger: str,
        time: List[Entity],
        pregnant_person: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.time = time
        self.pregnant_person = pregnant_person


class Engagement(Event):
    """
    Description: Two people become engaged.
    Examples: became engaged
    """

    names = {"zh": "订婚"}
    descriptions = {"zh": "二人订婚。"}
    examples = {"zh": ["订婚"]}
    roles = {"zh": {"engaged_person": "订婚主体", "time": "时间"}}

    def __init__(
        self,
        trigger: str,
        engaged_person: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.engaged_person = engaged_person
        self.time = time


class Like(Event):
    """
    Description: Somebody likes a post or praises something.
    Examples: liked
    """

    names = {"zh": "点赞"}
    descriptions = {"zh": "某方点赞。"}
    examples = {"zh": ["点赞"]}
    roles = {"zh": {"time": "时间", "liking_party": "点赞方", "liked_object": "点赞对象"}}

    def __init__(
        self,
        trigger: str,
        time: List[Entity],
        liking_party: List[Entity],
        liked_object: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.time = time
        self.liking_party = liking_party
        self.liked_object = liked_object


class WinOrLoss(Event):
    """
    Description: A match is won and lost.
    Examples: beat, lost to
    """

    names = {"zh": "胜负"}
    descriptions = {"zh": "比赛分出胜负。"}
    examples = {"zh": ["击败", "战胜"]}
    roles = {"zh": {"loser": "败者", "winner": "胜者", "time": "时间", "competition": "赛事名称"}}

    def __init__(
        self,
        trigger: str,
        loser: List[Entity],
        winner: List[Entity],
        time: List[Entity],
        competition: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.loser = loser
        self.winner = winner
        self.time = time
        self.competition = competition


class CaseFiling(Event):
    """
    Description: An authority opens a case.
    Examples: opened a case
    """

    names = {"zh": "立案"}
    descriptions = {"zh": "主管机关立案。"}
    examples = {"zh": ["立案"]}
    roles = {"zh": {"case_subject": "立案对象", "time": "时间", "filing_body": "立案机构"}}

    def __init__(
        self,
        trigger: str,
        case_subject: List[Entity],
        time: List[Entity],
        filing_body: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.case_subject = case_subject
        self.time = time
        self.filing_body = filing_body


class Fire(Event):
    """
    Description: Something catches fire.
    Examples: fire broke out
    """

    names = {"zh": "起火"}
    descriptions = {"zh": "发生火灾。"}
    examples = {"zh": ["起火", "火灾"]}
    roles = {"zh": {"injured_number": "受伤人数", "time": "时间", "death_toll": "死亡人数", "place": "地点"}}

    def __init__(
        self,
        trigger: str,
        injured_number: List[Entity],
        time: List[Entity],
        death_toll: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.injured_number = injured_number
        self.time = time
        self.death_toll = death_toll
        self.place = place


class Layoff(Event):
    """
    Description: A company lays people off.
    Examples: laid off
    """

    names = {"zh": "裁员"}
    descriptions = {"zh": "企业裁员。"}
    examples = {"zh": ["裁员"]}
    roles = {"zh": {"laid_off_number": "裁员人数", "laying_off_party": "裁员方", "time": "时间"}}

    def __init__(
        self,
        trigger: str,
        laid_off_number: List[Entity],
        laying_off_party: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.laid_off_number = laid_off_number
        self.laying_off_party = laying_off_party
        self.time = time
