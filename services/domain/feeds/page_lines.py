"""Lines among an article's paragraphs that are not its text: its title again, and prompts to read or do something else.

A prompt quotes the headline of another story, which would be matched as if this one said it. What looks like a prompt
only by its first word is text: nothing is dropped that could be a sentence of the article.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

_MAX_PROMPT_CHARS = 200
_MAX_HEADLINE_CHARS = 150
_TITLE_AMONG_FIRST = 3


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile(f"(?:{'|'.join(patterns)})", re.IGNORECASE)


# What introduces headlines of other stories: alone on its line, or before a colon or the like.
_SEE_ALSO = _any(
    r"(?:please )?(?:also read|read (?:also|more|next|this)|see (?:also|more))",
    r"more(?: (?:on this|on this story|from [\w .]{2,30}|stories|news|like this))?",
    r"(?:related|recommended|similar|popular|recent|latest|trending)"
    r" (?:articles?|stor(?:y|ies)|news|posts?|topics?|content|coverage|links?|videos?)",
    r"related|recommended|trending now|most (?:read|popular)|top stories|editor'?s'? picks?|what to read next",
    r"watch(?: (?:also|more|now))?|listen|don['’]?t miss|you (?:may|might) (?:also )?like",
    r"관련 ?(?:기사|뉴스)|추천 ?(?:기사|뉴스)|많이 본 (?:기사|뉴스)|인기 ?(?:기사|뉴스)|주요 ?뉴스",
    r"関連記事|あわせて読みたい|相关(?:阅读|新闻|链接)|延伸阅读",
    r"чита(?:йте|ть) (?:также|ещ[её]|другие[\w ]*|по теме|далее)|смотрите также",
    r"(?:материалы )?по теме|другие новости|подробнее",
    r"читайте (?:також|ще)|дивіться також|за темою|більше новин|детальніше",
    r"lire aussi|à lire(?: aussi)?|sur le même sujet|voir aussi",
    r"(?:lea|leer|lee|ver|mira|vea) (?:también|más)|te puede interesar|noticias relacionadas",
    r"le(?:ia|r) (?:também|mais)|veja (?:também|mais)|saiba mais|leggi anche|per approfondire",
    r"lesen sie (?:auch|mehr|hier)|mehr zum thema|siehe auch",
    r"(?:czytaj|zobacz) (?:też|także|również|więcej)|přečtěte si také|ilgili haberler?|devamını oku|baca juga",
)
_AFTER_LEAD = re.compile(r"\s*(?:[:：|›»>→▶►]|$)")
_LABEL = _any(
    r"advertisement|advertising|ad|sponsored|comments?|leave a comment|tags?|loading|print|e-?mail|copy link|save",
    r"share|share (?:this|on)[\w ]*|follow us|facebook|twitter|x|linkedin|whatsapp|telegram|reddit",
    r"photos?|image|video|reklama|реклама|комментарии|коментарі|поделиться|поділитися",
    r"광고|댓글|공유|기사 ?공유|publicidad|publicité|anzeige|pubblicità",
)
_END_OF_LABEL = re.compile(r"\s*[:：.…]*$")
# Asks for something, and names what only such lines name.
_REQUEST = _any(
    r"(?:please |you can (?:also )?)?(?:sign up|subscribe|click here|tell us|send us|contact us)\b",
    r"(?:please |you can (?:also )?)?follow (?:us|[\w .&'’@]{2,40} on )",
    r"join (?:us|our|the conversation)\b|share this|like (?:this|us)\b|like what you|download (?:our|the)\b",
    r"get (?:the latest|the day|our|more|access|all|[\w .'’]{2,30} delivered)",
    r"listen to (?:our|[\w .'’]{2,30} live)|have a (?:tip|story|question)|want more|(?:visit|support|check out) our\b",
    r"подпи(?:сывайтесь|шитесь)|следите за|присоединяйтесь|читайте нас|підпи(?:суйтесь|шіться)|стежте за|приєднуйтесь",
    r"abonn(?:ez|ieren sie)|suscríb|siga-nos|síguenos|inscreva-se|iscriviti|seguici|구독하|제보는",
)
_REQUESTED = _any(
    r"newsletter|inbox|letterbox|twitter|facebook|instagram|telegram|whatsapp|youtube|linkedin|google news|@\w",
    r"\bapp\b|subscri|podcast|e-?mail|channel|delivered|weekdays|with a friend|what you think|for more information",
    r"телеграм|канал|рассылк|розсилк|соцсет|соцмереж|카카오톡|네이버|유튜브|이메일|구독",
)
_FOLD = re.compile(r"[\W_]+")
_SENTENCE_END = re.compile(r"[.!。！?？…][\"'”’»)\]]*$")


def without_title(lines: Sequence[str], title: str) -> list[str]:
    """Return the lines without the title among the first of them."""
    folded = _folded(title)
    return [
        line for place, line in enumerate(lines) if place >= _TITLE_AMONG_FIRST or not folded or _folded(line) != folded
    ]


def without_prompts(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines that are text: no labels, no requests, no headlines of other stories and what introduces them."""
    is_in_list = False
    for line in lines:
        lead = _SEE_ALSO.match(line)
        if lead and len(line) <= _MAX_PROMPT_CHARS and _AFTER_LEAD.match(line, lead.end()):
            # A line that only introduces is followed by the headlines, up to the next sentence.
            is_in_list = _folded(line) == _folded(lead.group())
            continue
        is_in_list = is_in_list and len(line) <= _MAX_HEADLINE_CHARS and not _SENTENCE_END.search(line)
        if not (is_in_list or _is_label(line) or _is_request(line)):
            yield line


def _is_label(line: str) -> bool:
    return _LABEL.fullmatch(_END_OF_LABEL.sub("", line)) is not None


def _is_request(line: str) -> bool:
    return len(line) <= _MAX_PROMPT_CHARS and _REQUEST.match(line) is not None and _REQUESTED.search(line) is not None


def _folded(text: str) -> str:
    return _FOLD.sub(" ", text.casefold()).strip()
