"""What the sample runs read and answered: short texts of our own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Sample:
    """An input and the fields of a good answer; composed by the version's template, if any."""

    input: dict[str, Any]
    answer: dict[str, Any]


def _article(text: str, **answer: str) -> Sample:
    return Sample({"content": text}, answer)


def _ticket(subject: str, body: str, label: str, urgency: str = "normal") -> Sample:
    return Sample({"subject": subject, "body": body}, {"label": label, "urgency": urgency})


def _invoice(text: str, sender: str, date: str, amount: float) -> Sample:
    return Sample({"content": text}, {"sender": sender, "date": date, "amount": amount})


ARTICLES = (
    _article(
        "The bakery on Lind Street threw away 40 loaves a day. The owner asked each shop to order "
        "by noon instead of the evening before, and baked a second, smaller batch at two. Within "
        "three weeks 9 loaves were left over, and the afternoon bread was warm.",
        hook="A bakery threw away 40 loaves a day until it changed one hour.",
        problem="Shops ordered the evening before, and guessed. 40 loaves ended in the bin.",
        change="Orders now come by noon, and a second, smaller batch is baked at two.",
        result="After three weeks 9 loaves are left over, and the afternoon bread is warm.",
        question="Which of your deadlines could move by half a day?",
    ),
    _article(
        "A repair shop for bicycles answered every question by phone. Two people spent their "
        "mornings saying when a bicycle would be ready. They put a coloured tag on each one and a "
        "photo of the rack on the website, updated at ten. Calls fell from 60 to 14 a day.",
        hook="A photo of a bicycle rack saved two people their mornings.",
        problem="Customers called 60 times a day to ask whether their bicycle was ready.",
        change="Each one got a coloured tag, and at ten a photo of the rack goes on the website.",
        result="Calls fell from 60 to 14 a day, and the mornings belong to repairs again.",
        question="What do your customers ask that a picture could answer?",
    ),
    _article(
        "The library in Marrow lent 300 board games a month and lost pieces in every fifth box. "
        "Instead of fines they printed the list of pieces inside the lid and asked the borrower to "
        "count. Six months later one box in thirty came back incomplete.",
        hook="A printed list in the lid did what fines never could.",
        problem="Every fifth of 300 board games came back with pieces missing.",
        change="The list of pieces now stands inside the lid, and the borrower counts.",
        result="After six months one box in thirty comes back incomplete.",
        question="Where do you fine people who only lack a list?",
    ),
    _article(
        "A small translation office measured where its days went. Only 35 percent was translating; "
        "the rest was finding files and asking for terms. They agreed on one folder and a word "
        "list of 200 entries, kept by one person. The share rose to 55 percent in a quarter.",
        hook="Translators who translate 35 percent of their day are not slow.",
        problem="The rest of the day went into finding files and asking for terms.",
        change="One folder, and a word list of 200 entries that one person keeps.",
        result="A quarter later 55 percent of the day was translating.",
        question="What is the share of your day that is your work?",
    ),
)
TICKETS = (
    _ticket("Paid twice", "My card was charged two times in November. Refund one.", "billing"),
    _ticket("Nothing loads", "Every page is blank, nobody here can work.", "technical", "high"),
    _ticket("New phone", "How do I move the second factor to my new phone?", "account"),
    _ticket("Archive", "Is there a way to hide finished projects from the list?", "question"),
    _ticket("Invoice address", "Please put our new street on the next invoice.", "billing"),
    _ticket("Upload fails", "Files above 20 MB stop at the end with an error.", "technical"),
    _ticket("Locked", "Too many wrong passwords, and a deadline today.", "account", "high"),
)
INVOICES = (
    _invoice(
        "Invoice 2026-114, Harbour Print Works, 4 September 2026. Leaflets. Total EUR 212.50",
        "Harbour Print Works",
        "2026-09-04",
        212.5,
    ),
    _invoice(
        "Northfield Cleaning. Date: 30.09.2026. Cleaning, September. Amount due 480.00 EUR",
        "Northfield Cleaning",
        "2026-09-30",
        480.0,
    ),
    _invoice(
        "Rechnung 77 von Café Distel, 12.10.2026, Catering. Gesamtbetrag 164,20 Euro",
        "Café Distel",
        "2026-10-12",
        164.2,
    ),
    _invoice(
        "Olive & Sons Electrics, no. 9, October 21st 2026. Sum to pay: 1,340.00",
        "Olive & Sons Electrics",
        "2026-10-21",
        1340.0,
    ),
)
NOTES = (
    _article(
        "Tuesday round, Ana, Björn, Chi. Long talk about the fair. We will go, small stand only. "
        "Ana books it by Friday. Björn says the old banner is torn; Chi asks two printers for a "
        "price. Lunch was late. Next round on the 24th.",
        decisions="We go to the fair with a small stand. The next round is on the 24th.",
        to_dos="Ana books the stand by Friday. Chi asks two printers for a price of a banner.",
    ),
    _article(
        "Support meeting. 31 open tickets, 12 of them about the export. Dev says the fix goes out "
        "on Thursday. Until then Mira answers with the workaround. We stop the weekly mail to "
        "customers, nobody reads it. Jo writes the notice.",
        decisions="The weekly mail to customers stops. The export fix goes out on Thursday.",
        to_dos="Mira answers export tickets with the workaround. Jo writes the notice.",
    ),
)
SAMPLES = {
    "content_repurposer": ARTICLES,
    "ticket_classifier": TICKETS,
    "invoice_extractor": INVOICES,
    "meeting_notes": NOTES,
}
