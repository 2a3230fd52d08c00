"""Dictionary forms of Korean verbs that are no noun with 하다 (보내다, 주다, 없다), from their stems and endings."""

from functools import lru_cache

# Each verb by the forms that its stem takes before an ending; the last consonant of a syllable may be part of it.
_STEMS = {
    "보내다": "보내 보낸 보낼 보냈 보냄", "주다": "주기 주겠 주지 주는 주려 주면 줬 주었 준다 줄 줘 주자 줘야 주고",
    "넘기다": "넘기 넘긴 넘길 넘겼 넘겨 넘긴다", "넘겨주다": "넘겨주 넘겨준 넘겨줄 넘겨줬",
    "건네다": "건네 건넨 건넬 건넸", "빌려주다": "빌려주 빌려준 빌려줄 빌려줬",
    "팔다": "팔기 팔지 팔겠 팔았 판다 팔아", "사다": "사기로 사들 샀다 샀으", "만나다": "만나 만난 만날 만났",
    "찾다": "찾아 찾았 찾을 찾는다", "막다": "막기 막겠 막는다 막았 막아", "늘리다": "늘리 늘린 늘릴 늘렸",
    "줄이다": "줄이 줄인 줄일 줄였", "멈추다": "멈추 멈춘 멈출 멈췄 멈춰", "맺다": "맺기 맺었 맺는 맺을 맺어",
    "끊다": "끊기 끊겠 끊었 끊는 끊을 끊어", "열다": "열면 열기 열겠 열었 연다 열어 열린 열렸 열릴 열자",
    "풀다": "풀기 풀겠 풀었 푼다 풀어 풀지", "바라다": "바란다 바라며 바라고 바랐 바라는",
    "나서다": "나서 나선 나설 나섰", "내쫓다": "내쫓", "부르다": "불러 불렀", "꾸짖다": "꾸짖",
    "때리다": "때리 때렸 때린", "쏘다": "쏘았 쐈 쏜다 쏘고", "맞서다": "맞서 맞선 맞설 맞섰",
    "치르다": "치르 치를 치렀", "받아들이다": "받아들이 받아들인 받아들일 받아들였",
    "돌려주다": "돌려주 돌려준 돌려줄 돌려줬", "물리치다": "물리치 물리쳤 물리친",
    "돕다": "돕겠 돕기 돕는 돕고 도왔 도울 도와", "꺼리다": "꺼리 꺼린 꺼려", "미루다": "미루 미룬 미룰 미뤘",
    "접다": "접었 접기로 접는다 접겠", "쓰이다": "쓰이 쓰였 쓰일 쓰인", "되살리다": "되살리 되살린 되살릴 되살렸",
    "걷다": "걷어", "높이다": "높이 높인 높일 높였", "가두다": "가두 가뒀", "붙잡다": "붙잡",
    "쫓아내다": "쫓아내 쫓아낸 쫓아냈", "짓밟다": "짓밟", "거두다": "거두 거둔 거둘 거뒀",
    "밝히다": "밝혔 밝힌 밝혀 밝히 밝힐", "말하다": "말했 말한 말하 말할 말해",
    "전하다": "전했 전한다 전하며 전하고 전한 전해", "답하다": "답했 답하 답한", "덧붙이다": "덧붙였 덧붙이 덧붙인",
    "알려지다": "알려졌 알려진 알려지", "전해지다": "전해졌 전해진", "보이다": "보인다 보였다 보이며 보인다고",
    "풀이하다": "풀이했 풀이한", "내다보다": "내다봤 내다본 내다보", "꼽다": "꼽았 꼽는", "귀띔하다": "귀띔",
    "하다": "했다 한다 했고 했으며 하겠다 했다고", "따르다": "따르면 따라", "보다": "본다 봤다 보고있다 봤으며",
    "없다": "없", "않다": "않", "아니다": "아니 아닌 아닐", "못하다": "못하 못한 못할 못했 못해",
    "말다": "말라 말아 말고", "있다": "있", "달다": "달라",
}  # fmt: skip
_BY_FIRST: dict[str, list[tuple[str, str]]] = {}
for _verb, _forms in _STEMS.items():
    for _form in _forms.split():
        _BY_FIRST.setdefault(_form[0], []).append((_form, _verb))


@lru_cache(1 << 14)
def verbs_of(surface: str) -> tuple[str, ...]:
    """Return the verbs of which a word may be a form, by its longest stem; none for nearly all nouns."""
    found = [(form, verb) for form, verb in _BY_FIRST.get(surface[:1], ()) if surface.startswith(form)]
    if not found:
        return ()
    longest = max(len(form) for form, _ in found)
    return tuple(dict.fromkeys(verb for form, verb in found if len(form) == longest))
