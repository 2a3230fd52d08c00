"""The claim coder as the settings ask for it: the same in the tracker and in the commands that read claims."""

from collections.abc import Callable
from functools import partial

from services.domain.claims.coder import Coder
from services.domain.claims.semantic import SemanticReading
from services.domain.text.gazetteer import Gazetteer
from services.runtime.embeddings import MiniLmEmbedder
from services.settings import CodingSettings

CoderFor = Callable[[Gazetteer], Coder]


def coder_for(settings: CodingSettings) -> CoderFor:
    """Return what makes a coder of a gazetteer; all that it makes share one embedder, loaded when it is first asked."""
    return partial(Coder, semantic=SemanticReading(MiniLmEmbedder()) if settings.semantic else None)
