"""Redaction: no secret survives, in whatever coat; ordinary text does."""

import base64
import json
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automations.redaction import MARK, find_secrets, redact

SECRET = 'p4ss/w+rd =ö"\\tail'
KEYS = {
    "API key": "sk-proj-abcdefghijklmnop1234",
    "bearer token": "Bearer abcdefgh.ijkl1nop",
    "basic credentials": "Basic dXNlcjpwYXNzd29yZA==",
    "signed token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-_123",
    "AWS key id": "AKIAIOSFODNN7EXAMPLE",
    "GitHub token": "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "Slack token": "xoxb-123456789012-abcdef",
    "Slack webhook": "hooks.slack.com/services/T00000000/B00000000/XXXXXXXX",
    "Google key": "AIza" + "a" * 35,
    "Hugging Face token": "hf_" + "a" * 34,
    "private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----",
    "password in an address": "admin:hunter22",
}

patient = settings(deadline=None)
secrets = st.text(min_size=6, max_size=60).filter(lambda s: s.isprintable() and s not in MARK)
surroundings = st.text(max_size=40)


def coats_of(secret: str) -> list[str]:
    """Return the coats in which a secret may appear."""
    return [
        secret,
        quote(secret, safe=""),
        quote(secret, safe="").replace("%2F", "%2f"),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
    ]


@patient
@given(secret=secrets, before=surroundings, after=surroundings)
def test_a_known_secret_never_survives_in_any_coat(secret: str, before: str, after: str) -> None:
    for coat in coats_of(secret):
        assert coat not in redact(f"{before}{coat}{after}", [secret]).replace(MARK, "\0")


@patient
@given(secret=secrets, user=st.text(st.characters(codec="ascii"), max_size=9))
def test_base64_of_user_and_secret_is_found_at_any_offset(secret: str, user: str) -> None:
    coded = base64.b64encode(f"{user}:{secret}".encode()).decode()
    assert MARK in redact(f"value {coded} end", [secret])
    urlsafe = base64.urlsafe_b64encode(f"{user}:{secret}".encode()).decode()
    assert MARK in redact(f"value {urlsafe} end", [secret])


@patient
@given(text=st.text(), secret=secrets)
def test_redacting_twice_changes_nothing_more(text: str, secret: str) -> None:
    once = redact(text, [secret])
    assert redact(once, [secret]) == once


@patient
@given(st.lists(st.sampled_from(["the", "token", "fox", "reads", "12", "reports", "a", "day,"])))
def test_ordinary_text_is_left_alone(words: list[str]) -> None:
    text = " ".join(words)
    assert redact(text, ["unrelated-secret"]) == text
    assert find_secrets(text) == []


@pytest.mark.parametrize("kind", KEYS)
def test_key_shapes_are_found_and_removed(kind: str) -> None:
    key = KEYS[kind]
    text = f"see https://{key}@host now" if "address" in kind else f"see {key} now"
    assert [found for _, found in find_secrets(text)] == [kind]
    assert text[find_secrets(text)[0][0] :].startswith(key)
    assert key not in redact(text)
    assert redact(text).endswith("now")


@pytest.mark.parametrize(
    "text",
    [
        "Show a basic understanding of bearer certificates.",
        "Use sk-learn-based-classification and the sk_long_snake_case_column.",
        "Basic Requirements Engineering; the Bearer Responsibilities Act",
        "See https://example.com:8080/@user and mailto:a@b.example",
        "task-oriented-and-well-defined-work, max_tokens: 500000",
    ],
)
def test_ordinary_words_that_begin_like_keys_are_not_taken_for_them(text: str) -> None:
    assert find_secrets(text) == []
    assert redact(text) == text


def test_a_key_without_any_digit_is_found_by_its_length() -> None:
    assert find_secrets("X-Team: sk-abcdefghijklmnopqrstuvwxyz") == [(8, "API key")]


def test_a_secret_that_begins_with_another_goes_as_a_whole() -> None:
    assert redact("x abcdef-tail y", ["abcdef", "abcdef-tail"]) == f"x {MARK} y"


def test_very_short_values_are_not_treated_as_secrets() -> None:
    assert redact("a cat sat", ["a", "cat"]) == "a cat sat"


@pytest.mark.parametrize(
    "text",
    [
        '{"api_key": "abcdef123"}',
        "password=abcdef123",
        "Authorization: abcdef123",
        "secret='abcdef123'",
    ],
)
def test_values_behind_telling_names_are_removed_and_the_name_stays(text: str) -> None:
    cleaned = redact(text)
    assert "abcdef123" not in cleaned
    assert cleaned[:7] == text[:7]


def test_a_private_key_cut_in_half_is_removed_to_the_end() -> None:
    assert redact("x -----BEGIN PRIVATE KEY-----\nMIIEv" + "A" * 90) == f"x {MARK}"


def test_a_secret_with_awkward_characters_is_found_in_a_url_and_in_json() -> None:
    assert SECRET not in redact(f"a {SECRET} b", [SECRET])
    assert redact(f"q={quote_plus(SECRET)}", [SECRET]) == f"q={MARK}"
    assert redact(json.dumps({"v": SECRET}), [SECRET]) == json.dumps({"v": MARK})


@pytest.mark.parametrize(
    "piece",
    [
        "-----BEGIN PRIVATE KEY-----",
        "eyJaaaaaaaa",
        "-eyJaaaaaaaa",
        "://a:",
        "://a",
        "sk-",
        "/sk-",
        "Bearer ",
        "Bearer aaaaaaaaaa",
        "basic\t",
        "basic aaaaaaaaaaaaaaa ",
        "password: ",
        "secret",
        "xoxb-",
    ],
)
def test_hostile_text_is_searched_in_linear_time(piece: str) -> None:
    def seconds(copies: int) -> float:
        text = piece * copies
        started = time.process_time()
        redact(text)
        return time.process_time() - started

    assert seconds(40_000) < 40 * (seconds(4_000) + 0.005)
