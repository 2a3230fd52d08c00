"""The coder that the settings ask for."""

import pytest

from services import settings as settings_module
from services.coding import coder_for
from services.domain.claims.coder import CODER_VERSION
from services.domain.text.gazetteer import Gazetteer
from services.provisioning.faults import ConfigurationError
from services.settings import CodingSettings, load_settings

NOBODY = Gazetteer.from_actors(())


def test_without_a_word_sentences_are_read_by_their_words() -> None:
    assert coder_for(CodingSettings())(NOBODY).version == CODER_VERSION


def test_with_the_setting_claims_tell_of_the_reading_by_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_module, "SEMANTIC_PACKAGES", ())

    assert coder_for(CodingSettings(semantic=True))(NOBODY).version == f"{CODER_VERSION}+minilm"


def test_what_is_not_installed_is_a_fault_of_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_module, "SEMANTIC_PACKAGES", ("json", "no_such_package"))

    with pytest.raises(ConfigurationError, match=r"REDLINE_CODING__SEMANTIC.*needs no_such_package: pip install"):
        load_settings(environ={"REDLINE_CODING__SEMANTIC": "true"})
    assert not load_settings(environ={"REDLINE_CODING__SEMANTIC": "false"}).settings.coding.semantic
