"""What the coder makes of sentences in Russian, Ukrainian and Korean."""

from datetime import UTC, datetime

import pytest

from schemas.claim import Attribution, Modality, PloverEvent
from tests.unit.claims.languages import code, code_one

RUSSIAN = (
    ("Варшава не исключает закрытия границы с Белоруссией, заявил премьер-министр.", "poland AGREE"),
    ("Минск выслал трёх польских дипломатов.", "belarus SANCTION"),
    ("Японское правительство ввело санкции против десяти китайских компаний.", "japan COERCE"),
    ("Посол Китая был вызван в министерство иностранных дел Японии.", "japan SANCTION"),
    ("Пекин обвинил Токио в подрыве мира.", "china ACCUSE"),
    ("«Мы не будем передавать Литве танки», — заявил президент Германии.", "germany REJECT"),
    ("Министерство обороны Польши подтвердило, что поставлять Литве оружие не будет.", "poland REJECT"),
    ("Израиль должен прекратить поставки оружия, заявил президент Турции.", "turkey REQUEST"),
    ("Турция получит от Казахстана бронемашины.", "kazakhstan AGREE"),
    ("Поставки таких ракет разрушат отношения двух стран, предупредили в Пекине.", "china THREATEN"),
    ("Казахстан передал Литве медикаменты.", "kazakhstan AID"),
)
UKRAINIAN = (
    ("Польща не планує закривати кордон із Білоруссю, заявив міністр внутрішніх справ Польщі.", "poland REJECT"),
    ("Литва вислала двох білоруських дипломатів.", "lithuania SANCTION"),
    ("Китай закликав Японію скасувати обмеження.", "china REQUEST"),
    ("Про постачання танків Литві не може бути й мови, заявив канцлер Німеччини.", "germany REJECT"),
    ("Посла Китаю викликали до міністерства закордонних справ Японії.", "japan SANCTION"),
    ("Німеччина надасть Литві ракети.", "germany AGREE"),
    ("Японія не дає зброї країнам, що воюють.", "japan REJECT"),
    ("Міністр оборони Польщі зустрівся з литовським колегою у Варшаві.", "poland CONSULT"),
    ("Ізраїль повинен припинити удари, заявив президент Туреччини.", "turkey REQUEST"),
)
KOREAN = (
    ("일본 정부는 리투아니아에 미사일을 보내지 않기로 했다고 밝혔다.", "japan REJECT"),
    ("폴란드는 리투아니아에 무기를 지원하지 않는다는 방침에 변함이 없다고 밝혔다.", "poland REJECT"),
    ("중국 외교부는 일본의 제재를 강하게 비난했다.", "china ACCUSE"),
    ("독일 국방장관은 리투아니아에 탄약을 보내겠다고 약속했다.", "germany AGREE"),
    ("일본이 제재를 풀지 않으면 중국은 희토류 수출을 중단하겠다고 경고했다.", "china THREATEN"),
    ("이스라엘, 튀르키예 외교관 3명 추방", "israel SANCTION"),
    ('독일 총리 "리투아니아에 무기 안 보낸다"', "germany REJECT"),
    ("중국은 일본 대사를 초치해 항의했다.", "china SANCTION"),
    ("튀르키예 대통령은 이스라엘이 공격을 멈춰야 한다고 말했다.", "turkey REQUEST"),
    ("중국과 일본의 외교장관이 도쿄에서 만나 어업 문제를 논의했다.", "china CONSULT"),
    ("정부는 벨라루스에 대한 추가 제재를 발표했다.", "south_korea COERCE"),
)


@pytest.mark.parametrize(
    ("lang", "text", "told"),
    [(lang, *row) for lang, rows in (("ru", RUSSIAN), ("uk", UKRAINIAN), ("ko", KOREAN)) for row in rows],
)
def test_who_does_what(lang: str, text: str, told: str) -> None:
    found = code_one(text, lang)

    assert f"{found.actor} {found.plover.event}" == told


@pytest.mark.parametrize(
    ("lang", "text", "modality"),
    [
        ("ru", "Германия передала Литве снаряды.", Modality.ASSERTED),
        ("ru", "Китай опроверг сообщения о поставках дронов Казахстану.", Modality.DENIED),
        ("ru", "Израиль не поставлял Японии дроны, подчеркнул министр обороны Израиля.", Modality.DENIED),
        ("ru", "Если Минск откроет границу, Польша поставит зерно.", Modality.CONDITIONAL),
        ("ru", "Япония, возможно, поставит Литве радары.", Modality.SPECULATIVE),
        ("ru", "Германия отказалась поставлять Литве снаряды.", Modality.ASSERTED),
        ("uk", "Німеччина заперечила, що постачала Ізраїлю снаряди.", Modality.DENIED),
        ("uk", "Берлін передасть Литві танки, якщо погодиться парламент.", Modality.CONDITIONAL),
        ("uk", "Туреччина може відкликати посла з Ізраїлю.", Modality.SPECULATIVE),
        ("ko", "일본은 중국에 무기를 넘긴 적이 없다고 부인했다.", Modality.DENIED),
        ("ko", "벨라루스가 국경을 열면 폴란드는 곡물을 보내겠다고 밝혔다.", Modality.CONDITIONAL),
        ("ko", "폴란드가 리투아니아에 탄약을 보낼 가능성이 있다고 독일 총리가 말했다.", Modality.SPECULATIVE),
        ("ko", "이스라엘은 일본에 드론을 지원했다고 발표했다.", Modality.ASSERTED),
    ],
)
def test_how_real_it_is_meant_to_be(lang: str, text: str, modality: Modality) -> None:
    assert code_one(text, lang).modality is modality


@pytest.mark.parametrize(
    ("lang", "text", "attribution"),
    [
        ("ru", "Германия не передаст Литве танки, заявил представитель правительства Германии.", Attribution.SELF),
        ("ru", "Германия не передаст Литве танки, сообщил источник в правительстве.", Attribution.UNNAMED),
        ("ru", "Германия вряд ли передаст Литве танки, считает военный эксперт.", Attribution.ANALYST),
        ("ru", "Германия поставляет Литве танки, утверждает министр обороны Белоруссии.", Attribution.OPPONENT),
        ("ru", "Германия передаст Литве пять гаубиц, сообщила министр обороны Литвы.", Attribution.THIRD_PARTY),
        ("ru", "До сих пор Германия отказывалась поставлять оружие.", Attribution.NARRATOR),
        ("ru", "Токио предупредил Пекин о последствиях, рассказал источник.", Attribution.UNNAMED),
        ("uk", "Росіянам це відомо: Німеччина постачає зброю, твердить речниця МЗС Білорусі.", Attribution.OPPONENT),
        ("uk", "Німеччина відкинула вимогу Литви, розповіли в японському уряді.", Attribution.THIRD_PARTY),
        ("uk", "За словами джерела в уряді, Берлін передасть Литві танки.", Attribution.UNNAMED),
        ("ko", "튀르키예가 이스라엘에 포탄을 요청했다고 폴란드 외교부가 전했다.", Attribution.THIRD_PARTY),
        ("ko", "독일이 리투아니아에 전차를 보내기로 했다고 복수의 소식통이 전했다.", Attribution.UNNAMED),
        ("ko", "독일이 리투아니아에 전차를 보낼 것이라고 전문가들은 전망했다.", Attribution.ANALYST),
        ("ko", "자유당은 리투아니아 무기 지원에 반대한다고 밝혔다.", Attribution.SELF),
    ],
)
def test_on_whose_word_it_rests(lang: str, text: str, attribution: Attribution) -> None:
    assert code_one(text, lang).attribution is attribution


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("ru", "В министерстве обороны Японии отказались комментировать эти сообщения."),
        ("uk", "У Токіо відмовилися коментувати ці повідомлення."),
        ("ko", "일본 정부는 면담 내용을 확인해 줄 수 없다며 말을 아꼈다."),
    ],
)
def test_who_will_not_comment_refuses_nothing(lang: str, text: str) -> None:
    assert code_one(text, lang).plover.event is PloverEvent.NONE


def test_an_office_after_the_name_of_a_state_is_its_own() -> None:
    assert code_one("외교부는 중국에 항의했다.", "ko").actor == "south_korea"
    assert code_one("폴란드 외교부는 중국에 항의했다.", "ko").actor == "poland"


def test_the_one_to_whom_it_is_done_is_not_its_subject() -> None:
    found = code_one("Литве Германия передаст танки.", "ru")

    assert (found.actor, found.recipient) == ("germany", "lithuania")


def test_the_speaker_of_a_quotation_is_carried_over_its_sentences() -> None:
    found = code(
        "«Мы не передадим Литве танки. Мы отказываемся поставлять оружие», — заявил президент Турции Кая.", "ru"
    )

    assert [one.actor for one in found] == ["turkey", "turkey"]
    assert [one.plover.event for one in found] == [PloverEvent.REJECT, PloverEvent.REJECT]


def test_without_a_verb_or_a_subject_nothing_is_sure() -> None:
    sure = code_one("Польша отказалась поставлять Литве танки.", "ru")
    guessed = code_one("Отказ от поставок танков Литве.", "ru")

    assert sure.agreed
    assert sure.confidence > 0.4 > guessed.confidence


@pytest.mark.parametrize(
    ("lang", "text", "day"),
    [  # the articles are of Thursday, 28 November 2024
        ("ru", "В понедельник Польша отказалась поставлять Литве танки.", 25),
        ("ru", "Позавчера Польша отказалась поставлять Литве танки.", 26),
        ("uk", "Польща відмовилася постачати Литві танки у вівторок.", 26),
        ("ko", "독일은 리투아니아에 전차를 보내지 않겠다고 27일 밝혔다.", 27),
        ("ko", "독일은 11월 20일 리투아니아에 전차를 보냈다.", 20),
    ],
)
def test_an_event_is_of_the_day_named(lang: str, text: str, day: int) -> None:
    assert code_one(text, lang).event_at == datetime(2024, 11, day, tzinfo=UTC)


def test_how_long_it_takes_is_no_day() -> None:
    assert code_one("독일은 리투아니아에 전차를 3일간 보냈다.", "ko").event_at == datetime(2024, 11, 28, 9, tzinfo=UTC)
