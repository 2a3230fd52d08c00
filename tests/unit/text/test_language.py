"""Languages are identified when the text is long and clear enough, and read from whatever feeds state."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.text.language import LANGUAGES, identify, language_code


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Seoul said on Tuesday that it would not send lethal weapons to Kyiv."),
        ("ko", "한국 정부는 우크라이나에 살상무기를 보내지 않겠다고 밝혔다."),
        ("ko", '美 국무부 "北 파병" NATO'),
        ("ko", "러 외무"),
        ("ru", "Глава МИД сообщил, что переговоры с корейской стороной были отложены."),
        ("uk", "Міністр оборони повідомив, що переговори з корейською стороною відкладено."),
        ("uk", "Посол заявив: «мы выступаем за мир», але переговорів не було, повідомляє міністерство зовнішніх справ"),
        ("bg", "Министърът заяви, че страната няма да изпрати оръжие, преди парламентът да гласува."),
        ("be", "Міністр паведаміў, што перамовы адкладзеныя, а ўрад яшчэ не вырашыў, калі яны пачнуцца."),
        ("sr", "Министар је изјавио да Србија неће послати оружје док траје рат."),
        ("ja", "韓国政府はウクライナへの武器供与を見送った。"),
        ("zh", "韩国政府表示不会向乌克兰提供致命武器，双方代表团上周举行了会谈。"),
        ("pl", "Rok temu minister odwiedził Seul, aby rozmawiać o dostawach czołgów i haubic."),
        ("fr", "Le gouvernement sud-coréen a refusé hier de livrer des armes à l'Ukraine."),
        ("de", "Die Regierung in Seoul will der Ukraine weiterhin keine tödlichen Waffen liefern."),
        ("es", "El gobierno surcoreano anunció ayer que no enviará armas letales a Ucrania."),
        ("ar", "قالت حكومة كوريا الجنوبية إنها لن ترسل أسلحة فتاكة إلى أوكرانيا"),
    ],
)
def test_identify(language: str, text: str) -> None:
    assert identify(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "12.5 — 13",
        "\x00\ud800",
        "Seoul",
        "Kim Jong Un",
        "Lech Wałęsa",
        "Ким Чен Ын",
        "https://example.org/a-long-english-path",
    ],
)
def test_what_is_too_short_has_no_language(text: str) -> None:
    assert identify(text) is None


def test_only_the_beginning_is_read() -> None:
    english = "The minister told reporters that the talks would go on next week. "
    assert identify(english * 20 + "переговоры были отложены " * 50_000) == "en"


@given(st.text(max_size=80))
@settings(max_examples=40, deadline=None)  # the first call loads the model
def test_any_text_has_one_of_our_languages_or_none(text: str) -> None:
    assert identify(text) in {*LANGUAGES, None}


MIXED = (
    "Seoul ",
    "Сеул ",
    "Київ ",
    "서울 ",
    "ソウル",
    "首尔",
    "the minister said that ",
    "министр сообщил, что ",
    "the і ",
    "8 ",
)


@given(st.lists(st.sampled_from(MIXED), max_size=12).map("".join) | st.text(max_size=80), st.sampled_from(LANGUAGES))
@settings(max_examples=80, deadline=None)  # the first call loads the model
def test_who_asks_for_some_languages_is_told_the_same_of_these(text: str, other: str) -> None:
    language = identify(text)
    if language is not None:
        assert identify(text, {other, language}) == language
    assert identify(text, {other}) in {language, None}


def test_what_no_script_can_be_is_told_without_the_model() -> None:
    program = (
        "import sys\n"
        "from services.domain.text.language import identify\n"
        "assert identify('The minister told reporters that the talks would go on.', {'uk', 'ru', 'ko'}) is None\n"
        "assert 'py3langid' not in sys.modules and 'numpy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_model_is_loaded_only_when_scripts_do_not_decide() -> None:
    program = (
        "import sys\n"
        "from services.domain.text.language import identify\n"
        "assert identify('한국 정부는 밝혔다') == 'ko'\n"
        "assert identify('Глава МИД сообщил, что они были отложены') == 'ru'\n"
        "assert 'py3langid' not in sys.modules and 'numpy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        ("en", "en"),
        ("en-US", "en"),
        ("EN_gb", "en"),
        (" en-us ", "en"),
        ("ukr", "uk"),
        ("ua", "uk"),
        ("Korean", "ko"),
        ("ko-kr", "ko"),
        ("kr", "ko"),
        ("rus", "ru"),
        ("ru_RU.UTF-8", "ru"),
        ("English (United States)", "en"),
        ("en, ru", "en"),
        ("zh-Hant-TW", "zh"),
        ("iw", "he"),
        ("nb-NO", "no"),
        ("Français", "fr"),
        ("한국어", "ko"),
        ("eo", "eo"),
        ("und", None),
        ("mul", None),
        ("", None),
        ("-", None),
        ("default", None),
        ("english-ish?", "en"),
        ("12", None),
        ("\x00", None),
        (None, None),
    ],
)
def test_language_code(stated: str | None, code: str | None) -> None:
    assert language_code(stated) == code


@given(st.text(max_size=20))
@settings(max_examples=50)
def test_a_stated_language_becomes_a_two_letter_code_or_none(stated: str) -> None:
    code = language_code(stated)
    assert code is None or (len(code) == 2 and code.isascii() and code.islower())
    assert language_code(code) == code
