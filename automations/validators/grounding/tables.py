"""Names of months, days, numbers and units in seven languages, as the grounding rules use them."""

from __future__ import annotations

import re


def _numbered(*lists: str, first: int = 1) -> dict[str, int]:
    """Number the words of each list; an empty place is written as a dash."""
    return {
        word: number
        for words in lists
        for number, word in enumerate(words.split(), start=first)
        if word != "-"
    }


MONTHS = _numbered(
    "january february march april may june july august september october november december",
    "jan feb mar apr may jun jul aug sept oct nov dec",
    "- - - - - - - - sep - - -",
    "januar februar märz april mai juni juli august september oktober november dezember",
    "jänner feber mrz - - - - - - okt - dez",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "janv févr - avr - - juil aout - - - déc",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "ene - - abr - - - ago - - - dic",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre - dicembre",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "januari februari maart april mei juni juli augustus september oktober november december",
)
# Alone they are other words, too, or stand for one: they count beside a day or a year only.
NOT_ALONE = frozenset(
    "mar mars may march mai mei ago dic ene set out jan feb apr jun jul aug sep sept oct nov dec "
    "mrz okt dez janv févr avr juil déc abr august".split()
)
WEEKDAYS = _numbered(
    "monday tuesday wednesday thursday friday saturday sunday",
    "montag dienstag mittwoch donnerstag freitag samstag sonntag",
    "- - - - - sonnabend -",
    "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "lunes martes miércoles jueves viernes sábado domingo",
    "lunedì martedì mercoledì giovedì venerdì sabato domenica",
    "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
    first=0,
)
ON = (
    "on by until till since every next last from this each before after am bis seit jeden ab vor "
    "nach le chaque dès el los cada hasta il ogni entro op tot vanaf"
)
ORDINALS = _numbered(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth",
    "erste zweite dritte vierte fünfte sechste siebte achte neunte zehnte elfte zwölfte",
    "ersten zweiten dritten vierten fünften sechsten siebten achten neunten zehnten - -",
    "premier deuxième troisième quatrième cinquième sixième septième huitième neuvième dixième",
    "primero segundo tercero cuarto quinto sexto séptimo octavo noveno décimo",
    "primo secondo terzo quarto quinto sesto settimo ottavo nono decimo",
    "eerste tweede derde vierde vijfde zesde zevende achtste negende tiende",
)
_TENS = "- twenty thirty forty fifty sixty seventy eighty ninety"


def _tens(words: str) -> dict[str, int]:
    return {w: n * 10 for w, n in _numbered(words).items()}


NUMBERS: dict[str, dict[str, int]] = {
    "en": _numbered(
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen eighteen nineteen"
    )
    | _tens(_TENS)
    | {"dozen": 12},
    "de": _numbered(
        "ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn "
        "sechzehn siebzehn achtzehn neunzehn",
        "eins zwo",
    )
    | _tens("- zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig")
    | {"hundert": 100, "dutzend": 12},
    "fr": _numbered(
        "un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize",
        "une",
    )
    | _tens("- vingt trente quarante cinquante soixante")
    | {"cent": 100},
    "es": _numbered(
        "uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince "
        "dieciséis diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés "
        "veinticuatro veinticinco veintiséis veintisiete veintiocho veintinueve"
    )
    | _tens("- - treinta cuarenta cincuenta sesenta setenta ochenta noventa")
    | {"cien": 100},
    "it": _numbered(
        "uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici "
        "quindici sedici diciassette diciotto diciannove"
    )
    | _tens("- venti trenta quaranta cinquanta sessanta settanta ottanta novanta")
    | {"cento": 100},
    "pt": _numbered(
        "um dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze "
        "dezesseis dezessete dezoito dezenove",
        "uma duas",
    )
    | _tens("- vinte trinta quarenta cinquenta sessenta setenta oitenta noventa")
    | {"cem": 100},
    "nl": _numbered(
        "een twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien vijftien "
        "zestien zeventien achttien negentien"
    )
    | _tens("- twintig dertig veertig vijftig zestig zeventig tachtig negentig")
    | {"honderd": 100},
}
FUSED = {"de": "und", "nl": "en"}  # zweiundvierzig; others: forty-two, cincuenta y tres
# Frequent short words by which a text's language is told where it matters for its number words.
COMMON = {
    "en": "the of and to in is for that was with on at by from it are has",
    "de": "der die und den von das mit ist für auf im dem ein eine nicht sich werden",
    "fr": "le la les et des une est dans pour que du au sur par en qui pas",
    "es": "el la los y de una es para que del las con por se en su al",
    "it": "il la di che e è un una per del della nel gli dal con le si",
    "pt": "o a os e de um uma para que do da em com não ao na as",
    "nl": "de het een en van is voor met op dat in zijn te niet aan die er",
}
SCALES = {
    **dict.fromkeys("thousand thousands tausend tsd mille mil mila duizend k".split(), 1e3),
    **dict.fromkeys(
        "million millions millionen mio mln mn millón millones milione milioni milhão milhões "
        "miljoen".split(),
        1e6,
    ),
    **dict.fromkeys(
        "billion billions bn milliarde milliarden mrd milliard milliards miliardo miliardi "
        "bilhão bilhões miljard".split(),
        1e9,
    ),
    **dict.fromkeys("trillion trillions tn".split(), 1e12),
    **dict.fromkeys("lakh lakhs".split(), 1e5),
    **dict.fromkeys("crore crores".split(), 1e7),
    "hundred": 1e2,
}
PERCENT = (
    "percent pct percentage prozent procent pourcent percento porcento points cents pp".split()
)
# Unit -> dimension and size: 36 months are three years, 0.7 m are 70 cm.
UNITS: dict[str, tuple[str, float]] = {
    unit: (dimension, size)
    for dimension, size, units in (
        ("time", 1, "s sec second seconds sekunde sekunden"),
        ("time", 60, "min minute minutes minuten minuti minutos"),
        ("time", 3600, "h hour hours stunde stunden heures heure horas ore uur"),
        ("time", 86_400, "day days tag tage tagen jours días giorni dias dagen"),
        ("time", 604_800, "week weeks woche wochen semaines semanas settimane weken"),
        ("time", 2_629_746, "month months monat monate monaten mois meses mesi maanden"),
        ("time", 31_556_952, "year years jahr jahre jahren ans années años anni anos jaar"),
        ("length", 0.001, "mm millimetre millimetres millimeter millimeters"),
        ("length", 0.01, "cm centimetre centimetres centimeter centimeters zentimeter"),
        ("length", 1, "m metre metres meter meters mètres metros metri"),
        ("length", 1000, "km kilometre kilometres kilometer kilometers kilomètres kilómetros"),
        ("mass", 0.001, "g gram grams gramm grammes gramos"),
        ("mass", 1, "kg kilo kilos kilogram kilograms kilogramm kilogrammes"),
        ("mass", 1000, "t ton tons tonne tonnes tonnen toneladas"),
        ("volume", 0.001, "ml millilitre millilitres milliliter"),
        ("volume", 1, "l litre litres liter liters litros litri"),
        ("power", 1, "kw kilowatt kilowatts"),
        ("power", 1000, "mw megawatt megawatts"),
        ("power", 1_000_000, "gw gigawatt gigawatts"),
    )
    for unit in units.split()
}
CURRENCIES = frozenset(
    "€ $ £ ¥ ₹ euro euros eur dollar dollars usd pound pounds gbp chf franc francs franken kr "
    "kroner kronor rs rupees inr real reais".split()
)
# What says that a number is rounded.
ROUGHLY = frozenset(
    "about around roughly approximately approx some nearly almost over under above below than "
    "just circa ca c. ~ ≈ ca. rund etwa ungefähr knapp gut über fast mehr environ près plus "
    "presque quelque unos unas casi cerca alrededor más quasi oltre più quase mais aproximadamente "
    "ruim bijna ongeveer meer least most".split()
)
# A writer counts parts of the own text: "3 takeaways", "two lessons".
OWN_PARTS = frozenset(
    "lessons lesson takeaways takeaway reasons points tips steps things facts ways questions ideas "
    "examples insights thoughts learnings sentences bullets parts highlights punkte gründe fakten "
    "schritte tipps points raisons faits étapes puntos razones pasos hechos punti motivi".split()
)
# "The two sides": counts what the text has named.
DEFINITE = frozenset(
    "the these those both all other last first next my our their die den der diese beiden les ces "
    "los las estos le questi os as esses deze beide".split()
)
HALVES = re.compile(r" and a half\b| y medi[ao]\b| et demie?\b| e mezz[ao]\b| e mei[ao]\b", re.I)
FRACTIONS = {
    word: size
    for size, words in {
        3: "third thirds drittel tiers tercio tercios terzi terços derde",
        4: "quarters viertel quarts cuartos quarti quartos kwart",
        5: "fifth fifths fünftel cinquièmes quintos quinti vijfde",
        6: "sixth sixths sechstel sixièmes",
        7: "seventh sevenths siebtel",
        8: "eighth eighths achtel huitièmes",
        9: "ninth ninths neuntel",
        10: "tenth tenths zehntel dixièmes décimos decimi",
        20: "twentieth twentieths zwanzigstel",
        100: "hundredth hundredths hundertstel",
    }.items()
    for word in words.split()
}
