"""Words that say little about which event a text is about: those of grammar, and those that any news may use.

The first are left out, but for those that mean something in
English (die, car, son). The second are kept, but are taken for frequent from the start, before an index has seen enough
to know it. Both lists were written down from general knowledge of the languages, not counted in any collection.
"""

from services.domain.text.analyzer import analyze

_GRAMMAR = """
a an the and or but if of to in on at by for from with as is are was were be been being it its this that these those he
she they we you i his her their our your my me him them us not no nor so than then too very can will would could should
may might must do does did done has have had having what which who whom whose when where why how all any both each few
more most other some such only own same just now here there over under again further once about against between into
through during before after above below up down out off while because until also s t re ve ll d m don isn aren wasn via
и в во не что он на я с со как а то все она так его но да ты к у же вы за бы по только ее мне было вот от меня еще нет о
из ему теперь когда даже ну вдруг ли если уже или ни быть был него до вас опять уж вам ведь там потом себя ничего ей они
тут где есть надо ней для мы их чем была сам чтоб без будто под будет тогда кто этот того потому этого какой ним здесь
этом один почти мой тем чтобы нее были куда зачем всех можно при об хоть после над больше тот через эти нас про них
которая который которые также это
і й та у в на з із зі до від за по не що як але або чи ж б би то це цей ця ці того тим для при про під над між через
після перед був була було були є буде він вона воно вони ми ви я його її їх їм нас вас також який яка яке які коли де
там тут уже вже ще лише тільки бо щоб якщо так ні
le la les un une des du de au aux et ou mais donc ni que qui quoi dont où ce cet cette ces se sa ses leur leurs il
elle ils elles on nous vous je tu lui eux en y à dans par sur avec sans entre vers chez après avant depuis pendant
contre selon plus moins très tout tous toute toutes même aussi encore déjà alors comme si ne pas est sont était été
être a ont avait avoir fait faire peut qu d l j m n s t c jusqu lors afin ainsi cela ça der das den dem ein eine einen
einem einer eines und oder aber nicht kein keine von zu zum zur im in am an auf aus bei nach vor für über unter gegen
durch ohne um bis seit während wegen ist sind waren wird werden wurde wurden haben hatte sein kann können soll muss
sich es er sie wir ihr ich auch noch nur schon als wie wenn dass weil sehr mehr so da hier dort dieser diese dieses el
los una unos unas del al o pero no quien cual con sin por para sobre desde hasta según tras durante contra fue fueron
ser está están ha había su sus lo me te nos más menos muy ya también como este esta estos estas ese esa eso esto gli i
uno della dello dei degli delle nel nella nei nelle sul sulla dal dalla alla allo agli alle tra non che cui è sono
erano stato stata essere hanno anche più come ci suo sua suoi sue questo questa questi queste dopo prima os as uma uns
umas do dos na nas ao aos às pelo pela pelos pelas em com sem até não quem e foi foram é são estão tem têm seu seus
suas muito já também isso w we z ze od po za u przy przez dla bez nad przed między nie się że żeby czy ale lub oraz
jak jest są był była było byli będzie być został została może mają to ta tego tej tych tym który która które którzy
jego jej już także tylko też
이 그 저 것 수 등 및 또 더 를 을 는 은 가 의 에 와 과 로 으로 에서 했다 한다 하는 위해 대한 대해 관련 있다 없다
"""

_NEWS = """
accuse act action add admit agree aim air allow announce answer appear ask attack back ban base battle beat become begin
big billion bill board boost break bring build business buy call campaign case cause center centre chance change chief
city claim clash close come comment company concern confirm consider continue country court crisis cut daily data date
day deal death debate decide defend delay demand deny despite die drop early economy end event exclusive expect expert
explain face fact fail fall family fan far fear feature feel fight final financial find firm first five focus follow
force four free friend full future gain game get give global go gold good government great group grow growth guide head
health help high hit hold home hope hot hour house idea impact include increase industry inside interview investor issue
job join keep key kill know lack large last late latest launch law lawmaker lead leader leave let life like line list
little live local long look lose loss love low major make man many mark market meet meeting million minister minute miss
mixed money month morning move much name nation national near need never new news next night number offer office
official old one open opinion order outlook pay people photo pick picture place plan play point police policy poll post
power president press price probe problem product profit program project push put question quick raise rate reach read
ready real reason record release remain report reveal review right rise risk role rule rumor rumour run sale save say
season second see seek sell send service set share show sign slam slip small social source special spokesman
stage stand star start state statement stay step still stock stop story street strong study support surge take talk team
spokesperson tell test think third thousand threat three tie time tip today tomorrow tonight top trade try turn two unit
unveil update
use video view visit vote wait walk want war warn watch way week weekend well win woman word work worker world worry
wrong year yesterday young january february march april may june july august september october november december monday
tuesday wednesday thursday friday saturday sunday
год день время человек страна президент министр власть сообщить заявить сказать стать новый первый два три тысяча
миллион миллиард рассказать назвать объявить провести принять решение ситуация место город вопрос сегодня вчера
понедельник вторник среда четверг пятница суббота воскресенье январь февраль март апрель май июнь июль август сентябрь
октябрь ноябрь декабрь россия война новость видео фото
рік день час людина країна президент міністр влада повідомити заявити сказати стати новий перший два три тисяча мільйон
мільярд розповісти назвати оголосити провести прийняти рішення ситуація місце місто питання сьогодні вчора понеділок
вівторок середа четвер п'ятниця субота неділя січень лютий березень квітень травень червень липень серпень вересень
жовтень листопад грудень війна новина відео фото
대통령 정부 장관 기자 뉴스 오늘 어제 올해 지난해 지난 최근 이번 발표 밝혔다 말했다 전했다 보도
사진 영상 종합 속보 단독 첫 년 월 일 명 억 만
"""

GRAMMAR_WORDS = frozenset(key for word in _GRAMMAR.split() for key in (word, analyze(word).key))
NEWS_WORDS = frozenset(analyze(word).key for word in _NEWS.split())
