"""Find the noun in a Korean word: without particles, and without the verb (to do, to become) that is made of it.

Only endings are taken off, and never so much that fewer than two syllables are left: 대만 (Taiwan) is no 대, 달러
(dollar) holds no 러, and compounds stay whole.
"""

import re

_MIN_NOUN = 2
_PARTICLES = frozenset(
    re.findall(
        r"\w+",
        """
    은 는 이 가 을 를 의 에 께 와 과 도 만 로 나 며 랑 뿐 란
    에서 에게 께서 으로 로서 으로서 로써 으로써 부터 까지 마다 조차 마저 밖에 보다 처럼 한테 대로 만큼 이란 라도 이라도
    이나 이며 이랑 하고 에는 에도 에만 에선 에의 에서는 에서도 에서의 에서만 에게는 에게도 에게서 에서부터 한테서
    와의 과의 와는 과는 와도 과도 로는 로도 로의 로만 으로는 으로도 으로의 으로만 로부터 으로부터 로부터의 으로부터의
    까지는 까지도 까지의 부터는 부터의 만은 만이 만을 만의 만도 보다는 보다도 뿐만 뿐이 처럼은 마저도 조차도
    이라고 라고 이라며 라며 이라는 라는 이라면 라면 이다 이었다 였다 이자 이고 이지만 인데 입니다 이었고 였고 이라서
    이었던 였던 이라던 라던
    """,
    )
)
_LONGEST_PARTICLE = max(map(len, _PARTICLES))
_PLURAL = "들"
# 지원하다 (to support), 지원되다 (to be supported), 지원시키다, 지원받다 and what they become in a sentence.
_PAST = (
    "(?:다|다고|다는|다며|다면|다가|다지만|지만|고|으며|으나|으면|으니|던|는데|는지|기|음|을|습니다|었다|었던|느냐|냐)"
)
_PRESENT = (
    "(?:고|며|면|면서|지|지도|지는|지를|지만|기|기로|기도|기를|기에|기는|기까지|는|는데|는지|던|려|려고|려는|려면|려던)"
)
_MORE = (
    "(?:도록|자|자고|자는|자며|거나|게|게끔|니|니까|라|라고|라는|라며|더라도|더니|다|다가|다고|다는|다며|다면"
    "|겠다|겠다고|겠다는|겠다며|겠습니다|되|듯)"
)
_SAID = "(?:다|다고|다는|다며|다면|다면서|다지만|데|지)?"
_VERB = re.compile(
    rf"(?:당?(?:하(?:{_PRESENT}|{_MORE}|였{_PAST}|여|여야|시는|신|십시오|세요)"
    rf"|했{_PAST}|한{_SAID}|할(?:지|까|수록|지도)?|해(?:서|야|야만|도|왔다|온|오던|준|줄|주고|줬다|라"
    r"|달라|달라고)?"
    r"|합니다|합니까|합시다|함으로써)"
    rf"|되(?:{_PRESENT}|{_MORE}|었{_PAST}|어|어야|어서)|됐{_PAST}|된{_SAID}|될(?:지|까|수록)?|돼(?:서|야|도|왔다)?|됩니다|됨에"
    rf"|시키(?:{_PRESENT}|{_MORE})|시켰{_PAST}|시킨{_SAID}|시킬|시켜(?:서|야)?"
    rf"|받(?:{_PRESENT}|{_MORE}|은|을|아|아야|아서|았{_PAST}))$"
)
_VERB_STARTS = frozenset("하했한할해합함되됐된될돼됩됨시받당")
_DICTIONARY_FORM = re.compile("(?:하다|되다|시키다)$")
# Nouns that end like a verb made of a noun.
_WHOLE = frozenset(
    re.findall(
        r"\w+",
        "남북한 북극해 남극해 지중해 남중국해 동중국해 카리브해 발트해 아라비아해 카스피해 오호츠크해"
        " 아조프해 시베리아해 베링해 에게해 동남해 무기한 불가피한 이러한 그러한 어떠한 이렇게 그렇게",
    )
)


def korean_readings(word: str) -> tuple[str, ...]:
    """Return the forms under which a word is found; the first is the one a query for the word looks up."""
    if len(word) <= _MIN_NOUN:
        return (word,)
    forms = [word, *_nouns_of_verb(word)]
    lengths = range(1, min(_LONGEST_PARTICLE, len(word) - _MIN_NOUN) + 1)
    forms += [word[:-length] for length in lengths if word[-length:] in _PARTICLES]
    forms += [form[:-1] for form in forms if form.endswith(_PLURAL) and len(form) > _MIN_NOUN]
    if len(forms) > 1 and _DICTIONARY_FORM.search(word):
        forms[:2] = forms[1], forms[0]
    return tuple(dict.fromkeys(forms))


def _nouns_of_verb(word: str) -> list[str]:
    if word in _WHOLE:
        return []
    return [word[:at] for at in range(_MIN_NOUN, len(word)) if word[at] in _VERB_STARTS and _VERB.match(word, at)]
