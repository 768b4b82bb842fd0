"""The habits of a lecture: an essay about a text, advice to its reader, or an assistant's talk, instead of a story.

Pure. Each habit was seen on pages of a small model and is on few pages of a novel. One alone says nothing, two kinds of
them on a page do. The words are English.
"""

from __future__ import annotations

import re
from typing import Final

FEWEST_HABITS: Final = 2
"""So many kinds of habits make a lecture."""
_SUBJECT: Final = r"(?:passage|text|excerpt|story|poem|novel|essay|chapter|paragraph|sentence|narrator)s?"
_VERB: Final = (
    r"(?:is|are|suggests?|shows?|describes?|explores?|highlights?|conveys?|uses?|emphasi[sz]es?|illustrates?|reflects?"
    r"|implies|seems?|appears?|begins?|invites?|presents?|reveals?|captures?|portrays?|depicts?|raises?)"
)
HABITS: Final = {
    "agrees with its reader": r"\byou(?:'re| are) (?:absolutely |quite )?(?:right|correct)\b",
    "gives an example": (
        r"\b(?:an?|the|another) (?:classic|great|good|perfect|prime|excellent|powerful|clear) "
        r"(?:example|illustration|reminder)\b"
    ),
    "speaks of the reader": r"\b(?:the|your|our) readers?\b",
    "speaks of the text": (
        rf"\b(?:the|this|these|your) {_SUBJECT} {_VERB}\b|\bin (?:this|the|your) (?:passage|text|excerpt)\b"
    ),
    "concludes": r"\b(?:in conclusion|in summary|to summari[sz]e|in essence)\b|\boverall,|\bultimately, (?:this|the)\b",
    "says what is important": r"\bit(?:'s| is) (?:important|worth|essential|crucial) (?:to|that|noting|remembering)\b",
    "interprets": (
        r"\bthis (?:suggests|implies|highlights|illustrates|demonstrates|emphasi[sz]es|underscores|reflects)\b"
        r"|\b(?:can|could|may|might) be (?:seen|interpreted|read|understood|viewed) as\b"
        r"|\bserves? as an? (?:reminder|metaphor|symbol|testament|commentary)\b"
    ),
    "offers help": (
        r"\bhere (?:are|is) (?:a few|some|the|an?) (?:\w+ )?"
        r"(?:ways|tips|steps|examples|suggestions|reasons|version|revised)\b"
        r"|\bi hope (?:this|that) helps\b|\bfeel free to\b|\bi'd be happy to\b|\bas an ai\b"
    ),
    "orders its points": r"\b(?:firstly|secondly|thirdly|furthermore|moreover|in other words|additionally),",
    "advises": (
        r"\byour (?:mind|life|journey|dreams?|stor(?:y|ies)|creations?|presence|actions?|existence)\b"
        r"|\bwe (?:must|should|all|can all|need to)\b"
    ),
    "speaks of people at large": r"\b(?:people|those(?: of us)?) who\b|\b(?:some|every)one who (?:has|is|can|will)\b",
    "comes to its subject": (
        r"\bwhen it comes to\b|\bin terms of\b|\b(?:is|was|are|were) (?:known|referred to|described) as\b"
    ),
    "weighs": r"\b(?:more than|not) (?:just|only|merely|simply)\b|n't just\b",
    "praises": (
        r"\bthe (?:ability to|power of)\b"
        r"|\b(?:tapestry|testament|realm|perspectives?|insights?|complexit(?:y|ies))\b"
    ),
    "explains what things are": r"\bwhat (?:makes|it means)\b|\b(?:some|every|no)thing that (?:has|is|can|will)\b",
    "speaks of the world": r"\bthis world\b|\bthe world around\b|\bin (?:this|today's) (?:world|moment|society|age)\b",
}
ESSAY_WORDS: Final = frozenset(
    [
        "ability",
        "additionally",
        "advice",
        "aspect",
        "aspects",
        "complexities",
        "complexity",
        "conclusion",
        "context",
        "demonstrates",
        "emphasizes",
        "essence",
        "example",
        "examples",
        "excerpt",
        "experiences",
        "explores",
        "firstly",
        "furthermore",
        "highlights",
        "humanity",
        "implies",
        "importance",
        "important",
        "individual",
        "individuals",
        "insight",
        "insights",
        "journey",
        "metaphor",
        "moreover",
        "narrative",
        "narrator",
        "overall",
        "passage",
        "perspective",
        "perspectives",
        "reader",
        "readers",
        "realm",
        "reflects",
        "reminder",
        "secondly",
        "significance",
        "society",
        "suggests",
        "symbol",
        "tapestry",
        "testament",
        "text",
        "themes",
        "ultimately",
        "understanding",
    ]
)
"""Words with which a small model turns from telling to explaining."""
_PATTERNS: Final = {habit: re.compile(pattern, re.IGNORECASE) for habit, pattern in HABITS.items()}


def lecture_habits(text: str) -> list[str]:
    """Return the kinds of habits that a text has."""
    plain = " ".join(text.replace("\u2019", "'").split())
    return [habit for habit, pattern in _PATTERNS.items() if pattern.search(plain)]
