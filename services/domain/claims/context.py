"""What each sentence of an article leaves to the next: who acts, who speaks, who has been named."""

import re
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.article import Article
from schemas.claim import PloverEvent
from services.domain.claims.actors import ActorReader
from services.domain.claims.anaphora import surnames
from services.domain.claims.by_language import roles_of
from services.domain.claims.frames import Context, Person, Voice
from services.domain.claims.grammar import surface
from services.domain.claims.reading import Reading
from services.domain.claims.roles import Roles
from services.domain.claims.times import FoundTime, event_time, latest_dated
from services.domain.claims.voices import ReadArticle, Sentence

# So many of those who acted are kept in mind, and so many words of names.
_ACTED = 6
_NAMES = 60
_SOON_AFTER = timedelta(days=60)
_BEFORE_NOUNS = frozenset(("the", "this", "that", "a", "an", "of", "such", "any", "no", "its", "their", "new"))
# "SEOUL, Nov. 28 (Agency) —", "(Seoul=Agency)": where a report is from.
_DATELINE = re.compile(r"\s*\(?[A-ZÀ-Ý][^\n—–=]{1,50}?(?:\s[—–-]{1,2}\s|\s?=|\)\s*[—–-])")
_DATELINE_CHARS = 90


class Understood(NamedTuple):
    """A sentence with all that is known from those before it: who speaks, and who does what to whom."""

    sentence: Sentence
    voice: Voice
    roles: Roles
    time: FoundTime | None
    event_at: datetime


class Discourse:
    """The sentences of an article, each understood in the light of all before it in its field.

    A sentence is understood alike whichever sentences are asked for, in whatever order.
    """

    def __init__(self, article: Article, read: ReadArticle, actors: ActorReader) -> None:
        self._read = read
        self._home = _home_of(article, read, actors)
        self._understood: list[Understood] = []
        self._context = Context(home=self._home)
        self._article = article
        self._latest: datetime | None = None
        self._written_at = article.published_at or latest_dated(article.text, article.first_seen_at)

    def __getitem__(self, at: int) -> Understood:
        while len(self._understood) <= at:
            self._go_on(len(self._understood))
        return self._understood[at]

    def _go_on(self, at: int) -> None:
        read = self._read
        if at > 0 and read.field(at) is not read.field(at - 1):
            self._context = Context(home=self._home)
        sentence = read.settle(at, self._context)
        voice = read.voice(at, self._context)
        heard = self._context._replace(voice=voice)
        roles = roles_of(sentence.reading, sentence.mentions, sentence.speech, heard)
        time = event_time(sentence.reading.text, self._known_at())
        self._understood.append(Understood(sentence, voice, roles, time, self._event_at(at, sentence, voice, time)))
        self._context = _after(sentence, roles, heard)

    def _known_at(self) -> datetime:
        """Return what a day without its year is counted back from.

        An article that does not say when it was published is no older than the days it names with their year, and
        hardly much younger.
        """
        if self._article.published_at is not None or self._written_at is None:
            return self._article.event_at
        return min(self._written_at + _SOON_AFTER, self._article.first_seen_at)

    def _event_at(self, at: int, sentence: Sentence, voice: Voice, time: FoundTime | None) -> datetime:
        """Return when it was: on the day named, else when what goes on was said, else when the article is from.

        Of an article that does not say when it was published, that is the latest day it has named so far, or at all.
        """
        if time is not None:
            self._latest = max(time.at, self._latest or time.at)
            return time.at
        source = sentence.passage.introduced_by
        if source is None and at > 0 and voice.name is not None and self._understood[at - 1].voice.name == voice.name:
            source = at - 1
        if source is not None:
            return self._understood[source].event_at
        return self._article.published_at or self._latest or self._written_at or self._article.event_at


def _after(sentence: Sentence, roles: Roles, heard: Context) -> Context:
    reading, about = sentence.reading, roles.about
    subject = about.stands_for if about else None
    asked = roles.recipient if _asks(reading) else None
    acted = dict.fromkeys(one for one in (asked, roles.actor, subject, heard.voice.spoke_for, *heard.acted) if one)
    named = [Person(word, one.stands_for, one.side) for word, one in surnames(reading, sentence.mentions)]
    return heard._replace(
        actor=roles.actor,
        recipient=roles.recipient,
        subject=subject or roles.actor,
        subject_name=reading.written(about.at, about.end) if about else None,
        acted=tuple(acted)[:_ACTED],
        names=(*named, *heard.names)[:_NAMES] if named else heard.names,
    )


def _asks(reading: Reading) -> bool:
    """Say whether somebody asks for something, rather than that a request is spoken of ("Ukraine's request")."""
    return any(
        cue.sense.family == "event"
        and cue.sense.label == PloverEvent.REQUEST
        and not surface(reading, cue.at - 1).endswith("'s")
        and surface(reading, cue.at - 1) not in _BEFORE_NOUNS
        for cue in reading.cues
    )


def _home_of(article: Article, read: ReadArticle, actors: ActorReader) -> str | None:
    """Return the state whose government an article means by "the government": of its dateline, or of its outlet."""
    head = read.first_of_text()
    if head is not None and _DATELINE.match(article.text[:_DATELINE_CHARS]):
        first = next(iter(head.mentions), None)
        if first is not None and first.at == 0 and not first.is_unsaid:
            return first.stands_for
    return actors.state_of_code(article.country)
