"""The sixteen profiles, shown by their runs: the leading phase, the sources, the open trajectories."""

from collections.abc import Callable

import pytest
from tests.program.runs import LOCUS, SAVED, run
from tests.support.replies import PLAN, continuer, is_plan, writer
from tests.support.scripted import ScriptedModel

from qdpi.canon.edition import Edition
from qdpi.program.brief import ReaderPage, record_of
from qdpi.search.text import ending
from qdpi.symbols import PROFILES, Orientation, Profile, Provenance, Source, Trajectory

# code: model calls of a capable model, kinds of passages, trajectories that the licence opens, way without a wish
TABLE = {
    "XC": (1, "ring", "T0 T1", "T0"),
    "XP": (1, "parallel", "T0 T1 T2", "T2"),
    "XU": (1, "ring vault", "T0 T1 T2", "T0"),
    "XS": (1, "ring journey", "T0 T1 T2", "T2"),
    "YC": (1, "canon", "T0 T1", "T0"),
    "YP": (1, "parallel canon", "T0 T1 T2", "T2"),
    "YU": (1, "canon vault journey", "T0 T1 T2", "T0"),
    "YS": (1, "canon journey", "T0 T1 T2", "T2"),
    "AC": (2, "ring canon", "T0 T1", "T0"),
    "AP": (2, "parallel ring", "T0 T1 T2", "T2"),
    "AU": (2, "canon vault", "T0 T1 T2", "T0"),
    "AS": (2, "canon ring journey", "T0 T1 T2", "T2"),
    "ZC": (2, "canon ring", "T0 T1", "T0"),
    "ZP": (2, "parallel", "T0 T1 T2", "T2"),
    "ZU": (2, "vault canon", "T0 T1 T2", "T0"),
    "ZS": (2, "journey canon", "T0 T1 T2 T3", "T3"),
}
LEADS = {
    Orientation.READ: "Reread the page closely",
    Orientation.INDEX: "Make the page of what memory holds",
    Orientation.ASK: "Pursue the question",
    Orientation.RECEIVE: "Receive freely",
}
every_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.code)
Model = Callable[[], ScriptedModel]
MODELS: dict[str, Model] = {"a capable model": writer, "a model that only continues": continuer}
every_model = pytest.mark.parametrize("model", [pytest.param(make, id=name) for name, make in MODELS.items()])


def of(*provenances: Provenance) -> pytest.MarkDecorator:
    chosen = [profile for profile in PROFILES if profile.provenance in provenances]
    return pytest.mark.parametrize("profile", chosen, ids=lambda profile: profile.code)


def test_profiles_cover_every_behaviour() -> None:
    assert list(TABLE) == [profile.code for profile in PROFILES]


@every_profile
async def test_model_calls_of_a_capable_model(profile: Profile, edition: Edition) -> None:
    """One call for X and Y profiles, two for A and Z."""
    ran = await run(edition, writer(), profile.behavior)
    calls = TABLE[profile.code][0]
    assert [call.phase for call in ran.draft.calls] == ["ask", "receive"][-calls:]
    assert [is_plan(prompt) for prompt in ran.prompts] == [True, False][-calls:]


@every_profile
async def test_model_calls_of_a_continuing_model(profile: Profile, edition: Edition) -> None:
    ran = await run(edition, continuer(), profile.behavior)
    assert [call.phase for call in ran.draft.calls] == ["receive"]


@every_profile
async def test_page_prompt_has_the_models_plan(profile: Profile, edition: Edition) -> None:
    ran = await run(edition, writer(), profile.behavior)
    beats = PLAN.splitlines() if profile.plans else []
    assert ran.draft.plan is not None
    assert list(ran.draft.plan.beats) == beats
    assert all(beat in ran.prompts[-1] for beat in beats)
    assert record_of(ran.draft.plan, ran.brief)["leads"] == profile.orientation.name.lower()


@every_profile
async def test_page_prompt_has_the_orientation(profile: Profile, edition: Edition) -> None:
    ran = await run(edition, writer(), profile.behavior)
    given = {orientation for orientation, sentence in LEADS.items() if sentence in ran.prompts[-1]}
    assert given == {profile.orientation}


@every_profile
@every_model
async def test_sources_are_of_the_profiles_kinds(profile: Profile, model: Model, edition: Edition) -> None:
    ran = await run(edition, model(), profile.behavior)
    assert ran.kinds == set(TABLE[profile.code][1].split()) == {kind.value for kind in profile.sources}


@every_profile
@every_model
async def test_sources_are_in_the_prompt(profile: Profile, model: Model, edition: Edition) -> None:
    ran = await run(edition, model(), profile.behavior)
    begins = [" ".join(source.passage.split()) for source in ran.brief.sources]
    own = {Provenance.PARALLEL: "parallel", Provenance.USER: "vault", Provenance.SYSTEM: "journey"}
    its_own = [b for b, s in zip(begins, ran.brief.sources, strict=True) if s.use.kind == own.get(profile.provenance)]
    prompt = " ".join(ran.prompts[-1].split())
    shown = [begin for begin in begins if begin in prompt]
    if model is continuer:
        assert shown or profile.code == "XC", "it has but the page's neighbours, and one is the true next page"
    else:
        assert shown == begins
    assert set(its_own[:1]) <= set(shown)


@every_profile
async def test_cue_follows_the_orientation(profile: Profile, edition: Edition) -> None:
    ran = await run(edition, continuer(), profile.behavior, wish=Trajectory.CONTINUE)
    prompt, locus = ran.prompts[-1], edition.pages[LOCUS]
    reading = edition.readings[LOCUS]
    if profile.orientation is Orientation.READ:
        assert ending(locus.text, 140) in prompt
    elif profile.orientation is Orientation.INDEX:
        assert sum(source.passage in prompt for source in ran.brief.sources) >= 3
        assert ran.brief.question == " ".join((*reading.entities, *reading.motifs))
        assert ending(locus.text, 140) not in prompt
    elif profile.orientation is Orientation.ASK:
        assert prompt.endswith(ran.brief.question)
        assert ran.brief.question in (*reading.anchors, *reading.hooks)
    else:
        assert ending(locus.text, 63) in prompt
        assert ending(locus.text, 140) not in prompt


@every_profile
@every_model
async def test_trajectory_without_a_wish(profile: Profile, model: Model, edition: Edition) -> None:
    """Without a wish a profile takes its own choice."""
    ran = await run(edition, model(), profile.behavior)
    assert ran.brief.verdict.given == TABLE[profile.code][3]


@every_profile
@pytest.mark.parametrize("wish", Trajectory)
async def test_trajectory_with_a_wish(profile: Profile, wish: Trajectory, edition: Edition) -> None:
    """A wish within the licence is given; outside it, the nearest one."""
    ran = await run(edition, continuer(), profile.behavior, wish=wish)
    verdict, open_ways = ran.brief.verdict, TABLE[profile.code][2].split()
    assert verdict.wished is wish
    if wish in open_ways:
        assert (verdict.given, verdict.rule) == (wish, "wish")
    else:
        nearest = {"T2": "T0", "T3": "T2" if "T2" in open_ways else "T0"}[wish]
        assert (verdict.given, verdict.rule) == (nearest, "licence")
        assert profile.code in verdict.reasons[0]


@of(Provenance.CANON)
async def test_canon_profile_reads_only_canon(profile: Profile, edition: Edition) -> None:
    ran = await run(edition, writer(), profile.behavior, words="away to Princhetta, and to my saved page")
    assert all(source.use.page_id in edition.pages for source in ran.brief.sources)
    assert ran.page.binding.section == edition.ring.section_of(LOCUS)
    assert not ran.page.binding.edges.forks


@of(Provenance.PARALLEL)
async def test_parallel_profile_mirrors_another_section(profile: Profile, edition: Edition) -> None:
    ran = await run(edition, writer(), profile.behavior)
    drawn = [source.use.page_id for source in ran.brief.sources if source.use.kind == "parallel"]
    assert ran.page.binding.edges.mirrors == tuple(drawn[:1])
    assert {edition.ring.section_of(page) for page in drawn} == {2}, "the voice's own section"


@of(Provenance.CANON, Provenance.USER, Provenance.SYSTEM)
async def test_other_profiles_have_no_mirror(profile: Profile, edition: Edition) -> None:
    assert not (await run(edition, writer(), profile.behavior)).page.binding.edges.mirrors


@of(Provenance.PARALLEL)
async def test_voice_in_its_own_section_leads_to_another(profile: Profile, edition: Edition) -> None:
    at_home = edition.pages[edition.ring.pages_of(2)[0]]
    ran = await run(edition, writer(), profile.behavior, pressed=at_home)
    (mirror,) = ran.page.binding.edges.mirrors
    assert edition.ring.section_of(mirror) != 2


@of(Provenance.USER)
async def test_user_profile_reads_words_and_vault(profile: Profile, edition: Edition) -> None:
    words = "who keeps the violet ink"
    ran = await run(edition, writer(), profile.behavior, words=words)
    assert SAVED in {source.use.page_id for source in ran.brief.sources if source.use.kind == "vault"}
    assert words in ran.brief.question
    assert words in ran.prompts[-1]


@of(Provenance.USER)
@pytest.mark.parametrize(
    ("words", "given", "section"),
    [
        ("take me back", "T1", 5),
        ("go on, then", "T0", 5),
        ("what does Princhetta say?", "T2", 8),
        ("elsewhere", "T2", 2),
    ],
)
async def test_user_profile_follows_the_words(
    profile: Profile, words: str, given: str, section: int, edition: Edition
) -> None:
    ran = await run(edition, writer(), profile.behavior, words=words)
    assert (ran.brief.verdict.given, ran.brief.verdict.rule) == (given, "words")
    assert ran.page.binding.section == section


@of(Provenance.SYSTEM)
async def test_system_profile_reads_the_journey(profile: Profile, edition: Edition) -> None:
    ran = await run(edition, writer(), profile.behavior)
    assert {source.use.page_id for source in ran.brief.sources if source.use.kind == "journey"} <= {
        "orchard",
        "staircase",
    }
    assert ran.brief.verdict.rule == "signals"


@every_profile
async def test_sources_without_reader_pages_are_canon(profile: Profile, edition: Edition) -> None:
    ran = await run(edition, continuer(), profile.behavior, own=[])
    assert ran.brief.sources
    assert ran.kinds <= {Source.RING, Source.CANON, Source.PARALLEL}


@every_model
@pytest.mark.parametrize("words", ["", "who keeps the violet ink"])
@pytest.mark.parametrize("own", [None, []], ids=["with reader pages", "without reader pages"])
async def test_prompts_differ_between_profiles(
    model: Model, words: str, own: list[ReaderPage] | None, edition: Edition
) -> None:
    prompts = [(await run(edition, model(), p.behavior, words=words, own=own)).prompts[-1] for p in PROFILES]
    assert len(set(prompts)) == len(PROFILES)
