"""Words stand at their original offsets, and are found under the keys that a query for them looks up."""

from concurrent.futures import ThreadPoolExecutor
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.text import analyzer
from services.domain.text.analyzer import MAX_CACHED_CHARS, analyze, plain_keys, spans, surfaces, tokens
from services.domain.text.stem import Script, readings, script_of
from services.domain.text.token_index import TokenIndex

mostly_ascii = st.text(alphabet="aBcU.S,'`’‘-_1 2\n\x00\x1c\u00a0\u2028\u200b\"”()й", max_size=60)
anything = (
    st.text(max_size=60) | mostly_ascii | st.text(alphabet="aBü.,'’-1 한국russія\u0301\u00ad\ud800U.S", max_size=40)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Yoon Suk-yeol's visit", ["Yoon", "Suk", "yeol's", "visit"]),
        ("the U.S. and U.K.’s S. Korea", ["the", "U.S.", "and", "U.K.’s", "S", "Korea"]),
        ("U.S.-led, (D.P.R.K)", ["U.S.", "led", "D.P.R.K"]),
        ("a.b.cd U.S.Korea", ["a.b.", "cd", "U.S.", "Korea"]),
        ("155-mm K9 F-16s", ["155", "mm", "K", "9", "F", "16", "s"]),
        ("1,234,567.8 and 2022,2023 or 3.5%", ["1,234,567.8", "and", "2022", "2023", "or", "3.5"]),
        ("об’єднання п'ять", ["об’єднання", "п'ять"]),
        ("'quoted' ‘words’", ["quoted", "words"]),
        ("NATO가 2024년", ["NATO", "가", "2024", "년"]),
        ("尹대통령 韓·美", ["尹", "대통령", "韓", "美"]),
        ("wea\u00adpons cafe\u0301s", ["wea\u00adpons", "cafe\u0301s"]),
        ("snake_case <b class=x>", ["snake", "case", "b", "class", "x"]),
        ("\x00 — … 🇰🇷 \ud800", []),
        ("", []),
    ],
)
def test_words_of(text: str, words: list[str]) -> None:
    assert surfaces(text) == words


@given(anything)
def test_every_token_is_verbatim_in_order_and_apart(text: str) -> None:
    end = 0
    for token in tokens(text):
        assert token.start >= end
        assert token.surface == text[token.start : token.end]
        end = token.end
    assert [token.surface for token in tokens(text)] == surfaces(text)
    long_text = f"{text} {'plain words, ' * 40}"  # so that little of it is beyond ASCII
    assert [token.surface for token in tokens(long_text)] == surfaces(long_text)
    assert [(token.start, token.end) for token in tokens(text)] == spans(text)


@pytest.mark.parametrize(
    "part",
    [
        "a.",
        "a'",
        "1,234,",
        "가",
        "й",
        "中",
        "a\u0301",
        "U.S.",
        "a1",
        "\ud800",
        "\x00",
        "’",
        "a\u00ad ",
        "ＡＢ",
        "it's ",
    ],
)
def test_a_text_without_end_takes_time_in_proportion(part: str) -> None:
    text = part * (1_000_000 // len(part))
    started_at = process_time()
    for surface in surfaces(text):
        analyze(surface)
    assert process_time() - started_at < 10


@pytest.mark.parametrize(
    ("word", "query"),
    [
        ("ＮＡＴＯ", "NATO"),
        ("wea\u00adpons", "weapon"),
        ("wea\u200dpons", "weapon"),
        ("cafe\u0301s", "café"),
        ("Кі\u0301ма", "Кім"),
        ("и\u0306од", "йод"),
        ("\u1112\u1161\u11ab\u1100\u116e\u11a8\u110b\u1173\u11ab", "한국"),
    ],
)
def test_spellings_that_look_alike_are_one_word(word: str, query: str) -> None:
    assert [analyze(query).key in analyze(surface).keys for surface in surfaces(word)] == [True]


def test_a_zero_width_space_parts_words() -> None:
    assert surfaces("South\u200bKorea") == ["South", "Korea"]


@given(anything)
def test_every_letter_and_digit_belongs_to_a_word(text: str) -> None:
    covered = {at for start, end in spans(text) for at in range(start, end)}
    missed = [char for at, char in enumerate(text) if char.isalnum() and char != "ʼ" and at not in covered]
    assert not missed


@settings(deadline=None)  # the first Russian word loads the dictionary
@given(anything)
def test_a_word_is_found_by_a_query_for_itself(text: str) -> None:
    for surface in surfaces(text):
        analysis = analyze(surface)
        assert analysis.key in analysis.keys


@pytest.mark.parametrize(
    "family",
    [
        "weapon weapons weapon's WEAPONS",
        "supply supplies supplied supplying",
        "move moves moved moving",
        "plan plans planned planning",
        "charge charges charged charging",
        "control controls controlled controlling",
        "provide provides provided providing",
        "state states stated stating",
        "battery batteries",
        "cross crosses crossed",
        "tie ties tied",
        "agree agrees agreed agreeing",
        "use uses used using",
        "missile missiles",
        "movie movies",
        "deny denies denied denying",
        "поставка поставки поставку поставке поставок поставками",
        "Россия России Россию",
        "Корея Кореи Корею Корее",
        "оружие оружия оружию",
        "санкции санкция санкций санкциями",
        "помощь помощи помощью",
        "российский российского российскому российские российская",
        "український українська українського українські",
    ],
)
def test_inflections_share_a_key(family: str) -> None:
    words = family.split()
    key = analyze(words[0]).key
    assert [word for word in words if key not in analyze(word).keys] == []
    assert len({analyze(word).key for word in words}) == 1


@pytest.mark.parametrize(
    ("dictionary_form", "forms"),
    [
        ("танк", "танков танком танкам танками танках"),
        ("Вьетнам", "Вьетнама Вьетнамом Вьетнаме"),
        ("Лавров", "Лаврова Лаврову Лавровым"),
        ("Китай", "Китая Китаю Китаем Китае"),
        ("Южная", "Южной Южную Южных"),
        ("російський", "російських російською російським"),
        ("танк", "танків танками"),
        ("Україна", "України Україні Україну Україною"),
        ("зброя", "зброї зброю зброєю"),
        ("Київ", "Києва Києву Києві Києвом"),
        ("санкції", "санкція санкцій санкціями"),
        ("боєприпаси", "боєприпасів боєприпасами боєприпасах"),
        ("збройні", "збройних збройними"),
        ("штати", "штатів штатами штатах"),
        ("러시아", "러시아와 러시아는 러시아로부터 러시아에서도"),
        ("우크라이나", "우크라이나가 우크라이나에"),
        ("국가", "국가들 국가들은"),
        ("Ukraine", "l'Ukraine d’Ukraine"),
    ],
)
def test_a_dictionary_form_finds_what_is_ambiguous(dictionary_form: str, forms: str) -> None:
    key = analyze(dictionary_form).key
    assert [form for form in forms.split() if key not in analyze(form).keys] == []


@pytest.mark.parametrize(
    "pair",
    [
        "news new",
        "arms arm",
        "AIDS aid",
        "planes plan",
        "united unit",
        "Грузия груз",
        "корь Корея",
        "대만 대",
        "paris pari",
        "politics politic",
    ],
)
def test_other_words_stay_apart(pair: str) -> None:
    one, other = pair.split()
    assert analyze(other).key not in analyze(one).keys


@settings(deadline=None)
@given(st.from_regex(r"[abdegilnrsty](?:'?[abdegilnrsty]){0,13}|[авдеиійклмнопртя]{1,12}|[가-힣]{1,8}", fullmatch=True))
def test_the_form_that_a_query_looks_up_does_not_depend_on_capitals(word: str) -> None:
    assert readings(word)[0] == readings(word, name=True)[0]
    assert all(readings(word, name=True))


def test_scripts() -> None:
    assert [script_of(word) for word in ("a", "я", "한", "韓", "1", "")] == [
        Script.LATIN,
        Script.CYRILLIC,
        Script.HANGUL,
        Script.OTHER,
        Script.OTHER,
        Script.OTHER,
    ]


def test_encoded_data_is_not_kept_in_the_cache() -> None:
    blob = "Ab" * MAX_CACHED_CHARS
    assert analyze(blob).key == blob.lower()
    assert analyze(blob) is not analyze(blob)


def test_the_cache_of_analyses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analyzer, "ANALYSIS_CACHE_SIZE", 10)
    analyses = analyzer._Analyses()
    for number in range(100):
        assert analyses[f"Word{number}"].key == f"word{number}"
    assert len(analyses) <= 10


def test_threads_may_analyze_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analyzer, "ANALYSIS_CACHE_SIZE", 50)
    analyses = analyzer._Analyses()
    words = [f"Word{number}" for number in range(400)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: [analyses[word].key for word in words], range(16)))
    assert found == [[word.lower() for word in words]] * 16


class TestTokenIndex:
    def test_keys_of_several_surfaces_are_merged_in_order(self) -> None:
        index = TokenIndex("weapons Weapon weapon's weapons")
        assert index.by_key["weapon"] == [0, 1, 2, 3]
        assert index.by_exact["weapons"] == [0, 3]
        assert index.by_exact["weapon"] == [2]

    def test_prefixes_see_folded_surfaces(self) -> None:
        index = TokenIndex("Supplies supply SUPPLIED súpper")
        assert index.with_prefix("suppl") == [0, 1, 2]
        assert index.with_prefix("supplies") == [0]
        assert index.with_prefix("x") == []


@pytest.mark.parametrize("text", ["weapons", "Weapons", "iPhones", "a", "x" * MAX_CACHED_CHARS])
def test_a_plain_word_has_the_keys_that_its_analysis_has(text: str) -> None:
    analysis = analyze(text)
    assert surfaces(text) == [text]
    assert plain_keys(text) == analysis.keys
    assert (analysis.exact, analysis.folded) == ((text,), text.lower())


@pytest.mark.parametrize(
    "text", ["", "US", "I", "U.S.", "F-16", "don't", "é", "무기", "two words", "x" * (MAX_CACHED_CHARS + 1)]
)
def test_other_texts_are_no_plain_words(text: str) -> None:
    assert plain_keys(text) is None


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="abdegiminrsuAS", max_size=12))
def test_plain_keys_are_those_of_the_analysis_or_none(text: str) -> None:
    assert plain_keys(text) in (None, analyze(text).keys if text else None)
