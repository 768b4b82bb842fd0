"""Three pages written for these tests, and documents made of pages."""

from __future__ import annotations

from qdpi.search.document import Document, Kind
from qdpi.symbols import Trajectory


def document(page_id: str, text: str, kind: Kind = "canon", *, section: int = 1, order: int = 0) -> Document:
    """Return a document without a title."""
    return Document(
        page_id=page_id,
        kind=kind,
        order=order,
        title="",
        text=text,
        section=section,
        symbol_code=0,
        trajectory=Trajectory.CONTINUE,
    )


LIGHTHOUSE = """
The keeper climbed the stairs of the lighthouse before dusk, as he had climbed them every evening since the
harbour was closed. Who would still steer by his lamp? He did not know, and the gulls on the gallery rail did
not tell him. Below, the water lay flat and grey, and the old pier leaned into it like a man who listens.

In the lamp room Mrs. Adair had left him a letter, folded twice and held down with a shell. She wrote that the
ferry from Port Ellory would not come again, that the school had sold its bell, and that she was keeping the
bakery open for one more winter. Was anybody else staying? Yes, she was staying, and so was the doctor.

He read the letter aloud to the glass. Then he wound the clockwork, trimmed the wick and lit the lamp, because
a lamp that is lit asks nothing, and because Mrs. Adair would see it from her window above the ovens. The beam
went out over the bay and came back with nothing in it. Where does a light go when nobody is looking for it?
""".strip()
ORCHARD = """
My grandmother counted the apple trees each spring, and each spring there was one more than she had planted.
She never spoke of it at table. She walked the rows with a ball of red thread, tying a knot for every trunk,
and in the evening she laid the thread along the windowsill and let us guess the number.

My brother said the orchard was walking. He had seen a tree at the gate, he said, with its roots held up like
a skirt, waiting for the cart from Hollin Mill to pass. We laughed at him until the night of the long rain,
when the dog would not stop barking at the hedge and the whole hillside seemed to shift its weight.

In the morning the gate stood open and the lane was full of blossom. Grandmother cut her thread and gave each
of us a knot to keep. "They have to begin somewhere," she said, and she went in to light the stove.
""".strip()
LEDGER = """
The archive of the railway keeps a ledger for every train that was never built. Inspector Vale found it on a
Tuesday, behind the timetables, bound in the green cloth of the company and filled in a clerk's round hand.
Each line gave a number, a destination and a cargo: glass, salt, violins, the furniture of a closed hotel.

He took it down to the platform and read it under the clock. At seven minutes past four a whistle blew where
no engine stood, and a porter he did not recognise set down a crate of violins beside him and asked him to
sign. The Inspector signed. It seemed to him that the company would expect it.

Since then he has met every train in the ledger. He knows their passengers by their luggage and their drivers
by the way they brake. His wife believes that he is working late, which is true, and that the line will be
opened next year, which he no longer cares to deny.
""".strip()
OWN_PAGES = (LIGHTHOUSE, ORCHARD, LEDGER)
