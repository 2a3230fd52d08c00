"""The codes that `country:` and `lang:` take: shapes, and the languages there are."""

import re

from schemas.match import EvidenceField

CODE_FIELDS = frozenset((EvidenceField.COUNTRY, EvidenceField.LANG))

_COUNTRY = re.compile(r"[A-Z]{3}")
_LANGUAGE = re.compile(r"[a-z]{2}")
# ISO 639-1, all of it. It has been closed since 2002.
_LANGUAGES = frozenset(
    """
    aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo
    es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka
    kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng
    nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq sr ss st
    su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
    """.split()  # noqa: SIM905 -- a list of 184 strings is no easier to read
)
# Codes of countries, or abbreviations, that people write for the language.
_MEANT = {
    "ua": "uk",
    "jp": "ja",
    "cn": "zh",
    "cz": "cs",
    "gr": "el",
    "dk": "da",
    "by": "be",
    "rs": "sr",
    "ge": "ka",
    "kz": "kk",
    "kor": "ko",
    "rus": "ru",
    "ukr": "uk",
    "eng": "en",
}


def normal_code(field: EvidenceField, text: str) -> str:
    """Return the code as articles state it: a country in capitals, a language in small letters."""
    return text.upper() if field is EvidenceField.COUNTRY else text.lower()


def code_fault(field: EvidenceField, code: str) -> str | None:
    """Return what is wrong with a normal code, or None."""
    if field is EvidenceField.COUNTRY:
        if _COUNTRY.fullmatch(code):
            return None
        return f"{code!r} is no country code; write the three letters of ISO 3166, as in country:KOR"
    if _LANGUAGE.fullmatch(code) and code in _LANGUAGES:
        return None
    hint = f"did you mean lang:{_MEANT[code]}?" if code in _MEANT else "as in lang:ko"
    return f"{code!r} is no language code; write the two letters of ISO 639-1, {hint}"
