"""Bring the inflections of an English word back to its dictionary form; derivations (supply, supplier) stay apart.

Rules with lists of what the rules get wrong: English spelling is regular enough for that, and rules also serve names
and words that are younger than any dictionary.
"""

import re

_MIN_LETTERS = 4


def english_readings(word: str) -> tuple[str, ...]:
    """Return the dictionary forms a folded word may be a form of; the first is the one a query for the word means."""
    word = word.removesuffix("'s")
    settled = _SETTLED.get(word)
    if settled is not None:
        return settled
    if word[-1:] not in _LAST_OF_ENDINGS or len(word) < _MIN_LETTERS or not (word.isascii() and word.isalpha()):
        return (word,)
    if word.endswith("s"):
        singular = _singular(word)
        return (_IRREGULAR.get(singular, singular),)
    if word.endswith("men") and word not in _NOT_MEN:
        return (word[:-3] + "man",)
    return _of_verb(word) if word.endswith(_VERB_ENDINGS) else (word,)


def _singular(word: str) -> str:
    """Return the noun or verb without the -s of plural or third person."""
    if word[:-1] in _ONLY_S_GOES:
        return word[:-1]
    if word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > _MIN_LETTERS:
        return word[:-3] + "y"
    if word[:-2] in _ENDING_IN_S or word.endswith(("oes", "ches", "shes", "sses", "xes", "zzes", "tzes")):
        return word[:-2]
    return word[:-1]


def _of_verb(word: str) -> tuple[str, ...]:
    if word.endswith("ied"):
        if len(word) == _MIN_LETTERS:
            return (word[:-1],)
        return (word[:-3] + "y",) if _may_be_verb(word[:-2]) else (word,)
    if word.endswith("eed"):
        return (word[:-1] if word in _PAST_OF_EE else word,)
    for ending in ("ed", "ing"):
        base = word.removesuffix(ending)
        if base != word and _may_be_verb(base):
            verb = _verb(base)
            verb = _IRREGULAR.get(verb, verb)
            return (word, verb) if word in _GERUND_NOUNS else (verb,)
    return (word,)


def _may_be_verb(base: str) -> bool:
    """Say whether a verb may be left; unarmed and unwilling hold none, but for the few verbs that begin with un-."""
    if (len(base) < 3 and base not in _SHORT_VERBS) or not _VOWEL.search(base):
        return False
    return not base.startswith("un") or base.startswith("under") or base in _VERBS_IN_UN


def _verb(base: str) -> str:
    """Return the verb that is left as `base` when -ed or -ing is cut off: mov(e), plan(n), arm, control(l)."""
    if base in _TAKES_E:
        return base + "e"
    if base in _TAKES_NOTHING:
        return base
    if base[-2:] in _DOUBLED or (base.endswith("ll") and len(_VOWELS.findall(base)) > 1):
        return base[:-1]
    return base + "e" if _BEFORE_E.search(base) else base


_VERB_ENDINGS = ("ed", "ing")
_LAST_OF_ENDINGS = frozenset("sndg")  # of plurals, -men, -ed and -ing
_VOWEL = re.compile("[aeiouy]")
_VOWELS = re.compile("[aeiouy]+")
_DOUBLED = frozenset(("bb", "dd", "gg", "mm", "nn", "pp", "rr", "tt", "vv"))
# What stands before the -e of verbs: always after c, u, v, z and the like; else after a lone vowel and one consonant,
# as far as English writes such verbs with -e.
_BEFORE_E = re.compile(
    r"(?:[cuv]|(?<!z)z|[dlr]g|[aeu]ng|[aeiou]g|[bcdfgkpstz]l|[cdtg]r|[lnprw]s|[aeiouy]s"
    r"|(?<![aeo])(?:at|ut|[aiou]d|in|un|ar|[iuy]r|[iouy]l|a[pmkbf]|[iouy]k|ib|ub|um)"
    r"|(?:^|^[^aeiou]+)[ei][tnrpmf]|(?:^|^[^aeiou]+)o[tnrpmbd]|(?:^|^[^aeiou]+)(?:al|an|ed)"
    r"|qui[tr]|(?:c|p|s)ed|y[pz])$"
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that look inflected and are not, and plurals that mean something other than their singular.
_AS_WRITTEN = _words(
    """
    news arms goods customs clothes outskirts whereabouts barracks diabetes grassroots ethos asbestos upwards
    downwards eastwards westwards northwards southwards onwards themselves ourselves yourselves politics
    economics ethics physics mathematics logistics athletics acoustics electronics olympics paralympics
    tropics basics specifics statistics linguistics aesthetics genetics robotics gymnastics aerobics
    hydraulics ballistics geopolitics macroeconomics forensics means series species thanks premises overseas
    headquarters lens chaos cosmos always perhaps besides towards afterwards unless whereas sometimes indoors
    outdoors nowadays upstairs downstairs indeed united hundred sacred naked wicked hatred kindred infrared
    watershed embed aged beloved during nothing something anything everything morning evening being ceiling
    according notwithstanding sibling sterling darling viking shilling pudding forthcoming incoming upcoming
    oncoming unbiased wedding herring inning earring offspring bring king ring sing wing thing ping beijing
    nanjing jinping boeing wyoming kunming liaoning chongqing yearling underling fledgling its his hers ours
    yours theirs this thus was has does yes gas bias atlas alias canvas pancreas christmas wales texas kansas
    arkansas honduras bahamas hamas athens brussels naples flanders mercedes mars aries moses jesus caracas
    damascus dallas vegas judas nicolas lucas thomas james charles hughes jones davis williams holmes rogers
    adams sanders peters andrews matthews stevens reuters forbes philippines netherlands thames maldives
    seychelles andes cyclades hebrides lightning bloodshed hotbed seedbed upswing uprising hamstring
    heartstring wellbeing aforementioned unprecedented dans sans vers leurs autres fois alors ailleurs
    dehors alles eines jedes dieses seines ihres deines unos unas ellos ellas estos estas esos esas antes
    entonces paises pues ademas pelos pelas depois loin gens temps mois bras ahmed mohammed muhammed mohamed
    ahmad hamed khaled waled rashed walid sayed zayed alfred wilfred corps
    outstanding ongoing interesting clothing sapling
    """
)

# Past forms, participles and plurals that are no other word: a dictionary form, then its forms. Not "won", which is
# Korea's money.
_IRREGULAR_FORMS = """
    arise arose arisen; awake awoke awoken; beat beaten; become became; befall befell befallen;
    begin began begun; bend bent; bet betted; bite bit bitten; bleed bled; blow blew blown; break broke broken;
    breed bred; bring brought; build built; burn burnt; buy bought; catch caught; choose chose chosen;
    cling clung; come came; creep crept; deal dealt; dig dug; die dying; do does did done doing;
    draw drew drawn; dream dreamt; drink drank drunk; drive drove driven; eat ate eaten; fall fallen; feed fed;
    fight fought; flee fled; fling flung; fly flew flown; forbid forbade forbidden; foresee foresaw foreseen;
    forget forgot forgotten; forgive forgave forgiven; freeze froze frozen; get got gotten; give gave given;
    go goes went gone; grow grew grown; hang hung; have has had having; hear heard; hide hid hidden; hold held;
    keep kept; kneel knelt; know knew known; lead led; lean leant; leap leapt; learn learnt; lend lent;
    lie lying lain; lose lost; make made; mean meant; meet met; mislead misled; mistake mistook mistaken;
    misunderstand misunderstood; outgrow outgrew outgrown; overcome overcame; overhear overheard;
    override overrode overridden; oversee oversaw overseen; overtake overtook overtaken;
    overthrow overthrew overthrown; pay paid; prove proven; rebuild rebuilt; repay repaid; resell resold;
    rewrite rewrote rewritten; ride rode ridden; ring rang rung; rise risen; run ran; say said; see seen;
    seek sought; sell sold; send sent; shake shook shaken; shine shone; show shown; shrink shrank shrunk;
    sing sang sung; sink sank sunk; sit sat; sleep slept; slide slid; speak spoken; speed sped; spell spelt;
    spend spent; spill spilt; spin spun; spread spreading; steal stole stolen; stick stuck; sting stung;
    strike struck stricken; strive strove striven; swear swore sworn; sweep swept; swell swollen;
    swim swam swum; swing swung; take took taken; teach taught; tear tore torn; tell told; think thinking;
    throw threw thrown; tie tying; undergo underwent undergone; understand understood;
    undertake undertook undertaken; undo undid undone; uphold upheld; vie vying; wake woke woken;
    wear wore worn; weave wove woven; weep wept; withdraw withdrew withdrawn; withhold withheld;
    withstand withstood; win winning; write wrote written; retake retook retaken; resend resent;
    redo redid redone; panic panicked panicking; traffic trafficked trafficking; mimic mimicked mimicking;
    frolic frolicked; sue sued suing; owe owed owing; eye eyed eyeing; fuel fuelled fuelling;
    duel duelled duelling; dial dialled dialling; fulfil fulfill; instil instill; enrol enroll; distil distill;
    appal appall; use used using; add added adding; free freed; err erred erring; egg egged egging;
    ebb ebbed ebbing; man men; woman women; child children; foot feet; tooth teeth; goose geese; mouse mice;
    ox oxen; wife wives; knife knives; wolf wolves; shelf shelves; half halves; thief thieves;
    self selves; loaf loaves; calf calves; hoof hooves; scarf scarves; elf elves; crisis crises; thesis theses;
    hypothesis hypotheses; diagnosis diagnoses; oasis oases; emphasis emphases; analysis analyses;
    parenthesis parentheses; synopsis synopses; phenomenon phenomena; criterion criteria; bacterium bacteria;
    nucleus nuclei; stimulus stimuli; alumnus alumni; radius radii; index indices; matrix matrices;
    appendix appendices; quiz quizzes; memorandum memoranda
"""
_IRREGULAR = {form: lemma for lemma, *forms in map(str.split, _IRREGULAR_FORMS.split(";")) for form in forms}

# Irregular forms that are also words of their own: found as both, looked up as themselves.
_ALSO = {
    form: tuple(lemmas.split(","))
    for form, lemmas in re.findall(
        r"(\w+):([\w,]+)",
        """
        left:leave found:find saw:see felt:feel bore:bear born:bear borne:bear wound:wind ground:grind bound:bind
        fell:fall rose:rise shot:shoot thought:think spoke:speak stood:stand lay:lie laid:lay lit:light dove:dive
        slain:slay slew:slay lives:life,live leaves:leave,leaf bases:base,basis axes:axe,axis data:datum
        """,
    )
}

# What the lists above say of a word, in one place: the readings of all that no rule decides.
_SETTLED = {
    **{form: (lemma,) for form, lemma in _IRREGULAR.items()},
    **{form: (form, *lemmas) for form, lemmas in _ALSO.items()},
    **{word: (word,) for word in _AS_WRITTEN},
}

_NOT_MEN = _words(
    """
    yemen specimen regimen abdomen acumen turkmen stamen semen omen amen carmen ramen cyclamen bitumen lumen
    bremen tiananmen
    """
)
# Singulars of which only the s goes (movies, shoes, caches, taxis), and singulars that end in s (buses).
_ONLY_S_GOES = _words(
    """
    movie cookie calorie zombie rookie selfie hippie prairie genie collie bookie brownie veggie pixie junkie
    smoothie hoodie birdie goalie lingerie boogie yuppie freebie newbie indie foodie walkie techie camaraderie
    menagerie reverie sortie aerie magpie necktie untie belie underlie shoe toe foe canoe hoe woe floe
    horseshoe tiptoe snowshoe ache headache heartache toothache stomachache backache cache niche avalanche
    psyche moustache mustache cliche creche quiche brioche porsche apache attache douche gouache taxi rabbi
    samurai tsunami safari alibi bikini saudi iraqi israeli houthi emirati pakistani bangladeshi nazi yazidi
    kuwaiti omani bahraini qatari yemeni somali azeri jihadi chili wiki bureau plateau menu guru emu tofu
    """
)
_ENDING_IN_S = _words(
    """
    bus virus bonus campus census consensus status focus corpus caucus surplus minus plus exodus terminus
    chorus circus apparatus discus fungus nexus walrus airbus minibus trolleybus genus lotus cactus crocus gas
    bias canvas atlas alias lens iris rhinoceros octopus platypus hiatus sinus abacus omnibus christmas
    coronavirus prospectus
    """
)
_PAST_OF_EE = _words(
    """
    freed agreed disagreed decreed guaranteed refereed
    """
)
_SHORT_VERBS = _words(
    """
    go do be
    """
)
_VERBS_IN_UN = _words(
    """
    unit unveil unfold unleash unload unlock unpack unravel unroll unseat unwind uncover unmask unsettl unnerv
    undo unify unlearn uncoupl unblock unfreez unhing untangl unionis unioniz unifi unplug
    """
)

# Gerunds that are also things of their own (a meeting, a building): a query for the noun finds the noun only.
_GERUND_NOUNS = _words(
    """
    meeting building briefing hearing warning ruling filing landing bombing killing shooting opening beginning
    ending drawing painting training spending funding housing shipping banking mining marketing accounting
    engineering understanding feeling saying finding holding offering rating ranking reading recording setting
    sitting standing testing trading turning writing dealing blessing boxing cutting crossing dwelling farming
    fishing gathering hosting hunting lending listing lighting manufacturing missing willing pending leading
    living following regarding concerning including voting wording working parking posting pricing processing
    printing programming publishing racing sailing schooling screening stocking surrounding swimming teaching
    timing touring
    """
)

_TAKES_E = _words(
    """
    creat recreat procreat permeat delineat nauseat complet delet compet deplet excret unit invit ignit excit
    recit incit expedit extradit reunit reignit rewrit underwrit vot promot devot denot demot outvot quot
    requot misquot past wast tast hast explod implod erod corrod forebod conven interven contraven reconven
    postpon condon aton enthron dethron telephon interfer adher coher rever persever explor restor ignor
    deplor implor ador underscor outscor inhal exhal impal upscal overcom becom welcom telescop elop interlop
    provok invok evok revok breath bath cloth loath sooth seeth teeth wreath writh scyth prob disrob renam
    inflam massacr secret tun prun hon phon clon dron rop schem extrem redefin bak smil imped supersed conced
    preced reced seced interced catalogu rout rerout shap escap landscap reshap leagu cring fring imping
    infring syring
    """
)

_TAKES_NOTHING = _words(
    """
    butt boycott abutt call install enroll recall stonewall forestall befall foretell resell overspill refill
    misspell outsell reinstall bankroll payroll enthrall appall scroll focus bias canvas gas caucus surplus
    chorus combat format output input hang bang gang clang harang pang slang collar guitar star murmur augur
    sulfur ruin chagrin bulletin margin bargain origin cousin pencil peril council devil pilot pivot edit
    visit profit credit limit exploit inherit exhibit prohibit inhibit deposit period worship gossip program
    victim custom bottom blossom fathom ransom accustom vacuum album forum syrup catalog dialog quartz quiz
    hallmark signal total equal rival journal medal metal pedal appeal sign reign design assign resign foreign
    campaign align orphan pan man fan ban span scan van waltz
    """
)
