"""The classes of DuEE-fin (Han et al., 2022): thirteen kinds of events in Chinese financial documents.

The role 环节 of a listing, one of four fixed words that the text need not hold, is left out.
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


class PledgeRelease(Event):
    """
    Description: A pledge of shares is released.
    Examples: released the pledge
    """

    names = {"zh": "解除质押"}
    descriptions = {"zh": "股份的质押被解除。"}
    examples = {"zh": ["解除质押"]}
    roles = {
        "zh": {
            "pledger": "质押方",
            "disclosure_time": "披露时间",
            "pledgee": "质权方",
            "pledged_item": "质押物",
            "pledged_shares": "质押股票/股份数量",
            "event_time": "事件时间",
            "company_of_pledged_item": "质押物所属公司",
            "share_of_total_stock": "质押物占总股比",
            "share_of_holding": "质押物占持股比",
        }
    }

    def __init__(
        self,
        trigger: str,
        pledger: List[Entity],
        disclosure_time: List[Entity],
        pledgee: List[Entity],
        pledged_item: List[Entity],
        pledged_shares: List[Entity],
        event_time: List[Entity],
        company_of_pledged_item: List[Entity],
        share_of_total_stock: List[Entity],
        share_of_holding: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.pledger = pledger
        self.disclosure_time = disclosure_time
        self.pledgee = pledgee
        self.pledged_item = pledged_item
        self.pledged_shares = pledged_shares
        self.event_time = event_time
        self.company_of_pledged_item = company_of_pledged_item
        self.share_of_total_stock = share_of_total_stock
        self.share_of_holding = share_of_holding


class ShareRepurchase(Event):
    """
    Description: A company buys back its own shares.
    Examples: bought back
    """

    names = {"zh": "股份回购"}
    descriptions = {"zh": "公司回购自身股份。"}
    examples = {"zh": ["回购"]}
    roles = {
        "zh": {
            "repurchaser": "回购方",
            "disclosure_time": "披露时间",
            "repurchased_shares": "回购股份数量",
            "price_per_share": "每股交易价格",
            "share_of_company_stock": "占公司总股本比例",
            "transaction_amount": "交易金额",
            "repurchase_completion_time": "回购完成时间",
        }
    }

    def __init__(
        self,
        trigger: str,
        repurchaser: List[Entity],
        disclosure_time: List[Entity],
        repurchased_shares: List[Entity],
        price_per_share: List[Entity],
        share_of_company_stock: List[Entity],
        transaction_amount: List[Entity],
        repurchase_completion_time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.repurchaser = repurchaser
        self.disclosure_time = disclosure_time
        self.repurchased_shares = repurchased_shares
        self.price_per_share = price_per_share
        self.share_of_company_stock = share_of_company_stock
        self.transaction_amount = transaction_amount
        self.repurchase_completion_time = repurchase_completion_time


class HoldingReduction(Event):
    """
    Description: A shareholder sells part of its shares.
    Examples: reduced its holding
    """

    names = {"zh": "股东减持"}
    descriptions = {"zh": "股东减少所持股份。"}
    examples = {"zh": ["减持"]}
    roles = {
        "zh": {
            "stock_name": "股票简称",
            "disclosure_time": "披露时间",
            "traded_shares": "交易股票/股份数量",
            "price_per_share": "每股交易价格",
            "transaction_amount": "交易金额",
            "transaction_completion_time": "交易完成时间",
            "reducer": "减持方",
            "reduced_share_of_holding": "减持部分占所持比例",
            "reduced_share_of_stock": "减持部分占总股本比例",
        }
    }

    def __init__(
        self,
        trigger: str,
        stock_name: List[Entity],
        disclosure_time: List[Entity],
        traded_shares: List[Entity],
        price_per_share: List[Entity],
        transaction_amount: List[Entity],
        transaction_completion_time: List[Entity],
        reducer: List[Entity],
        reduced_share_of_holding: List[Entity],
        reduced_share_of_stock: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.stock_name = stock_name
        self.disclosure_time = disclosure_time
        self.traded_shares = traded_shares
        self.price_per_share = price_per_share
        self.transaction_amount = transaction_amount
        self.transaction_completion_time = transaction_completion_time
        self.reducer = reducer
        self.reduced_share_of_holding = reduced_share_of_holding
        self.reduced_share_of_stock = reduced_share_of_stock


class Loss(Event):
    """
    Description: A company makes a loss.
    Examples: made a loss
    """

    names = {"zh": "亏损"}
    descriptions = {"zh": "公司发生亏损。"}
    examples = {"zh": ["亏损"]}
    roles = {
        "zh": {
            "company": "公司名称",
            "disclosure_time": "披露时间",
            "reporting_period": "财报周期",
            "net_loss": "净亏损",
            "change_of_loss": "亏损变化",
        }
    }

    def __init__(
        self,
        trigger: str,
        company: List[Entity],
        disclosure_time: List[Entity],
        reporting_period: List[Entity],
        net_loss: List[Entity],
        change_of_loss: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.company = company
        self.disclosure_time = disclosure_time
        self.reporting_period = reporting_period
        self.net_loss = net_loss
        self.change_of_loss = change_of_loss


class BidWinning(Event):
    """
    Description: A company wins a tender.
    Examples: won the tender
    """

    names = {"zh": "中标"}
    descriptions = {"zh": "公司中标。"}
    examples = {"zh": ["中标"]}
    roles = {
        "zh": {
            "winning_company": "中标公司",
            "tender_subject": "中标标的",
            "bid_amount": "中标金额",
            "tenderer": "招标方",
            "bid_date": "中标日期",
            "disclosure_date": "披露日期",
        }
    }

    def __init__(
        self,
        trigger: str,
        winning_company: List[Entity],
        tender_subject: List[Entity],
        bid_amount: List[Entity],
        tenderer: List[Entity],
        bid_date: List[Entity],
        disclosure_date: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.winning_company = winning_company
        self.tender_subject = tender_subject
        self.bid_amount = bid_amount
        self.tenderer = tenderer
        self.bid_date = bid_date
        self.disclosure_date = disclosure_date


class ExecutiveChange(Event):
    """
    Description: An executive comes, goes or changes posts.
    Examples: resigned, was appointed
    """

    names = {"zh": "高管变动"}
    descriptions = {"zh": "高级管理人员变动。"}
    examples = {"zh": ["辞职", "聘任"]}
    roles = {
        "zh": {
            "executive": "高管姓名",
            "employer": "任职公司",
            "position": "高管职位",
            "event_time": "事件时间",
            "change_type": "变动类型",
            "disclosure_date": "披露日期",
            "new_position": "变动后职位",
            "new_company": "变动后公司名称",
        }
    }

    def __init__(
        self,
        trigger: str,
        executive: List[Entity],
        employer: List[Entity],
        position: List[Entity],
        event_time: List[Entity],
        change_type: List[Entity],
        disclosure_date: List[Entity],
        new_position: List[Entity],
        new_company: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.executive = executive
        self.employer = employer
        self.position = position
        self.event_time = event_time
        self.change_type = change_type
        self.disclosure_date = disclosure_date
        self.new_position = new_position
        self.new_company = new_company


class Bankruptcy(Event):
    """
    Description: A company goes bankrupt.
    Examples: bankrupt
    """

    names = {"zh": "企业破产"}
    descriptions = {"zh": "企业破产。"}
    examples = {"zh": ["破产"]}
    roles = {
        "zh": {
            "bankrupt_company": "破产公司",
            "disclosure_time": "披露时间",
            "debt_size": "债务规模",
            "bankruptcy_time": "破产时间",
            "creditor": "债权人",
        }
    }

    def __init__(
        self,
        trigger: str,
        bankrupt_company: List[Entity],
        disclosure_time: List[Entity],
        debt_size: List[Entity],
        bankruptcy_time: List[Entity],
        creditor: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.bankrupt_company = bankrupt_company
        self.disclosure_time = disclosure_time
        self.debt_size = debt_size
        self.bankruptcy_time = bankruptcy_time
        self.creditor = creditor


class HoldingIncrease(Event):
    """
    Description: A shareholder buys more shares.
    Examples: increased its holding
    """

    names = {"zh": "股东增持"}
    descriptions = {"zh": "股东增加所持股份。"}
    examples = {"zh": ["增持"]}
    roles = {
        "zh": {
            "stock_name": "股票简称",
            "disclosure_time": "披露时间",
            "traded_shares": "交易股票/股份数量",
            "price_per_share": "每股交易价格",
            "transaction_amount": "交易金额",
            "transaction_completion_time": "交易完成时间",
            "increaser": "增持方",
            "increased_share_of_holding": "增持部分占所持比例",
            "increased_share_of_stock": "增持部分占总股本比例",
        }
    }

    def __init__(
        self,
        trigger: str,
        stock_name: List[Entity],
        disclosure_time: List[Entity],
        traded_shares: List[Entity],
        price_per_share: List[Entity],
        transaction_amount: List[Entity],
        transaction_completion_time: List[Entity],
        increaser: List[Entity],
        increased_share_of_holding: List[Entity],
        increased_share_of_stock: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.stock_name = stock_name
        self.disclosure_time = disclosure_time
        self.traded_shares = traded_shares
        self.price_per_share = price_per_share
        self.transaction_amount = transaction_amount
        self.transaction_completion_time = transaction_completion_time
        self.increaser = increaser
        self.increased_share_of_holding = increased_share_of_holding
        self.increased_share_of_stock = increased_share_of_stock


class OfficialTalk(Event):
    """
    Description: An authority summons a company for a talk.
    Examples: summoned
    """

    names = {"zh": "被约谈"}
    descriptions = {"zh": "公司被主管机关约谈。"}
    examples = {"zh": ["约谈"]}
    roles = {
        "zh": {
            "company": "公司名称",
            "disclosure_time": "披露时间",
            "talk_time": "被约谈时间",
            "summoning_body": "约谈机构",
        }
    }

    def __init__(
        self,
        trigger: str,
        company: List[Entity],
        disclosure_time: List[Entity],
        talk_time: List[Entity],
        summoning_body: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.company = company
        self.disclosure_time = disclosure_time
        self.talk_time = talk_time
        self.summoning_body = summoning_body


class Acquisition(Event):
    """
    Description: A company acquires another.
    Examples: acquired
    """

    names = {"zh": "企业收购"}
    descriptions = {"zh": "企业收购另一方。"}
    examples = {"zh": ["收购"]}
    roles = {
        "zh": {
            "acquirer": "收购方",
            "disclosure_time": "披露时间",
            "acquired_party": "被收购方",
            "acquisition_subject": "收购标的",
            "transaction_amount": "交易金额",
            "acquisition_completion_time": "收购完成时间",
        }
    }

    def __init__(
        self,
        trigger: str,
        acquirer: List[Entity],
        disclosure_time: List[Entity],
        acquired_party: List[Entity],
        acquisition_subject: List[Entity],
        transaction_amount: List[Entity],
        acquisition_completion_time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.acquirer = acquirer
        self.disclosure_time = disclosure_time
        self.acquired_party = acquired_party
        self.acquisition_subject = acquisition_subject
        self.transaction_amount = transaction_amount
        self.acquisition_completion_time = acquisition_completion_time


class StockListing(Event):
    """
    Description: A company goes public or leaves the exchange.
    Examples: went public, delisted
    """

    names = {"zh": "公司上市"}
    descriptions = {"zh": "公司上市或退市。"}
    examples = {"zh": ["上市", "退市"]}
    roles = {
        "zh": {
            "listed_company": "上市公司",
            "securities_code": "证券代码",
            "disclosure_time": "披露时间",
            "issue_price": "发行价格",
            "event_time": "事件时间",
            "market_value": "市值",
            "raised_amount": "募资金额",
        }
    }

    def __init__(
        self,
        trigger: str,
        listed_company: List[Entity],
        securities_code: List[Entity],
        disclosure_time: List[Entity],
        issue_price: List[Entity],
        event_time: List[Entity],
        market_value: List[Entity],
        raised_amount: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.listed_company = listed_company
        self.securities_code = securities_code
        self.disclosure_time = disclosure_time
        self.issue_price = issue_price
        self.event_time = event_time
        self.market_value = market_value
        self.raised_amount = raised_amount


class Financing(Event):
    """
    Description: A company raises money.
    Examples: raised money
    """

    names = {"zh": "企业融资"}
    descriptions = {"zh": "企业融资。"}
    examples = {"zh": ["融资"]}
    roles = {
        "zh": {
            "investor": "投资方",
            "disclosure_time": "披露时间",
            "invested_party": "被投资方",
            "financing_amount": "融资金额",
            "financing_round": "融资轮次",
            "event_time": "事件时间",
            "lead_investor": "领投方",
        }
    }

    def __init__(
        self,
        trigger: str,
        investor: List[Entity],
        disclosure_time: List[Entity],
        invested_party: List[Entity],
        financing_amount: List[Entity],
        financing_round: List[Entity],
        event_time: List[Entity],
        lead_investor: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.investor = investor
        self.disclosure_time = disclosure_time
        self.invested_party = invested_party
        self.financing_amount = financing_amount
        self.financing_round = financing_round
        self.event_time = event_time
        self.lead_investor = lead_investor


class Pledge(Event):
    """
    Description: Shares are pledged as security.
    Examples: pledged
    """

    names = {"zh": "质押"}
    descriptions = {"zh": "股份被质押。"}
    examples = {"zh": ["质押"]}
    roles = {
        "zh": {
            "pledger": "质押方",
            "disclosure_time": "披露时间",
            "pledgee": "质权方",
            "pledged_item": "质押物",
            "pledged_shares": "质押股票/股份数量",
            "event_time": "事件时间",
            "share_of_total_stock": "质押物占总股比",
            "company_of_pledged_item": "质押物所属公司",
            "share_of_holding": "质押物占持股比",
        }
    }

    def __init__(
        self,
        trigger: str,
        pledger: List[Entity],
        disclosure_time: List[Entity],
        pledgee: List[Entity],
        pledged_item: List[Entity],
        pledged_shares: List[Entity],
        event_time: List[Entity],
        share_of_total_stock: List[Entity],
        company_of_pledged_item: List[Entity],
        share_of_holding: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.pledger = pledger
        self.disclosure_time = disclosure_time
        self.pledgee = pledgee
        self.pledged_item = pledged_item
        self.pledged_shares = pledged_shares
        self.event_time = event_time
        self.share_of_total_stock = share_of_total_stock
        self.company_of_pledged_item = company_of_pledged_item
        self.share_of_holding = share_of_holding
