"""What the ending of a Russian or Ukrainian word says of it: a verb or not, past or to come, and its case."""

import re

from services.domain.claims.words import Word

BREAK = re.compile('[,;:—–()«»“”„"]')
PREPOSITIONS = frozenset(
    (
     "к", "ко", "для", "от", "с", "со", "против", "в", "во", "на", "из", "по", "о", "об", "у", "через", "при", "под",
     "над", "без", "за", "между", "после", "перед", "до", "від", "з", "із", "зі", "проти", "про", "між", "після",
     "щодо", "насчет", "из-за", "относительно", "среди", "серед", "ради", "около", "біля", "вокруг", "навколо",
     "крім", "кроме", "попри", "несмотря"
    )
)  # fmt: skip
_FINITE = re.compile(
    r"(?:л|ла|ло|ли|лся|лась|лось|лись|ет|ит|ут|ют|ат|ят|ется|ится|утся|ются|атся|ятся|ем|им|ешь|ишь"
    r"|[аиуеяїо]в|вся|є|ує|ає|ить|ять|уть|ють|ать|ається|ується|ється|иться|уться|ються|емо|имо|ємо"
    r"|ась|юсь|сь|ю|у|ено|ано|ято|то|даст|дасть|дадут|дадуть|ан|ана|аны|ен|ена|ены|ені|ані|е|і|ся)$"
)
_INFINITIVE = re.compile(r"(?:ть|ти|чь|ться|тися|тись)$")
_ONLY_INFINITIVE = re.compile(r"(?:[аеиоуыяюії]ть|[аеиоуыяюії]ться|ти|тися|тись|чь|сти|зти|йти)$")
_PAST = re.compile(r"(?:л|ла|ло|ли|лся|лась|лось|лись|[аиуеяїо]в|вся)$")
_PASSIVE = re.compile(r"(?:ан|ян|ен|ана|яна|ена|ано|яно|ено|аны|яны|ены|ані|ені)$")
_GERUND = re.compile(r"(?:[аяуюие]я|ав|ив|вши|ючи|ачи|вшись|ясь)$")
# Verbs of which the present tells what goes on; that of all others tells what is to come.
_IMPERFECTIVE = re.compile(
    r"(?:вать|[влн]ять|[тщчж]ать|сылать|могать|мать|вати|[влн]яти|[тщчж]ати|силати|магати)(?:ся)?$"
)
_SYNTHETIC_FUTURE = re.compile(r"тим(?:е|уть|емо|у|еш)(?:ться)?$")
# Forms of verbs that change their stem.
_IRREGULAR = frozenset(
    (
     "дає", "дають", "дасть", "дадуть", "надішле", "надішлють", "допоможе", "допоможуть", "хоче", "хочуть", "пише",
     "пишуть", "каже", "кажуть", "може", "можуть", "шле", "шлють", "застеріг", "застерегла", "застерегло",
     "застерегли", "зміг", "дает", "дают", "даст", "дадут", "даде", "відкличе", "вишле", "скаже", "бере", "везе",
     "везуть", "дав", "дала", "дали", "дал", "допоміг", "допомогла", "допомогли", "готов", "готова", "готовы",
     "готово", "готовий", "готові", "намерен", "намерена", "намерены", "против", "проти", "вряд", "навряд",
     "исключено", "шлет", "должен", "должна", "должно", "должны", "повинен", "повинна", "повинні", "мусить",
     "мусять", "мает", "має", "мають"
    )
)  # fmt: skip
_TO_COME = frozenset(
    (
     "дасть", "дадуть", "даст", "дадут", "надішле", "надішлють", "допоможе", "допоможуть", "відкличе", "вишле"
    )
)  # fmt: skip
_GENITIVE = re.compile(r"(?:[аяиыії]|ого|ої|ой|их|ых)$")
_INSTRUMENTAL = re.compile(r"(?:ой|ей|ою|ею|єю|ом|ем|єм|им|ым|ами|ями)$")
_ADJECTIVE = re.compile(r"(?:ск|цк|ськ|цьк|зьк)(?:ий|ого|ому|им|ом|ая|ой|ую|ое|ие|их|ими|а|ої|ій|у|ою|е|і)$")
_NOMINATIVE_ADJECTIVE = re.compile(r"(?:ск|цк)(?:ий|ая|ое|ие)$|(?:ськ|цьк|зьк)(?:ий|а|е|і)$")
_OBLIQUE = re.compile(r"(?:ого|ому|ами|ями|ах|ях|ом|ем|ой|ою|ею|у|ю|ові|еві|ів|ов|ам|ям|єю|ых|их)$")
_PLURAL = re.compile(r"(?:ники|ры|сты|власти|ры|ери|ори|исти|ники)$")


def plain(word: Word) -> str:
    """Return a word in lower case, with е for ё."""
    return word.surface.lower().replace("ё", "е")


def is_verb(word: Word) -> bool:
    """Say whether a word is a verb in any form, or stands as a predicate like one."""
    form = plain(word)
    if form in _IRREGULAR:
        return True
    if not any(_INFINITIVE.search(key) for key in word.keys):
        return False
    return bool(_FINITE.search(form) or _INFINITIVE.search(form) or _GERUND.search(form))


def is_finite(word: Word, lang: str) -> bool:
    """Say whether a verb is finite: no infinitive, no gerund."""
    form = plain(word)
    if form in _IRREGULAR:
        return True
    if is_infinitive(word, lang):
        return False
    return bool(_FINITE.search(form)) and not (_GERUND.search(form) and not _PAST.search(form))


def is_past(word: Word) -> bool:
    """Say whether a verb tells what was."""
    form = plain(word)
    if form in _IRREGULAR:
        return form.endswith(("в", "л", "ла", "ли", "ло", "г"))
    return bool(_PAST.search(form) or _PASSIVE.search(form))


def is_infinitive(word: Word, lang: str) -> bool:
    """Say whether a verb stands in its dictionary form."""
    form = plain(word)
    if lang == "uk" and form.endswith(("ть", "ться")):
        return False  # what is an infinitive in Russian is the present in Ukrainian
    return form in word.keys and bool(_ONLY_INFINITIVE.search(form))


def is_to_come(word: Word, lang: str) -> bool:
    """Say whether the form of a verb by itself tells what is to come."""
    form = plain(word)
    if form in _IRREGULAR:
        return form in _TO_COME
    if not is_verb(word) or is_past(word) or _GERUND.search(form):
        return False
    if is_infinitive(word, lang) or _SYNTHETIC_FUTURE.search(form):
        return True
    return not any(_IMPERFECTIVE.search(key) for key in word.keys if _INFINITIVE.search(key))


def is_passive(word: Word) -> bool:
    """Say whether a word is the short participle of a passive."""
    return bool(_PASSIVE.search(plain(word))) and is_verb(word)


def is_adjective(word: Word) -> bool:
    """Say whether a word is an adjective of the kind that names of states make."""
    return bool(_ADJECTIVE.search(plain(word)))


def is_nominative_adjective(word: Word) -> bool:
    """Say whether such an adjective stands in the nominative."""
    return bool(_NOMINATIVE_ADJECTIVE.search(plain(word)))


def is_genitive(word: Word) -> bool:
    """Say whether a name may stand in the genitive."""
    return bool(_GENITIVE.search(plain(word)))


def is_instrumental(word: Word) -> bool:
    """Say whether a name may stand in the instrumental."""
    return bool(_INSTRUMENTAL.search(plain(word)))


def may_be_subject(noun: Word) -> bool:
    """Say whether the ending of a noun allows it to be a subject."""
    return not _OBLIQUE.search(plain(noun))


def is_base(noun: Word) -> bool:
    """Say whether a noun stands in its dictionary form, or in a plural that is as plain."""
    form = plain(noun)
    return (form == noun.key and not _OBLIQUE.search(form)) or bool(_PLURAL.search(form))
