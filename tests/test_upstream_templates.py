"""Django's templates that ours replace: a change upstream shows what to compare and mend."""

import hashlib
from pathlib import Path

import django
import pytest

pytestmark = pytest.mark.once

OURS = Path(__file__).resolve().parent.parent / "templates"
UPSTREAM = Path(django.__file__).parent / "contrib" / "admin" / "templates"
COMPARED = {
    "admin/actions.html": "0556a5ebfabb06e4f2fd5e3adf9a6b6f",
    "admin/app_index.html": "ecd3dbd1b74b28e7636bb16820447245",
    "admin/app_list.html": "1fe91b190f34630d1332a2b6e40838c1",
    "admin/base.html": "49c62197ece3d8a36d5386f53c09aed2",
    "admin/base_site.html": "182897817c02fd96758284ca9eb6dd35",
    "admin/change_form.html": "e85dacd09dd7731a56df95daad9056d5",
    "admin/change_form_object_tools.html": "0b49740491761ee4a322fb58f98afe07",
    "admin/change_list.html": "20b8d0e45467ccd3ce7ca41c7030fc4f",
    "admin/change_list_object_tools.html": "f805f46d84f10ec74bb44a4010add116",
    "admin/change_list_results.html": "c8ea5bd68f8be58b3d1a2440fe7097a0",
    "admin/color_theme_toggle.html": "6b6ba1eff736ba66cb2c6443fdc55d56",
    "admin/delete_confirmation.html": "dde33140f4884ddecc69edb64c02d7b4",
    "admin/delete_selected_confirmation.html": "e72c9a36a7e22b57af849ee9c7b82632",
    "admin/edit_inline/tabular.html": "ef1b0d9b50be1e24e18f44c96571af70",
    "admin/filter.html": "72f8dacc61259f704bff48b2cfc29cb1",
    "admin/includes/fieldset.html": "2d7ffc5f076e04ca370e640db8668ad2",
    "admin/includes/object_delete_summary.html": "382ed584a4227339a2d351adff78f27a",
    "admin/index.html": "4d0c59740cb667279704b03f299317ba",
    "admin/login.html": "15903e7771c42125e4192c899719dc6d",
    "admin/nav_sidebar.html": "39f23c5c99f7fd0fd67f6ca6735207eb",
    "admin/object_history.html": "e5eea48bb0bde18281a05c82bc339faa",
    "admin/pagination.html": "381bc2d87585687df022e93a833292c8",
    "admin/search_form.html": "18898ee2576bda254c0ca3dada9ad0ce",
    "admin/submit_line.html": "c88ed75990a3bd8e49b4302f6f3c7c86",
    "registration/logged_out.html": "3eebe2ab3261ec2e9264997dc8a6570d",
}


def digest(name: str) -> str:
    """Return the first half of the sha256 of one of Django's templates."""
    return hashlib.sha256((UPSTREAM / name).read_bytes()).hexdigest()[:32]


def test_every_replaced_template_is_known() -> None:
    ours = {str(path.relative_to(OURS)) for path in OURS.rglob("*.html")}
    replaced = {name for name in ours if (UPSTREAM / name).exists()}
    assert replaced == set(COMPARED)


@pytest.mark.parametrize("name", COMPARED)
def test_the_template_we_replace_is_the_one_we_compared(name: str) -> None:
    changed = f"Django changed {name}: compare it with templates/{name}, then note its new digest."
    assert digest(name) == COMPARED[name], changed
