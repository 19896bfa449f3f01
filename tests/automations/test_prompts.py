"""Templates: one construct, values inserted once, mistakes told with line and column."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations.prompts import MAX_LENGTH, PromptError, check, names_in, render

NAMES = ["content", "title"]
NASTY = "\"quotes\" 'single' $(id) `id` --- {{ title }} {{content}} {% x %} 👩‍👧 שלום \\1 \\g<0>"
CONSTANTS = st.text(alphabet=st.characters(exclude_characters="{"))


def test_names_are_listed_once_in_order_of_use() -> None:
    assert names_in("{{ title }} {{content}} {{ title }} { x } {{ Bad }}") == ["title", "content"]


def test_a_good_template_has_no_complaints() -> None:
    assert check("Post about {{ title }}:\n{{content}}{{\tcontent }}", NAMES) == []


def test_a_value_is_inserted_as_it_is_and_never_scanned_again() -> None:
    assert render("<{{ content }}|{{ title }}>", {"content": NASTY, "title": "T"}) == f"<{NASTY}|T>"


@pytest.mark.parametrize(
    "plain",
    [
        '{ "a": 1 }',
        '{"a": {"b": 1}}',
        "{% if x %}",
        "{# note #}",
        "}} {",
        "{ {content} }",
        "$content ${content} %(content)s",
    ],
)
def test_everything_else_is_plain_text(plain: str) -> None:
    assert check(plain, NAMES) == []
    assert render(plain, {"content": "never", "title": "never"}) == plain


@pytest.mark.parametrize(
    "wrong",
    [
        "{{}}",
        "{{ }}",
        "{{ Content }}",
        "{{ content.upper }}",
        "{{ content|safe }}",
        "{{ content() }}",
        "{{ 1a }}",
        "{{ _a }}",
        "{{ con tent }}",
        "{{{ content }}}",
        '{{"a": 1}}',
        "{{ content\n}}",
        "{{ content }",
        "{{",
        "{{{{{{",
    ],
)
def test_what_begins_like_a_slot_must_be_one(wrong: str) -> None:
    sentences = check("a\nb " + wrong, NAMES)
    assert len(sentences) == 1
    assert "on line 2, column 3" in sentences[0]
    with pytest.raises(PromptError):
        render(wrong, {"content": "x", "title": "y"})


def test_an_unknown_name_is_told_with_its_place_and_the_nearest_known_one() -> None:
    assert check("Title\nPost: {{ contnt }}", NAMES) == [
        "Unknown name `contnt` on line 2, column 7; did you mean `content`? Known: content, title."
    ]


def test_an_unknown_name_with_no_neighbour_lists_the_known_ones() -> None:
    assert check("{{ zebra }}", NAMES) == [
        "Unknown name `zebra` on line 1, column 1. Known: content, title."
    ]
    assert check("{{ zebra }}", []) == [
        "Unknown name `zebra` on line 1, column 1. No names are known here."
    ]


def test_a_slot_that_is_not_closed_says_how_to_mend_it() -> None:
    assert check("Write {{ content", NAMES) == [
        "`{{ content` on line 1, column 7 is not closed on its line; "
        "write `{{ content }}`, or `{ {` for plain braces."
    ]


def test_every_mistake_is_told_up_to_ten() -> None:
    assert len(check("{{ a }} {{ b }} {{ C }}", NAMES)) == 3
    assert len(check("{{ a }}" * 50, NAMES)) == 10


def test_a_template_of_20000_characters_is_accepted_and_one_more_is_not() -> None:
    assert check("x" * MAX_LENGTH, NAMES) == []
    assert check("x" * (MAX_LENGTH + 1), NAMES) == [
        "The template has 20,001 characters; at most 20,000 are allowed, so shorten it."
    ]


def test_a_missing_value_is_a_template_error() -> None:
    with pytest.raises(PromptError, match="Unknown name `title`") as caught:
        render("{{ title }}", {"content": "x"})
    assert (caught.value.category, caught.value.code) == ("validation_error", "template_error")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (None, ""),
        (3, "3"),
        (2.5, "2.5"),
        (True, "true"),
        (["a", "b"], "a\nb"),
        ([], ""),
        ({"é": [1]}, '{"é": [1]}'),
    ],
)
def test_values_that_are_not_text_have_one_text_form(value: object, text: str) -> None:
    assert render("{{ content }}", {"content": value}) == text


@given(st.lists(st.tuples(CONSTANTS, st.text()), max_size=8), CONSTANTS)
def test_rendered_text_without_its_constants_is_the_values(
    pairs: list[tuple[str, str]], ending: str
) -> None:
    values = {f"v{position}": value for position, (_, value) in enumerate(pairs)}
    template = "".join(f"{constant}{{{{ v{i} }}}}" for i, (constant, _) in enumerate(pairs))
    rest = render(template + ending, values)
    for constant, value in pairs:
        assert rest.startswith(constant + value)
        rest = rest[len(constant) + len(value) :]
    assert rest == ending


@given(st.text(alphabet="{} \n\tab_1|.%#", max_size=60))
def test_check_and_render_agree_on_every_template(template: str) -> None:
    values = {"a": "A", "b": "B"}
    if wrong := check(template, ["a", "b"]):
        with pytest.raises(PromptError) as caught:
            render(template, values)
        assert caught.value.message == wrong[0]
    else:
        rendered = render(template, values)
        assert "{{" not in rendered
        assert len(names_in(template)) <= rendered.count("A") + rendered.count("B")
