"""Which lines of a page are prompts, and which only begin like one."""

import pytest

from services.domain.feeds.page_lines import without_prompts, without_title

SENTENCE = "The council voted on Tuesday to close the pier."


@pytest.mark.parametrize(
    "line",
    [
        "Read more: Ferry fares rise again",
        "READ ALSO | Lighthouse sold at auction",
        "Related articles",
        "Don’t miss",
        "Advertisement",
        "Comments:",
        "Follow us on Twitter and Facebook.",
        "Follow the Bay Courier on Telegram",
        "Sign up for our weekly newsletter.",
        "Get the latest news delivered to your inbox",
        "Читайте также: Маяк продан с аукциона",
        "Подписывайтесь на наш канал в Телеграме",
        "Читайте також: Маяк продано",
        "관련기사",
        "Lire aussi : le phare vendu aux enchères",
        "Mehr zum Thema: Leuchtturm versteigert",
    ],
)
def test_prompts_are_dropped(line: str) -> None:
    assert list(without_prompts([SENTENCE, line, SENTENCE])) == [SENTENCE, SENTENCE]


@pytest.mark.parametrize(
    "line",
    [
        "Read more than one page of the treaty and you find the exception.",
        "Share prices of Twitter and Facebook fell by five per cent on Tuesday.",
        "More ships than ever used the northern basin.",
        "Watch officers on the pier saw the mast break.",
        "Follow-up talks on Telegram channels were held in Vienna.",
        "Related charges against the harbour master were dropped.",
        "Like Instagram, the ministry answered nothing.",
        "Comments by the minister were not published.",
        "Подробнее о переговорах министр говорить не стал.",
        "구독 경제가 성장하고 있다고 정부가 이메일로 밝혔다.",
        "Sign up or be drafted, the ministry told " + "students of the two universities of the bay " * 5 + "by e-mail.",
    ],
)
def test_sentences_stay(line: str) -> None:
    assert list(without_prompts([line])) == [line]


def test_the_headlines_after_an_introduction_go_with_it_up_to_the_next_sentence() -> None:
    lines = [SENTENCE, "Read also", "Ferry fares rise again", "Lighthouse sold at auction", SENTENCE, "What comes next"]
    assert list(without_prompts(lines)) == [SENTENCE, SENTENCE, "What comes next"]


def test_the_title_is_dropped_at_the_beginning_only() -> None:
    lines = ["News", "Pier “closed”", SENTENCE, SENTENCE, "Pier closed"]
    assert without_title(lines, "Pier closed!") == ["News", SENTENCE, SENTENCE, "Pier closed"]
    assert without_title(lines, "") == lines
