"""Bring Russian and Ukrainian word forms back to dictionary forms.

The script does not tell the two languages apart, so a word is read as both. Russian words are looked up in a
dictionary. Ukrainian words, and names that the dictionary lacks, get every dictionary form that their ending allows;
most of these are no words at all and so match nothing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from services.domain.text.russian import russian_dictionary

_MIN_STEM = 3
_MIN_NAME_STEM = 2
_LONGEST_ENDING = 7
_ONLY_UKRAINIAN = re.compile("[іїєґ']")
_ONLY_RUSSIAN = re.compile("[ыэъ]")
# Ukrainian endings that belong to one kind of word only, so that queries too may use any of its forms.
_SURE_UKRAINIAN = re.compile(
    "(?:(?P<iya>і[їю]|ією|ія(?:м|ми|х))|(?<=[сцз]ьк)(?P<adjective>а|е|і|у|о[їю]|ій|ого|ому|и[мх]|ими)"
    "|(?P<ist>ост(?:і|ей|ям|ями|ях)|істю)|(?P<nnya>(?<=нн)[юі]|(?<=нн)ям))$"
)
_SURE_FORMS = {"iya": "ія", "adjective": "ий", "ist": "ість", "nnya": "я"}
_UKRAINIAN_GENITIVE = re.compile("[^аеиоуыюяіїєгкхжшчщйь]и$")
_ENDS_IN_CONSONANT = re.compile("[^аеиоуыюяіїєйь]$")
# No word ends like this: й and ь stand after the wrong letter, velars and sibilants before я or ь.
_IMPOSSIBLE = re.compile(
    "(?:[^аеиоуыюяіїє]й|[кгхґжчшщбпвмаеиоуыюяіїєйь]ь|[кгхґжчшщй]я|[кгхґ]ый|[аеиоуыюяіїєьй](?:[иы]й|о)|ий(?:ий|а|о))$"
)


def cyrillic_readings(word: str, *, name: bool) -> tuple[str, ...]:
    """Return the dictionary forms a folded word may be a form of; the first is the one a query for the word means.

    `name` says that the word is capitalised: names may be as short as Юн (Юна, Юном).
    """
    if word in _AS_WRITTEN or len(word) < _MIN_STEM:
        return (word,)
    if word in _IRREGULAR:
        return (_IRREGULAR[word], word)
    lemmas = _russian_lemmas(word)
    forms = [_looked_up(word, lemmas), *lemmas, word]
    if not lemmas and not _ONLY_UKRAINIAN.search(word):
        forms += _keys_of(_allowed(word, _RUSSIAN, name))
    if not _ONLY_RUSSIAN.search(word):
        allowed = _allowed(word, _UKRAINIAN, name)
        forms += _keys_of(_not_russian(word, allowed) if lemmas else allowed)
    return tuple(dict.fromkeys(forms))


def _looked_up(word: str, lemmas: tuple[str, ...]) -> str:
    """Return what a query for the word looks up: the only word it is a form of, else the word as it stands."""
    if len(word) <= _MIN_STEM:
        return word
    if not lemmas and (sure := _SURE_UKRAINIAN.search(word)):
        return word[: sure.start()] + _SURE_FORMS[sure.lastgroup or ""]
    return lemmas[0] if len(lemmas) == 1 else word


def _keys_of(forms: Iterable[str]) -> Iterator[str]:
    """Yield what queries for these dictionary forms look up."""
    for form in forms:
        yield _looked_up(form, _russian_lemmas(form))


def _not_russian(word: str, forms: Iterable[str]) -> Iterator[str]:
    """Leave out dictionary forms of Russian: the dictionary would have named them, рота is no form of рот.

    Not so the genitive in -и, which Russian nouns of that kind do not have: оборони is one of оборона.
    """
    genitive_of = word[:-1] + "а" if _UKRAINIAN_GENITIVE.search(word) else None
    for form in forms:
        lemmas = _russian_lemmas(form)
        if form == genitive_of or not (form in lemmas or (lemmas and form.endswith("и"))):
            yield form


def _russian_lemmas(word: str) -> tuple[str, ...]:
    return () if _ONLY_UKRAINIAN.search(word) else russian_dictionary().lemmas(word)


def _allowed(word: str, table: Mapping[str, tuple[str, ...]], name: bool) -> list[str]:
    """Return the dictionary forms that the endings of a table allow for a word."""
    if table is _UKRAINIAN and word.endswith(("ся", "сь")) and len(word) > _MIN_STEM + 2:
        verb = word[:-4] if word.endswith(("ється", "еться")) else word[:-2]
        return [form + "ся" for form in _allowed(verb, table, False) if form.endswith("ти")]
    shortest = _MIN_NAME_STEM if name else _MIN_STEM
    forms: list[str] = []
    for size in range(min(_LONGEST_ENDING, len(word) - shortest), 0, -1):
        stem = word[:-size]
        forms += [stem + ending for ending in table.get(word[-size:], ())]
    if _ENDS_IN_CONSONANT.search(word) and len(word) > _MIN_STEM:
        forms += [word + "а", word + "о", word + "и"] if table is _UKRAINIAN else [word + "а"]
    return [form for form in forms if not _IMPOSSIBLE.search(form)]


def _table(text: str) -> dict[str, tuple[str, ...]]:
    """Read lines of "ending ...: dictionary endings"; 0 is no ending."""
    table: dict[str, list[str]] = {}
    for line in text.strip().splitlines():
        endings, _, replacements = line.partition(":")
        for ending in endings.split():
            table.setdefault(ending, []).extend("" if item == "0" else item for item in replacements.split())
    return {ending: tuple(dict.fromkeys(items)) for ending, items in table.items()}


_UKRAINIAN = _table(
    """
    а: 0 о ий
    я: ь й е ій
    у: 0 а о ий
    ю: я ь й е
    и: а 0 о
    і: 0 а ь о я е ий ій
    ї: я й
    е: 0 ий
    ом: 0 о
    ем: ь 0 е
    єм: й є
    ям: я ь й е
    ам ами ах: 0 а о и
    ями ях: я ь й е
    ою: а ий
    ею: я а
    єю: я
    ові: 0 о
    еві: ь 0
    єві: й
    ів: 0 ь о и
    їв: й ї
    ей: ь 0 а я
    ого ому их им ими ім: ий
    им: 0
    ччю: ч
    ддю: дь
    ллю: ль
    ззю: зь
    влять: вити
    плять: пити
    блять: бити
    млять: мити
    ього ьому іх ім іми ьої ьою: ій
    ої ій: ий а
    ій: я
    ії ію ією іям іями іях ій: ія
    ці: ка ця ць цю
    зі: га за
    сі: ха са
    жі: га
    ок: ка
    ек: ка
    ьок: ька
    єк: йка
    ця цю цем ці ців цям цями цях цеві цу цом: ець
    льця льцю льцем льці льців льцям льцями льцях льцеві: лець
    йця йцю йцем йці йців йцям йцями йцях йцеві: єць
    инку инком инки инків инкам инками инках инкові: инок
    тку тком тки тків ткам тками тках ткові: ток
    дку дком дки дків дкам дками дках: док
    зку зком зки зків зкам зками зках: зок
    ску ском ски сків скам сками сках: сок
    шку шком шки шків шкам шками шках: шок
    аря арю арем арі арів арям арями арях ареві: ар
    ості остей остям остями остях: ість
    істю: ість
    нь: ння
    нням нню нні ннях ннями: ння
    ттю ттям тті: ття
    єва єву євом єві: їв
    ова ову овом ові: ів
    ьова ьову ьовом ьові: ьов
    ав: ати
    яв: яти
    ив: ити
    ів: іти
    ув: ути
    ала ало али ано ане ана ані: ати
    яла яло яли яно: яти
    ила ило или: ити
    іла іло іли: іти
    ула уло ули: ути
    ено: ити
    ає ають аємо аєте аю авши аючи: ати
    яє яють яємо яєте яю явши яючи: яти
    ує ують уємо уєте ую уючи: увати ути
    ює юють юємо юєте юю юючи: ювати юти
    ить ять имо ите ивши ачи ячи: ити іти
    ать: ати
    неш не нуть немо: нути
    атиме атимуть атимемо атиму: ати
    итиме итимуть итимемо итиму: ити
    ятиме ятимуть: яти
    іте іть: ити
    асть адуть адемо: ати
    ів: и і
    ям ями ях: і
    ей: і
    їв ям ями ях: ї
    их им ими іх іми: і
    ок: ки
    """
)
# What the Russian dictionary lacks is mostly names.
_RUSSIAN = _table(
    """
    а: 0
    я: ь й
    у: 0 а
    ю: я ь й
    ы: а 0
    и: а я 0 ь й
    е: а 0 о ь й я
    ом: 0
    ым: 0 ый
    ем: ь й 0
    ой: а ый ий ая
    ою: а
    ей: я ь
    ью: ь
    ам ами ах: 0 а
    ям ями ях: я ь
    ов: 0
    ев: 0 й
    ого ому ым ых ыми ом: ый ий
    его ему им их ими ем: ий
    ая ую ой: ый ий ая
    яя юю: ий яя
    ое ые ие: ый ий ое
    ии ию ией иям иями иях ий: ия
    ием иях: ие
    ца цу цем це цы цев цам цами цах: ец
    йца йцу йцем йце йцы йцев йцам йцами йцах: ец
    ок: ка
    ек: ка
    л ла ло ли: ть
    ает ают ая: ать
    ует уют: овать
    ит ят: ить
    """
)

_IRREGULAR = {
    form: lemma
    for line in """
    рік: року роки років роком році рокам роками роках
    міст: мосту мости мостів мостом мості
    день: дні днів днем дням днями днях
    тиждень: тижні тижнів тижнем тижням
    війна: воєн
    сторона: сторін
    ніч: ночі ночей
    річ: речі речей
    піч: печі печей
    могти: міг могли могла могло
    кінь: коні коней
    корабель: кораблі кораблів кораблем кораблям кораблями кораблях
    друг: друзі друзів друзям друзями
    ринок: ринку ринки ринків ринком ринкам ринках
    рада: ради раді раду радою
    діти: дітей дітям дітьми дітях
    """.strip().splitlines()
    for lemma, _, forms in [line.strip().partition(":")]
    for form in forms.split()
}

# Pronouns and small words of Ukrainian that would else be read as forms of nouns (вона, she, is no genitive of вон).
_AS_WRITTEN = frozenset(
    re.findall(
        r"\w+",
        """
    вона воно вони вони його неї ним ній ними них їхній їх їм їй мене тебе себе мені тобі собі нас вас нам вам
    цей цього цьому цим ця цю цієї цій ці цих цими це той того тому тим та ту тієї тій ті тих тими
    який яка яке які що хто чого чому чим кого кому ким де коли куди звідки як так там тут тоді зараз
    але або якщо щоб адже проте однак також тільки лише вже ще не ні від до для про при над під між через після
    перед поки поки бо і й у в на за з зі із по є був була було були буде будуть бути має мають
    все всі всіх всього весь вся усі усіх свої своїх свого свою своєї своєю один одна одне два дві три
    они она оно его нее ним ней ними них мне тебе себе нас вас нам вам что кто как так там тут когда если чтобы
    или либо также только лишь уже еще нет для про при над под меж через после перед пока
    """,
    )
)
