"""The classes of CrudeOilNews (Lee et al., 2022): nineteen kinds of events in news on crude oil.

Which roles go with which event is in a guideline that was not at hand: every event has all twenty.
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


class MovementUp(Event):
    """
    Description: A price, supply or demand rises.
    Examples: rose, increase
    """

    names = {"zh": "价格、供应或需求上升"}
    descriptions = {"zh": "价格、供应或需求上升。"}
    examples = {"zh": ["上升", "增加"]}

    def __init__(
        self,
        trigger: str,
        attribute: List[Entity],
        item: List[Entity],
        final_value: List[Entity],
        initial_reference_point: List[Entity],
        place: List[Entity],
        reference_point_time: List[Entity],
        difference: List[Entity],
        supplier_consumer: List[Entity],
        imposer: List[Entity],
        contract_date: List[Entity],
        type: List[Entity],
        imposee: List[Entity],
        impacted_countries: List[Entity],
        initial_value: List[Entity],
        duration: List[Entity],
        activity: List[Entity],
        situation: List[Entity],
        participating_countries: List[Entity],
        forecaster: List[Entity],
        forecast: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attribute = attribute
        self.item = item
        self.final_value = final_value
        self.initial_reference_point = initial_reference_point
        self.place = place
        self.reference_point_time = reference_point_time
        self.difference = difference
        self.supplier_consumer = supplier_consumer
        self.imposer = imposer
        self.contract_date = contract_date
        self.type = type
        self.imposee = imposee
        self.impacted_countries = impacted_countries
        self.initial_value = initial_value
        self.duration = duration
        self.activity = activity
        self.situation = situation
        self.participating_countries = participating_countries
        self.forecaster = forecaster
        self.forecast = forecast


class MovementDown(Event):
    """
    Description: A price, supply or demand falls.
    Examples: fell, decline
    """

    names = {"zh": "价格、供应或需求下降"}
    descriptions = {"zh": "价格、供应或需求下降。"}
    examples = {"zh": ["下跌", "减少"]}

    def __init__(
        self,
        trigger: str,
        attribute: List[Entity],
        item: List[Entity],
        final_value: List[Entity],
        initial_reference_point: List[Entity],
        place: List[Entity],
        reference_point_time: List[Entity],
        difference: List[Entity],
        supplier_consumer: List[Entity],
        imposer: List[Entity],
        contract_date: List[Entity],
        type: List[Entity],
        imposee: List[Entity],
        impacted_countries: List[Entity],
        initial_value: List[Entity],
        duration: List[Entity],
        activity: List[Entity],
        situation: List[Entity],
        participating_countries: List[Entity],
        forecaster: List[Entity],
        forecast: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attribute = attribute
        self.item = item
        self.final_value = final_value
        self.initial_reference_point = initial_reference_point
        self.place = place
        self.reference_point_time = reference_point_time
        self.difference = difference
        self.supplier_consumer = supplier_consumer
        self.imposer = imposer
        self.contract_date = contract_date
        self.type = type
        self.imposee = imposee
        self.impacted_countries = impacted_countries
        self.initial_value = initial_value
        self.duration = duration
        self.activity = activity
        self.situation = situation
        self.participating_countries = participating_countries
        self.forecaster = forecaster
        self.forecast = forecast


class MovementFlat(Event):
    """
    Description: A price hardly moves.
    Examples: held steady
    """

    names = {"zh": "价格几乎不变"}
    descriptions = {"zh": "价格几乎不变。"}
    examples = {"zh": ["持平"]}

    def __init__(
        self,
        trigger: str,
        attribute: List[Entity],
        item: List[Entity],
        final_value: List[Entity],
        initial_reference_point: List[Entity],
        place: List[Entity],
        reference_point_time: List[Entity],
        difference: List[Entity],
        supplier_consumer: List[Entity],
        imposer: List[Entity],
        contract_date: List[Entity],
        type: List[Entity],
        imposee: List[Entity],
        impacted_countries: List[Entity],
        initial_value: List[Entity],
        duration: List[Entity],
        activity: List[Entity],
        situation: List[Entity],
        participating_countries: List[Entity],
        forecaster: List[Entity],
        forecast: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attribute = attribute
        self.item = item
        self.final_value = final_value
        self.initial_reference_point = initial_reference_point
        self.place = place
        self.reference_point_time = reference_point_time
        self.difference = difference
        self.supplier_consumer = supplier_consumer
        self.imposer = imposer
        self.contract_date = contract_date
        self.type = type
        self.imposee = imposee
        self.impacted_countries = impacted_countries
        self.initial_value = initial_value
        self.duration = duration
        self.activity = activity
        self.situation = situation
        self.participating_countries = participating_countries
        self.forecaster = forecaster
        self.forecast = forecast


class CauseMovementUp(Event):
    """
    Description: Somebody raises a supply, demand or forecast on purpose.
    Examples: boosted, raised
    """

    names = {"zh": "有意提高供应、需求或预测"}
    descriptions = {"zh": "有意提高供应、需求或预测。"}
    examples = {"zh": ["上调", "提高"]}

    def __init__(
        self,
        trigger: str,
        attribute: List[Entity],
        item: List[Entity],
        final_value: List[Entity],
        initial_reference_point: List[Entity],
        place: List[Entity],
        reference_point_time: List[Entity],
        difference: List[Entity],
        supplier_consumer: List[Entity],
        imposer: List[Entity],
        contract_date: List[Entity],
        type: List[Entity],
        imposee: List[Entity],
        impacted_countries: List[Entity],
        initial_value: List[Entity],
        duration: List[Entity],
        activity: List[Entity],
        situation: List[Entity],
        participating_countries: List[Entity],
        forecaster: List[Entity],
        forecast: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attribute = attribute
        self.item = item
        self.final_value = final_value
        self.initial_reference_point = initial_reference_point
        self.place = place
        self.reference_point_time = reference_point_time
        self.difference = difference
        self.supplier_consumer = supplier_consumer
        self.imposer = imposer
        self.contract_date = contract_date
        self.type = type
        self.imposee = imposee
        self.impacted_countries = impacted_countries
        self.initial_value = initial_value
        self.duration = duration
        self.activity = activity
        self.situation = situation
        self.participating_countries = participating_countries
        self.forecaster = forecaster
        self.forecast = forecast


class CauseMovementDown(Event):
    """
    Description: Somebody lowers a supply, demand or forecast on purpose.
    Examples: cut, slashed
    """

    names = {"zh": "有意降低供应、需求或预测"}
    descriptions = {"zh": "有意降低供应、需求或预测。"}
    examples = {"zh": ["减产", "下调"]}

    def __init__(
        self,
        trigger: str,
        attribute: List[Entity],
        item: List[Entity],
        final_value: List[Entity],
        initial_reference_point: List[Entity],
        place: List[Entity],
        reference_point_time: List[Entity],
        difference: List[Entity],
        supplier_consumer: List[Entity],
        imposer: List[Entity],
        contract_date: List[Entity],
        type: List[Entity],
        imposee: List[Entity],
        impacted_countries: List[Entity],
        initial_value: List[Entity],
        duration: List[Entity],
        activity: List[Entity],
        situation: List[Entity],
        participating_countries: List[Entity],
        forecaster: List[Entity],
        forecast: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attribute = attribute
        self.item = item
        self.final_value = final_value
        self.initial_reference_point = initial_reference_point
        self.place = place
        self.reference_point_time = reference_point_time
        self.difference = difference
        self.supplier_consumer = supplier_consumer
        self.imposer = imposer
        self.contract_date = contract_date
        self.type = type
        self.imposee = imposee
        self.impacted_countries = impacted_countries
        self.initial_value = initial_value
        self.duration = duration
        self.activity = activity
        self.situation = situation
        self.participating_countries = participating_countries
        self.forecaster = forecaster
        self.forecast = forecast


class PositionHigh(Event):
    """
    Description: A price stands high.
    Examples: high, peak
    """

    names = {"zh": "价格处于高位"}
    descriptions = {"zh": "价格处于高位。"}
    examples = {"zh": ["高位"]}

    def __init__(
        self,
        trigger: str,
        attribute: List[Entity],
        item: List[Entity],
        final_value: List[Entity],
        initial_reference_point: List[Entity],
        place: List[Entity],
        reference_point_time: List[Entity],
        difference: List[Entity],
        supplier_consumer: List[Entity],
        imposer: List[Entity],
        contract_date: List[Entity],
        type: List[Entity],
        imposee: List[Entity],
        impacted_countries: List[Entity],
        initial_value: List[Entity],
        duration: List[Entity],
        activity: List[Entity],
        situation: List[Entity],
        participating_countries: List[Entity],
        forecaster: List[Entity],
        forecast: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attribute = attribute
        self.item = item
        self.final_value = final_value
        self.initial_reference_point = initial_reference_point
        self.place = place
        self.reference_point_time = reference_point_time
        self.difference = difference
        self.supplier_consumer = supplier_consumer
        self.imposer = imposer
        self.contract_date = contract_date
        self.type = type
        self.imposee = imposee
        self.impacted_countries = impacted_countries
        self.initial_value = initial_value
        self.duration = duration
        self.activity = activity
        self.situation = situation
        self.participating_countries = participating_countries
        self.forecaster = forecaster
        self.forecast = forecast


class PositionLow(Event):
    """
    Description: A price stands low.
    Examples: low, weakest level
    """

    names = {"zh": "价格处于低位"}
    descriptions = {"zh": "价格处于低位。"}
    examples = {"zh": ["低位"]}

    def __init__(
        self,
        trigger: str,
        attribute: List[Entity],
        item: List[Entity],
        final_value: List[Entity],
        initial_reference_point: List[Entity],
        place: List[Entity],
        reference_point_time: List[Entity],
        difference: List[Entity],
        supplier_consumer: List[Entity],
        imposer: List[Entity],
        contract_date: List[Entity],
        type: List[Entity],
        imposee: List[Entity],
        impacted_countries: List[Entity],
        initial_value: List[Entity],
        duration: List[Entity],
        activity: List[Entity],
        situation: List[Entity],
        participating_countries: List[Entity],
        forecaster: List[Entity],
        forecast: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attribute = attribute
        self.item = item
        self.final_value = final_value
        self.initial_reference_point = initial_reference_point
        self.place = place
        self.reference_point_time = reference_point_time
        self.difference = difference
        self.supplier_consumer = supplier_consumer
        self.imposer = imposer
        self.contract_date = contract_date
        self.type = type
        self.imposee = imposee
        self.impacted_countries = impacted_countries
        self.initial_value = initial_value
        self.duration = duration
        self.activity = activity
        self.situation = situation
        self.participating_countries = participating_countries
        self.forecaster = forecaster
        self.forecast = forecast


class Oversupply(Event):
    """
    Description: There is more than is wanted.
    Examples: glut, surplus
    """

    names = {"zh": "供应过剩"}
    descriptions = {"zh": "供应过剩。"}
    examples = {"zh": ["过剩"]}

    def __init__(
        self,
        trigger: str,
        attribute: List[Entity],
        item: List[Entity],
        final_value: List[Entity],
        initial_reference_point: List[Entity],
        place: List[Entity],
        reference_point_time: List[Entity],
        difference: List[Entity],
        supplier_consumer: List[Entity],
        imposer: List[Entity],
        contract_date: List[Entity],
        type: List[Entity],
        imposee: List[Entity],
        impacted_countries: List[Entity],
        initial_value: List[Entity],
        duration: List[Entity],
        activity: List[Entity],
        situation: List[Entity],
        participating_countries: List[Entity],
        forecaster: List[Entity],
        forecast: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attribute = attribute
        self.item = item
        self.final_value = final_value
        self.initial_reference_point = initial_reference_point
        self.place = place
        self.reference_point_time = reference_point_time
        self.difference = difference
        self.supplier_consumer = supplier_consumer
        self.imposer = imposer
        self.contract_date = contract_date
        self.type = type
        self.imposee = imposee
        self.impacted_countries = impacted_countries
        self.initial_value = initial_value
        self.duration = duration
        self.activity = activity
        self.situation = situation
        self.participating_countries = participating_countries
        self.forecaster = forecaster
        self.forecast = forecast


class Shortage(Event):
    """
    Description: There is less than is wanted.
    Examples: shortfall
    """

    names = {"zh": "供应不足"}
    descriptions = {"zh": "供应不足。"}
    examples = {"zh": ["短缺"]}

    def __init__(
        self,
        trigger: str,
        attribute: List[Entity],
        item: List[Entity],
        final_value: List[Entity],
        initial_reference_point: List[Entity],
        place: List[Entity],
        reference_point_time: List[Entity],
        difference: List[Entity],
        supplier_consumer: List[Entity],
        imposer: List[Entity],
        contract_date: List[Entity],
        type: List[Entity],
        imposee: List[Entity],
        impacted_countries: List[Entity],
        initial_value: List[Entity],
        duration: List[Entity],
        activity: List[Entity],
        situation: List[Entity],
        participating_countries: List[Entity],
        forecaster: List[Entity],
        forecast: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attribute = attribute
        self.item = item
        self.final_value = final_value
        self.initial_reference_point = initial_reference_point
        self.place = place
        self.reference_point_time = reference_point_time
        self.difference = difference
        self.supplier_consumer = supplier_consumer
        self.imposer = imposer
        self.contract_date = contract_date
        self.type = type
        self.imposee = imposee
        self.impacted_countries = impacted_countries
        self.initial_value = initial_value
        self.duration = duration
        self.activity = activity
        self.situation = situation
        self.participating_countries = participating_countries
        self.forecaster = forecaster
        self.forecast = forecast


class GrowStrong(Event):
    """
    Description: An economy or its jobs grow.
    Examples: strong growth
    """

    names = {"zh": "经济或就业增长"}
    descriptions = {"zh": "经济或就业增长。"}
    examples = {"zh": ["强劲"]}

    def __init__(
        self,
        trigger: str,
        attribute: List[Entity],
        item: List[Entity],
        final_value: List[Entity],
        initial_reference_point: List[Entity],
        place: List[Entity],
        reference_point_time: List[Entity],
        difference: List[Entity],
        supplier_consumer: List[Entity],
        imposer: List[Entity],
        contract_date: List[Entity],
        type: List[Entity],
        imposee: List[Entity],
        impacted_countries: List[Entity],
        initial_value: List[Entity],
        duration: List[Entity],
        activity: List[Entity],
        situation: List[Entity],
        participating_countries: List[Entity],
        forecaster: List[Entity],
        forecast: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attribute = attribute
        self.item = item
        self.final_value = final_value
        self.initial_reference_point = initial_reference_point
        self.place = place
        self.reference_point_time = reference_point_time
        self.difference = difference
        self.supplier_consumer = supplier_consumer
        self.imposer = imposer
        self.contract_date = contract_date
        self.type = type
        self.imposee = imposee
        self.impacted_countries = impacted_countries
        self.initial_value = initial_value
        self.duration = duration
        self.activity = activity
        self.situation = situation
        self.participating_countries = participating_countries
        self.forecaster = forecaster
        self.forecast = forecast


class SlowWeak(Event):
    """
    Description: An economy or its jobs weaken.
    Examples: slowing
    """

    names = {"zh": "经济或就业走弱"}
    descriptions = {"zh": "经济或就业走弱。"}
    examples = {"zh": ["放缓"]}

    def __init__(
        self,
        trigger: str,
        attribute: List[Entity],
        item: List[Entity],
        final_value: List[Entity],
        initial_reference_point: List[Entity],
        place: List[Entity],
        reference_point_time: List[Entity],
        difference: List[Entity],
        supplier_consumer: List[Entity],
        imposer: List[Entity],
        contract_date: List[Entity],
        type: List[Entity],
        imposee: List[Entity],
        impacted_countries: List[Entity],
        initial_value: List[Entity],
        duration: List[Entity],
        activity: List[Entity],
        situation: List[Entity],
        participating_countries: List[Entity],
        forecaster: List[Entity],
        forecast: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attribute = attribute
        self.item = item
        self.final_value = final_value
        self.initial_reference_point = initial_reference_point
        self.place = place
        self.reference_point_time = reference_point_time
        self.difference = difference
        self.supplier_consumer = supplier_consumer
        self.imposer = imposer
        self.contract_date = contract_date
        self.type = type
        self.imposee = imposee
        self.impacted_countries = impacted_countries
        self.initial_value = initial_value
        self.duration = duration
        self.activity = activity
        self.situation = situation
        self.participating_countries = participating_countries
        self.forecaster = forecaster
        self.forecast = forecast


class NegativeSentiment(Event):
    """
    Description: A market is worried.
    Examples: fears, concerns
    """

    names = {"zh": "市场情绪悲观"}
    descriptions = {"zh": "市场情绪悲观。"}
    examples = {"zh": ["担忧"]}

    def __init__(
        self,
        trigger: str,
        attribute: List[Entity],
        item: List[Entity],
        final_value: List[Entity],
        initial_reference_point: List[Entity],
        place: List[Entity],
        reference_point_time: List[Entity],
        difference: List[Entity],
        supplier_consumer: List[Entity],
        imposer: List[Entity],
        contract_date: List[Entity],
        type: List[Entity],
        imposee: List[Entity],
        impacted_countries: List[Entity],
        initial_value: List[Entity],
        duration: List[Entity],
        activity: List[Entity],
        situation: List[Entity],
        participating_countries: List[Entity],
        forecaster: List[Entity],
        forecast: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attribute = attribute
        self.item = item
        self.final_value = final_value
        self.initial_reference_point = initial_reference_point
        self.place = place
        self.reference_point_time = reference_point_time
        self.difference = difference
        self.supplier_consumer = supplier_consumer
        self.imposer = imposer
        self.contract_date = contract_date
        self.type = type
        self.imposee = imposee
        self.impacted_countries = impacted_countries
        self.initial_value = initial_value
        self.duration = duration
        self.activity = activity
        self.situation = situation
        self.participating_countries = participating_countries
        self.forecaster = forecaster
        self.forecast = forecast


class CivilUnrest(Event):
    """
    Description: There is violence or turmoil in a country.
    Examples: fighting, unrest
    """

    names = {"zh": "国内动乱"}
    descriptions = {"zh": "国内动乱。"}
    examples = {"zh": ["动乱"]}

    def __init__(
        self,
        trigger: str,
        attribute: List[Entity],
        item: List[Entity],
        final_value: List[Entity],
        initial_reference_point: List[Entity],
        place: List[Entity],
        reference_point_time: List[Entity],
        difference: List[Entity],
        supplier_consumer: List[Entity],
        imposer: List[Entity],
        contract_date: List[Entity],
        type: List[Entity],
        imposee: List[Entity],
        impacted_countries: List[Entity],
        initial_value: List[Entity],
        duration: List[Entity],
        activity: List[Entity],
        situation: List[Entity],
        participating_countries: List[Entity],
        forecaster: List[Entity],
        forecast: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attribute = attribute
        self.item = item
        self.final_value = final_value
        self.initial_reference_point = initial_reference_point
        self.place = place
        self.reference_point_time = reference_point_time
        self.difference = difference
        self.supplier_consumer = supplier_consumer
        self.imposer = imposer
        self.contract_date = contract_date
        self.type = type
        self.imposee = imposee
        self.impacted_countries = impacted_countries
        self.initial_value = initial_value
        self.duration = duration
        self.activity = activity
        self.situation = situation
        self.participating_countries = participating_countries
        self.forecaster = forecaster
        self.forecast = forecast


class GeopoliticalTension(Event):
    """
    Description: There is tension between countries.
    Examples: tensions
    """

    names = {"zh": "国家之间关系紧张"}
    descriptions = {"zh": "国家之间关系紧张。"}
    examples = {"zh": ["紧张"]}

    def __init__(
        self,
        trigger: str,
        attribute: List[Entity],
        item: List[Entity],
        final_value: List[Entity],
        initial_reference_point: List[Entity],
        place: List[Entity],
        reference_point_time: List[Entity],
        difference: List[Entity],
        supplier_consumer: List[Entity],
        imposer: List[Entity],
        contract_date: List[Entity],
        type: List[Entity],
        imposee: List[Entity],
        impacted_countries: List[Entity],
        initial_value: List[Entity],
        duration: List[Entity],
        activity: List[Entity],
        situation: List[Entity],
        participating_countries: List[Entity],
        forecaster: List[Entity],
        forecast: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attribute = attribute
        self.item = item
        self.final_value = final_value
        self.initial_reference_point = initial_reference_point
        self.place = place
        self.reference_point_time = reference_point_time
        self.difference = difference
        self.supplier_consumer = supplier_consumer
        self.imposer = imposer
        self.contract_date = contract_date
        self.type = type
        self.imposee = imposee
        self.impacted_countries = impacted_countries
        self.initial_value = initial_value
        self.duration = duration
        self.activity = activity
        self.situation = situation
        self.participating_countries = participating_countries
        self.forecaster = forecaster
        self.forecast = forecast


class TradeTension(Event):
    """
    Description: There is tension over trade.
    Examples: trade war
    """

    names = {"zh": "贸易关系紧张"}
    descriptions = {"zh": "贸易关系紧张。"}
    examples = {"zh": ["贸易战"]}

    def __init__(
        self,
        trigger: str,
        attribute: List[Entity],
        item: List[Entity],
        final_value: List[Entity],
        initial_reference_point: List[Entity],
        place: List[Entity],
        reference_point_time: List[Entity],
        difference: List[Entity],
        supplier_consumer: List[Entity],
        imposer: List[Entity],
        contract_date: List[Entity],
        type: List[Entity],
        imposee: List[Entity],
        impacted_countries: List[Entity],
        initial_value: List[Entity],
        duration: List[Entity],
        activity: List[Entity],
        situation: List[Entity],
        participating_countries: List[Entity],
        forecaster: List[Entity],
        forecast: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attribute = attribute
        self.item = item
        self.final_value = final_value
        self.initial_reference_point = initial_reference_point
        self.place = place
        self.reference_point_time = reference_point_time
        self.difference = difference
        self.supplier_consumer = supplier_consumer
        self.imposer = imposer
        self.contract_date = contract_date
        self.type = type
        self.imposee = imposee
        self.impacted_countries = impacted_countries
        self.initial_value = initial_value
        self.duration = duration
        self.activity = activity
        self.situation = situation
        self.participating_countries = participating_countries
        self.forecaster = forecaster
        self.forecast = forecast


class Embargo(Event):
    """
    Description: Trade with a country is stopped.
    Examples: sanctions
    """

    names = {"zh": "对某国禁运或制裁"}
    descriptions = {"zh": "对某国禁运或制裁。"}
    examples = {"zh": ["制裁"]}

    def __init__(
        self,
        trigger: str,
        attribute: List[Entity],
        item: List[Entity],
        final_value: List[Entity],
        initial_reference_point: List[Entity],
        place: List[Entity],
        reference_point_time: List[Entity],
        difference: List[Entity],
        supplier_consumer: List[Entity],
        imposer: List[Entity],
        contract_date: List[Entity],
        type: List[Entity],
        imposee: List[Entity],
        impacted_countries: List[Entity],
        initial_value: List[Entity],
        duration: List[Entity],
        activity: List[Entity],
        situation: List[Entity],
        participating_countries: List[Entity],
        forecaster: List[Entity],
        forecast: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attribute = attribute
        self.item = item
        self.final_value = final_value
        self.initial_reference_point = initial_reference_point
        self.place = place
        self.reference_point_time = reference_point_time
        self.difference = difference
        self.supplier_consumer = supplier_consumer
        self.imposer = imposer
        self.contract_date = contract_date
        self.type = type
        self.imposee = imposee
        self.impacted_countries = impacted_countries
        self.initial_value = initial_value
        self.duration = duration
        self.activity = activity
        self.situation = situation
        self.participating_countries = participating_countries
        self.forecaster = forecaster
        self.forecast = forecast


class Prohibiting(Event):
    """
    Description: An activity is forbidden.
    Examples: ban
    """

    names = {"zh": "禁止某项活动"}
    descriptions = {"zh": "禁止某项活动。"}
    examples = {"zh": ["禁止"]}

    def __init__(
        self,
        trigger: str,
        attribute: List[Entity],
        item: List[Entity],
        final_value: List[Entity],
        initial_reference_point: List[Entity],
        place: List[Entity],
        reference_point_time: List[Entity],
        difference: List[Entity],
        supplier_consumer: List[Entity],
        imposer: List[Entity],
        contract_date: List[Entity],
        type: List[Entity],
        imposee: List[Entity],
        impacted_countries: List[Entity],
        initial_value: List[Entity],
        duration: List[Entity],
        activity: List[Entity],
        situation: List[Entity],
        participating_countries: List[Entity],
        forecaster: List[Entity],
        forecast: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attribute = attribute
        self.item = item
        self.final_value = final_value
        self.initial_reference_point = initial_reference_point
        self.place = place
        self.reference_point_time = reference_point_time
        self.difference = difference
        self.supplier_consumer = supplier_consumer
        self.imposer = imposer
        self.contract_date = contract_date
        self.type = type
        self.imposee = imposee
        self.impacted_countries = impacted_countries
        self.initial_value = initial_value
        self.duration = duration
        self.activity = activity
        self.situation = situation
        self.participating_countries = participating_countries
        self.forecaster = forecaster
        self.forecast = forecast


class Crisis(Event):
    """
    Description: There is a crisis of another kind.
    Examples: crisis
    """

    names = {"zh": "其他危机"}
    descriptions = {"zh": "其他危机。"}
    examples = {"zh": ["危机"]}

    def __init__(
        self,
        trigger: str,
        attribute: List[Entity],
        item: List[Entity],
        final_value: List[Entity],
        initial_reference_point: List[Entity],
        place: List[Entity],
        reference_point_time: List[Entity],
        difference: List[Entity],
        supplier_consumer: List[Entity],
        imposer: List[Entity],
        contract_date: List[Entity],
        type: List[Entity],
        imposee: List[Entity],
        impacted_countries: List[Entity],
        initial_value: List[Entity],
        duration: List[Entity],
        activity: List[Entity],
        situation: List[Entity],
        participating_countries: List[Entity],
        forecaster: List[Entity],
        forecast: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attribute = attribute
        self.item = item
        self.final_value = final_value
        self.initial_reference_point = initial_reference_point
        self.place = place
        self.reference_point_time = reference_point_time
        self.difference = difference
        self.supplier_consumer = supplier_consumer
        self.imposer = imposer
        self.contract_date = contract_date
        self.type = type
        self.imposee = imposee
        self.impacted_countries = impacted_countries
        self.initial_value = initial_value
        self.duration = duration
        self.activity = activity
        self.situation = situation
        self.participating_countries = participating_countries
        self.forecaster = forecaster
        self.forecast = forecast


class SituationDeteriorate(Event):
    """
    Description: A situation gets worse.
    Examples: worsened
    """

    names = {"zh": "局势恶化"}
    descriptions = {"zh": "局势恶化。"}
    examples = {"zh": ["恶化"]}

    def __init__(
        self,
        trigger: str,
        attribute: List[Entity],
        item: List[Entity],
        final_value: List[Entity],
        initial_reference_point: List[Entity],
        place: List[Entity],
        reference_point_time: List[Entity],
        difference: List[Entity],
        supplier_consumer: List[Entity],
        imposer: List[Entity],
        contract_date: List[Entity],
        type: List[Entity],
        imposee: List[Entity],
        impacted_countries: List[Entity],
        initial_value: List[Entity],
        duration: List[Entity],
        activity: List[Entity],
        situation: List[Entity],
        participating_countries: List[Entity],
        forecaster: List[Entity],
        forecast: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attribute = attribute
        self.item = item
        self.final_value = final_value
        self.initial_reference_point = initial_reference_point
        self.place = place
        self.reference_point_time = reference_point_time
        self.difference = difference
        self.supplier_consumer = supplier_consumer
        self.imposer = imposer
        self.contract_date = contract_date
        self.type = type
        self.imposee = imposee
        self.impacted_countries = impacted_countries
        self.initial_value = initial_value
        self.duration = duration
        self.activity = activity
        self.situation = situation
        self.participating_countries = participating_countries
        self.forecaster = forecaster
        self.forecast = forecast
