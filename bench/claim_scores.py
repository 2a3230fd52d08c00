"""How well coded statements and claims agree with labelled statements: rungs, topics, modality and attribution."""

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from sklearn.metrics import classification_report, f1_score

from schemas.article import Article
from schemas.claim import Claim, Modality, Statement
from schemas.ids import content_id
from schemas.ladder import Ladder
from services.domain.claims.coder import Coder
from services.domain.positions.claims import claims_of
from services.matcher.watchlist import Watchlist

SEEN_AT = datetime(2026, 1, 1, tzinfo=UTC)
# Letters and codes of the labels beside the project, in the words of the topics and the gazetteer.
_TOPICS = {"A": "arms-supply-ukraine", "B": "seoul-moscow-relations"}
_ACTORS = {"NATO": "nato", "KOROPP": "democratic_party_of_korea"}
# Both words are right for these: an alliance that asks for weapons presses.
_SAME = {"request": "press", "press": "request"}
# Rungs of the two ends of a ladder: to take one for the other is a gross error of direction.
_ENDS = (
    (frozenset(("refuse", "nonlethal")), frozenset(("agree", "deliver"))),
    (frozenset(("sever", "sanction", "threat", "summon", "accuse")), frozenset(("normalise", "cooperate"))),
)


class Label(NamedTuple):
    """What a reader says of a text: its topic and rung (None: it has none), who acts, how firmly, on whose word."""

    id: str
    lang: str
    topic: str | None
    date: str
    actor: str
    rung: str | None
    modality: str
    attribution: str
    text: str


class Coded(NamedTuple):
    """What the product makes of it: the surest statement, the claims on the ladders asked, the topics that match."""

    label: Label
    surest: Statement
    claims: tuple[Claim, ...]
    topics: frozenset[str]


class Score(NamedTuple):
    """Counts over texts: with a label, with a claim, with the right claim, with one of the opposite direction."""

    labelled: int
    found: int
    right: int
    gross: int

    def __str__(self) -> str:
        precision = self.right / self.found if self.found else 0.0
        recall = self.right / self.labelled if self.labelled else 0.0
        return (
            f"precision {precision:.3f} ({self.right} of {self.found}), recall {recall:.3f} of {self.labelled}, "
            f"gross errors {self.gross} ({self.gross / max(self.found, 1):.1%})"
        )


def labels_of(path: Path, codes: Mapping[str, str]) -> list[Label]:
    """Read labels; `codes` are the gazetteer's ids by the codes that a file may use in their place."""
    codes = {**codes, **_ACTORS}
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        return [_label(json.loads(line), codes) for line in lines if line.strip()]


def _label(row: Mapping[str, Any], codes: Mapping[str, str]) -> Label:
    def given(key: str) -> str | None:
        return None if row[key] in ("none", "", None) else str(row[key])

    topic, actor = given("topic"), given("actor") or ""
    return Label(
        id=row["id"],
        lang=row.get("lang", "en"),
        topic=_TOPICS.get(topic, topic) if topic else None,
        date=row["date"],
        actor=codes.get(actor, actor),
        rung=given("rung"),
        modality=row["modality"],
        attribution=row["attribution"],
        text=row["text"],
    )


def article_of(text: str, date: str, *, key: str = "", lang: str | None = None) -> Article:
    """Return a text as an article of its day, without a title."""
    at = datetime.fromisoformat(date).replace(hour=12, tzinfo=UTC)
    return Article(
        id=content_id("bench", key, text),
        revision=1,
        revision_id=content_id("bench-revision", key, text),
        feed_id="bench",
        outlet="bench",
        title="",
        text=text,
        lang=lang,
        published_at=at,
        first_seen_at=at,
    )


def surest(statements: Sequence[Statement]) -> Statement:
    """Return the statement that a labelled text is judged by: an act before none, then the surest."""
    return max(statements, key=lambda one: (one.plover.event != "NONE", one.agreed, one.confidence))


def code_labelled(
    labels: Sequence[Label], coder: Coder, ladders: Mapping[str, Ladder], watchlist: Watchlist
) -> list[Coded]:
    """Code each text by itself; on its topic's ladder, or on all of them where it has no topic."""
    return [_code(label, coder, ladders, watchlist) for label in labels]


def _code(label: Label, coder: Coder, ladders: Mapping[str, Ladder], watchlist: Watchlist) -> Coded:
    article = article_of(label.text, label.date, key=label.id, lang=label.lang)
    statements = coder.code(article)
    claims = tuple(
        claim
        for one in statements
        for name in ([label.topic] if label.topic else ladders)
        for claim in claims_of(one, article, watch_topic=name, ladder=ladders[name], origin_id=article.id, now=SEEN_AT)
    )
    return Coded(label, surest(statements), claims, frozenset(one.watch_topic for one in watchlist.match(article)))


def rung_score(coded: Sequence[Coded], counts: Callable[[Claim], bool]) -> tuple[Score, Counter[tuple[str, str]]]:
    """Return how the claims that count agree with the labels, and what stood for what where they do not."""
    found = right = gross = 0
    confused: Counter[tuple[str, str]] = Counter()
    for one in coded:
        wanted = one.label.rung
        got = {claim.rung for claim in one.claims if counts(claim)}
        is_right = bool(got & {wanted, _SAME.get(wanted or "", wanted)})
        found += bool(got)
        right += is_right
        gross += any(is_gross(wanted, rung) for rung in got)
        if not is_right and (wanted or got):
            confused[wanted or "-", min(got, default="-")] += 1
    return Score(sum(one.label.rung is not None for one in coded), found, right, gross), confused


def is_gross(wanted: str | None, got: str) -> bool:
    """Say whether a rung is taken for one of the other end of its ladder."""
    return any((wanted in a and got in b) or (wanted in b and got in a) for a, b in _ENDS)


def topic_score(coded: Sequence[Coded]) -> tuple[int, int, int]:
    """Return how many topics were matched rightly, wrongly, and missed."""
    pairs = [(frozenset([one.label.topic] if one.label.topic else ()), one.topics) for one in coded]
    return (
        sum(len(wanted & got) for wanted, got in pairs),
        sum(len(got - wanted) for wanted, got in pairs),
        sum(len(wanted - got) for wanted, got in pairs),
    )


def heads(coded: Sequence[Coded]) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield modality and attribution, each with the labels and what was found."""
    yield "modality", [one.label.modality for one in coded], [one.surest.modality.value for one in coded]
    yield "attribution", [one.label.attribution for one in coded], [one.surest.attribution.value for one in coded]


def report(coded: Sequence[Coded], *, briefly: bool = False) -> None:
    """Print every score of these texts; `briefly`, without the tables by class."""
    right, wrong, missed = topic_score(coded)
    print(f"topics: F1 {2 * right / max(2 * right + wrong + missed, 1):.3f} ({right}, {wrong} wrong, {missed} missed)")
    for kind, counts in (("all", lambda claim: True), ("eligible", lambda claim: claim.eligible)):
        score, confused = rung_score(coded, counts)
        print(f"rungs, {kind}: {score}")
        if not briefly:
            print("   ", ", ".join(f"{a} -> {b} {n}" for (a, b), n in confused.most_common(30)))
    for name, truth, found in heads(coded):
        known = sorted(set(truth))
        macro = f1_score(truth, found, labels=known, average="macro", zero_division=0)
        print(
            f"{name}: macro-F1 {macro:.3f}" + (f", denied recall {_denied_recall(truth, found)}" * (name == "modality"))
        )
        if not briefly:
            print(classification_report(truth, found, labels=known, zero_division=0, digits=2))
    acting = [one for one in coded if one.label.actor]
    same = sum(actor_of(one) == one.label.actor for one in acting)
    print(f"actor right: {same / max(len(acting), 1):.3f} of {len(acting)}")


def actor_of(one: Coded) -> str | None:
    """Return who acts: as the sentence says, or as the ladder understands it where it does not."""
    return one.surest.actor or next((claim.actor for claim in one.claims), None)


def _denied_recall(truth: Sequence[str], found: Sequence[str]) -> str:
    denied = [other for one, other in zip(truth, found, strict=True) if one == Modality.DENIED]
    return f"{sum(one == Modality.DENIED for one in denied)} of {len(denied)}"


def failures(coded: Sequence[Coded]) -> Counter[str]:
    """Return why texts with a rung have no claim that may move a position on it, by the first thing that went wrong."""
    return Counter(failure_of(one) or "right" for one in coded if one.label.rung is not None)


def failure_of(one: Coded) -> str | None:
    """Return what went wrong first with a text that has a rung; None if nothing did."""
    wanted = {one.label.rung, _SAME.get(one.label.rung or "", one.label.rung)}
    right = [claim for claim in one.claims if claim.rung in wanted]
    if any(claim.eligible for claim in right):
        return None
    if right:
        return f"right, not eligible: {_kind(right[0].why_not)}"
    if one.label.actor and actor_of(one) != one.label.actor:
        return "actor unknown" if actor_of(one) is None else "another actor"
    if one.claims:
        return "another rung"
    return "no event" if one.surest.plover.event == "NONE" else "event not on the ladder"


def _kind(why_not: str) -> str:
    if "background" in why_not:
        return "background"
    return "confidence" if why_not.startswith("coded with") else "words say otherwise"
