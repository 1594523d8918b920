"""The classes of DuIE 2.0 (Baidu, 2020): 48 relations of Chinese encyclopedia, news and forums.

The types of the arguments are those of its schema. An object of several parts is its `@value` alone.
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


class Person(Entity):
    """
    Description: A person by name.
    Examples: Amalia Nystrom
    """

    names = {"zh": "人物"}
    descriptions = {"zh": "有名有姓的人。"}
    examples = {"zh": ["周云志", "林慕雪"]}


class HistoricalFigure(Entity):
    """
    Description: A person of history.
    Examples: Lord Marenko
    """

    names = {"zh": "历史人物"}
    descriptions = {"zh": "历史上的人物。"}
    examples = {"zh": ["马连科勋爵"]}


class Entertainer(Entity):
    """
    Description: An actor, singer, host or another person of show business.
    Examples: Lena Vogt
    """

    names = {"zh": "娱乐人物"}
    descriptions = {"zh": "演员、歌手、主持人等娱乐界人物。"}
    examples = {"zh": ["林慕雪"]}


class FilmOrSeries(Entity):
    """
    Description: A film, series or another work for the screen.
    Examples: The Keeper of the Tide
    """

    names = {"zh": "影视作品"}
    descriptions = {"zh": "电影、电视剧等作品。"}
    examples = {"zh": ["守潮人"]}


class TelevisionShow(Entity):
    """
    Description: A show or variety programme on television.
    Examples: Lantern Evening
    """

    names = {"zh": "电视综艺"}
    descriptions = {"zh": "电视综艺节目。"}
    examples = {"zh": ["灯笼之夜"]}


class Song(Entity):
    """
    Description: A song.
    Examples: Song of the Shoals
    """

    names = {"zh": "歌曲"}
    descriptions = {"zh": "歌曲。"}
    examples = {"zh": ["浅滩之歌"]}


class MusicAlbum(Entity):
    """
    Description: An album of music.
    Examples: Low Tide
    """

    names = {"zh": "音乐专辑"}
    descriptions = {"zh": "音乐专辑。"}
    examples = {"zh": ["低潮"]}


class Book(Entity):
    """
    Description: A book or a novel.
    Examples: The Keeper of the Tide
    """

    names = {"zh": "图书作品"}
    descriptions = {"zh": "图书作品。"}
    examples = {"zh": ["守潮人"]}


class LiteraryWork(Entity):
    """
    Description: A work of literature with characters.
    Examples: The Tide Chronicle
    """

    names = {"zh": "文学作品"}
    descriptions = {"zh": "有角色的文学作品。"}
    examples = {"zh": ["潮汐编年史"]}


class Work(Entity):
    """
    Description: A work of any kind.
    Examples: The Keeper of the Tide
    """

    names = {"zh": "作品"}
    descriptions = {"zh": "各类作品。"}
    examples = {"zh": ["守潮人"]}


class Company(Entity):
    """
    Description: A company.
    Examples: Vestra Shipping Ltd
    """

    names = {"zh": "企业"}
    descriptions = {"zh": "企业。"}
    examples = {"zh": ["维斯特拉航运公司"]}


class CompanyOrBrand(Entity):
    """
    Description: A company or a brand.
    Examples: Kelpophone
    """

    names = {"zh": "企业/品牌"}
    descriptions = {"zh": "企业或品牌。"}
    examples = {"zh": ["海藻牌"]}


class Institution(Entity):
    """
    Description: An organization of any kind.
    Examples: Ministry of Tides
    """

    names = {"zh": "机构"}
    descriptions = {"zh": "各类机构。"}
    examples = {"zh": ["潮汐部"]}


class School(Entity):
    """
    Description: A school or university.
    Examples: Qinghe College
    """

    names = {"zh": "学校"}
    descriptions = {"zh": "学校。"}
    examples = {"zh": ["清禾学院"]}


class Subject(Entity):
    """
    Description: A field of study.
    Examples: oceanography
    """

    names = {"zh": "学科专业"}
    descriptions = {"zh": "学科或专业。"}
    examples = {"zh": ["海洋学"]}


class Location(Entity):
    """
    Description: A place.
    Examples: Upper Marenko
    """

    names = {"zh": "地点"}
    descriptions = {"zh": "地点。"}
    examples = {"zh": ["上马连科"]}


class Country(Entity):
    """
    Description: A country.
    Examples: Vestra
    """

    names = {"zh": "国家"}
    descriptions = {"zh": "国家。"}
    examples = {"zh": ["维斯特拉"]}


class City(Entity):
    """
    Description: A city.
    Examples: Port Vestra
    """

    names = {"zh": "城市"}
    descriptions = {"zh": "城市。"}
    examples = {"zh": ["维斯特拉港"]}


class AdministrativeRegion(Entity):
    """
    Description: A province, city, county or another division.
    Examples: Qinghe Township
    """

    names = {"zh": "行政区"}
    descriptions = {"zh": "省、市、县等行政区。"}
    examples = {"zh": ["清禾镇"]}


class Sight(Entity):
    """
    Description: A sight for visitors.
    Examples: Tide Tower
    """

    names = {"zh": "景点"}
    descriptions = {"zh": "景点。"}
    examples = {"zh": ["潮汐塔"]}


class Award(Entity):
    """
    Description: A prize.
    Examples: Tide Medal
    """

    names = {"zh": "奖项"}
    descriptions = {"zh": "奖项。"}
    examples = {"zh": ["潮汐奖章"]}


class Language(Entity):
    """
    Description: A language.
    Examples: Vestran
    """

    names = {"zh": "语言"}
    descriptions = {"zh": "语言。"}
    examples = {"zh": ["维斯特拉语"]}


class Climate(Entity):
    """
    Description: A kind of climate.
    Examples: mild coastal climate
    """

    names = {"zh": "气候"}
    descriptions = {"zh": "气候类型。"}
    examples = {"zh": ["温和海岸气候"]}


class Text(Entity):
    """
    Description: A word or phrase of its own: a name in short, a code, a style.
    Examples: VSL
    """

    names = {"zh": "文本"}
    descriptions = {"zh": "简称、代码、字号等词语。"}
    examples = {"zh": ["清航"]}


class Date(Entity):
    """
    Description: A date or year.
    Examples: 2031
    """

    names = {"zh": "日期"}
    descriptions = {"zh": "日期或年份。"}
    examples = {"zh": ["2031年"]}


class Number(Entity):
    """
    Description: A number or measure.
    Examples: forty hectares
    """

    names = {"zh": "数值"}
    descriptions = {"zh": "数值或度量。"}
    examples = {"zh": ["四十公顷"]}


class AlmaMater(Relation):
    """
    Description: The person graduated from the school.
    Examples: (Lin Muxue, Qinghe College)
    """

    names = {"zh": "毕业院校"}
    descriptions = {"zh": "某人毕业于某校。"}
    examples = {"zh": ["(林慕雪, 清禾学院)"]}

    def __init__(self, head_entity: Person, tail_entity: School):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Mother(Relation):
    """
    Description: The mother of the first is the second.
    Examples: (Zhou Yunzhi, Lin Muxue)
    """

    names = {"zh": "母亲"}
    descriptions = {"zh": "某人的母亲。"}
    examples = {"zh": ["(周云志, 林慕雪)"]}

    def __init__(self, head_entity: Person, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class AncestralHome(Relation):
    """
    Description: The family of the person comes from the place.
    Examples: (Zhou Yunzhi, Qinghe Township)
    """

    names = {"zh": "祖籍"}
    descriptions = {"zh": "某人的祖籍。"}
    examples = {"zh": ["(周云志, 清禾镇)"]}

    def __init__(self, head_entity: Person, tail_entity: Location):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class ArtName(Relation):
    """
    Description: The person of history has the second as an art name.
    Examples: (Zhou Yunzhi, the Tidekeeper)
    """

    names = {"zh": "号"}
    descriptions = {"zh": "历史人物的号。"}
    examples = {"zh": ["(周云志, 守潮居士)"]}

    def __init__(self, head_entity: HistoricalFigure, tail_entity: Text):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Father(Relation):
    """
    Description: The father of the first is the second.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "父亲"}
    descriptions = {"zh": "某人的父亲。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Person, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Nationality(Relation):
    """
    Description: The person is of the country.
    Examples: (Lin Muxue, Vestra)
    """

    names = {"zh": "国籍"}
    descriptions = {"zh": "某人的国籍。"}
    examples = {"zh": ["(林慕雪, 维斯特拉)"]}

    def __init__(self, head_entity: Person, tail_entity: Country):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Husband(Relation):
    """
    Description: The husband of the first is the second.
    Examples: (Lin Muxue, Zhou Yunzhi)
    """

    names = {"zh": "丈夫"}
    descriptions = {"zh": "某人的丈夫。"}
    examples = {"zh": ["(林慕雪, 周云志)"]}

    def __init__(self, head_entity: Person, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class AwardWon(Relation):
    """
    Description: The entertainer won the award.
    Examples: (Lin Muxue, Tide Medal)
    """

    names = {"zh": "获奖"}
    descriptions = {"zh": "娱乐人物所获的奖项。"}
    examples = {"zh": ["(林慕雪, 潮汐奖章)"]}

    def __init__(self, head_entity: Entertainer, tail_entity: Award):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Dynasty(Relation):
    """
    Description: The person of history lived in the dynasty.
    Examples: (Lord Marenko, the Tide dynasty)
    """

    names = {"zh": "朝代"}
    descriptions = {"zh": "历史人物所处的朝代。"}
    examples = {"zh": ["(马连科勋爵, 潮朝)"]}

    def __init__(self, head_entity: HistoricalFigure, tail_entity: Text):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Wife(Relation):
    """
    Description: The wife of the first is the second.
    Examples: (Zhou Yunzhi, Lin Muxue)
    """

    names = {"zh": "妻子"}
    descriptions = {"zh": "某人的妻子。"}
    examples = {"zh": ["(周云志, 林慕雪)"]}

    def __init__(self, head_entity: Person, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class BoxOffice(Relation):
    """
    Description: The film earned the sum.
    Examples: (The Keeper of the Tide, 300 million)
    """

    names = {"zh": "票房"}
    descriptions = {"zh": "影视作品的票房。"}
    examples = {"zh": ["(守潮人, 三亿)"]}

    def __init__(self, head_entity: FilmOrSeries, tail_entity: Number):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class VoiceOf(Relation):
    """
    Description: The entertainer is the voice of the character.
    Examples: (Lin Muxue, Captain Kelp)
    """

    names = {"zh": "配音"}
    descriptions = {"zh": "娱乐人物为某角色配音。"}
    examples = {"zh": ["(林慕雪, 海藻船长)"]}

    def __init__(self, head_entity: Entertainer, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Author(Relation):
    """
    Description: The book was written by the person.
    Examples: (The Keeper of the Tide, Lin Muxue)
    """

    names = {"zh": "作者"}
    descriptions = {"zh": "图书的作者。"}
    examples = {"zh": ["(守潮人, 林慕雪)"]}

    def __init__(self, head_entity: Book, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Protagonist(Relation):
    """
    Description: The work has the second as its main character.
    Examples: (The Tide Chronicle, Captain Kelp)
    """

    names = {"zh": "主角"}
    descriptions = {"zh": "文学作品的主角。"}
    examples = {"zh": ["(潮汐编年史, 海藻船长)"]}

    def __init__(self, head_entity: LiteraryWork, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class ProductionCompany(Relation):
    """
    Description: The film was produced by the company.
    Examples: (The Keeper of the Tide, Tide Pictures)
    """

    names = {"zh": "出品公司"}
    descriptions = {"zh": "影视作品的出品公司。"}
    examples = {"zh": ["(守潮人, 潮汐影业)"]}

    def __init__(self, head_entity: FilmOrSeries, tail_entity: Company):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Starring(Relation):
    """
    Description: The film has the person in a main part.
    Examples: (The Keeper of the Tide, Lin Muxue)
    """

    names = {"zh": "主演"}
    descriptions = {"zh": "影视作品的主演。"}
    examples = {"zh": ["(守潮人, 林慕雪)"]}

    def __init__(self, head_entity: FilmOrSeries, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Director(Relation):
    """
    Description: The film was directed by the person.
    Examples: (The Keeper of the Tide, Zhou Yunzhi)
    """

    names = {"zh": "导演"}
    descriptions = {"zh": "影视作品的导演。"}
    examples = {"zh": ["(守潮人, 周云志)"]}

    def __init__(self, head_entity: FilmOrSeries, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Screenwriter(Relation):
    """
    Description: The film was written by the person.
    Examples: (The Keeper of the Tide, Zhou Yunzhi)
    """

    names = {"zh": "编剧"}
    descriptions = {"zh": "影视作品的编剧。"}
    examples = {"zh": ["(守潮人, 周云志)"]}

    def __init__(self, head_entity: FilmOrSeries, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Guest(Relation):
    """
    Description: The show has the person as a guest.
    Examples: (Lantern Evening, Lin Muxue)
    """

    names = {"zh": "嘉宾"}
    descriptions = {"zh": "综艺节目的嘉宾。"}
    examples = {"zh": ["(灯笼之夜, 林慕雪)"]}

    def __init__(self, head_entity: TelevisionShow, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Host(Relation):
    """
    Description: The show is hosted by the person.
    Examples: (Lantern Evening, Zhou Yunzhi)
    """

    names = {"zh": "主持人"}
    descriptions = {"zh": "综艺节目的主持人。"}
    examples = {"zh": ["(灯笼之夜, 周云志)"]}

    def __init__(self, head_entity: TelevisionShow, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class PlaysRole(Relation):
    """
    Description: The entertainer plays the character.
    Examples: (Lin Muxue, Captain Kelp)
    """

    names = {"zh": "饰演"}
    descriptions = {"zh": "娱乐人物饰演某角色。"}
    examples = {"zh": ["(林慕雪, 海藻船长)"]}

    def __init__(self, head_entity: Entertainer, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Producer(Relation):
    """
    Description: The film was produced by the person.
    Examples: (The Keeper of the Tide, Zhou Yunzhi)
    """

    names = {"zh": "制片人"}
    descriptions = {"zh": "影视作品的制片人。"}
    examples = {"zh": ["(守潮人, 周云志)"]}

    def __init__(self, head_entity: FilmOrSeries, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class ReleaseDate(Relation):
    """
    Description: The film came out on the date.
    Examples: (The Keeper of the Tide, 2031)
    """

    names = {"zh": "上映时间"}
    descriptions = {"zh": "影视作品上映的时间。"}
    examples = {"zh": ["(守潮人, 2031年)"]}

    def __init__(self, head_entity: FilmOrSeries, tail_entity: Date):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class AdaptedFrom(Relation):
    """
    Description: The film is made after the work.
    Examples: (The Keeper of the Tide, The Tide Chronicle)
    """

    names = {"zh": "改编自"}
    descriptions = {"zh": "影视作品改编自某作品。"}
    examples = {"zh": ["(守潮人, 潮汐编年史)"]}

    def __init__(self, head_entity: FilmOrSeries, tail_entity: Work):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Founder(Relation):
    """
    Description: The company was founded by the person.
    Examples: (Tide Press, Lin Muxue)
    """

    names = {"zh": "创始人"}
    descriptions = {"zh": "企业的创始人。"}
    examples = {"zh": ["(潮汐出版社, 林慕雪)"]}

    def __init__(self, head_entity: Company, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Principal(Relation):
    """
    Description: The school is headed by the person.
    Examples: (Qinghe College, Zhou Yunzhi)
    """

    names = {"zh": "校长"}
    descriptions = {"zh": "学校的校长。"}
    examples = {"zh": ["(清禾学院, 周云志)"]}

    def __init__(self, head_entity: School, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class RegisteredCapital(Relation):
    """
    Description: The company is registered with the sum.
    Examples: (Tide Press, 40 million)
    """

    names = {"zh": "注册资本"}
    descriptions = {"zh": "企业的注册资本。"}
    examples = {"zh": ["(潮汐出版社, 四千万)"]}

    def __init__(self, head_entity: Company, tail_entity: Number):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Abbreviation(Relation):
    """
    Description: The institution is called the second for short.
    Examples: (Qinghe Shipping Company, QS)
    """

    names = {"zh": "简称"}
    descriptions = {"zh": "机构的简称。"}
    examples = {"zh": ["(清禾航运公司, 清航)"]}

    def __init__(self, head_entity: Institution, tail_entity: Text):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class FoundingDate(Relation):
    """
    Description: The institution was founded on the date.
    Examples: (Qinghe College, 2031)
    """

    names = {"zh": "成立日期"}
    descriptions = {"zh": "机构成立的日期。"}
    examples = {"zh": ["(清禾学院, 2031年)"]}

    def __init__(self, head_entity: Institution, tail_entity: Date):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class SiteArea(Relation):
    """
    Description: The site of the institution measures the second.
    Examples: (Qinghe College, 40 hectares)
    """

    names = {"zh": "占地面积"}
    descriptions = {"zh": "机构的占地面积。"}
    examples = {"zh": ["(清禾学院, 四十公顷)"]}

    def __init__(self, head_entity: Institution, tail_entity: Number):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Headquarters(Relation):
    """
    Description: The company has its seat in the place.
    Examples: (Qinghe Shipping Company, Qinghe Township)
    """

    names = {"zh": "总部地点"}
    descriptions = {"zh": "企业总部的地点。"}
    examples = {"zh": ["(清禾航运公司, 清禾镇)"]}

    def __init__(self, head_entity: Company, tail_entity: Location):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Spokesperson(Relation):
    """
    Description: The brand is advertised by the person.
    Examples: (Kelpophone, Lin Muxue)
    """

    names = {"zh": "代言人"}
    descriptions = {"zh": "企业或品牌的代言人。"}
    examples = {"zh": ["(海藻牌, 林慕雪)"]}

    def __init__(self, head_entity: CompanyOrBrand, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Chairperson(Relation):
    """
    Description: The board of the company is chaired by the person.
    Examples: (Qinghe Shipping Company, Zhou Yunzhi)
    """

    names = {"zh": "董事长"}
    descriptions = {"zh": "企业的董事长。"}
    examples = {"zh": ["(清禾航运公司, 周云志)"]}

    def __init__(self, head_entity: Company, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class YearsOfStudy(Relation):
    """
    Description: The subject takes the time to study.
    Examples: (oceanography, four years)
    """

    names = {"zh": "修业年限"}
    descriptions = {"zh": "专业的修业年限。"}
    examples = {"zh": ["(海洋学, 四年)"]}

    def __init__(self, head_entity: Subject, tail_entity: Number):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class SubjectCode(Relation):
    """
    Description: The subject has the code.
    Examples: (oceanography, 070799)
    """

    names = {"zh": "专业代码"}
    descriptions = {"zh": "专业的代码。"}
    examples = {"zh": ["(海洋学, 070799)"]}

    def __init__(self, head_entity: Subject, tail_entity: Text):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class PostalCode(Relation):
    """
    Description: The region has the postal code.
    Examples: (Qinghe Township, 990001)
    """

    names = {"zh": "邮政编码"}
    descriptions = {"zh": "行政区的邮政编码。"}
    examples = {"zh": ["(清禾镇, 990001)"]}

    def __init__(self, head_entity: AdministrativeRegion, tail_entity: Text):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class OfficialLanguage(Relation):
    """
    Description: The country has the official language.
    Examples: (Vestra, Vestran)
    """

    names = {"zh": "官方语言"}
    descriptions = {"zh": "国家的官方语言。"}
    examples = {"zh": ["(维斯特拉, 维斯特拉语)"]}

    def __init__(self, head_entity: Country, tail_entity: Language):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Area(Relation):
    """
    Description: The region measures the second.
    Examples: (Qinghe Township, 90 square kilometres)
    """

    names = {"zh": "面积"}
    descriptions = {"zh": "行政区的面积。"}
    examples = {"zh": ["(清禾镇, 九十平方公里)"]}

    def __init__(self, head_entity: AdministrativeRegion, tail_entity: Number):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Population(Relation):
    """
    Description: The region has so many inhabitants.
    Examples: (Qinghe Township, 40,000)
    """

    names = {"zh": "人口数量"}
    descriptions = {"zh": "行政区的人口数量。"}
    examples = {"zh": ["(清禾镇, 四万)"]}

    def __init__(self, head_entity: AdministrativeRegion, tail_entity: Number):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Capital(Relation):
    """
    Description: The capital of the country is the city.
    Examples: (Vestra, Port Vestra)
    """

    names = {"zh": "首都"}
    descriptions = {"zh": "国家的首都。"}
    examples = {"zh": ["(维斯特拉, 维斯特拉港)"]}

    def __init__(self, head_entity: Country, tail_entity: City):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Altitude(Relation):
    """
    Description: The place lies at the height.
    Examples: (Mount Marenko, 900 metres)
    """

    names = {"zh": "海拔"}
    descriptions = {"zh": "地点的海拔。"}
    examples = {"zh": ["(马连科山, 九百米)"]}

    def __init__(self, head_entity: Location, tail_entity: Number):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class ClimateOf(Relation):
    """
    Description: The region has the climate.
    Examples: (Qinghe Township, mild coastal climate)
    """

    names = {"zh": "气候"}
    descriptions = {"zh": "行政区的气候。"}
    examples = {"zh": ["(清禾镇, 温和海岸气候)"]}

    def __init__(self, head_entity: AdministrativeRegion, tail_entity: Climate):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class CityOfSight(Relation):
    """
    Description: The sight is in the city.
    Examples: (Tide Tower, Port Vestra)
    """

    names = {"zh": "所在城市"}
    descriptions = {"zh": "景点所在的城市。"}
    examples = {"zh": ["(潮汐塔, 维斯特拉港)"]}

    def __init__(self, head_entity: Sight, tail_entity: City):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Lyricist(Relation):
    """
    Description: The words of the song are by the person.
    Examples: (Song of the Shoals, Lin Muxue)
    """

    names = {"zh": "作词"}
    descriptions = {"zh": "歌曲的词作者。"}
    examples = {"zh": ["(浅滩之歌, 林慕雪)"]}

    def __init__(self, head_entity: Song, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Composer(Relation):
    """
    Description: The music of the song is by the person.
    Examples: (Song of the Shoals, Zhou Yunzhi)
    """

    names = {"zh": "作曲"}
    descriptions = {"zh": "歌曲的曲作者。"}
    examples = {"zh": ["(浅滩之歌, 周云志)"]}

    def __init__(self, head_entity: Song, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class AlbumOf(Relation):
    """
    Description: The song is on the album.
    Examples: (Song of the Shoals, Low Tide)
    """

    names = {"zh": "所属专辑"}
    descriptions = {"zh": "歌曲所属的专辑。"}
    examples = {"zh": ["(浅滩之歌, 低潮)"]}

    def __init__(self, head_entity: Song, tail_entity: MusicAlbum):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class ThemeSong(Relation):
    """
    Description: The film has the song as its theme.
    Examples: (The Keeper of the Tide, Song of the Shoals)
    """

    names = {"zh": "主题曲"}
    descriptions = {"zh": "影视作品的主题曲。"}
    examples = {"zh": ["(守潮人, 浅滩之歌)"]}

    def __init__(self, head_entity: FilmOrSeries, tail_entity: Song):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Singer(Relation):
    """
    Description: The song is sung by the person.
    Examples: (Song of the Shoals, Lin Muxue)
    """

    names = {"zh": "歌手"}
    descriptions = {"zh": "歌曲的演唱者。"}
    examples = {"zh": ["(浅滩之歌, 林慕雪)"]}

    def __init__(self, head_entity: Song, tail_entity: Person):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)
