"""The classes of FewFC (Zhou et al., 2021): ten kinds of financial event in Chinese news.

Roles keep the names of the corpus with `_` for `-`: `sub` acts, `obj` is acted upon, and
`_org` and `_per` tell organizations from people.
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


class Pledge(Event):
    """
    Description: A holder pledges shares or other assets to somebody as security; collateral is what is pledged.
    Examples: pledged, pledge of shares
    """

    names = {"zh": "质押"}
    descriptions = {"zh": "股东将股份或其他资产质押给他人作为担保。"}
    examples = {"zh": ["质押", "股权质押"]}

    def __init__(
        self,
        trigger: str,
        sub_org: List[Entity],
        sub_per: List[Entity],
        obj_org: List[Entity],
        obj_per: List[Entity],
        collateral: List[Entity],
        proportion: List[Entity],
        number: List[Entity],
        money: List[Entity],
        date: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.sub_org = sub_org
        self.sub_per = sub_per
        self.obj_org = obj_org
        self.obj_per = obj_per
        self.collateral = collateral
        self.proportion = proportion
        self.number = number
        self.money = money
        self.date = date


class ShareTransfer(Event):
    """
    Description: Shares or stakes of a target company pass from one holder to another by sale or transfer.
    Examples: transferred, sold its stake
    """

    names = {"zh": "股份股权转让"}
    descriptions = {"zh": "目标公司的股份或股权由一方转让或出售给另一方。"}
    examples = {"zh": ["转让", "出售", "受让"]}

    def __init__(
        self,
        trigger: str,
        sub_org: List[Entity],
        sub_per: List[Entity],
        obj_org: List[Entity],
        obj_per: List[Entity],
        target_company: List[Entity],
        collateral: List[Entity],
        proportion: List[Entity],
        number: List[Entity],
        money: List[Entity],
        date: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.sub_org = sub_org
        self.sub_per = sub_per
        self.obj_org = obj_org
        self.obj_per = obj_per
        self.target_company = target_company
        self.collateral = collateral
        self.proportion = proportion
        self.number = number
        self.money = money
        self.date = date


class Lawsuit(Event):
    """
    Description: Somebody sues somebody before a court.
    Examples: sued, filed a suit
    """

    names = {"zh": "起诉"}
    descriptions = {"zh": "一方向法院起诉另一方。"}
    examples = {"zh": ["起诉", "诉讼", "控告"]}

    def __init__(
        self,
        trigger: str,
        sub_org: List[Entity],
        sub_per: List[Entity],
        obj_org: List[Entity],
        obj_per: List[Entity],
        date: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.sub_org = sub_org
        self.sub_per = sub_per
        self.obj_org = obj_org
        self.obj_per = obj_per
        self.date = date


class Investment(Event):
    """
    Description: Somebody puts money into a company or project.
    Examples: invested, financing round
    """

    names = {"zh": "投资"}
    descriptions = {"zh": "一方向公司或项目投入资金。"}
    examples = {"zh": ["投资", "入股", "融资"]}

    def __init__(
        self,
        trigger: str,
        sub: List[Entity],
        obj: List[Entity],
        money: List[Entity],
        date: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.sub = sub
        self.obj = obj
        self.money = money
        self.date = date


class ShareReduction(Event):
    """
    Description: A shareholder sells part of the shares that it holds in a company; title is its position.
    Examples: reduced its holding, sold down
    """

    names = {"zh": "减持"}
    descriptions = {"zh": "股东减少所持有的公司股份。"}
    examples = {"zh": ["减持", "抛售"]}

    def __init__(
        self,
        trigger: str,
        sub: List[Entity],
        obj: List[Entity],
        title: List[Entity],
        share_org: List[Entity],
        share_per: List[Entity],
        date: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.sub = sub
        self.obj = obj
        self.title = title
        self.share_org = share_org
        self.share_per = share_per
        self.date = date


class Acquisition(Event):
    """
    Description: A company or person acquires a company or assets.
    Examples: acquired, takeover
    """

    names = {"zh": "收购"}
    descriptions = {"zh": "一方收购公司或资产。"}
    examples = {"zh": ["收购", "并购"]}

    def __init__(
        self,
        trigger: str,
        sub_org: List[Entity],
        sub_per: List[Entity],
        obj_org: List[Entity],
        way: List[Entity],
        number: List[Entity],
        proportion: List[Entity],
        money: List[Entity],
        date: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.sub_org = sub_org
        self.sub_per = sub_per
        self.obj_org = obj_org
        self.way = way
        self.number = number
        self.proportion = proportion
        self.money = money
        self.date = date


class Guarantee(Event):
    """
    Description: Somebody guarantees the debt of somebody else.
    Examples: guaranteed, stood surety
    """

    names = {"zh": "担保"}
    descriptions = {"zh": "一方为另一方的债务提供担保。"}
    examples = {"zh": ["担保", "提供担保"]}

    def __init__(
        self,
        trigger: str,
        sub_org: List[Entity],
        sub_per: List[Entity],
        obj_org: List[Entity],
        way: List[Entity],
        amount: List[Entity],
        date: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.sub_org = sub_org
        self.sub_per = sub_per
        self.obj_org = obj_org
        self.way = way
        self.amount = amount
        self.date = date


class BidWinning(Event):
    """
    Description: A bidder wins a tender.
    Examples: won the bid, won the tender
    """

    names = {"zh": "中标"}
    descriptions = {"zh": "投标方中标某项目。"}
    examples = {"zh": ["中标", "成功中标"]}

    def __init__(
        self,
        trigger: str,
        sub: List[Entity],
        obj: List[Entity],
        amount: List[Entity],
        date: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.sub = sub
        self.obj = obj
        self.amount = amount
        self.date = date


class ContractSigning(Event):
    """
    Description: Parties sign a contract or an agreement.
    Examples: signed, signed a contract
    """

    names = {"zh": "签署合同"}
    descriptions = {"zh": "双方签署合同或协议。"}
    examples = {"zh": ["签署", "签订"]}

    def __init__(
        self,
        trigger: str,
        sub_org: List[Entity],
        sub_per: List[Entity],
        obj_org: List[Entity],
        obj_per: List[Entity],
        amount: List[Entity],
        date: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.sub_org = sub_org
        self.sub_per = sub_per
        self.obj_org = obj_org
        self.obj_per = obj_per
        self.amount = amount
        self.date = date


class Judgment(Event):
    """
    Description: A court or another institution gives judgment on somebody.
    Examples: ruled, sentenced
    """

    names = {"zh": "判决"}
    descriptions = {"zh": "法院或其他机构对某方作出判决。"}
    examples = {"zh": ["判决", "裁定", "判处"]}

    def __init__(
        self,
        trigger: str,
        institution: List[Entity],
        sub_org: List[Entity],
        sub_per: List[Entity],
        obj_org: List[Entity],
        obj_per: List[Entity],
        money: List[Entity],
        date: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.institution = institution
        self.sub_org = sub_org
        self.sub_per = sub_per
        self.obj_org = obj_org
        self.obj_per = obj_per
        self.money = money
        self.date = date
