"""Whom a sentence means that says "the government": readers of a topic know whose question it is."""

from schemas.claim import Cue, CueKind, Statement
from schemas.ladder import Ladder
from services.domain.positions.ladder import parties

# What is understood rather than said is a little less sure.
_UNDERSTOOD = 0.9


def understood(statement: Statement, ladder: Ladder) -> Statement:
    """Return the statement with the ladder's actor where it leaves its own unsaid and only one can be meant.

    To whom it is done does not do it; of several actors of a ladder, nor does who is named as somebody else. Where none
    or several are left, the statement stays as it is.
    """
    if not statement.unsaid_actor or statement.actor is not None:
        return statement
    meant = [actor for actor in ladder.actors if actor != statement.recipient]
    if len(meant) > 1:
        meant = [actor for actor in meant if actor not in parties(statement)]
    if len(meant) != 1:
        return statement
    return statement.model_copy(
        update={
            "actor": meant[0],
            "confidence": round(statement.confidence * _UNDERSTOOD, 4),
            "readings": tuple(
                one.model_copy(update={"chance": round(one.chance * _UNDERSTOOD, 4)}) for one in statement.readings
            ),
            "cues": tuple(_named(cue, meant[0]) for cue in statement.cues),
        }
    )


def _named(cue: Cue, actor: str) -> Cue:
    return cue.model_copy(update={"says": f"{actor}, understood"}) if cue.kind is CueKind.ACTOR else cue
