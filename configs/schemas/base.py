"""The classes that the small base model learns to read.

Broad on purpose: many classes, so that a prompt has to be read and cannot be recited.
"""

from typing import List


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


class Event:
    """
    The base class for all events.
    """

    def __init__(self, trigger: str):
        self.trigger = trigger


class Person(Entity):
    """
    Description: A human being, known by name.
    Examples: Lena Vogt-Arden, Chen Yulan, Tomas Hrubec, Amara Diko
    """

    names = {"zh": "人物"}
    descriptions = {"zh": "有名有姓的人。"}
    examples = {"zh": ["莱娜·沃格特·阿登", "陈玉兰", "托马什·赫鲁贝茨", "阿玛拉·迪科"]}


class Organization(Entity):
    """
    Description: A group with a name and a purpose, such as an association, agency or charity.
    Examples: Clear Water Alliance, Red Lantern Foundation, NUFA, Council for Open Roads
    """

    names = {"zh": "组织"}
    descriptions = {"zh": "有名称和宗旨的团体，如协会、机构或慈善组织。"}
    examples = {"zh": ["净水联盟", "红灯笼基金会", "努法联合会", "畅通道路理事会"]}


class Location(Entity):
    """
    Description: A named place or area, such as a district, village, valley or coast.
    Examples: Harrow Valley, Mill Lane, Tolbeck, Old Harbour District
    """

    names = {"zh": "地点"}
    descriptions = {"zh": "有名称的地方或区域，如街区、村庄、山谷或海岸。"}
    examples = {"zh": ["哈罗谷", "磨坊巷", "托尔贝克", "旧港区"]}


class Product(Entity):
    """
    Description: A named thing that is made to be sold.
    Examples: Zentra Mug 2, Halo X3, Brightkettle, PocketSun lamp
    """

    names = {"zh": "产品"}
    descriptions = {"zh": "为出售而制造的有名称的物品。"}
    examples = {"zh": ["真特拉杯2", "光环X3", "亮壶", "袖珍太阳灯"]}


class Company(Entity):
    """
    Description: A business that makes or sells something.
    Examples: Halden Motors, Brightforge, Quanxin Electric, Miro & Sons
    """

    names = {"zh": "公司"}
    descriptions = {"zh": "生产或销售商品的企业。"}
    examples = {"zh": ["哈尔登汽车公司", "布莱特锻造", "全信电气", "米罗父子公司"]}


class University(Entity):
    """
    Description: An institution of higher education and research.
    Examples: Norwick University, Kelmar Institute of Technology, Eastern Sea University, Saint Brannoc College
    """

    names = {"zh": "大学"}
    descriptions = {"zh": "从事高等教育和研究的机构。"}
    examples = {"zh": ["诺威克大学", "凯尔马理工学院", "东海岸大学", "圣布兰诺克学院"]}


class Hospital(Entity):
    """
    Description: A place where the sick and injured are treated.
    Examples: Saint Alda Hospital, Northgate General Hospital, Renai Hospital, Willow Clinic
    """

    names = {"zh": "医院"}
    descriptions = {"zh": "治疗病人和伤者的地方。"}
    examples = {"zh": ["圣阿尔达医院", "北门总医院", "仁爱医院", "柳树诊所"]}


class School(Entity):
    """
    Description: A place where children or young people are taught.
    Examples: Elm Street Primary School, Number Nine Middle School, Haverley High School, Saint Piran's School
    """

    names = {"zh": "学校"}
    descriptions = {"zh": "教育儿童或青少年的地方。"}
    examples = {"zh": ["榆树街小学", "第九中学", "哈弗利高中", "圣皮兰学校"]}


class Newspaper(Entity):
    """
    Description: A paper that prints news.
    Examples: Harbour Gazette, Daily Lantern, Norwick Times, Linjiang Evening News
    """

    names = {"zh": "报纸"}
    descriptions = {"zh": "刊登新闻的报纸。"}
    examples = {"zh": ["港口公报", "每日灯报", "诺威克时报", "临江晚报"]}


class Bank(Entity):
    """
    Description: A business that keeps and lends money.
    Examples: Norland Savings Bank, Bank of Dorle, Linjiang Commercial Bank, Halvorsen & Co.
    """

    names = {"zh": "银行"}
    descriptions = {"zh": "存放和借贷资金的机构。"}
    examples = {"zh": ["诺兰储蓄银行", "多尔银行", "临江商业银行", "哈尔沃森银行"]}


class Museum(Entity):
    """
    Description: A building where collections are shown.
    Examples: Maritime Museum of Dorle, Norwick Museum of Glass, Hall of Clocks, Linjiang Museum
    """

    names = {"zh": "博物馆"}
    descriptions = {"zh": "展示藏品的场馆。"}
    examples = {"zh": ["多尔海事博物馆", "诺威克玻璃博物馆", "钟表馆", "临江博物馆"]}


class Station(Entity):
    """
    Description: A place where trains, trams or buses stop.
    Examples: Elmgate Central Station, Norwick Parkway, Dorle Harbour Station, Linjiang South Railway Station
    """

    names = {"zh": "车站"}
    descriptions = {"zh": "火车、电车或汽车停靠的地方。"}
    examples = {"zh": ["榆门中央车站", "诺威克公园道站", "多尔港站", "临江南站"]}


class Restaurant(Entity):
    """
    Description: A place where meals are served.
    Examples: Blue Ladle, Chez Mirelle, Golden Carp House, Mama Tembo's
    """

    names = {"zh": "餐馆"}
    descriptions = {"zh": "供应饭菜的地方。"}
    examples = {"zh": ["蓝勺餐厅", "米蕾尔之家", "金鲤楼", "滕博妈妈餐馆"]}


class Hotel(Entity):
    """
    Description: A place where travellers stay overnight.
    Examples: Hotel Aurelia, Grand Lakeview Hotel, Norwick Inn, Yunhai Guesthouse
    """

    names = {"zh": "酒店"}
    descriptions = {"zh": "供旅客过夜的地方。"}
    examples = {"zh": ["奥蕾莉亚酒店", "湖景大酒店", "诺威克旅馆", "云海宾馆"]}


class Team(Entity):
    """
    Description: A sports team or club.
    Examples: Norwick Rovers, Dorle Hawks, FC Tembo, Linjiang Dragons
    """

    names = {"zh": "球队"}
    descriptions = {"zh": "体育队伍或俱乐部。"}
    examples = {"zh": ["诺威克流浪者队", "多尔鹰队", "滕博足球俱乐部", "临江龙队"]}


class Politician(Entity):
    """
    Description: A person who holds or seeks public office.
    Examples: Aldo Ferranti, Margit Hollin, Zhou Guoliang, Samuel Adeyinka
    """

    names = {"zh": "政治人物"}
    descriptions = {"zh": "担任或竞选公职的人。"}
    examples = {"zh": ["阿尔多·费兰蒂", "玛吉特·霍林", "周国良", "塞缪尔·阿德因卡"]}


class Writer(Entity):
    """
    Description: A person who writes books, poems or plays.
    Examples: Edith Marlowe-Finch, Xu Beishan, Julio Carranza, Nadia Bouhari
    """

    names = {"zh": "作家"}
    descriptions = {"zh": "写书、写诗或写剧本的人。"}
    examples = {"zh": ["伊迪丝·马洛·芬奇", "许北山", "胡利奥·卡兰萨", "纳迪娅·布哈里"]}


class Scientist(Entity):
    """
    Description: A person who does research.
    Examples: Marta Kowalczuk, Gao Xingchen, Elias Nordahl, Dr. Wanjiru
    """

    names = {"zh": "科学家"}
    descriptions = {"zh": "从事科学研究的人。"}
    examples = {"zh": ["玛尔塔·科瓦尔丘克", "高星辰", "埃利亚斯·努达尔", "万吉鲁博士"]}


class Singer(Entity):
    """
    Description: A person who sings for an audience.
    Examples: Lola Vance, Han Xue'er, Mister Juno, Celia Moon
    """

    names = {"zh": "歌手"}
    descriptions = {"zh": "为听众演唱的人。"}
    examples = {"zh": ["洛拉·万斯", "韩雪儿", "朱诺先生", "西莉亚·穆恩"]}


class Athlete(Entity):
    """
    Description: A person who competes in sport.
    Examples: Jarek Wolny, Lu Fei, Tirunesh Alemu, Carlos Mendez Ruiz
    """

    names = {"zh": "运动员"}
    descriptions = {"zh": "参加体育比赛的人。"}
    examples = {"zh": ["亚雷克·沃尔尼", "陆飞", "蒂鲁内什·阿莱姆", "卡洛斯·门德斯·鲁伊斯"]}


class Actor(Entity):
    """
    Description: A person who plays roles on stage or screen.
    Examples: Vivian Hale, Jiang Wenhao, Rupert Lancey, Nandini Rao
    """

    names = {"zh": "演员"}
    descriptions = {"zh": "在舞台或银幕上扮演角色的人。"}
    examples = {"zh": ["薇薇安·黑尔", "蒋文浩", "鲁珀特·兰西", "南迪尼·拉奥"]}


class City(Entity):
    """
    Description: A large town.
    Examples: Linjiang, Norwick, Dorle, Yunzhou
    """

    names = {"zh": "城市"}
    descriptions = {"zh": "较大的城镇。"}
    examples = {"zh": ["临江市", "诺威克", "多尔", "云州"]}


class Country(Entity):
    """
    Description: A state with its own government.
    Examples: Velmaria, Norland, Tembo Republic, Sarantia
    """

    names = {"zh": "国家"}
    descriptions = {"zh": "有自己政府的国家。"}
    examples = {"zh": ["韦尔马里亚", "诺兰", "滕博共和国", "萨兰蒂亚"]}


class River(Entity):
    """
    Description: A large natural stream of water.
    Examples: Tamsel, Orwen, Qinghe, Great Dun
    """

    names = {"zh": "河流"}
    descriptions = {"zh": "天然的大水流。"}
    examples = {"zh": ["塔姆塞尔河", "奥文河", "清河", "大邓河"]}


class Mountain(Entity):
    """
    Description: A high natural elevation of land.
    Examples: Mount Orvath, Kessel Peak, Tianzhu Mountain, Old Man's Tooth
    """

    names = {"zh": "山"}
    descriptions = {"zh": "高耸的自然地形。"}
    examples = {"zh": ["奥尔瓦特山", "凯塞尔峰", "天柱山", "老人齿峰"]}


class Island(Entity):
    """
    Description: Land surrounded by water.
    Examples: Saltholm, Tolva, Isla Perdida, Yueya Island
    """

    names = {"zh": "岛屿"}
    descriptions = {"zh": "四面环水的陆地。"}
    examples = {"zh": ["盐岛", "托尔瓦岛", "佩尔迪达岛", "月牙岛"]}


class Book(Entity):
    """
    Description: A written work that is published.
    Examples: The Glass Orchard, Letters to a Tram Driver, Seven Winters, The Cartographer's Daughter
    """

    names = {"zh": "书籍"}
    descriptions = {"zh": "出版的文字作品。"}
    examples = {"zh": ["玻璃果园", "致电车司机的信", "七个冬天", "制图师的女儿"]}


class Film(Entity):
    """
    Description: A moving picture shown in cinemas.
    Examples: Midnight on Platform Two, The Long Thaw, Red Kites, Steel Harvest
    """

    names = {"zh": "电影"}
    descriptions = {"zh": "在影院放映的影片。"}
    examples = {"zh": ["二号站台的午夜", "漫长的解冻", "红风筝", "钢铁收获"]}


class Song(Entity):
    """
    Description: A piece of music with words.
    Examples: Paper Moonlight, Drive Me to the Coast, Ballad of the Blue Mule, Rice Field Lullaby
    """

    names = {"zh": "歌曲"}
    descriptions = {"zh": "有歌词的音乐作品。"}
    examples = {"zh": ["纸月光", "载我去海岸", "蓝骡谣", "稻田摇篮曲"]}


class Game(Entity):
    """
    Description: A game played on a screen or a board.
    Examples: Castle of Cogs, Dragon Depot, Farmland Frenzy, Star Couriers
    """

    names = {"zh": "游戏"}
    descriptions = {"zh": "在屏幕或棋盘上玩的游戏。"}
    examples = {"zh": ["齿轮城堡", "龙仓", "疯狂农田", "星际信使"]}


class Vehicle(Entity):
    """
    Description: A machine that carries people or goods on land or in the air.
    Examples: Torvan GX5, Halden Comet, Marlo City Bike, Mule 400
    """

    names = {"zh": "车辆"}
    descriptions = {"zh": "在陆地或空中运送人或货物的机器。"}
    examples = {"zh": ["托万GX5", "哈尔登彗星", "马洛城市自行车", "骡子400"]}


class Ship(Entity):
    """
    Description: A large vessel that travels on water.
    Examples: Sea Lantern, Queen Ingrid, Donghai Star, Albatross II
    """

    names = {"zh": "船舶"}
    descriptions = {"zh": "在水上航行的大型船只。"}
    examples = {"zh": ["海灯号", "英格丽德女王号", "东海岸之星号", "信天翁二号"]}


class Software(Entity):
    """
    Description: A computer program or application.
    Examples: Loopdesk, Inkwell Studio, Tally 5, Nightwatch
    """

    names = {"zh": "软件"}
    descriptions = {"zh": "计算机程序或应用。"}
    examples = {"zh": ["环桌", "墨池编辑器", "塔利5", "守夜人杀毒"]}


class Medicine(Entity):
    """
    Description: A drug that treats or prevents an illness.
    Examples: Nelvorin, Tracodal, Banlanxin, Dr. Falk's Drops
    """

    names = {"zh": "药品"}
    descriptions = {"zh": "治疗或预防疾病的药物。"}
    examples = {"zh": ["奈沃林", "曲可达", "板兰欣", "福尔克滴剂"]}


class Animal(Entity):
    """
    Description: A kind of living creature that is not human.
    Examples: snow leopard, red panda, marsh deer, grey wolf
    """

    names = {"zh": "动物"}
    descriptions = {"zh": "人以外的一种生物。"}
    examples = {"zh": ["雪豹", "小熊猫", "沼泽鹿", "灰狼"]}


class Festival(Entity):
    """
    Description: A celebration or fair that is held regularly.
    Examples: Harvest Drum Festival, Lantern Moon Festival, Norwick Jazz Days, Feast of Saint Alda
    """

    names = {"zh": "节日"}
    descriptions = {"zh": "定期举行的庆典或集会。"}
    examples = {"zh": ["丰收鼓节", "灯月节", "诺威克爵士周", "圣阿尔达节"]}


class WorksFor(Relation):
    """
    Description: A person is employed by an organization.
    Examples: (J. P. Wexler, Tessaro Foods), (Leila Farzan, Tembo State University)
    """

    names = {"zh": "任职于"}
    descriptions = {"zh": "某人受雇于某机构。"}
    examples = {"zh": ["(J.P.韦克斯勒, 泰萨罗食品)", "(莱拉·法尔赞, 滕博州立大学)"]}

    def __init__(
        self,
        head_entity: Person | Politician | Writer | Scientist | Singer | Athlete | Actor,
        tail_entity: Organization | Company | University | Hospital | School | Newspaper | Bank | Museum | Station | Restaurant | Hotel | Team,
    ):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class FoundedBy(Relation):
    """
    Description: Something was founded by someone.
    Examples: (Green Ladder, Sofia de la Marca), (Tessaro Foods, Wang Jianhe)
    """

    names = {"zh": "创立者"}
    descriptions = {"zh": "某机构由某人创立。"}
    examples = {"zh": ["(绿梯组织, 索菲娅·德拉马尔卡)", "(泰萨罗食品, 王建禾)"]}

    def __init__(
        self,
        head_entity: Organization | Company | University | Hospital | School | Newspaper | Bank | Museum | Station | Restaurant | Hotel | Team | City | Festival,
        tail_entity: Person | Politician | Writer | Scientist | Singer | Athlete | Actor | Organization | Company | University,
    ):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class LocatedIn(Relation):
    """
    Description: Something lies in or stands in a place.
    Examples: (Toy Museum, Kelmar), (Kelmar, Kasheria)
    """

    names = {"zh": "位于"}
    descriptions = {"zh": "某事物位于某地。"}
    examples = {"zh": ["(玩具博物馆, 凯尔马)", "(凯尔马, 卡舍里亚)"]}

    def __init__(
        self,
        head_entity: Organization | Company | University | Hospital | School | Newspaper | Bank | Museum | Station | Restaurant | Hotel | Team | Location | City | Country | River | Mountain | Island,
        tail_entity: Location | City | Country | River | Mountain | Island,
    ):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class LivesIn(Relation):
    """
    Description: Someone lives in a place.
    Examples: (J. P. Wexler, Kelmar), (Shen Yimeng, Nightjar Key)
    """

    names = {"zh": "居住于"}
    descriptions = {"zh": "某人住在某地。"}
    examples = {"zh": ["(J.P.韦克斯勒, 凯尔马)", "(沈一梦, 夜鹰礁)"]}

    def __init__(
        self,
        head_entity: Person | Politician | Writer | Scientist | Singer | Athlete | Actor | Animal,
        tail_entity: Location | City | Country | River | Mountain | Island,
    ):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class MadeBy(Relation):
    """
    Description: A thing is made, built or developed by someone.
    Examples: (Norwave speaker, Tessaro Foods), (Cardivane, Yunhai Technology)
    """

    names = {"zh": "制造者"}
    descriptions = {"zh": "某物由某方制造、建造或开发。"}
    examples = {"zh": ["(诺波音箱, 泰萨罗食品)", "(卡迪万, 云海科技)"]}

    def __init__(
        self,
        head_entity: Product | Vehicle | Ship | Software | Medicine | Game | Film,
        tail_entity: Person | Scientist | Organization | Company | University,
    ):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class WrittenBy(Relation):
    """
    Description: A work was written by someone.
    Examples: (Salt and Silence, Shen Yimeng), (Hold the Lantern High, Rosalind Creek)
    """

    names = {"zh": "作者"}
    descriptions = {"zh": "某作品由某人写成。"}
    examples = {"zh": ["(盐与沉默, 沈一梦)", "(高举灯笼, 罗莎琳德·克里克)"]}

    def __init__(
        self,
        head_entity: Book | Film | Song | Game | Software,
        tail_entity: Person | Politician | Writer | Scientist | Singer | Athlete | Actor,
    ):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class BornIn(Relation):
    """
    Description: Someone was born in a place.
    Examples: (J. P. Wexler, West Quillen), (Viktor Dragan, Kasheria)
    """

    names = {"zh": "出生于"}
    descriptions = {"zh": "某人出生在某地。"}
    examples = {"zh": ["(J.P.韦克斯勒, 西奎伦)", "(维克托·德拉甘, 卡舍里亚)"]}

    def __init__(
        self,
        head_entity: Person | Politician | Writer | Scientist | Singer | Athlete | Actor | Animal,
        tail_entity: Location | City | Country | River | Mountain | Island,
    ):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class MemberOf(Relation):
    """
    Description: Someone or some body belongs to a group or team.
    Examples: (Emma Stroud, Sandreach Sharks), (Sofia de la Marca, Agency for Coastal Safety)
    """

    names = {"zh": "成员"}
    descriptions = {"zh": "某人或某机构属于某团体或队伍。"}
    examples = {"zh": ["(埃玛·斯特劳德, 桑德里奇鲨鱼队)", "(索菲娅·德拉马尔卡, 海岸安全署)"]}

    def __init__(
        self,
        head_entity: Person | Politician | Writer | Scientist | Singer | Athlete | Actor | Company | University | Country,
        tail_entity: Organization | Team | Festival,
    ):
        super().__init__(head_entity=head_entity, tail_entity=tail_entity)


class Hiring(Event):
    """
    Description: Someone starts to work for an employer.
    Examples: hired, joined, appointed, recruited
    """

    names = {"zh": "聘用"}
    descriptions = {"zh": "某人开始为雇主工作。"}
    examples = {"zh": ["聘请", "加入", "任命", "招聘"]}

    def __init__(
        self,
        trigger: str,
        employee: List[Person | Politician | Writer | Scientist | Singer | Athlete | Actor],
        employer: List[Organization | Company | University | Hospital | School | Newspaper | Bank | Museum | Station | Restaurant | Hotel | Team],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.employee = employee
        self.employer = employer
        self.time = time


class Founding(Event):
    """
    Description: An organization is founded.
    Examples: founded, set up, established
    """

    names = {"zh": "创立"}
    descriptions = {"zh": "某个组织成立。"}
    examples = {"zh": ["创立", "成立", "创办"]}

    def __init__(
        self,
        trigger: str,
        founder: List[Person | Politician | Writer | Scientist | Singer | Athlete | Actor | Organization | Company | University],
        organization: List[Organization | Company | University | Hospital | School | Newspaper | Bank | Museum | Station | Restaurant | Hotel | Team | Festival],
        place: List[Location | City | Country | River | Mountain | Island],
    ):
        super().__init__(trigger=trigger)
        self.founder = founder
        self.organization = organization
        self.place = place


class Launch(Event):
    """
    Description: A product is brought to the market or made public.
    Examples: launched, released, unveiled
    """

    names = {"zh": "发布"}
    descriptions = {"zh": "产品上市或公开发布。"}
    examples = {"zh": ["发布", "推出", "上市"]}

    def __init__(
        self,
        trigger: str,
        product: List[Product | Vehicle | Ship | Software | Medicine | Game | Film | Song | Book | Newspaper],
        maker: List[Person | Politician | Writer | Scientist | Singer | Athlete | Actor | Organization | Company | University | Hospital | School | Newspaper | Bank | Museum | Station | Restaurant | Hotel | Team],
        place: List[Location | City | Country | River | Mountain | Island | Museum | Station | Hotel | Festival | University],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.product = product
        self.maker = maker
        self.place = place
        self.time = time


class Purchase(Event):
    """
    Description: Someone buys something.
    Examples: bought, purchased, acquired
    """

    names = {"zh": "购买"}
    descriptions = {"zh": "某人购买某物。"}
    examples = {"zh": ["购买", "买下", "收购"]}

    def __init__(
        self,
        trigger: str,
        buyer: List[Person | Politician | Writer | Scientist | Singer | Athlete | Actor | Organization | Company | University | Hospital | School | Newspaper | Bank | Museum | Station | Restaurant | Hotel | Team | City | Country],
        item: List[Entity],
        price: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.buyer = buyer
        self.item = item
        self.price = price


class Meeting(Event):
    """
    Description: People come together to talk.
    Examples: met, talks, conference
    """

    names = {"zh": "会面"}
    descriptions = {"zh": "人们聚在一起商谈。"}
    examples = {"zh": ["会见", "会谈", "会议"]}

    def __init__(
        self,
        trigger: str,
        participant: List[Person | Politician | Writer | Scientist | Singer | Athlete | Actor | Organization | Company | University | Hospital | School | Newspaper | Bank | Museum | Station | Restaurant | Hotel | Team],
        place: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.participant = participant
        self.place = place
        self.time = time


class Travel(Event):
    """
    Description: Someone goes to another place.
    Examples: travelled, flew, arrived, left
    """

    names = {"zh": "出行"}
    descriptions = {"zh": "某人前往另一个地方。"}
    examples = {"zh": ["前往", "飞往", "抵达", "动身"]}

    def __init__(
        self,
        trigger: str,
        traveller: List[Person | Politician | Writer | Scientist | Singer | Athlete | Actor | Organization | Company | University | Hospital | School | Newspaper | Bank | Museum | Station | Restaurant | Hotel | Team | Ship | Vehicle | Animal],
        destination: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.traveller = traveller
        self.destination = destination
        self.time = time


class Award(Event):
    """
    Description: Someone receives a prize or an honour.
    Examples: won, received, awarded
    """

    names = {"zh": "获奖"}
    descriptions = {"zh": "某人获得奖项或荣誉。"}
    examples = {"zh": ["获得", "荣获", "颁给"]}

    def __init__(
        self,
        trigger: str,
        winner: List[Entity],
        prize: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.winner = winner
        self.prize = prize
        self.time = time


class Accident(Event):
    """
    Description: Something goes wrong unexpectedly and people or things are harmed.
    Examples: crash, collided, injured
    """

    names = {"zh": "事故"}
    descriptions = {"zh": "意外发生，造成人或物受损。"}
    examples = {"zh": ["撞车", "相撞", "受伤"]}

    def __init__(
        self,
        trigger: str,
        victim: List[Entity],
        place: List[Entity],
        time: List[Entity],
    ):
        super().__init__(trigger=trigger)
        self.victim = victim
        self.place = place
        self.time = time
