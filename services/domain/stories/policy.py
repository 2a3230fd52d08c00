"""How far stories reach in time, and how sure the index must be."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class StoryPolicy:
    """The parameters of a story index; docs/stories.md says what each was checked against.

    Time: a story closes after `silence`, and takes nothing more after `longest`. `recency` is the time in which the
    weight of past items, as a sign that more will follow, falls to 1/e.
    Terms: `background` is the share of an item's words that are taken not to depend on its story; `lead` is what a
    word counts that only its text holds, where one of its title counts 1. `rare` and `frequent` are the shares of
    stories that hold a word before any were seen, and count as `prior_stories` stories would; `outside` is the part of
    a word's rate outside the story that is its least, so that no story gathers what any text may say. `damping` is
    what each further term counts in proportion to the one before, because words of a story come together.
    Deciding: `prior_weight` is the weight of how likely any item belongs to a story of this size; `absence_weight`
    that of what at least `mostly` of its items name and this one does not. `alike` is the cosine at which two stories
    are the same event, `copy` the share of word pairs at which two items are the same text.
    """

    silence: timedelta = timedelta(hours=72)
    longest: timedelta = timedelta(days=14)
    recency: timedelta = timedelta(hours=6)
    abroad: timedelta = timedelta(hours=24)  # how near in time items without a language in common must be
    background: float = 0.8
    lead: float = 0.6
    rare: float = 0.001
    frequent: float = 0.02
    prior_stories: float = 1000.0
    outside: float = 0.5
    damping: float = 0.8
    prior_weight: float = 0.7
    prior_items: float = 20.0
    absence_weight: float = 0.2
    mostly: float = 0.6
    alike: float = 0.35
    copy: float = 0.6
