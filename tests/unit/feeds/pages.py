"""Articles' pages written for the tests, as sites serve them: much around, little inside."""

PARAGRAPHS = (
    "The harbour council of Ostrava Bay voted on Tuesday to close the old grain pier to ships of over nine metres.",
    "Engineers had warned since spring that the piles on the seaward side were moving, the harbour master said.",
    "“We are not waiting for a winter storm to settle the question for us,” Ilse Brandt told reporters afterwards.",
    "Grain shipments will move to the northern basin until repairs end, which the council expects next autumn.",
    "The two members who voted against said that the northern basin was too shallow for the farmers' vessels.",
)
TITLE = "Ostrava Bay closes its grain pier to deep ships"


def body(*paragraphs: str) -> str:
    """Return these paragraphs as markup; the usual ones if none are given."""
    return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs or PARAGRAPHS)


def page(content: str = "", *, head: str = "", title: str = TITLE, lang: str = "en") -> str:
    """Return a whole page with this in its article, by default the paragraphs."""
    return f"""<!DOCTYPE html>
<html lang="{lang}"><head><title>{title} | Bay Courier</title>
<meta property="og:site_name" content="Bay Courier">{head}</head>
<body><nav><ul>
<li><a href="/">Home</a></li><li><a href="/harbour">Harbour</a></li><li><a href="/weather">Weather</a></li>
</ul></nav>
<main><article><h1>{title}</h1>{content or body()}</article></main>
<aside><h3>Most read</h3><ul>
<li><a href="/1">Ferry fares rise again</a></li><li><a href="/2">Lighthouse sold at auction</a></li>
</ul></aside>
<footer><p>Copyright Bay Courier. Terms of use and a privacy policy apply to all visitors of this site.</p></footer>
<script>track("page")</script></body></html>"""
