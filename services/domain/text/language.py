"""Say which language a text is in, as an ISO 639-1 code, and read what feeds say about it.

A script that one language uses decides alone; only where several share one does a model of letter sequences decide. It
is loaded on first use (0.7 s of CPU and some 60 MB once), so that a process that never needs it never pays for it.
"""

import re
from collections import Counter
from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

# Title and lead: more text does not change the answer.
_MAX_CHARS = 500
_MIN_LETTERS = 20
# Scripts of one language are recognised in a few characters.
_MIN_SYLLABLES = 2
_MIN_PROBABILITY = 0.8

# What news is written in; fewer languages to choose from are fewer mistakes. Near twins of larger ones are left out.
LANGUAGES = (
    *("ar", "az", "be", "bg", "bn", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "he", "hi", "hr"),
    *("hu", "hy", "id", "it", "ja", "ka", "kk", "ko", "lt", "lv", "mk", "mn", "nl", "no", "pl", "pt", "ro", "ru"),
    *("sk", "sl", "sq", "sr", "sv", "th", "tr", "uk", "ur", "uz", "vi", "zh"),
)

_ADDRESS = re.compile(r"\b(?:https?://|www\.)\S*|\S+@\S+")
_LETTER = re.compile(r"[^\W\d_]")
_HANGUL = re.compile("[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]")
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d]")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_RUSSIAN_LETTERS = re.compile("[ыэё]", re.IGNORECASE)
_UKRAINIAN_LETTERS = re.compile("[їєґі]", re.IGNORECASE)
# Letters of other languages in Cyrillic: Belarusian, Serbian, Macedonian, Kazakh and their neighbours.
_OTHER_CYRILLIC = re.compile("[ўђјљњћџѓќѕәғқңөұүһҳҷӣӯ]", re.IGNORECASE)

# What a text in a language holds in any case, so that one without it is in another. Not for languages of two scripts.
_SCRIPTS = {
    **dict.fromkeys(("be", "bg", "kk", "mk", "ru", "uk"), _CYRILLIC),
    "ko": _HANGUL,
    "ja": re.compile(f"{_KANA.pattern}|{_HAN.pattern}"),
    "zh": _HAN,
}

_ISO_639_2 = dict(
    re.findall(
        r"(\w+):(\w+)",
        """
        ara:ar aze:az bel:be bul:bg ben:bn ces:cs cze:cs dan:da deu:de ger:de ell:el gre:el eng:en spa:es
        est:et fas:fa per:fa fin:fi fra:fr fre:fr heb:he hin:hi hrv:hr hun:hu hye:hy arm:hy ind:id ita:it
        jpn:ja kat:ka geo:ka kaz:kk kor:ko lit:lt lav:lv mkd:mk mac:mk mon:mn nld:nl dut:nl nor:no nob:no
        nno:no pol:pl por:pt ron:ro rum:ro rus:ru slk:sk slo:sk slv:sl sqi:sq alb:sq srp:sr swe:sv tha:th
        tur:tr ukr:uk urd:ur uzb:uz vie:vi zho:zh chi:zh cmn:zh
        """,
    )
)
_NAMES = dict(
    re.findall(
        r"(\w+):(\w+)",
        """
        arabic:ar belarusian:be bulgarian:bg czech:cs danish:da german:de deutsch:de greek:el english:en
        spanish:es espanol:es español:es estonian:et persian:fa farsi:fa finnish:fi french:fr francais:fr
        français:fr hebrew:he hindi:hi hungarian:hu indonesian:id italian:it italiano:it japanese:ja 日本語:ja
        kazakh:kk korean:ko 한국어:ko lithuanian:lt latvian:lv dutch:nl norwegian:no polish:pl polski:pl
        portuguese:pt português:pt romanian:ro russian:ru русский:ru slovak:sk serbian:sr swedish:sv
        turkish:tr ukrainian:uk українська:uk urdu:ur vietnamese:vi chinese:zh 中文:zh
        """,
    )
)
# Codes that were withdrawn, countries that feeds state for languages, and the two written forms of Norwegian.
_OLD_OR_WRONG = {
    "iw": "he",
    "in": "id",
    "nb": "no",
    "nn": "no",
    "kr": "ko",
    "jp": "ja",
    "ua": "uk",
    "cn": "zh",
    "gr": "el",
}
# "Several", "undetermined", "no linguistic content".
_NO_LANGUAGE = frozenset(("mul", "und", "zxx", "mis"))


def identify(text: str, among: Collection[str] | None = None) -> str | None:
    """Return the language of a text, judged by its beginning; None if it is too short or not clear enough.

    Who asks only whether it is `among` some languages may be told None for any other: that takes a fifth of the time,
    and no model, where the script tells.
    """
    sample = _ADDRESS.sub(" ", text[:_MAX_CHARS])
    if among is not None and not any(_has_script(language, sample) for language in among):
        return None
    letters = len(_LETTER.findall(sample))
    if letters == 0:
        return None
    by_script = _by_script(sample, letters)
    if by_script is not None:
        return by_script
    if letters < _MIN_LETTERS and not _HAN.search(sample):
        return None
    language, probability = _identifier().classify(sample)
    return language if probability >= _MIN_PROBABILITY and _has_script(language, sample) else None


def _has_script(language: str, sample: str) -> bool:
    """Say whether a sample holds anything of the script of a language, if it has but one."""
    return language not in _SCRIPTS or _SCRIPTS[language].search(sample) is not None


def _by_script(sample: str, letters: int) -> str | None:
    """Return the language whose script fills the sample, if it is the only one in that script that news is read in.

    Names and quotations in Latin letters, and Chinese characters in Korean headlines, do not make a text another
    language.
    """
    hangul, kana = len(_HANGUL.findall(sample)), len(_KANA.findall(sample))
    if max(hangul, kana) >= max(_MIN_SYLLABLES, letters * 0.15):
        return "ko" if hangul >= kana else "ja"
    cyrillic = len(_CYRILLIC.findall(sample))
    if cyrillic < letters / 2 or cyrillic < _MIN_LETTERS or _OTHER_CYRILLIC.search(sample):
        return None
    marks = Counter(ru=len(_RUSSIAN_LETTERS.findall(sample)), uk=len(_UKRAINIAN_LETTERS.findall(sample)))
    (language, most), (_, least) = marks.most_common()
    return language if most >= 2 and most >= 4 * least else None


@cache
def _identifier() -> "LanguageIdentifier":
    """Load the model for our languages only: all 142 would be kept in memory otherwise."""
    import numpy as np  # noqa: PLC0415 -- see the module's docstring
    from py3langid.langid import MODEL_DIR, MODEL_FILE, LanguageIdentifier  # noqa: PLC0415
    from py3langid.modelio import load_model  # noqa: PLC0415

    weights, priors, languages, moves, rows, outputs = load_model(MODEL_DIR / MODEL_FILE)
    ours = [column for column, language in enumerate(languages) if language in LANGUAGES]
    return LanguageIdentifier(
        np.ascontiguousarray(weights[:, ours]),
        priors[ours],
        [languages[column] for column in ours],
        moves,
        outputs,
        norm_probs=True,
        tk_row=rows,
    )


def language_code(stated: str | None) -> str | None:
    """Return the ISO 639-1 code of a language as a feed states it (en-US, EN_gb, ukr, Korean); None if it says none."""
    if stated is None:
        return None
    name = stated.strip().casefold()
    primary = re.split(r"[-_.;,\s]", name, maxsplit=1)[0]
    if primary in _NO_LANGUAGE:
        return None
    if known := _NAMES.get(name) or _NAMES.get(primary) or _ISO_639_2.get(primary) or _OLD_OR_WRONG.get(primary):
        return known
    return primary if re.fullmatch("[a-z]{2}", primary) else None
