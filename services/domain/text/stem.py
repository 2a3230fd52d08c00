"""Fold the inflections of a word: English endings, Russian and Ukrainian cases, Korean particles.

Deliberately conservative: two words that mean different things must not fold together. `stem` is the form a query
looks for (people write dictionary forms); `readings` are all forms a word of a text may stand for, because an ending
is often ambiguous ("танков" is tanks' or Mr Tankov).
"""

import re
from enum import StrEnum


class Script(StrEnum):
    """The writing system of a word, as far as inflection depends on it."""

    LATIN = "latin"
    CYRILLIC = "cyrillic"
    HANGUL = "hangul"
    OTHER = "other"


def script_of(folded: str) -> Script:
    """Return the script of a folded word, judged by its first character."""
    first = folded[:1]
    if "a" <= first <= "z":
        return Script.LATIN
    if "\u0400" <= first <= "\u052f":
        return Script.CYRILLIC
    if "\uac00" <= first <= "\ud7a3":
        return Script.HANGUL
    return Script.OTHER


def stem(token: str, script: Script) -> str:
    """Return the form of a folded word that its inflections share. A stem of a Latin word is its own stem."""
    match script:
        case Script.LATIN:
            return _english_stem(token)
        case Script.CYRILLIC:
            return _cyrillic_stem(token)
        case _:
            return token


def readings(token: str, script: Script) -> tuple[str, ...]:
    """Return every stem a folded word of a text may stand for; the first is `stem(token, script)`."""
    first = stem(token, script)
    match script:
        case Script.CYRILLIC:
            others = _cyrillic_readings(token)
        case Script.HANGUL:
            others = _korean_readings(token)
        case _:
            return (first,)
    return (first, *(form for form in dict.fromkeys(others) if form != first))


# English: the inflectional steps only. A derivation (supply, supplier) is another word.

# Plurals in form that mean something other than their singular, and words that only look inflected.
_UNINFLECTED = frozenset(
    (
        *("news", "arms", "goods", "customs", "means", "series", "species", "thanks", "premises", "overseas"),
        *("always", "perhaps", "besides", "towards", "afterwards", "unless", "whereas", "indeed", "united"),
        *("during", "nothing", "something", "anything", "everything", "morning", "evening", "being", "ceiling"),
        *("its", "his", "hers", "ours", "yours", "theirs", "this", "thus", "was", "has", "does", "yes"),
        *("gas", "bias", "atlas", "alias", "hundred", "sacred", "sterling", "darling", "viking"),
        *("beijing", "jinping", "boeing", "wales", "texas", "kansas", "arkansas", "honduras", "hamas", "athens"),
        *("brussels", "naples", "flanders", "mercedes", "mars", "aries", "moses", "jesus", "christmas"),
        *("james", "charles", "thomas", "ahmed", "mohammed", "muhammed"),
    )
)
_IRREGULAR = {
    "used": "use",
    "using": "use",
    "added": "add",
    "adding": "add",
    "freed": "free",
    "agreed": "agree",
    "disagreed": "disagree",
    "decreed": "decree",
    "guaranteed": "guarantee",
}
_VOWELS = frozenset("aeiouy")
_DOUBLED = frozenset(("bb", "dd", "gg", "mm", "nn", "pp", "rr", "tt"))
_MIN_ENGLISH = 3


def _english_stem(word: str) -> str:
    word = word.removesuffix("'s")
    if len(word) <= _MIN_ENGLISH or word in _UNINFLECTED or not word.isascii() or "'" in word:
        return word
    return _english_ending(_IRREGULAR.get(word) or _english_verb(_english_plural(word)))


def _english_plural(word: str) -> str:
    if word.endswith("ies"):
        return word[:-3] + "i" if len(word) > 4 else word[:-1]
    if word.endswith("s") and not word.endswith(("ss", "us", "is", "ics")):
        return word[:-1]
    return word


def _english_verb(word: str) -> str:
    if word.endswith("ied"):
        return word[:-3] + "i" if len(word) > 4 else word[:-1]
    for ending in ("ed", "ing"):
        base = word.removesuffix(ending)
        if base == word or len(base) < _MIN_ENGLISH or word.endswith("eed") or _VOWELS.isdisjoint(base):
            continue
        if base[-2:] in _DOUBLED:
            return base[:-1]
        if base.endswith(("at", "bl", "iz")) or _is_short(base):
            return base + "e"
        return base
    return word


def _english_ending(word: str) -> str:
    """Bring "provide" and "provid", "supply" and "suppli", "control" and "controll" together."""
    if word.endswith("e") and len(word) > _MIN_ENGLISH + 1 and not _is_short(word[:-1]):
        word = word[:-1]
    if word.endswith("y") and len(word) > _MIN_ENGLISH and word[-2] not in _VOWELS:
        word = word[:-1] + "i"
    if word.endswith("ll") and len(word) > 5:
        word = word[:-1]
    return word


def _is_short(base: str) -> bool:
    """Say whether a final e belongs to this base: one syllable that ends like "plan" or "mov", not like "forc"."""
    if len(base) < 2 or base[-1] in "aeiouywx" or base[-2] not in _VOWELS:
        return False
    return _VOWELS.isdisjoint(base[:-2])


# Russian and Ukrainian: one set of rules for both, because the script does not tell them apart.

_MIN_CYRILLIC = 4
_CYRILLIC_VOWELS = frozenset("аеиоуыюяіїє")
# Endings no dictionary form bears, or that mark an adjective: a query may lose them too. Longest first.
_SURE_ENDINGS = (
    *("ьми", "ыми", "ими", "іми", "ого", "его", "ому", "ему", "ами", "ями"),
    *("ая", "яя", "ое", "ую", "юю", "ые", "ый", "ых", "ью", "єю"),
)
_ADJECTIVE = re.compile(r"(?<=[кгх])ие$|(?<=[кгхжшщчвн])ий$")
# One vowel (or ь, й) of a noun's paradigm.
_NOUN_VOWELS = "аеиоуыюяіїєйь"
# Endings that may as well belong to the word itself (Вьетнам, Лавров, Аллах): only readings of a text's word.
_DOUBTFUL_ENDINGS = (
    *("ові", "еві", "єві", "ов", "ев", "єв", "ів", "їв", "ом", "ем", "єм", "ам", "ям", "ах", "ях"),
    *("их", "іх", "им", "ім", "ым", "ей", "ой", "ій", "ою", "ею", "ої", "ие", "ий", "ее"),
)
_FLEETING = re.compile(r"(?<=[^аеиоуыюяіїє])(?:о|е)(?=[кц]$)")


def _cyrillic_stem(word: str) -> str:
    for ending in _SURE_ENDINGS:
        if word.endswith(ending) and _is_cyrillic_stem(word[: -len(ending)]):
            return _without_fleeting_vowel(word[: -len(ending)])
    adjective = _ADJECTIVE.search(word)
    if adjective and adjective.start() >= _MIN_CYRILLIC:
        return _without_fleeting_vowel(word[: adjective.start()])
    return _without_fleeting_vowel(_without_vowel(word))


def _is_cyrillic_stem(form: str) -> bool:
    """Say whether enough is left: four letters, or three like южн(ая), but not кит of Китая."""
    if len(form) < _MIN_CYRILLIC:
        return len(form) == _MIN_CYRILLIC - 1 and _CYRILLIC_VOWELS.isdisjoint(form[-2:])
    return True


def _without_vowel(word: str) -> str:
    return word[:-1] if len(word) > _MIN_CYRILLIC and word[-1] in _NOUN_VOWELS else word


def _without_fleeting_vowel(form: str) -> str:
    """Bring поставок and поставк(и), українець and українц(я) together; the stem of Київ is that of Києва."""
    if form.endswith("їв"):
        return form[:-2] + "єв"
    form = form.removesuffix("ь") if form.endswith("ць") else form
    return _FLEETING.sub("", form) if len(form) > _MIN_CYRILLIC else form


def _cyrillic_readings(word: str) -> list[str]:
    forms = [_without_vowel(word)]
    forms += [
        word[: -len(ending)]
        for ending in _DOUBTFUL_ENDINGS
        if word.endswith(ending) and _is_cyrillic_stem(word[: -len(ending)])
    ]
    return [_without_fleeting_vowel(form) for form in forms]


# Korean: particles are glued to nouns. A noun of one syllable keeps its particle, or 대만 would be read as 대.

_MIN_HANGUL = 2
_PARTICLES = frozenset(
    (
        *("은", "는", "이", "가", "을", "를", "의", "에", "께", "와", "과", "도", "만", "로", "나", "며", "랑"),
        *(
            "에서",
            "에게",
            "께서",
            "으로",
            "로서",
            "으로서",
            "로써",
            "으로써",
            "부터",
            "까지",
            "마다",
            "조차",
            "마저",
            "밖에",
            "보다",
            "처럼",
        ),
        *(
            "이나",
            "이며",
            "이랑",
            "하고",
            "에는",
            "에도",
            "에만",
            "에선",
            "에의",
            "에서는",
            "에서도",
            "에서의",
            "에게는",
            "에게도",
            "에게서",
        ),
        *(
            "와의",
            "과의",
            "와는",
            "과는",
            "와도",
            "과도",
            "로는",
            "로도",
            "로의",
            "으로는",
            "으로도",
            "으로의",
            "로부터",
            "으로부터",
        ),
        *("까지는", "까지도", "부터는", "만은", "만이", "만을", "보다는", "보다도"),
        *("이라고", "라고", "이라며", "라며", "이라는", "라는", "이다", "이었다", "였다"),
    )
)
_LONGEST_PARTICLE = max(map(len, _PARTICLES))
_PLURAL = "들"


def _korean_readings(word: str) -> list[str]:
    lengths = range(1, min(_LONGEST_PARTICLE, len(word) - _MIN_HANGUL) + 1)
    forms = [word, *(word[:-length] for length in lengths if word[-length:] in _PARTICLES)]
    singulars = [form[:-1] for form in forms if form.endswith(_PLURAL) and len(form) > _MIN_HANGUL]
    return forms + singulars
