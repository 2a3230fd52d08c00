"""Which outlet an article says it has its news from."""

import re
from collections.abc import Iterable
from functools import lru_cache

from services.domain.text.normalize import fold

_HEAD_CHARS = 1_500
_TAIL_CHARS = 300

# Outlets that others cite, under the names they go by. Stems end in "*": Cyrillic names are inflected.
_OUTLETS = {
    "reuters": "reuters|рейтер*|로이터|로이터통신",
    "ap": "associated press|ассошиэйтед пресс|ассошіейтед пресс|AP통신|=AP",
    "afp": "agence france-presse|agence france presse|франс пресс|AFP통신|=AFP",
    "bloomberg": "bloomberg|блумберг*|블룸버그",
    "dpa": "=dpa|=DPA",
    "efe": "=EFE",
    "ansa": "=ANSA",
    "pap": "=PAP|Polish Press Agency",
    "anadolu": "anadolu|анадолу",
    "yonhap": "yonhap|yonhap news|yonhap news agency|рёнхап|ренхап|ёнхап|йонхап|연합뉴스|연합",
    "newsis": "newsis|뉴시스",
    "news1": "news1|뉴스1",
    "kbs": "=KBS", "mbc": "=MBC", "sbs": "=SBS", "ytn": "=YTN", "jtbc": "=JTBC",
    "chosun": "chosun ilbo|chosun|чосон ильбо|조선일보",
    "joongang": "joongang ilbo|joongang|чунан ильбо|중앙일보",
    "donga": "dong-a ilbo|donga ilbo|тона ильбо|동아일보",
    "hankyoreh": "hankyoreh|хангёре|한겨레",
    "koreaherald": "korea herald|코리아헤럴드", "koreatimes": "korea times|코리아타임스",
    "nknews": "NK News", "dailynk": "Daily NK|데일리NK",
    "kcna": "korean central news agency|цтак|조선중앙통신|=KCNA",
    "kyodo": "kyodo|kyodo news|киодо|кіодо|교도통신", "nhk": "=NHK",
    "xinhua": "xinhua|синьхуа|сіньхуа|신화통신", "globaltimes": "global times|환구시보",
    "tass": "=TASS|=ТАСС|타스통신|타스", "interfax": "interfax|интерфакс*|інтерфакс*|인테르팍스",
    "ria": "ria novosti|риа новости|ріа новості|리아노보스티", "rbc": "=РБК",
    "kommersant": "kommersant|коммерсант*|комерсант*", "izvestia": "izvestia|известия*|ізвестія*",
    "meduza": "meduza|медуза|медуза*", "rbcukraine": "рбк-украина|рбк-україна|rbc-ukraine",
    "ukrinform": "ukrinform|укринформ*|укрінформ*|우크린폼", "unian": "unian|униан|уніан",
    "suspilne": "suspilne|суспільне|суспильне|суспильного|суспільного|суспільному",
    "pravda": "ukrainska pravda|ukrayinska pravda|украинская правда|украинской правды|українська правда"
    "|української правди",
    "europravda": "european pravda|европейская правда|європейська правда|європейській правді",
    "kyivindependent": "kyiv independent", "kyivpost": "kyiv post", "liga": "liga.net|ліга.net",
    "nyt": "new york times|нью-йорк таймс|뉴욕타임스|=NYT",
    "wsj": "wall street journal|уолл-стрит джорнал|월스트리트저널|=WSJ",
    "wapo": "washington post|вашингтон пост|워싱턴포스트",
    "ft": "financial times|файненшл таймс|파이낸셜타임스|=FT",
    "guardian": "the guardian", "thetimes": "the times of london|the sunday times", "telegraph": "the telegraph",
    "politico": "politico|политико|політико|폴리티코", "axios": "axios|аксиос|аксіос|악시오스",
    "economist": "the economist|이코노미스트", "bbc": "=BBC|=Би-би-си|=Бі-бі-сі", "cnn": "=CNN", "cbs": "cbs news",
    "nbc": "nbc news", "abc": "abc news", "fox": "fox news", "npr": "=NPR", "aljazeera": "al jazeera|al-jazeera",
    "spiegel": "der spiegel|spiegel|шпигель|шпігель|슈피겔", "bild": "=Bild|=BILD", "lemonde": "le monde|르몽드",
    "rferl": "radio free europe|радио свобода|радіо свобода|=RFE/RL", "rfa": "radio free asia|자유아시아방송|=RFA",
    "voa": "voice of america|голос америки|미국의소리|=VOA", "dw": "deutsche welle|немецкая волна", "sky": "sky news",
}  # fmt: skip

_AGENCY_CREDITS = frozenset(("ap", "afp", "reuters", "yonhap", "tass", "ukrinform", "kcna", "xinhua", "연합뉴스"))


def _pattern(name: str) -> str:
    name = name.strip()
    if name.startswith("="):
        return f"(?-i:{re.escape(name[1:])})"
    return re.escape(name.removesuffix("*")).replace(r"\ ", r"\s+") + (r"\w{0,4}" if name.endswith("*") else "")


_NAMES = tuple(
    sorted(
        ((name.strip(), key) for key, names in _OUTLETS.items() for name in names.split("|")),
        key=lambda pair: -len(pair[0]),
    )
)
_BY_NAME = {name.strip("=*").lower(): key for name, key in _NAMES}
_STEMS = tuple((re.compile(_pattern(name), re.IGNORECASE), key) for name, key in _NAMES if name.endswith("*"))
# What to look for before any pattern is tried, by the first two letters of a word: nearly all articles hold none of it.
_WORD = re.compile(r"[가-힣]{2,}|[^\W가-힣]{2,}")
_BY_START: dict[str, list[str]] = {}
for _name, _ in _NAMES:
    _BY_START.setdefault(_name.lstrip("=").lower()[:2], []).append(_name)
_STARTS = frozenset(_BY_START)

# Outlets that are not in the table, said to be outlets: "the Harbour Gazette newspaper", «газета «Вісник»».
_CAPITALISED = r"(?-i:[A-Z][\w’'&.-]{0,30}(?:\s+[A-Z][\w’'&.-]{0,30}){0,4})"
_KIND_AFTER = r"\s+(?:news\s+agency|newspaper|daily|magazine|broadcaster|television|news\s+website)"
_CYRILLIC_KIND = (
    r"(?:агентств\w{1,3}|газет\w{1,3}|издани\w{1,3}|видання\w{0,2}|телеканал\w{0,3}|журнал\w{0,3}|портал\w{0,3})"
)
_QUOTED = r"[«\"“„]([^»\"”“\n]{2,40})[»\"”]"
_KOREAN_OUTLET = r"(?:[가-힣A-Za-z0-9]{1,12}(?:통신|신문|일보|뉴스|방송|타임스|저널|포스트))"

_ARTICLE_OR_GENITIVE = re.compile(r"\Athe\s+|[’']s\Z", re.IGNORECASE)
_KIND_WORDS = (
    *("news agency", "newspaper", "daily", "magazine", "broadcaster", "television", "news website"),
    *("агентств", "газет", "издани", "видання", "телеканал", "журнал", "портал"),
    *("통신", "신문", "일보", "뉴스", "방송", "타임스", "저널", "포스트"),
)

_OPEN = r"[\"“«„'’]?"
_CLOSE = r"[\"”»'’]?"
_EN_ROLE = r"(?:news\s+agency\s+|state\s+news\s+agency\s+|the\s+|South\s+Korea[’']s\s+|Russia[’']s\s+|Ukraine[’']s\s+)*"
_EN_SAID = r"(?:has\s+|had\s+|first\s+|also\s+|earlier\s+)*(?:reported|reports|report|said|says|wrote|writes|revealed)"
_RU_SAID = (
    r"(?:сообща\w{1,3}|сообщи\w{1,3}|переда[её]т|передал\w{0,2}|пиш[еу]т|писал\w{0,2}|написал\w{0,2}|информирует"
    r"|повідомля\w{1,3}|повідоми\w{1,3}|передає|переда[вл]\w{0,2}|пише|пишуть|інформує)"
)
_RU_BY = (
    r"(?:по\s+данным|по\s+информации|по\s+сообщению|со\s+ссылкой\s+на|ссылаясь\s+на|за\s+даними|за\s+інформацією"
    r"|за\s+повідомленням|з\s+посиланням\s+на|із\s+посиланням\s+на|посилаючись\s+на)"
)


@lru_cache(512)
def _citations(names: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """Return the patterns in which one of these outlets is cited, as group `o`."""
    bare = rf"(?P<o>{'|'.join(map(_pattern, names))})"
    outlet = rf"(?<!\w){bare}(?!\w)"
    patterns = (
        r"(?:according\s+to|reported\s+by|citing|as\s+told\s+to|quoted\s+by|in\s+a\s+report\s+by|interview\s+with|via)"
        rf"\s+{_EN_ROLE}{_OPEN}{outlet}",
        rf"{outlet}{_CLOSE}(?:\s+news\s+agency)?\s+{_EN_SAID}\b",
        rf"\b(?:told|tells)\s+{_EN_ROLE}{outlet}",
        rf"[(\[]{_EN_ROLE}{outlet}[)\]]",
        rf"\A\s*(?:[\w .,'’-]{{2,60}},\s*)?{outlet}\s*(?:[-–—:]{{1,2}}\s)",
        rf"{_RU_SAID}\s+(?:(?:об\s+этом|про\s+це|{_CYRILLIC_KIND})\s+)?{_OPEN}{outlet}",
        rf"{outlet}{_CLOSE}\s+{_RU_SAID}",
        rf"{_RU_BY}\s+(?:{_CYRILLIC_KIND}\s+)?{_OPEN}{outlet}",
        rf"(?<![가-힣]){bare}\s?(?:통신|보도)?(?:은|는|이|가)?(?:에\s?따르면|[^.\n]{{0,60}}보도했다|[^.\n]{{0,30}}전했다"
        r"|\s?보도|를?\s?인용|과의?\s?인터뷰)",
    )
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in patterns)


_UNKNOWN_CITATIONS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?:according\s+to|reported\s+by|citing)\s+(?:the\s+)?(?P<o>{_CAPITALISED}){_KIND_AFTER}",
        rf"(?:the\s+)(?P<o>{_CAPITALISED}){_KIND_AFTER}\s+{_EN_SAID}\b",
        rf"(?:{_RU_SAID}|{_RU_BY})\s+{_CYRILLIC_KIND}\s+{_QUOTED.replace('([', '(?P<o>[', 1)}",
        rf"(?<![가-힣])(?P<o>{_KOREAN_OUTLET})(?:에\s?따르면|(?:은|는|이|가)\s[^.\n]{{0,60}}보도했다|\s보도에\s?따르면)",
    )
)


def cited_outlet(title: str, text: str) -> str | None:
    """Return the key of the outlet that an article first says it has its news from; None if it names none.

    Read are the title, the first 1,500 characters and the last 300, where credits stand.
    """
    for part in (title[:_HEAD_CHARS], text[:_HEAD_CHARS], text[_HEAD_CHARS:][-_TAIL_CHARS:]):
        if not part:
            continue
        lower = part.lower()
        names = _names_in(part, lower)
        found = _first(_citations(names), part) if names else None
        if found is None and any(word in lower for word in _KIND_WORDS):
            found = _first(_UNKNOWN_CITATIONS, part)
        if found is not None:
            return outlet_key(found)
    return None


def _names_in(text: str, lower: str) -> tuple[str, ...]:
    """Return the names of outlets that a text may hold, the longest first, so that it is taken before a part of it."""
    starts = _STARTS.intersection([word[:2] for word in _WORD.findall(lower)])
    names = [
        name
        for start in starts
        for name in _BY_START[start]
        if (name[1:] in text if name.startswith("=") else name.lower().removesuffix("*") in lower)
    ]
    return tuple(sorted(names, key=lambda name: (-len(name), name)))


def _first(patterns: Iterable[re.Pattern[str]], text: str) -> str | None:
    found = [match for pattern in patterns if (match := pattern.search(text))]
    return min(found, key=lambda match: match.start("o"))["o"] if found else None


@lru_cache(4096)
def outlet_key(name: str) -> str:
    """Return what an outlet is compared by: its names and spellings have one key (Yonhap News Agency, 연합뉴스)."""
    name = name.strip()[:200]
    bare = _ARTICLE_OR_GENITIVE.sub("", name)
    known = _BY_NAME.get(name.lower()) or _BY_NAME.get(bare.lower())
    if known is not None:
        return known
    if not name.isascii():
        for pattern, key in _STEMS:
            if pattern.fullmatch(bare):
                return key
    folded = fold(name).removeprefix("the ")
    return "".join(char for char in folded if char.isalnum()) or folded or "unknown"


def is_agency_word(folded: str) -> bool:
    """Say whether a word credits an agency, which says nothing about the event."""
    return folded in _AGENCY_CREDITS
