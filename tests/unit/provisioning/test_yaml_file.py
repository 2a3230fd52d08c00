"""YAML files: lines are kept, surprises of YAML 1.1 are not."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.provisioning.faults import ConfigurationError
from services.provisioning.yaml_file import iso_duration, parse_yaml, read_yaml


def test_scalars_that_yaml_1_1_would_turn_into_something_else_stay_text() -> None:
    data = parse_yaml("lang: no\nday: 2024-11-27\nflag: true\nname: on\n", Path("x.yaml")).data
    assert data == {"lang": "no", "day": "2024-11-27", "flag": True, "name": "on"}


def test_the_line_of_each_value_is_known() -> None:
    file = parse_yaml("a:\n  - b: 1\n    c: 2\n  - d\n", Path("x.yaml"))
    assert [file.line_of(at) for at in [("a",), ("a", 0, "c"), ("a", 1), ("a", 1, "missing")]] == [1, 3, 4, 4]


def test_a_file_that_expands_without_end_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ConfigurationError, match="expands to more than"):
        parse_yaml("\n".join(lines), Path("bomb.yaml"))


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"a: \xff\n", "x.yaml:1: is not UTF-8 text"),
        (b"a: b: c\n", "x.yaml:1: mapping values are not allowed"),
        (b"a: &b [*b]\n", "x.yaml: malformed YAML"),
        (b"a: !!python/object:os.system x\n", "x.yaml:1: could not determine a constructor"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(tmp_path: Path, raw: bytes, fault: str) -> None:
    (tmp_path / "x.yaml").write_bytes(raw)
    with pytest.raises(ConfigurationError) as caught:
        read_yaml(tmp_path / "x.yaml")
    assert fault in str(caught.value)


@given(st.text(max_size=200))
def test_any_text_is_data_or_a_configuration_error(text: str) -> None:
    with suppress(ConfigurationError):
        parse_yaml(text, Path("x.yaml"))


@pytest.mark.parametrize(("given", "iso"), [("15m", "PT15M"), ("1.5h", "PT1.5H"), ("2d", "P2D"), ("soon", "soon")])
def test_durations_are_read_as_people_write_them(given: str, iso: str) -> None:
    assert iso_duration(given) == iso
