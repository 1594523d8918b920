"""The classes of CASIE (Satyapanich et al., 2020): five kinds of event in news on cyber security.

Roles keep the names of the corpus in snake_case.
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


class DataBreach(Event):
    """
    Description: Data gets into hands that it is not meant for: stolen, leaked or exposed.
    Examples: leaked, data breach, exposed
    """

    names = {"zh": "数据泄露"}
    descriptions = {"zh": "数据落入不该得到它的人手中：被窃取、泄漏或暴露。"}
    examples = {"zh": ["泄露", "数据泄露"]}

    def __init__(
        self,
        trigger: str,
        attacker: List[Entity],
        victim: List[Entity],
        compromised_data: List[Entity],
        number_of_data: List[Entity],
        number_of_victim: List[Entity],
        attack_pattern: List[Entity],
        tool: List[Entity],
        purpose: List[Entity],
        damage_amount: List[Entity],
        time: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attacker = attacker
        self.victim = victim
        self.compromised_data = compromised_data
        self.number_of_data = number_of_data
        self.number_of_victim = number_of_victim
        self.attack_pattern = attack_pattern
        self.tool = tool
        self.purpose = purpose
        self.damage_amount = damage_amount
        self.time = time
        self.place = place


class Phishing(Event):
    """
    Description: Somebody pretends to be trusted in order to get something out of a victim.
    Examples: phishing mail, posed as, lured
    """

    names = {"zh": "网络钓鱼"}
    descriptions = {"zh": "冒充可信者，骗取受害人的东西。"}
    examples = {"zh": ["钓鱼邮件", "冒充"]}

    def __init__(
        self,
        trigger: str,
        attacker: List[Entity],
        victim: List[Entity],
        trusted_entity: List[Entity],
        attack_pattern: List[Entity],
        tool: List[Entity],
        purpose: List[Entity],
        damage_amount: List[Entity],
        time: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attacker = attacker
        self.victim = victim
        self.trusted_entity = trusted_entity
        self.attack_pattern = attack_pattern
        self.tool = tool
        self.purpose = purpose
        self.damage_amount = damage_amount
        self.time = time
        self.place = place


class Ransom(Event):
    """
    Description: Somebody breaks into a system and demands money to undo or not to do harm.
    Examples: demanded a ransom, locked the files
    """

    names = {"zh": "勒索"}
    descriptions = {"zh": "入侵系统并索要钱财。"}
    examples = {"zh": ["勒索", "锁定文件"]}

    def __init__(
        self,
        trigger: str,
        attacker: List[Entity],
        victim: List[Entity],
        price: List[Entity],
        payment_method: List[Entity],
        attack_pattern: List[Entity],
        tool: List[Entity],
        damage_amount: List[Entity],
        time: List[Entity],
        place: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.attacker = attacker
        self.victim = victim
        self.price = price
        self.payment_method = payment_method
        self.attack_pattern = attack_pattern
        self.tool = tool
        self.damage_amount = damage_amount
        self.time = time
        self.place = place


class DiscoverVulnerability(Event):
    """
    Description: Somebody finds a weakness of a system, or tells of it.
    Examples: found a flaw, reported a bug
    """

    names = {"zh": "发现漏洞"}
    descriptions = {"zh": "发现或公布系统的弱点。"}
    examples = {"zh": ["发现漏洞", "披露"]}

    def __init__(
        self,
        trigger: str,
        discoverer: List[Entity],
        vulnerability: List[Entity],
        cve: List[Entity],
        vulnerable_system: List[Entity],
        vulnerable_system_owner: List[Entity],
        vulnerable_system_version: List[Entity],
        supported_platform: List[Entity],
        capabilities: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.discoverer = discoverer
        self.vulnerability = vulnerability
        self.cve = cve
        self.vulnerable_system = vulnerable_system
        self.vulnerable_system_owner = vulnerable_system_owner
        self.vulnerable_system_version = vulnerable_system_version
        self.supported_platform = supported_platform
        self.capabilities = capabilities
        self.time = time


class PatchVulnerability(Event):
    """
    Description: A weakness of a system is repaired by a new version or a patch.
    Examples: patched, released a fix
    """

    names = {"zh": "修补漏洞"}
    descriptions = {"zh": "用新版本或补丁修复系统的弱点。"}
    examples = {"zh": ["修补", "发布补丁"]}

    def __init__(
        self,
        trigger: str,
        releaser: List[Entity],
        patch: List[Entity],
        patch_number: List[Entity],
        issues_addressed: List[Entity],
        vulnerability: List[Entity],
        cve: List[Entity],
        vulnerable_system: List[Entity],
        vulnerable_system_version: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.releaser = releaser
        self.patch = patch
        self.patch_number = patch_number
        self.issues_addressed = issues_addressed
        self.vulnerability = vulnerability
        self.cve = cve
        self.vulnerable_system = vulnerable_system
        self.vulnerable_system_version = vulnerable_system_version
        self.time = time
