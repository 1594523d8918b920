"""The four classes of HarveyNER (Chen et al., 2022): places in tweets about a flood.

They tell apart how exactly a place can be drawn on a map: as an area, a point or a line.
"""


class Entity:
    """
    The base class for all entities.
    """

    def __init__(self, name: str):
        self.name = name


class Area(Entity):
    """
    Description: A place with an extent: a country, county, city, district, neighbourhood or estate.
    Examples: Upper Marenko, Vestra County, Quince Orchard Estates
    """

    names = {"zh": "区域"}
    descriptions = {"zh": "有一定范围的地方：国家、县、城市、城区、社区、小区。"}
    examples = {"zh": ["上马连科", "维斯特拉县", "榅桲园小区"]}


class Point(Entity):
    """
    Description: A place with one exact position: a building, landmark, address, crossing or spot on a road or river.
    Examples: Marenko Tide Museum, Harbour St at Kiln Ln, weir below Gate 9
    """

    names = {"zh": "地点"}
    descriptions = {"zh": "位置确切的一处：建筑、地标、门牌、路口，或道路、河流上的一点。"}
    examples = {"zh": ["马连科潮汐博物馆", "港口街与窑巷路口", "九号闸下游水坝"]}


class Road(Entity):
    """
    Description: A street or highway, or a stretch of it.
    Examples: Old Kiln Causeway, Vestra Ring Road, Route Q-40 inbound
    """

    names = {"zh": "道路"}
    descriptions = {"zh": "街道、公路，或其中一段。"}
    examples = {"zh": ["老窑堤道", "维斯特拉环路", "清禾四十号公路"]}


class River(Entity):
    """
    Description: A river, creek, bayou or canal, or a stretch of it.
    Examples: Orrel River, Pellar Brook, Upper Talvic Canal
    """

    names = {"zh": "河流"}
    descriptions = {"zh": "河、溪、水湾、运河，或其中一段。"}
    examples = {"zh": ["奥雷尔河", "佩拉尔溪", "上塔尔维克运河"]}
